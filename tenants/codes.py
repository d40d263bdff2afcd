"""A code mailed to a mailbox, to be typed in the browser that asked for it (A10).

Kept in that browser's session as a digest: no account is needed to ask, and none is made before
the code comes back (A04).
"""

import secrets
import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.signup import send_unknown_account_mail
from allauth.core.internal import ratelimit
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from tenants import guessing
from tenants.errors import FoyerError

KEY = "foyer-codes"
LIFETIME_SECONDS = 600
TRIES = 5
SIGN_IN_MAIL = "account/email/login_code"
PROOF_MAIL = "account/email/proof_code"


class CodeError(FoyerError):
    """The code is wrong, used, too old, tried too often, or this browser asked for none."""


def _digest(purpose: str, code: str) -> str:
    plain = "".join(character for character in code.upper() if character.isalnum())
    return salted_hmac("foyer.code", f"{purpose}\0{plain}", algorithm="sha256").hexdigest()


def _count(request: HttpRequest, address: str) -> None:
    action = "request_login_code"
    if not ratelimit.consume(request, app=guessing.APP, action=action, key=address):
        raise guessing.refuse(request, action=action, key=address)


def _keep(request: HttpRequest, purpose: str, address: str, code: str) -> None:
    asked: dict[str, Any] = request.session.get(KEY, {})
    asked[purpose] = {
        "digest": _digest(purpose, code),
        "address": address,
        "until": time.time() + LIFETIME_SECONDS,
        "tries": TRIES,
    }
    request.session[KEY] = asked


def send_code(
    request: HttpRequest, *, purpose: str, address: str, template: str = SIGN_IN_MAIL
) -> None:
    """Mail a code for `purpose` to a canonical address and bind it to this browser.

    A newer code takes the place of an older one for the same purpose. Raises allauth's
    `ImmediateHttpResponse`: 429 after three a minute to one mailbox, 503 without a mail server.
    """
    _count(request, address)
    code = get_adapter().generate_login_code()
    get_adapter().send_mail(template, address, {"code": code})
    _keep(request, purpose, address, code)


def send_refusal(request: HttpRequest, *, purpose: str, address: str) -> None:
    """For an address that has no account and may not get one: a mail that says so, and a page
    that looks the same (A01). No code will fit. Raises what `send_code` raises."""
    _count(request, address)
    send_unknown_account_mail(request, address)
    _keep(request, purpose, address, secrets.token_hex(16))


def check_code(request: HttpRequest, *, purpose: str, code: str) -> str:
    """The address whose mailbox the code proves; a code serves once.

    Raises `CodeError`, and `ImmediateHttpResponse` (429) after too many tries (A02).
    """
    asked: dict[str, Any] = request.session.get(KEY, {})
    waiting = asked.pop(purpose, None)
    if waiting is None or waiting["until"] < time.time():
        raise CodeError
    # Counted for this code, so that nobody's guesses keep the owner's next code out.
    usage = guessing.count_try(request, key=f"code:{waiting['digest']}")
    fits = constant_time_compare(waiting["digest"], _digest(purpose, code))
    waiting["tries"] -= 1
    if not fits and waiting["tries"] > 0:
        asked[purpose] = waiting
    request.session[KEY] = asked
    if not fits:
        raise CodeError
    usage.rollback()
    return str(waiting["address"])


def address_of(request: HttpRequest, *, purpose: str) -> str:
    """Where a code for this purpose went that may still be typed here; empty for none."""
    waiting = request.session.get(KEY, {}).get(purpose)
    return str(waiting["address"]) if waiting and waiting["until"] >= time.time() else ""
