"""The secret in a redemption link: an invitation's id and serial under a seal (T01, T02). Pure.

    version (1) · purpose (1) · id (16) · serial (2) · HMAC-SHA-256, first 20 bytes

makes 40 bytes, 54 characters of base64url. The tenant's realm (its schema, and a count of restores) takes part in the seal without
being in the text, so a ticket means nothing next door (T11). Nothing of it is stored: it is built
again whenever a mail is rendered.
"""

import base64
import binascii
import hashlib
import hmac
import struct
import uuid
from dataclasses import dataclass
from enum import IntEnum

from django.conf import settings

from invitations.errors import TicketInvalidError

VERSION = 1
BODY = struct.Struct(">BB16sH")
SEAL_BYTES = 20
LENGTH = 54


class Purpose(IntEnum):
    """What the link is for; one never serves as the other."""

    REDEEM = 1
    UNWANTED = 2


@dataclass(frozen=True)
class Ticket:
    """Which invitation, at which serial (1 to 65,535), for what."""

    invitation_id: uuid.UUID
    serial: int
    purpose: Purpose = Purpose.REDEEM


def _seal(body: bytes, realm: str, key: str) -> bytes:
    text = b"foyer.ticket\0" + realm.encode() + b"\0" + body
    return hmac.new(key.encode(), text, hashlib.sha256).digest()[:SEAL_BYTES]


def seal(ticket: Ticket, *, realm: str) -> str:
    """The ticket as text of 54 characters from A–Z a–z 0–9 - _."""
    body = BODY.pack(VERSION, ticket.purpose, ticket.invitation_id.bytes, ticket.serial)
    sealed = body + _seal(body, realm, settings.FOYER_TICKET_KEY)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _open(text: str) -> bytes:
    if len(text) != LENGTH or not text.isascii():
        raise TicketInvalidError
    try:
        raw = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TicketInvalidError from error
    # One text for one ticket: base64 has spare bits at the end.
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise TicketInvalidError
    return raw


def unseal(text: str, *, realm: str, purpose: Purpose = Purpose.REDEEM) -> Ticket:
    """What the text says, once the seal of this tenant holds; `TicketInvalidError` otherwise.

    Keys being retired are honoured too (S04). Says nothing about the invitation's state.
    """
    raw = _open(text)
    body, given = raw[: BODY.size], raw[BODY.size :]
    keys = [settings.FOYER_TICKET_KEY, *settings.FOYER_TICKET_KEY_FALLBACKS]
    # Every key is tried, whichever fits: the time tells nothing.
    fits = [hmac.compare_digest(_seal(body, realm, key), given) for key in keys]
    if not any(fits):
        raise TicketInvalidError
    version, stated_purpose, invitation_id, serial = BODY.unpack(body)
    if version != VERSION or stated_purpose != purpose:
        raise TicketInvalidError
    return Ticket(uuid.UUID(bytes=invitation_id), serial, purpose)
