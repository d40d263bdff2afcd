"""What a contender says of itself, so that one and the same flow can be run against each."""

from dataclasses import dataclass

from django.conf import settings
from django.test import Client

CALLBACK = "https://rooms.contoso.example/callback"


@dataclass(frozen=True)
class Contender:
    """An app at a provider, and the browser of somebody who is signed in there."""

    authorize: str
    token: str
    userinfo: str
    client_id: str
    secret: str
    scope: str
    cookie: str


def cookie_of(browser: Client) -> str:
    """What the browser sends."""
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={browser.cookies[name].value}"
