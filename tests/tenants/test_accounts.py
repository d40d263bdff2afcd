"""A person's account: proving who it is, changing how, and what strangers may learn of it."""

import re

import pytest
from django.core import mail
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


def is_in(client: Client) -> bool:
    return bool(client.get("/organizations/").status_code == 200)


PAGES = [
    "/accounts/security/",
    "/accounts/email/",
    "/accounts/password/set/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/passkey/",
    "/accounts/sessions/",
    "/accounts/reauthenticate/code/",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_after_a_code_sign_in(gita: Account, path: str) -> None:
    """Who just came in by a code is asked for nothing more."""
    answer = sign_in(gita).get(path)
    assert answer.status_code == 200
    assert b"<h1>" in answer.content


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_sign_in(db: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert "/accounts/login" in answer["Location"]
