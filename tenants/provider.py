"""Signing in at an OpenID Connect provider. allauth finds `provider_classes` by this file's name.

Google and Microsoft are reached the same way, so that one code path checks all of them. On top
of allauth's: the nonce, the signature, and the issuer of the ID token; no redirects.
"""

import hashlib
import hmac
from typing import Any

import jwt
from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest

from tenants import schema
from tenants.addresses import AddressError, canonical_address

Claims = dict[str, Any]

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
LEEWAY_SECONDS = 60
# What Microsoft writes into its issuer instead of a directory's id.
ANY_DIRECTORY = "{tenantid}"


def nonce_of(code_verifier: str) -> str:
    """The nonce of an attempt: its PKCE secret, hashed, so that both live and die together."""
    return hashlib.sha256(f"nonce {code_verifier}".encode()).hexdigest()


def _json(url: str, **headers: str) -> Claims:
    """An object from the provider; `OAuth2Error`, or what `requests` raises."""
    with get_adapter().get_requests_session() as session:  # type: ignore[no-untyped-call]
        answer = session.get(url, headers=headers)
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise OAuth2Error(f"no JSON object at {url}")
    return found


def _key_for(id_token: str, key_set: jwt.PyJWKSet) -> jwt.PyJWK:
    kid = jwt.get_unverified_header(id_token).get("kid")
    fitting = [key for key in key_set.keys if kid is None or key.key_id == kid]
    if len(fitting) != 1:
        raise OAuth2Error("no key, or more than one, fits the ID token")
    return fitting[0]


class OutsideAdapter(OpenIDConnectOAuth2Adapter):
    """One attempt: what allauth's view asks while it talks to the provider."""

    nonce = ""

    @property
    def openid_config(self) -> Claims:
        """The provider's discovery document, once per request."""
        if not hasattr(self, "_openid_config"):
            provider = self.get_provider()  # type: ignore[no-untyped-call]
            found = _json(provider.server_url)
            server_url = provider.app.settings["server_url"]
            # Plain HTTP is for a provider on loopback (`config.settings.outside`).
            scheme = server_url.partition("://")[0]
            for endpoint in ENDPOINTS:
                if not str(found.get(endpoint, "")).startswith((f"{scheme}://", "https://")):
                    raise OAuth2Error(f"the provider names no {endpoint}")
            issuer = str(found.get("issuer", ""))
            differs = provider.app.settings.get("issuer_differs", False)
            if not issuer or (not differs and issuer.rstrip("/") != server_url):
                raise OAuth2Error("the provider calls itself by another name")
            self._openid_config: Claims = found
        return self._openid_config

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        path = schema.public_path("outside_callback", provider_id=app.provider_id)
        return schema.absolute_url(path)

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: Any, pkce_code_verifier: str = ""
    ) -> Claims:
        """Trade the code for tokens; an answer that another issuer gave is refused (RFC 9207)."""
        issuer = self.openid_config["issuer"]
        promised = self.openid_config.get("authorization_response_iss_parameter_supported") is True
        given = request.GET.get("iss", "" if promised else issuer)
        if given != issuer and ANY_DIRECTORY not in issuer:
            raise OAuth2Error("the answer is another issuer's")
        self.nonce = nonce_of(pkce_code_verifier)
        try:
            tokens: Claims = super().get_access_token_data(request, app, client, pkce_code_verifier)
        except KeyError as error:
            raise OAuth2Error("the tokens came without a content type") from error
        return tokens

    def parse_token(self, data: Claims) -> SocialToken:
        return SocialToken(token=str(data["access_token"]))

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        claims = self._claims(app, str(kwargs["response"].get("id_token", "")))
        if "email" not in claims and "userinfo_endpoint" in self.openid_config:
            more = _json(self.profile_url, Authorization=f"Bearer {token.token}")
            if more.get("sub") != claims["sub"]:
                raise OAuth2Error("the user information is about another person")
            claims = more | claims
        provider = self.get_provider()  # type: ignore[no-untyped-call]
        login: SocialLogin = provider.sociallogin_from_response(request, claims)
        return login

    def _claims(self, app: SocialApp, id_token: str) -> Claims:
        """What the ID token says, after its signature and its addressee were checked (O04)."""
        try:
            keys = jwt.PyJWKSet.from_dict(_json(self.openid_config["jwks_uri"]))
            claims: Claims = jwt.decode(
                id_token,
                key=_key_for(id_token, keys),
                algorithms=ALGORITHMS,
                audience=app.client_id,
                leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error("the ID token does not hold") from error
        issuer = self.openid_config["issuer"].replace(ANY_DIRECTORY, str(claims.get("tid", "")))
        if claims["iss"] != issuer or claims.get("azp", app.client_id) != app.client_id:
            raise OAuth2Error("the ID token is another issuer's, or for another application")
        if not hmac.compare_digest(str(claims["nonce"]).encode(), self.nonce.encode()):
            raise OAuth2Error("the ID token belongs to another attempt")
        if not claims["sub"]:
            raise OAuth2Error("the ID token names nobody")
        return claims


class OutsideProvider(OpenIDConnectProvider):
    """One configured provider; people are known by issuer and subject (A06)."""

    id = "outside"
    name = "OpenID Connect"
    package = "tenants"
    oauth2_adapter_class = OutsideAdapter
    supports_token_authentication = False

    @property
    def start_url(self) -> str:
        """Where a form posts to begin, also from a tenant's page."""
        return schema.public_path("outside_start", provider_id=self.sub_id)

    def get_login_url(self, request: HttpRequest, **kwargs: Any) -> str:
        return self.start_url

    def get_callback_url(self) -> str:
        return schema.public_path("outside_callback", provider_id=self.sub_id)

    def get_pkce_params(self) -> dict[str, Any]:
        """PKCE always, and the nonce beside it: both go to the provider's address."""
        params = generate_code_challenge()
        return {**params, "nonce": nonce_of(params["code_verifier"])}

    def serialize(self) -> dict[str, Any]:
        # Two providers may have given us the same client id.
        return {"id": self.sub_id}

    def extract_uid(self, data: Claims) -> str:
        return hashlib.sha256(f"{data['iss']}\n{data['sub']}".encode()).hexdigest()

    def extract_extra_data(self, data: Claims) -> dict[str, Any]:
        return {key: data[key] for key in ("iss", "sub", "email") if key in data}

    def extract_common_fields(self, *args: Any) -> dict[str, Any]:
        return {}

    def extract_email_addresses(self, data: Claims) -> list[EmailAddress]:
        """The address, when the provider says with a JSON `true` that it is this person's."""
        settings = self.app.settings
        proved = data.get(settings["verified_claim"]) is True
        if not proved and not settings.get("address_trusted", False):
            return []
        try:
            address = canonical_address(str(data.get("email", "")))
        except AddressError:
            return []
        return [EmailAddress(email=address, verified=True, primary=True)]


provider_classes = [OutsideProvider]
