"""Authlib's authorization server with our storage, our gate and no way around PKCE."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from authlib.integrations.django_oauth2.authorization_server import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidRequestError,
    UnsupportedResponseTypeError,
    grants,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from django.http import HttpRequest
from django.utils import timezone

from consent.clients import digest
from consent.models import OFFLINE, Authorization, OAuthClient, Token
from consent.provider import claims, tokens
from consent.provider.checks import (
    S256,
    ClientRefusedError,
    OpenIDConnect,
    OwnRequest,
    ResponseMode,
)
from consent.provider.client import Client, find_client
from consent.uris import with_params
from tenants import schema
from tenants.accounts import proofs, session_row_of
from tenants.models import Account

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
# How allauth calls a proof, and how RFC 8176 does.
AMR = {
    "code": "otp",
    "password": "pwd",  # nosec B105: RFC 8176's word, not a password
    "totp": "otp",
    "recovery_codes": "otp",
    "webauthn": "hwk",
}
BEARER = "Bearer"


def proofs_of(request: HttpRequest, account: Account) -> dict[str, Any]:
    """How and when this session proved who it is: `authenticated_at`, `amr`, `acr`, `idp`."""
    records = proofs(request, account)
    names = [str(record.get("type") or record["method"]) for record in records]
    amr = list(dict.fromkeys(AMR[name] for name in names if name in AMR))
    factors = {record["method"] for record in records}
    is_multi = "mfa" in factors and (len(factors) > 1 or "webauthn" in names)
    outside = [record for record in records if record["method"] == "socialaccount"]
    at = records[-1]["at"] if records else account.last_login or timezone.now()
    return {
        "authenticated_at": at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC),
        "amr": [*amr, "mfa"] if is_multi else amr,
        "acr": claims.MULTI_FACTOR if is_multi else "",
        "idp": str(outside[-1].get("provider", "")) if outside else "",
    }


class CodeGrant(grants.AuthorizationCodeGrant):
    """Code flow; a code is a row that is consumed under a lock (O03)."""

    TOKEN_ENDPOINT_AUTH_METHODS = list(AUTH_METHODS)
    _checked: str | None = None

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: Client) -> str:
        """The address itself when it is registered in exactly this form (O01)."""
        uri: str = request.payload.redirect_uri or ""
        if not client.check_redirect_uri(uri):
            raise InvalidRequestError("This redirect_uri is not registered.")
        return uri

    @staticmethod
    def validate_no_multiple_request_parameter(request: Any) -> None:
        """Only what says where an answer goes is asked here; about the rest, which
        `OpenIDConnect` asks, the app is told."""
        for name in ("client_id", "redirect_uri"):
            if len(request.payload.datalist[name]) > 1:
                raise InvalidRequestError(f"Multiple '{name}' in request.")

    def validate_authorization_request(self) -> str:
        # Authlib asks twice; the answer costs a statement.
        if self._checked is None:
            self._checked = super().validate_authorization_request()
        return self._checked

    def create_authorization_response(self, redirect_uri: str, grant_user: Any) -> Any:
        request: Any = self.request
        request.user, code = grant_user, self.generate_authorization_code()
        self.save_authorization_code(code, request)
        path = answer_at(redirect_uri, {"code": code}, asked=request.payload.data)
        return 302, "", [("Location", path)]

    def generate_authorization_code(self) -> str:
        return tokens.random_token()

    def save_authorization_code(self, code: str, request: Any) -> None:
        data = request.payload.data
        Authorization.objects.create(
            client=request.client.row,
            entry_id=UUID(request.client.standing["id"]),
            account_id=request.user.pk,
            code_digest=digest(code),
            redirect_uri=self._checked or "",
            scope=request.scope,
            nonce=data.get("nonce", ""),
            code_challenge=data["code_challenge"],
            session_row=session_row_of(self.server.http_request),
            **proofs_of(self.server.http_request, request.user),
        )

    def query_authorization_code(self, code: str, client: Client) -> Any:
        found = tokens.take_code(code, client.row)
        if found:
            found.get_redirect_uri = lambda: found.redirect_uri
            found.get_scope = lambda: found.scope
        return found

    def authenticate_user(self, authorization_code: Any) -> Any:
        return authorization_code

    def delete_authorization_code(self, authorization_code: Any) -> None:
        """It stays, spent, so that its second coming is noticed."""


class RefreshGrant(grants.RefreshTokenGrant):
    """A new refresh token at every use; an old one that comes back ends them all (O06)."""

    TOKEN_ENDPOINT_AUTH_METHODS = list(AUTH_METHODS)
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> tokens.Held | None:
        held = tokens.take_refresh(refresh_token)
        if held and held.row.used_at and not held.authorization.ended_at:
            tokens.end_family(held.authorization, reason="refresh")
        return held if held and held.is_good else None

    def authenticate_user(self, refresh_token: tokens.Held) -> Any:
        return refresh_token.authorization

    def revoke_old_credential(self, refresh_token: tokens.Held) -> None:
        tokens.spend_refresh(refresh_token)


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """A service speaks for itself (RFC 6749, 4.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


class AnyHint:
    """Of the two endpoints that look a token up: the hint makes no difference, so one that we do
    not know is no error (RFC 7009, 2.2; RFC 7662, 2.1)."""

    @staticmethod
    def check_params(request: Any, _client: Client) -> None:
        if not request.form.get("token"):
            raise InvalidRequestError("Missing 'token' in request.")


class Revocation(AnyHint, RevocationEndpoint):
    """RFC 7009."""

    CLIENT_AUTH_METHODS = list(AUTH_METHODS)

    def authenticate_token(self, request: Any, client: Client) -> tokens.Held | None:
        """None, and the same answer, for nonsense and for another app's token (O05)."""
        self.check_params(request, client)
        found = tokens.find(request.form["token"])
        return found if found and found.check_client(client) else None

    def revoke_token(self, token: tokens.Held, request: Any) -> None:
        tokens.revoke(token)


class Introspection(AnyHint, IntrospectionEndpoint):
    """RFC 7662; of another app's token it says what it says of nonsense (O05)."""

    CLIENT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def query_token(self, token_string: str, token_type_hint: str | None) -> tokens.Held | None:  # noqa: ARG002  # Authlib names it
        return tokens.find(token_string)

    def check_permission(self, token: tokens.Held, client: Client, request: Any) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: tokens.Held) -> dict[str, Any]:
        row: Token = token.row
        authorization = token.authorization
        subject = authorization.entry_id if authorization else row.client_id
        return {
            "active": True,
            "client_id": str(row.client_id),
            "token_type": BEARER,
            "scope": row.scope,
            "sub": str(subject),
            "tid": str(schema.current_tenant().pk),
            "aud": str(row.client_id),
            "iss": claims.issuer(),
            "iat": int(row.created_at.timestamp()),
            "exp": int(row.expires_at.timestamp()),
        }


