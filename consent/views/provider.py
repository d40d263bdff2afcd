"""The provider's endpoints (OpenID Connect Core, RFC 6749, 7009, 7662, 8414, 9207)."""

import logging
import time
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import keys
from consent.errors import KeyLostError
from consent.models import ConsentRecord, SigningAlgorithm
from consent.provider import claims, tokens
from consent.provider.client import SCOPES
from consent.provider.server import AUTH_METHODS, Provider, proofs_of
from consent.views.after import MARK, Destination, asked_of, done_about, with_mark
from invitations import redemption
from invitations.errors import TicketInvalidError
from invitations.models import WhoMayEnter
from invitations.redirects import app_origin_of
from tenants import schema
from tenants.adapters import account_of
from tenants.models import Account
from tenants.registry import active_tenant
from tenants.repeating import repeated

KEY_SET_SECONDS = 300
log = logging.getLogger(__name__)


def _url(name: str) -> str:
    return schema.absolute_url(schema.tenant_path(schema.current_tenant(), f"consent:{name}"))


def _open_to_scripts(view: Any) -> Any:
    """Apps in the browser ask these by script; no cookie takes part, so anybody may (CORS)."""

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            response = HttpResponse(status=HTTPStatus.NO_CONTENT)
            response["Access-Control-Allow-Headers"] = "authorization, content-type"
            response["Access-Control-Allow-Methods"] = "GET, POST"
        else:
            response = view(request, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        return response

    return wrapped


@_open_to_scripts
@require_safe
def discovery(request: HttpRequest) -> HttpResponse:
    """What this provider is and does (OpenID Connect Discovery; RFC 8414)."""
    methods = list(AUTH_METHODS)
    response = JsonResponse(
        {
            "issuer": claims.issuer(),
            "authorization_endpoint": _url("authorize"),
            "token_endpoint": _url("token"),
            "userinfo_endpoint": _url("userinfo"),
            "jwks_uri": _url("jwks"),
            "end_session_endpoint": _url("sign_out"),
            "revocation_endpoint": _url("revoke"),
            "introspection_endpoint": _url("introspect"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "client_credentials",
            ],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": SigningAlgorithm.values,
            "scopes_supported": list(SCOPES),
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_methods_supported": methods[:2],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "prompt_values_supported": ["none", "login", "select_account", "consent"],
            "acr_values_supported": [claims.MULTI_FACTOR],
            "ui_locales_supported": ["en", "nl"],
            "claims_supported": [
                *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "tid"),
                *("oid", "name", "email", "email_verified", "preferred_username", "locale"),
                *("idp", "acct", "roles"),
            ],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }
    )
    response["Cache-Control"] = f"public, max-age={KEY_SET_SECONDS}"
    return response


def discovery_by_path(request: HttpRequest, slug: str) -> HttpResponse:
    """RFC 8414, 3.1: the well-known part may stand before the issuer's path."""
    tenant = active_tenant(slug)
    if tenant is None:
        raise Http404
    with schema.in_tenant(tenant):
        response: HttpResponse = discovery(request)
        return response


@_open_to_scripts
@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """The keys that sign now, will sign next, or signed a short while ago (RFC 7517)."""
    response = JsonResponse({"keys": keys.published()})
    response["Cache-Control"] = f"public, max-age={KEY_SET_SECONDS}"
    return response


def _malformed(request: HttpRequest) -> str:
    """What is wrong with the form of a call, whatever it asks for; empty when nothing is."""
    if request.GET:
        # Secrets do not belong into addresses, which are logged (RFC 6749, 2.3.1).
        return "Parameters belong in the body."
    if any(len(values) > 1 for _name, values in request.POST.lists()):
        return "A parameter came twice."
    return "" if request.POST.get("grant_type") else "Missing 'grant_type' in request."


@_open_to_scripts
@require_POST
@repeated
def token(request: HttpRequest) -> HttpResponse:
    """A code, a refresh token or a secret for tokens (RFC 6749, 3.2)."""
    if wrong := _malformed(request):
        body = {"error": "invalid_request", "error_description": wrong}
        return JsonResponse(body, status=HTTPStatus.BAD_REQUEST)
    try:
        # One transaction also when the answer is a refusal: a reused code ends its tokens (O03).
        with transaction.atomic():
            response: HttpResponse = Provider(request).create_token_response(request)
    except KeyLostError:
        # Nothing was spent. Upkeep makes new keys, if the operator does not bring the old one back.
        log.error("%s: a signing key cannot be opened", schema.current_schema())  # noqa: TRY400
        body = {"error": "temporarily_unavailable"}
        response = JsonResponse(body, status=HTTPStatus.SERVICE_UNAVAILABLE)
        response["Retry-After"] = str(KEY_SET_SECONDS)
    return response


