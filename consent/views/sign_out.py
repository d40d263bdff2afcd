"""Signing out at an app's wish (OpenID Connect RP-Initiated Logout 1.0; O09)."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from consent.models import OAuthClient
from consent.provider import claims
from consent.uris import with_params
from consent.views.after import Destination, ends_at
from consent.views.wishes import remember_wish, speak_as_wished
from tenants import schema
from tenants.adapters import account_of

SALT = "foyer.sign-out"


@dataclass(frozen=True)
class Asked:
    """Which app asks, and where it wants the person afterwards: only an exact, registered one."""

    client: OAuthClient | None
    uri: str = ""

    @property
    def home(self) -> str:
        return self.client.app.home_url if self.client else ""


def _client(client_id: str) -> OAuthClient | None:
    try:
        return OAuthClient.objects.select_related("app").filter(pk=UUID(client_id)).first()
    except ValueError:
        return None


def _asked(data: Any) -> Asked:
    named, hint = data.get("client_id", ""), data.get("id_token_hint", "")
    hinted = str(claims.hinted(hint).get("aud", "")) if hint else ""
    if named and hint and named != hinted:
        return Asked(None)
    client = _client(named or hinted)
    uri = data.get("post_logout_redirect_uri", "")
    if client is None or uri not in client.sign_out_uris:
        return Asked(client)
    state = data.get("state", "")
    return Asked(client, with_params(uri, {"state": state}) if state else uri)


def _leave(request: HttpRequest, uri: str) -> HttpResponse:
    if uri:
        return HttpResponseRedirect(uri)
    context = {"organization_name": schema.current_tenant().name, "done": True}
    return render(request, "consent/sign_out.html", context)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ask first: an app alone, or a picture on a foreign page, ends nobody's session."""
    if request.method == "POST" and "asked" not in request.POST:
        # An app may post (RP-Initiated Logout, 2), without our cookie; asked once more, with it.
        path = f"{request.path}?{request.POST.urlencode()}"
        return HttpResponseRedirect(path, status=HTTPStatus.SEE_OTHER)
    language = speak_as_wished(request, request.GET.get("ui_locales", ""))
    return remember_wish(_ask_or_leave(request), language)


def _stay(home: str) -> HttpResponse:
    """Back to the app that asked, if people can open it."""
    return HttpResponseRedirect(home or schema.public_path("organizations"))


@csrf_protect
def _ask_or_leave(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    if request.method == "POST":
        try:
            uri, home = signing.loads(request.POST["asked"], salt=SALT, max_age=3600)
        except (signing.BadSignature, ValueError):
            uri = home = ""
        if request.POST.get("answer") != "yes":
            return _stay(home)
        get_adapter().logout(request)
        return _leave(request, uri)
    asked = _asked(request.GET)
    if account is None:
        return _leave(request, asked.uri)
    context = {
        "organization_name": schema.current_tenant().name,
        "person": account,
        "app": asked.client.app if asked.client else None,
        "asked": signing.dumps([asked.uri, asked.home], salt=SALT),
    }
    page = render(request, "consent/sign_out.html", context)
    return ends_at(ends_at(page, Destination.at(asked.uri)), Destination.at(asked.home))
