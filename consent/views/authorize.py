"""An app asks who somebody is: the gate in front of every code (Core, 3.1.2; product 3.3)."""

import time
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from authlib.oauth2 import OAuth2Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from consent.models import ConsentRecord
from consent.provider import claims
from consent.provider.server import Provider, answer_at, proofs_of
from consent.views.after import MARK, Destination, asked_of, done_about, with_mark
from consent.views.wishes import remember_wish, speak_as_wished
from invitations import redemption
from invitations.errors import TicketInvalidError
from invitations.models import WhoMayEnter
from invitations.redirects import app_origin_of
from tenants import schema
from tenants.adapters import account_of
from tenants.models import Account
from tenants.repeating import repeated

# Whoever signs in on the way has chosen by that.
ANYBODY = "*"


class Attempt:
    """One valid request to sign in at an app, up to its answer."""

    def __init__(self, request: HttpRequest, provider: Provider, grant: Any) -> None:
        self.request, self.provider, self.grant = request, provider, grant
        self.data = grant.request.payload.data
        self.client = grant.request.client
        self.prompts = (self.data.get("prompt") or "").split()
        mark = self.data.get(MARK)
        self.done = done_about(asked_of(self.data.items()), mark) if mark else {}

    @property
    def is_silent(self) -> bool:
        return self.prompts == ["none"]

    def here(self, **done: Any) -> Destination:
        """This very request again, with what was done about its prompts meanwhile."""
        path = schema.tenant_path(schema.current_tenant(), "consent:authorize")
        asked = asked_of(self.data.items())
        found = Destination(f"{path}?{asked}", app_origin_of(self.data["redirect_uri"]))
        done = self.done | done
        return with_mark(found, done) if done else found

    def refuse(self, error: str) -> HttpResponse:
        """Back to the app, which asked for an answer without a page (O08)."""
        uri = self.data["redirect_uri"]
        return HttpResponseRedirect(answer_at(uri, {"error": error}, asked=self.data))

    def _or_silently(self, error: str, path: str) -> HttpResponse:
        return self.refuse(error) if self.is_silent else redirect(path)

    def must_prove(self, account: Account) -> bool:
        """Whether the sign-in is too old for what the app asks, or must be done anew."""
        at = proofs_of(self.request, account)["authenticated_at"].timestamp()
        since = self.done.get("login")
        if since is not None and at >= since:
            return False
        if "login" in self.prompts:
            return True
        max_age = self.data.get("max_age")
        return bool(max_age) and time.time() - at > max(int(max_age), 1)

    def prove(self) -> HttpResponse:
        onward = self.here(login=self.done.get("login") or time.time())
        query = urlencode({"next": onward.by_way_of("consent:enter")})
        path = f"{schema.public_path('account_reauthenticate')}?{query}"
        return self._or_silently("login_required", path)

    def sign_in(self) -> HttpResponse:
        return self._or_silently("login_required", self._anew().by_way_of("consent:enter"))

    def _anew(self) -> Destination:
        """Here again as somebody who signed in meanwhile: proved and chosen by that."""
        return self.here(login=time.time() - 1, account=ANYBODY)

    def choose_account(self, account: Account, *, goes_on: bool) -> HttpResponse:
        onward = self.here(account=str(account.pk))
        context = {
            "organization_name": schema.current_tenant().name,
            "person": account,
            "app": self.client.row.app,
            "onward": onward.path,
            "goes_on": goes_on,
            "other": self._anew().by_way_of("consent:enter"),
        }
        return render(self.request, "consent/select_account.html", context)

    def outside(self, account: Account) -> HttpResponse:
        """Not in the directory: the door says whether there is something to redeem."""
        if not self.is_silent:
            # Who is redeemed on the way sees Review permissions there.
            onward = self.here(consent="") if "consent" in self.prompts else self.here()
            return redirect(onward.by_way_of("consent:enter"))
        try:
            redemption.find(None, account=account)
        except TicketInvalidError:
            return self.refuse("access_denied")
        return self.refuse("consent_required")

    def expects_another(self) -> bool:
        """Whether the app names somebody else than who is here (`id_token_hint`)."""
        hint = self.data.get("id_token_hint", "")
        expected = claims.hinted(hint).get("sub") if hint else None
        return expected not in (None, (self.client.standing or {}).get("id"))

    def another(self, account: Account) -> HttpResponse:
        """Never an answer about somebody else than the app named (Core, 3.1.2.2): the one it named
        signs in, or it is told that nobody did."""
        if self.is_silent or self.done.get("account") == str(account.pk):
            return self.refuse("login_required")
        return self.choose_account(account, goes_on=False)

    def chooses_account(self, account: Account) -> bool:
        """Whether it is still open as whom the person goes on."""
        is_chosen = self.done.get("account") in (str(account.pk), ANYBODY)
        return "select_account" in self.prompts and not is_chosen

    def consents_anew(self, newest: str) -> bool:
        """Whether the app's wish to have Review permissions shown is still open: nothing was
        agreed to since we showed it."""
        return "consent" in self.prompts and self.done.get("consent", newest) == newest

    def answer(self, account: Account | None) -> HttpResponse:
        """The gate: nothing passes before all of it holds (product 3.3)."""
        if "declined" in self.done:
            return self.refuse("access_denied")
        if account is None:
            return self.sign_in()
        if self.expects_another():
            return self.another(account)
        if self.chooses_account(account):
            return self.choose_account(account, goes_on=True)
        if self.must_prove(account):
            return self.prove()
        standing = self.client.standing
        if standing is None or not standing["enabled"]:
            return self.outside(account)
        is_open = self.client.who_may_enter == WhoMayEnter.EVERYBODY
        if not is_open and not standing["assigned"]:
            return (
                self.refuse("access_denied")
                if self.is_silent
                else not_assigned(self.request, account)
            )
        newest = _newest_consent(standing["id"]) if "consent" in self.prompts else ""
        if standing["again"] or self.consents_anew(newest):
            onward = self.here(consent=newest) if "consent" in self.prompts else self.here()
            asked = Destination(onward.path, onward.origin, asks_again=True)
            return self._or_silently("consent_required", asked.by_way_of("consent:again"))
        if standing["terms"]:
            path = self.here().by_way_of("consent:accept_terms")
            return self._or_silently("consent_required", path)
        response: HttpResponse = self.provider.create_authorization_response(
            self.request, grant_user=account, grant=self.grant
        )
        return response