@_open_to_scripts
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """An app gives a token back (RFC 7009)."""
    response: HttpResponse = Provider(request).create_endpoint_response("revocation", request)
    return response


@csrf_exempt
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    """Whether a token is good now, asked by the app it was given to (RFC 7662)."""
    response: HttpResponse = Provider(request).create_endpoint_response("introspection", request)
    return response


def _bearer(request: HttpRequest) -> str:
    """From the header or the body, never from the address (RFC 6750, 2.3)."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return request.POST.get("access_token", "") if request.method == "POST" else ""


@_open_to_scripts
@require_http_methods(["GET", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """Who the token was given for, as they are now (Core, 5.3)."""
    shown = _bearer(request)
    held = tokens.find(shown, kind="access") if shown else None
    if held is None or not held.is_good or held.authorization is None:
        response = JsonResponse({"error": "invalid_token"}, status=HTTPStatus.UNAUTHORIZED)
        told = 'Bearer error="invalid_token"' if shown else "Bearer"
        response["WWW-Authenticate"] = told
        return response
    if "openid" not in held.row.scope.split():
        response = JsonResponse({"error": "insufficient_scope"}, status=HTTPStatus.FORBIDDEN)
        response["WWW-Authenticate"] = 'Bearer error="insufficient_scope", scope="openid"'
        return response
    return JsonResponse(claims.person_claims(held.authorization, held.row.scope))


class Attempt:
    """One valid request to sign in at an app, up to its answer."""

    def __init__(self, request: HttpRequest, provider: Provider, grant: Any) -> None:
        self.request, self.provider, self.grant = request, provider, grant
        self.data = grant.request.payload.data
        self.client = grant.request.client
        self.prompts = (self.data.get("prompt") or "").split()
        self.done = done_about(asked_of(self.data.items()), self.data.get(MARK, ""))

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
        told = [("error", error), ("iss", claims.issuer())]
        if self.data.get("state"):
            told.append(("state", self.data["state"]))
        return HttpResponseRedirect(add_params_to_uri(self.data["redirect_uri"], told))

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

    def choose_account(self, account: Account) -> HttpResponse:
        onward = self.here(account=str(account.pk))
        context = {
            "organization_name": schema.current_tenant().name,
            "person": account,
            "app": self.client.row.app,
            "onward": onward.path,
            "other": self.here(account="").by_way_of("consent:enter"),
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

    def chooses_account(self, account: Account) -> bool:
        """Whether it is still open as whom the person goes on: the app asks, or expects another."""
        if self.done.get("account") == str(account.pk):
            return False
        hint = self.data.get("id_token_hint", "")
        expected = claims.hinted(hint).get("sub") if hint else None
        here = (self.client.standing or {}).get("id")
        return "select_account" in self.prompts or expected not in (None, here)

    def consents_anew(self, newest: str) -> bool:
        """Whether the app's wish to have Review permissions shown is still open: nothing was
        agreed to since we showed it."""
        return "consent" in self.prompts and self.done.get("consent", newest) == newest

    def answer(self, account: Account | None) -> HttpResponse:
        """The gate: nothing passes before all of it holds (product 3.3)."""
        if "declined" in self.done:
            return self.refuse("access_denied")
        if account is None:
            return self._or_silently(
                "login_required", self.here(login=time.time() - 1).by_way_of("consent:enter")
            )
        if self.must_prove(account):
            return self.prove()
        if self.chooses_account(account):
            return self.refuse("login_required") if self.is_silent else self.choose_account(account)
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


def _wished_language(request: HttpRequest, ui_locales: str) -> str:
    """The first of the app's wishes that we speak; empty when the person chose one already."""
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        return ""
    wishes = (tag.partition("-")[0].lower() for tag in ui_locales.split())
    return next((wish for wish in wishes if wish in dict(settings.LANGUAGES)), "")


def _remember_language(response: HttpResponse, language: str) -> HttpResponse:
    """For the pages that follow on the way to the app."""
    cookie: dict[str, Any] = {
        "max_age": settings.LANGUAGE_COOKIE_AGE,
        "path": settings.LANGUAGE_COOKIE_PATH,
        "secure": settings.LANGUAGE_COOKIE_SECURE,
        "httponly": settings.LANGUAGE_COOKIE_HTTPONLY,
        "samesite": settings.LANGUAGE_COOKIE_SAMESITE,
    }
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, **cookie)
    return response


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
    language = _wished_language(request, attempt.data.get("ui_locales", ""))
    if not language:
        return attempt.answer(account)
    translation.activate(language)
    return _remember_language(attempt.answer(account), language)
