"""Proving once more that it is you: by a mailed code, for people who have no password (A11).

Use `require_recent` in front of a view that needs it; it works on pages of tenants as well.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.models import EmailAddress
from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare, salted_hmac

from tenants import guessing, schema
from tenants.errors import FoyerError
from tenants.models import Account

STATE = "foyer_reauthentication"
CODE_SECONDS = 600
TRIES = 5

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


class CodeRefusedError(FoyerError):
    """The code is wrong, used, too old, tried too often, or from another browser."""


def is_recent(request: HttpRequest) -> bool:
    """Whether this session proved who it is a short while ago: by signing in or once more."""
    if not isinstance(request.user, Account):
        return False
    records = get_authentication_records(request, request.user)
    age = time.time() - records[-1]["at"] if records else None
    return age is not None and age < app_settings.REAUTHENTICATION_TIMEOUT


def require_recent(view: View[P]) -> View[P]:
    """Send a person who proved nothing lately to the page that asks, and back to this page.

    What a post carried is not kept: the person sees the page again and presses the button anew.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if is_recent(request):
            return view(request, *args, **kwargs)
        name = "account_reauthenticate" if request.user.is_authenticated else "account_login"
        query = urlencode({"next": request.get_full_path()})
        return redirect(f"{schema.public_path(name)}?{query}")

    return wrapped  # type: ignore[return-value]  # `wraps` names the argument, Concatenate cannot


def proved_address(account: Account) -> str | None:
    """Where a code may go: the primary address, if it was proved."""
    address = EmailAddress.objects.filter(user=account, verified=True, primary=True).first()
    return address.email if address else None


def _digest(account: Account, code: str) -> str:
    plain = "".join(character for character in code.upper() if character.isalnum())
    return salted_hmac(STATE, f"{account.pk}:{plain}", algorithm="sha256").hexdigest()


def send_code(request: HttpRequest, account: Account) -> None:
    """Mail a new code; an earlier one no longer counts. Only its digest is kept, in this session.

    Raises allauth's `ImmediateHttpResponse`: 429 after three in a minute, 503 without mail server.
    """
    address = proved_address(account)
    if address is None:
        raise CodeRefusedError
    action = "request_login_code"
    if not ratelimit.consume(request, app=guessing.APP, action=action, key=address):
        raise guessing.refuse(request, action=action, key=address)
    adapter = get_adapter()
    code = adapter.generate_login_code()
    adapter.send_mail("account/email/reauthentication_code", address, {"code": code})
    request.session[STATE] = {"digest": _digest(account, code), "at": time.time(), "tries": 0}


def is_code_sent(request: HttpRequest) -> bool:
    """Whether a code is out that this session may still enter."""
    state = request.session.get(STATE)
    return state is not None and time.time() - state["at"] < CODE_SECONDS


def enter_code(request: HttpRequest, account: Account, code: str) -> None:
    """Use the code up; raises `CodeRefusedError`, or `ImmediateHttpResponse` (429)."""
    if not is_code_sent(request):
        request.session.pop(STATE, None)
        raise CodeRefusedError
    usage = guessing.count_try(request, key=f"reauthentication:{request.session.session_key}")
    state = request.session[STATE]
    if constant_time_compare(state["digest"], _digest(account, code)):
        usage.rollback()
        del request.session[STATE]
        return
    state["tries"] += 1
    request.session.modified = True
    if state["tries"] >= TRIES:
        del request.session[STATE]
    raise CodeRefusedError


def record(request: HttpRequest, account: Account) -> None:
    """This session proved the account's mailbox once more."""
    record_authentication(request, account, method="code", reauthenticated=True)
