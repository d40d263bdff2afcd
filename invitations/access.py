"""Who is asking, in this tenant: the look-up is the permission check."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from invitations.models import DirectoryEntry, TenantPolicy
from invitations.models.directory import DirectoryQuerySet
from invitations.permissions import ADMINISTERING, Permission, permissions_of
from tenants import schema
from tenants.adapters import account_of
from tenants.models import Account

P = ParamSpec("P")


@dataclass(frozen=True)
class Viewer:
    """A signed-in person's entry in this tenant and what its roles allow."""

    entry: DirectoryEntry
    account: Account
    permissions: frozenset[Permission]
    needs_second_factor: bool = False

    @property
    def email(self) -> str:
        return self.account.email

    @property
    def display_name(self) -> str:
        return self.entry.display_name or self.account.display_name

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


def _entries(account: Account) -> DirectoryQuerySet:
    return DirectoryEntry.objects.inside().filter(account=account)


def entry_of(account: Account) -> DirectoryEntry | None:
    """The account's own entry here; None for strangers, blocked, deleted and pending ones."""
    return _entries(account).first()


def find_viewer(account: Account) -> Viewer:
    """The account's own entry here; 404 for anybody this directory does not know (N02)."""
    answers: dict[str, Any] = {
        "roles": ArrayAgg(
            "role_assignments__role", filter=Q(role_assignments__isnull=False), default=[]
        ),
        "asks_second_factor": Exists(
            TenantPolicy.objects.filter(second_factor_for_administrators=True)
        ),
        "has_second_factor": Exists(
            Authenticator.objects.filter(user_id=account.pk).exclude(
                type=Authenticator.Type.RECOVERY_CODES
            )
        ),
    }
    entry: Any = _entries(account).annotate(**answers).first()
    if entry is None:
        raise Http404
    lacking = entry.asks_second_factor and not entry.has_second_factor
    administers = not ADMINISTERING.isdisjoint(entry.roles)
    return Viewer(entry, account, permissions_of(entry.roles), lacking and administers)


ViewerView = Callable[Concatenate[HttpRequest, Viewer, P], HttpResponse]


def _sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in and back; who pressed a button is told there that nothing came of it, and
    comes back to the page it was on: the button's own address may have none."""
    if request.method != "POST":
        return redirect_to_login(request.get_full_path())
    messages.warning(
        request, _("You were signed out meanwhile, so nothing was saved or sent. Do it once more.")
    )
    page = urlsplit(request.headers.get("Referer", ""))
    here = page.netloc == request.get_host() and page.path.startswith(
        schema.path_of(schema.current_tenant())
    )
    return redirect_to_login(page.path if here else request.get_full_path())


def _viewer_or_sign_in(request: HttpRequest) -> Viewer | HttpResponse:
    account = account_of(request)
    return find_viewer(account) if account else _sign_in(request)


def _set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """An administrator without one is led to the set-up first; everything waits (policy)."""
    query = urlencode({"next": request.get_full_path()})
    return redirect(f"{schema.public_path('second_factor_needed')}?{query}")


def require_entry(view: ViewerView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Give the view a `Viewer`, whatever its roles: everybody who is in this directory."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        viewer = _viewer_or_sign_in(request)
        if isinstance(viewer, HttpResponse):
            return viewer
        return view(request, viewer, *args, **kwargs)

    return wrapped  # type: ignore[return-value]  # `wraps` names the argument, Concatenate cannot


def require(
    permission: Permission,
) -> Callable[[ViewerView[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """Give the view a `Viewer` who has the permission.

    Strangers are sent to sign in, people without an entry get the 404 of a page that is not
    there, people without the permission a 403.
    """

    def decorate(view: ViewerView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            viewer = _viewer_or_sign_in(request)
            if isinstance(viewer, HttpResponse):
                return viewer
            if not viewer.may(permission):
                raise PermissionDenied
            if viewer.needs_second_factor:
                return _set_up_second_factor(request)
            return view(request, viewer, *args, **kwargs)

        return wrapped  # type: ignore[return-value]  # `wraps` names the argument, Concatenate cannot

    return decorate
