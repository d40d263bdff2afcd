"""A code mailed to a mailbox, to be typed in the browser that asked: proof beside the sign-in."""

import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from tenants.errors import FoyerError

KEY = "foyer-codes"
LIFETIME_SECONDS = 600
TRIES = 5


class CodeError(FoyerError):
    """The code is wrong, used, too old, tried too often, or this browser asked for none (A10)."""


class TooManyCodesError(FoyerError):
    """This mailbox got its share of codes for this minute."""


def _digest(purpose: str, code: str) -> str:
    return salted_hmac("foyer.code", f"{purpose}\0{_plain(code)}").hexdigest()


def _plain(code: str) -> str:
    return code.replace("-", "").replace(" ", "").upper()


def send_code(request: HttpRequest, *, purpose: str, address: str) -> None:
    """Mail a code for `purpose` to a canonical address and bind it to this browser.

    A newer code takes the place of an older one for the same purpose. Raises
    `TooManyCodesError`, and allauth's `ImmediateHttpResponse` when the mail server is away.
    """
    if not ratelimit.consume(request, action="request_login_code", key=address):
        raise TooManyCodesError
    code = get_adapter().generate_login_code()
    asked: dict[str, Any] = request.session.get(KEY, {})
    asked[purpose] = {
        "digest": _digest(purpose, code),
        "address": address,
        "until": time.time() + LIFETIME_SECONDS,
        "tries": TRIES,
    }
    request.session[KEY] = asked
    get_adapter().send_mail("account/email/proof_code", address, {"code": code})


def check_code(request: HttpRequest, *, purpose: str, code: str) -> str:
    """The address whose mailbox the code proves; a code serves once. Raises `CodeError`."""
    asked: dict[str, Any] = request.session.get(KEY, {})
    waiting = asked.pop(purpose, None)
    if waiting is None or waiting["until"] < time.time():
        raise CodeError
    fits = constant_time_compare(waiting["digest"], _digest(purpose, code))
    waiting["tries"] -= 1
    if not fits and waiting["tries"] > 0:
        asked[purpose] = waiting
    request.session[KEY] = asked
    if not fits:
        raise CodeError
    return str(waiting["address"])


def is_waiting(request: HttpRequest, *, purpose: str) -> bool:
    """Whether a code for this purpose may still be typed here."""
    waiting = request.session.get(KEY, {}).get(purpose)
    return bool(waiting and waiting["until"] >= time.time())
