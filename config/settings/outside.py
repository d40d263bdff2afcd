"""Which outside sign-ins the operator configured, from the environment."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

GOOGLE = "https://accounts.google.com"
MICROSOFT = "https://login.microsoftonline.com/{tenant}/v2.0"
SHARED_TENANTS = {"common", "organizations", "consumers"}
LOOPBACK = {"localhost", "127.0.0.1"}
PROVIDER_ID = re.compile(r"[a-z0-9-]{1,40}")
SCOPE = ["openid", "profile", "email"]


def _app(
    *,
    provider_id: str,
    name: str,
    server_url: str,
    client_id: str,
    secret: str,
    scope: list[str] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """One of allauth's `APPS`, always with PKCE."""
    url = urlsplit(server_url)
    if not PROVIDER_ID.fullmatch(provider_id):
        raise ImproperlyConfigured(
            f"The provider id “{provider_id}” may hold a-z, 0-9 and hyphens."
        )
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
        raise ImproperlyConfigured(f"The server_url of “{provider_id}” must begin with https://.")
    if not client_id or not secret:
        raise ImproperlyConfigured(f"“{provider_id}” needs a client id and a client secret.")
    return {
        "provider_id": provider_id,
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {
            "server_url": server_url.rstrip("/"),
            "scope": scope or SCOPE,
            "verified_claim": "email_verified",
        }
        | settings,
    }


def _own(text: str) -> list[dict[str, Any]]:
    """The providers of `FOYER_OPENID_PROVIDERS`."""
    try:
        return [
            _app(
                provider_id=given["id"],
                name=given["name"],
                server_url=given["server_url"],
                client_id=given["client_id"],
                secret=given["secret"],
                scope=given.get("scope", "").split(),
            )
            for given in json.loads(text)
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImproperlyConfigured(
            "FOYER_OPENID_PROVIDERS must be a JSON list of objects with id, name, server_url, "
            f"client_id and secret, all texts ({error})."
        ) from error


def _microsoft(environ: Mapping[str, str]) -> dict[str, Any]:
    """Microsoft lets administrators write any address: it counts only with `xms_edov`.

    An operator who pins one directory may say that its addresses are to be trusted.
    """
    tenant = environ.get("FOYER_MICROSOFT_TENANT", "common")
    trusted = environ.get("FOYER_MICROSOFT_TRUST_ADDRESSES", "").lower() in {"1", "true", "yes"}
    if trusted and tenant in SHARED_TENANTS:
        raise ImproperlyConfigured(
            "FOYER_MICROSOFT_TRUST_ADDRESSES needs FOYER_MICROSOFT_TENANT to be one directory's id."
        )
    return _app(
        provider_id="microsoft",
        name="Microsoft",
        server_url=MICROSOFT.format(tenant=tenant),
        client_id=environ["FOYER_MICROSOFT_CLIENT_ID"],
        secret=environ.get("FOYER_MICROSOFT_CLIENT_SECRET", ""),
        verified_claim="xms_edov",
        address_trusted=trusted,
        # Its issuer carries the id of the person's directory, not the word in the address.
        issuer_differs=True,
    )


def outside_apps(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every configured provider as allauth wants it; `ImproperlyConfigured` says what is wrong."""
    apps = _own(environ.get("FOYER_OPENID_PROVIDERS") or "[]")
    if environ.get("FOYER_MICROSOFT_CLIENT_ID"):
        apps.append(_microsoft(environ))
    if environ.get("FOYER_GOOGLE_CLIENT_ID"):
        apps.append(
            _app(
                provider_id="google",
                name="Google",
                server_url=GOOGLE,
                client_id=environ["FOYER_GOOGLE_CLIENT_ID"],
                secret=environ.get("FOYER_GOOGLE_CLIENT_SECRET", ""),
            )
        )
    ids = [app["provider_id"] for app in apps]
    if len(set(ids)) != len(ids):
        raise ImproperlyConfigured("Two outside sign-ins have the same id.")
    return apps
