"""The provider's endpoints (OpenID Connect Core, RFC 6749, 7009, 7662, 8414, 9207)."""

import logging
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import keys
from consent.errors import KeyLostError
from consent.models import SigningAlgorithm
from consent.provider import claims, tokens
from consent.provider.checks import ResponseMode
from consent.provider.client import SCOPES
from consent.provider.server import AUTH_METHODS, Provider
from tenants import schema
from tenants.registry import active_tenant
from tenants.repeating import repeated

KEY_SET_SECONDS = 300
# Browsers ask before every call with a token in its header; most remember for two hours at most.
PREFLIGHT_SECONDS = 7200
# What a call says in its body, never in the address, which is logged (RFC 6749, 2.3.1 and 3.2).
IN_THE_BODY = frozenset(
    {
        *("client_id", "client_secret", "client_assertion", "grant_type", "scope", "username"),
        *("password", "code", "code_verifier", "redirect_uri", "refresh_token", "token"),
    }
)
UNREADABLE = (BadRequest, MultiPartParserError, SuspiciousOperation)
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
            response["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        else:
            response = view(request, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = "retry-after, www-authenticate"
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
            "response_modes_supported": list(ResponseMode),
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
            "ui_locales_supported": list(dict(settings.LANGUAGES)),
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
    try:
        said = dict(request.POST.lists())
    except UNREADABLE:
        return "The body cannot be read."
    # Others are ignored (RFC 6749, 3.2): Microsoft's libraries number their calls there.
    if not IN_THE_BODY.isdisjoint(request.GET):
        return "Parameters belong in the body."
    return "A parameter came twice." if any(len(each) > 1 for each in said.values()) else ""


def _by_form(view: Any) -> Any:
    """Called with a form in the body; whatever else comes is told as OAuth does (RFC 6749, 5.2)."""

    @require_POST
    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        if wrong := _malformed(request):
            return _invalid(wrong)
        response: HttpResponse = view(request)
        return response

    return wrapped


def _invalid(wrong: str) -> HttpResponse:
    body = {"error": "invalid_request", "error_description": wrong}
    return JsonResponse(body, status=HTTPStatus.BAD_REQUEST)


@_open_to_scripts
@_by_form
@repeated
def token(request: HttpRequest) -> HttpResponse:
    """A code, a refresh token or a secret for tokens (RFC 6749, 3.2)."""
    if not request.POST.get("grant_type"):
        return _invalid("Missing 'grant_type' in request.")
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
@_by_form
def revoke(request: HttpRequest) -> HttpResponse:
    """An app gives a token back (RFC 7009)."""
    response: HttpResponse = Provider(request).create_endpoint_response("revocation", request)
    return response


@csrf_exempt
@_by_form
def introspect(request: HttpRequest) -> HttpResponse:
    """Whether a token is good now, asked by the app it was given to (RFC 7662)."""
    response: HttpResponse = Provider(request).create_endpoint_response("introspection", request)
    return response


def _refused(status: HTTPStatus, error: str = "", **more: str) -> HttpResponse:
    """RFC 6750, 3: the challenge says where it comes from, and what is wrong with a token if there
    was one."""
    said = {"realm": claims.issuer()} | ({"error": error} if error else {}) | more
    response = JsonResponse({"error": error or "invalid_token"}, status=status)
    challenge = ", ".join(f'{name}="{value}"' for name, value in said.items())
    response["WWW-Authenticate"] = f"Bearer {challenge}"
    return response


def _bearers(request: HttpRequest) -> list[str]:
    """From the header and the body, never from the address (RFC 6750, 2)."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    shown = [value.strip()] if scheme.lower() == "bearer" else []
    if request.method == "POST":
        shown += request.POST.getlist("access_token")
    return [each for each in shown if each]


@_open_to_scripts
@require_http_methods(["GET", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """Who the token was given for, as they are now (Core, 5.3)."""
    try:
        shown = _bearers(request)
    except UNREADABLE:
        shown = None
    if shown is None or len(shown) > 1:
        return _refused(HTTPStatus.BAD_REQUEST, "invalid_request")
    held = tokens.find(shown[0], kind="access") if shown else None
    if held is None or not held.is_good or held.authorization is None:
        return _refused(HTTPStatus.UNAUTHORIZED, "invalid_token" if shown else "")
    if "openid" not in held.row.scope.split():
        return _refused(HTTPStatus.FORBIDDEN, "insufficient_scope", scope="openid")
    return JsonResponse(claims.person_claims(held.authorization, held.row.scope))
