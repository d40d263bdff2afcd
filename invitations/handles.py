"""A redemption in progress, held by the browser that opened the ticket (C06, T13).

The ticket leaves the address bar at once: it goes into a signed cookie, one for each invitation,
so that two tabs with two invitations do not disturb each other, and nothing is written on our
side while scanners open links (T12). The URL keeps only the cookie's name.
"""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from invitations import tickets
from invitations.errors import TicketInvalidError
from tenants import schema

SALT = "foyer.redeem"
LIFETIME_SECONDS = 3600


@dataclass(frozen=True)
class Handle:
    """The name under which a browser holds a ticket, and the ticket."""

    name: str
    ticket: tickets.Ticket


def name_for(text: str) -> str:
    """The name under which `give` lets a browser hold this ticket: says nothing about it."""
    seed = f"{schema.current_schema()}\0{text}".encode()
    return hashlib.blake2b(seed, digest_size=6).hexdigest()


def _cookie(name: str) -> str:
    return f"{settings.COOKIE_PREFIX}foyer-redeem-{name}"


def give(response: HttpResponse, text: str) -> None:
    """Let the browser hold this ticket for an hour."""
    response.set_cookie(
        _cookie(name_for(text)),
        signing.dumps([schema.current_schema(), text], salt=SALT),
        max_age=LIFETIME_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def take(
    request: HttpRequest, name: str, *, purpose: tickets.Purpose = tickets.Purpose.REDEEM
) -> Handle:
    """What this browser holds under the name.

    `TicketInvalidError` when it holds nothing, no more, or another tenant's; `BadRequest` when the
    cookie contradicts itself (T11).
    """
    held = request.COOKIES.get(_cookie(name))
    if not held:
        raise TicketInvalidError
    try:
        schema_name, text = signing.loads(held, salt=SALT, max_age=LIFETIME_SECONDS)
    except signing.SignatureExpired as error:
        raise TicketInvalidError from error
    except (signing.BadSignature, ValueError) as error:
        raise BadRequest from error
    if schema_name != schema.current_schema():
        raise TicketInvalidError
    if name_for(text) != name:
        raise BadRequest
    return Handle(
        name, tickets.unseal(text, realm=schema.current_tenant().ticket_realm, purpose=purpose)
    )
