"""What an app learns of somebody: by scope, never more (OpenID Connect Core, 5.4; Entra's names)."""

import time
from typing import Any

from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.errors import JoseError

from consent.keys import Signer, remembered_set, signer
from consent.models import OAuthClient, SigningAlgorithm
from tenants import schema
from tenants.models import UserType

ID_TOKEN_SECONDS = 3600
# What each is typed, so that one is not taken for the other (RFC 8725, 3.11; RFC 9068, 2.1).
ID_TOKEN, ACCESS_TOKEN = "JWT", "at+jwt"
MULTI_FACTOR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


def issuer() -> str:
    """`https://origin/o/<slug>`: one issuer for each tenant, without a slash at its end."""
    return schema.absolute_url(schema.path_of(schema.current_tenant())).rstrip("/")


def person_claims(authorization: Any, scope: str) -> dict[str, Any]:
    """Claims about the person; `authorization` comes from `standing.alive`.

    `sub` is the directory entry: stable, never reused, and another in every tenant.
    """
    asked, sub = scope.split(), str(authorization.entry_id)
    claims: dict[str, Any] = {
        "sub": sub,
        "tid": str(schema.current_tenant().pk),
        "oid": sub,
        "acct": 0 if authorization.entry_type == UserType.MEMBER else 1,
        "idp": authorization.idp,
        "roles": sorted(set(authorization.app_roles)),
    }
    if "profile" in asked:
        claims["name"] = authorization.entry_name or authorization.account_name
        claims["preferred_username"] = authorization.proved_address or ""
        claims["locale"] = authorization.entry_language or schema.current_tenant().language
    if "email" in asked and authorization.proved_address:
        claims |= {"email": authorization.proved_address, "email_verified": True}
    return {name: value for name, value in claims.items() if value not in ("", [])}


def hinted(hint: str) -> dict[str, Any]:
    """The claims of an ID token of ours, also when it is over or its key is; empty for anything
    else, an access token too (`id_token_hint`)."""
    try:
        token = jwt.decode(hint, remembered_set(), algorithms=SigningAlgorithm.values)
    except (JoseError, ValueError, TypeError):
        return {}
    is_ours = token.claims.get("iss") == issuer() and token.header.get("typ") == ID_TOKEN
    return dict(token.claims) if is_ours else {}


def _sign(signing: Signer, claims: dict[str, Any], typ: str) -> str:
    header = {"alg": signing.algorithm, "kid": signing.kid, "typ": typ}
    return jwt.encode(header, claims, signing.key, [signing.algorithm])


def id_token(
    authorization: Any, *, client: OAuthClient, scope: str, access_token: str, with_nonce: bool
) -> str:
    """Who signed in, how and when, for this app (Core, 2)."""
    signing = signer(client.id_token_algorithm)
    now = int(time.time())
    claims = person_claims(authorization, scope) | {
        "iss": issuer(),
        "aud": str(client.pk),
        "iat": now,
        "exp": now + ID_TOKEN_SECONDS,
        "auth_time": int(authorization.authenticated_at.timestamp()),
        "at_hash": create_half_hash(access_token, signing.algorithm).decode(),
    }
    if authorization.amr:
        claims["amr"] = authorization.amr
    if authorization.acr:
        claims["acr"] = authorization.acr
    if with_nonce and authorization.nonce:
        claims["nonce"] = authorization.nonce
    return _sign(signing, claims, ID_TOKEN)


def access_jwt(*, authorization: Any, client: Any, scope: str, jti: str, seconds: int) -> str:
    """An access token that an app reads itself (RFC 9068)."""
    now = int(time.time())
    claims = {
        "iss": issuer(),
        "aud": str(client.pk),
        "client_id": str(client.pk),
        "sub": str(authorization.entry_id if authorization else client.pk),
        "tid": str(schema.current_tenant().pk),
        "iat": now,
        "exp": now + seconds,
        "jti": jti,
        "scope": scope,
    }
    if authorization and authorization.app_roles:
        claims["roles"] = sorted(set(authorization.app_roles))
    return _sign(signer(client.id_token_algorithm), claims, ACCESS_TOKEN)
