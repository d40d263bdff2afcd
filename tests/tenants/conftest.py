"""Signing in as people do, for tests of accounts."""

import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.db import transaction
from django.test import Client

from tenants.models import Account

CODE = re.compile(r"^\s+([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", re.MULTILINE)
LOGIN = "/accounts/login/"
REQUEST = "/accounts/login/code/"
CONFIRM = "/accounts/login/code/confirm/"
PASSWORD = "four plain words do"  # nosec B105: of a test account


def last_code() -> str:
    found = CODE.search(str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found[1]


def sign_in(account: Account, client: Client | None = None, then: str = "") -> Client:
    """By mailed code, as people do."""
    browser = client or Client()
    query = f"?next={then}" if then else ""
    browser.post(REQUEST + query, {"email": account.email})
    answer = browser.post(CONFIRM + query, {"code": last_code()})
    assert answer.status_code == 302
    return browser


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's transaction never commits: what waits for it happens within the request."""
    monkeypatch.setattr(transaction, "on_commit", lambda act, **_: act())


def is_in(client: Client) -> bool:
    return bool(client.get("/organizations/").status_code == 200)


CODE_PAGE = "/accounts/reauthenticate/code/"


def later(client: Client, seconds: int = 700) -> None:
    """As if the last proof were that long ago."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def set_up_app(browser: Client) -> str:
    """An authenticator app; its secret."""
    browser.get("/accounts/2fa/totp/activate/")
    secret = str(browser.session["mfa.totp.secret"])
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": totp_now(secret)})
    assert answer.status_code == 302, answer.content
    return secret


def totp_now(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def guess(address: str, password: str = "wrong", **extra: Any) -> Any:  # noqa: S107  # nosec B107
    return Client().post(LOGIN, {"login": address, "password": password}, **extra)
