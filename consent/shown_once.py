"""A new secret on its way to the one page that shows it (O10).

The page comes after a redirect, so that reloading it makes no second secret. What waits in between
waits in the browser, sealed and for a minute: no table, cache or log of ours ever holds it.
"""

import json
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from consent.keys import sealer
from tenants import schema

COOKIE = "foyer-new-secret"
PURPOSE = b"foyer new secret"
SECONDS = 60


def _path(app_id: UUID) -> str:
    return schema.tenant_path(schema.current_tenant(), "consent:app", app_id=app_id)


def hand_over(response: HttpResponse, secret: str, *, app_id: UUID, entry_id: UUID) -> None:
    """Let the next page of this app show the secret, to this person alone."""
    told = json.dumps([str(app_id), str(entry_id), secret])
    response.set_cookie(
        COOKIE,
        sealer(PURPOSE).encrypt(told.encode()).decode(),
        max_age=SECONDS,
        path=_path(app_id),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def read(request: HttpRequest, *, app_id: UUID, entry_id: UUID) -> str:
    """The secret that waits to be shown; empty when there is none, or it is somebody else's."""
    try:
        told = sealer(PURPOSE).decrypt(request.COOKIES.get(COOKIE, "").encode(), ttl=SECONDS)
    except InvalidToken:
        return ""
    *for_whom, secret = json.loads(told)
    return str(secret) if for_whom == [str(app_id), str(entry_id)] else ""


def forget(response: HttpResponse, *, app_id: UUID) -> None:
    """It is shown: the browser keeps it no longer."""
    response.delete_cookie(COOKIE, path=_path(app_id), samesite="Strict")