def _newest_consent(entry_id: str) -> str:
    records = ConsentRecord.objects.filter(entry=UUID(entry_id)).order_by("-agreed_at")
    return str(records.values_list("pk", flat=True).first() or "")


def not_assigned(request: HttpRequest, account: Account) -> HttpResponse:
    """In the directory, but this app is not theirs: whom to ask, and nothing about the app."""
    context = {
        "organization_name": schema.current_tenant().name,
        "person": account,
        "privacy_url": schema.tenant_path(schema.current_tenant(), "consent:statement"),
    }
    return render(request, "consent/not_assigned.html", context, status=HTTPStatus.FORBIDDEN)


def _refused(request: HttpRequest, provider: Provider, error: OAuth2Error) -> HttpResponse:
    """To the app when it is certain that it is the app, else a page of our own (O01)."""
    path = provider.refusal(error)
    if path:
        return HttpResponseRedirect(path)
    context = {
        "organization_name": schema.current_tenant().name,
        "error": error.error,
        "description": error.get_error_description(),
    }
    return render(request, "consent/bad_sign_in.html", context, status=HTTPStatus.BAD_REQUEST)


@csrf_exempt
@require_http_methods(["GET", "POST"])
@repeated
def authorize(request: HttpRequest) -> HttpResponse:
    """An app asks who somebody is (Core, 3.1.2)."""
    if request.method == "POST":
        # A post from another site comes without our cookie; asked once more, it comes with it.
        path = f"{request.path}?{request.POST.urlencode()}"
        return HttpResponseRedirect(path, status=HTTPStatus.SEE_OTHER)
    account = account_of(request)
    provider = Provider(request, account)
    try:
        grant = provider.get_consent_grant(request, end_user=account)
    except OAuth2Error as error:
        return _refused(request, provider, error)
    attempt = Attempt(request, provider, grant)
    language = speak_as_wished(request, attempt.data.get("ui_locales", ""))
    return remember_wish(attempt.answer(account), language)