def answer_at(redirect_uri: str, told: Mapping[str, str], *, asked: Mapping[str, str]) -> str:
    """The app's address with an answer, which says which provider it comes from (RFC 9207), where
    the app reads it (`response_mode`)."""
    stated = {"state": asked["state"]} if asked.get("state") else {}
    answer = {**told, **stated, "iss": claims.issuer()}
    return with_params(
        redirect_uri, answer, in_fragment=asked.get("response_mode") == ResponseMode.FRAGMENT
    )


class Provider(AuthorizationServer):
    """One for each request: it knows who is asking."""

    def __init__(self, request: HttpRequest, account: Account | None = None) -> None:
        super().__init__(OAuthClient, Token)
        self.http_request = request
        self.account_id = account.pk if account else None
        self.register_grant(CodeGrant, [S256(required=True), OpenIDConnect()])
        self.register_grant(RefreshGrant)
        self.register_grant(ClientCredentialsGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def query_client(self, client_id: str) -> Client | None:
        return find_client(client_id, account_id=self.account_id)

    def create_oauth2_request(self, request: HttpRequest) -> OwnRequest:
        return OwnRequest(request)

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = "token") -> Any:
        """In one way, of one app (RFC 6749, 2.3): Authlib would try the next way after a wrong
        header. It also fails over headers that are no base64, or no text."""
        named = request.form.get("client_id")
        if request.headers.get("Authorization", "").partition(" ")[0].lower() == "basic":
            if request.form.get("client_secret"):
                raise InvalidRequestError("A client authenticates in one way at a time.")
            methods = ["client_secret_basic"]
        try:
            client = super().authenticate_client(request, methods, endpoint)
        except (InvalidClientError, ValueError) as error:
            raise ClientRefusedError from error
        if named and named != client.client_id:
            raise InvalidRequestError("Two clients are named.")
        return client

    def get_authorization_grant(self, request: Any) -> Any:
        try:
            return super().get_authorization_grant(request)
        except UnsupportedResponseTypeError as error:
            if request.payload.data.get("response_type"):
                raise
            text = "Missing 'response_type' in request."
            raise InvalidRequestError(text, redirect_uri=error.redirect_uri) from error

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """No signals between our apps."""

    def generate_token(
        self,
        grant_type: str,
        client: Client,
        user: Any = None,
        scope: str | None = None,
        expires_in: int | None = None,  # noqa: ARG002  # Authlib names it
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """What the answer holds; `user` is the authorization the tokens come of.

        Authlib hands over a service's and a refresh's scope as it was sent: whatever an app may
        write there, nothing is signed or kept but what we know.
        """
        authorization, scope = user, client.get_allowed_scope(scope) or ""
        given: dict[str, Any] = {
            "token_type": BEARER,
            "access_token": tokens.new_access_token(
                authorization=authorization, client=client.row, scope=scope
            ),
            "expires_in": tokens.ACCESS_SECONDS,
            "scope": scope,
        }
        if authorization is None:
            return given
        if include_refresh_token and OFFLINE in authorization.scope.split():
            given["refresh_token"] = tokens.random_token()
        if "openid" in scope.split():
            given["id_token"] = claims.id_token(
                authorization,
                client=client.row,
                scope=scope,
                access_token=given["access_token"],
                with_nonce=grant_type == "authorization_code",
            )
        return given

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        authorization = request.user
        tokens.keep(
            client=request.client.row,
            authorization=authorization,
            scope=token["scope"],
            given=token,
        )
        if authorization:
            tokens.note_visit(authorization, request.client.row)

    def refusal(self, error: OAuth2Error) -> str:
        """The app's own address with the error, for an app we know; empty for a page of ours."""
        redirect_uri = getattr(error, "redirect_uri", None)
        if not redirect_uri:
            return ""
        return answer_at(redirect_uri, dict(error.get_body()), asked=self.http_request.GET)
