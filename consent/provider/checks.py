"""What Authlib is told of a call, and what we ask of it beyond OAuth: PKCE and OpenID Connect."""

import re
from enum import StrEnum
from typing import Any

from authlib.integrations.django_oauth2.requests import DjangoOAuth2Payload, DjangoOAuth2Request
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Request,
)
from authlib.oauth2.rfc7636 import CodeChallenge
from django.http import HttpRequest
from django.utils.functional import cached_property

from consent.provider import claims
from tenants import schema

LONGEST_NONCE = 500
# A SHA-256 in base64url (RFC 7636, 4.2).
CHALLENGE = re.compile(r"[\w-]{43}", re.ASCII)
SECONDS = re.compile(r"[0-9]{1,15}")
WORD = re.compile(r"[\w:. -]{1,100}", re.ASCII)


class ResponseMode(StrEnum):
    """Where an app reads its answer; a browser's reads what never reaches a server in the fragment
    (OAuth 2.0 Multiple Response Types, 2.1)."""

    QUERY = "query"
    FRAGMENT = "fragment"


class ClientRefusedError(InvalidClientError):
    """Whoever calls is not the app they say; no word about why."""

    def __init__(self) -> None:
        super().__init__(status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = OAuth2Error.get_headers(self)
        return [*headers, ("WWW-Authenticate", f'Basic realm="{claims.issuer()}"')]


class RequestNotSupportedError(OAuth2Error):
    error = "request_not_supported"


class RequestUriNotSupportedError(OAuth2Error):
    error = "request_uri_not_supported"


class RegistrationNotSupportedError(OAuth2Error):
    error = "registration_not_supported"


# What we do not do, and how an app is told (Core, 3.1.2.6).
NOT_SUPPORTED: dict[str, type[OAuth2Error]] = {
    "request": RequestNotSupportedError,
    "request_uri": RequestUriNotSupportedError,
    "registration": RegistrationNotSupportedError,
}


class OwnPayload(DjangoOAuth2Payload):
    """Of a form that was posted only its body counts. Words that Authlib repeats in its errors,
    where it fails over odd characters, are made plain."""

    @cached_property
    def data(self) -> dict[str, str]:
        said: Any = self._request.POST if self._request.method == "POST" else self._request.GET
        return dict(said.items())

    @property
    def response_type(self) -> str:
        return _plain(self.data.get("response_type", ""))

    @property
    def grant_type(self) -> str:
        return _plain(self.data.get("grant_type", ""))


def _plain(word: str) -> str:
    return word if WORD.fullmatch(word) else "unknown"


class OwnRequest(DjangoOAuth2Request):
    """At the address we configured (N08); Authlib's own believes the Host header, and refuses http
    behind a proxy that ends TLS."""

    def __init__(self, request: HttpRequest) -> None:
        uri = schema.absolute_url(request.get_full_path())
        OAuth2Request.__init__(self, str(request.method), uri, headers=request.headers)
        self.payload: Any = OwnPayload(request)
        self._request = request


class S256(CodeChallenge):
    """PKCE with S256 for every client, public or confidential (RFC 9700, 2.1.1; O02)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        is_digest = CHALLENGE.fullmatch(data.get("code_challenge", ""))
        if not is_digest or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:  # noqa: ARG002  # Authlib names it
        return "S256"


def _check_openid(grant: Any, _redirect_uri: str) -> None:
    """What OpenID Connect asks of a request beyond OAuth, once it may be answered at the app."""
    payload = grant.request.payload
    data = payload.data
    # A parameter without a value counts as left out (RFC 6749, 3.1).
    for name, refusal in NOT_SUPPORTED.items():
        if data.get(name):
            raise refusal
    if any(len(values) > 1 for values in payload.datalist.values()):
        raise InvalidRequestError("A parameter came twice.")
    if "openid" not in (payload.scope or "").split():
        raise InvalidScopeError("The scope must contain 'openid'.")
    if (data.get("response_mode") or ResponseMode.QUERY) not in list(ResponseMode):
        raise InvalidRequestError("This 'response_mode' is not supported.")
    if len(data.get("nonce", "")) > LONGEST_NONCE or "\0" in data.get("nonce", ""):
        raise InvalidRequestError("'nonce' cannot be used.")
    if not SECONDS.fullmatch(data.get("max_age") or "0"):
        raise InvalidRequestError("'max_age' must be a number of seconds.")
    prompts = (data.get("prompt") or "").split()
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequestError("'prompt=none' stands alone.")
    if not set(prompts) <= {"none", "login", "select_account", "consent"}:
        raise InvalidRequestError("This 'prompt' is not supported.")


class OpenIDConnect:
    """The checks above, and the ID token of the answer."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", _check_openid)
