"""The provider's endpoints (OpenID Connect Core, RFC 6749, 7009, 7662, 8414, 9207)."""

import logging
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import keys
from consent.errors import KeyLostError
from consent.models import SigningAlgorithm
from consent.provider import claims, tokens
from consent.provider.client import SCOPES
from consent.provider.server import AUTH_METHODS, Provider
from tenants import schema
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
