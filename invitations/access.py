"""Who is asking, in this tenant: the look-up is the permission check."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse

from invitations.models import DirectoryEntry
from invitations.permissions import Permission, permissions_of
from invitations.states import ExternalUserState
from tenants.adapters import account_of
from tenants.models import Account

P = ParamSpec("P")


@dataclass(frozen=True)
class Viewer:
    """A signed-in person's entry in this tenant and what its roles allow."""

    entry: DirectoryEntry
    account: Account
    permissions: frozenset[Permission]

    @property
    def email(self) -> str:
        return self.account.email

    @property
    def display_name(self) -> str:
        return self.entry.display_name or self.account.display_name

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


def find_viewer(account: Account) -> Viewer:
    """The account's own entry here; 404 for anybody this directory does not know (N02)."""
    answers: dict[str, Any] = {
        "roles": ArrayAgg(
            "role_assignments__role", filter=Q(role_assignments__isnull=False), default=[]
        )
    }
    entry = (
        DirectoryEntry.objects.present()
        .filter(account=account, enabled=True, external_user_state=ExternalUserState.ACCEPTED)
        .annotate(**answers)
        .first()
    )
    if entry is None:
        raise Http404
    return Viewer(entry, account, permissions_of(entry.roles))


def require(
    permission: Permission,
) -> Callable[
    [Callable[Concatenate[HttpRequest, Viewer, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, P], HttpResponse],
]:
    """Give the view a `Viewer` who has the permission.

    Strangers are sent to sign in, people without an entry get the 404 of a page that is not
    there, people without the permission a 403.
    """

    def decorate(
        view: Callable[Concatenate[HttpRequest, Viewer, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            account = account_of(request)
            if account is None:
                return redirect_to_login(request.get_full_path())
            viewer = find_viewer(account)
            if not viewer.may(permission):
                raise PermissionDenied
            return view(request, viewer, *args, **kwargs)

        return wrapped  # type: ignore[return-value]  # `wraps` names the argument, Concatenate cannot

    return decorate
