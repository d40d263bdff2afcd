"""Proving who one is: by code, by password, by recovery code, and once more."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from tenants.models import Account, Tenant
from tenants.reauthentication import require_recent
from tests.tenants.conftest import (
    CODE_PAGE,
    CONFIRM,
    PASSWORD,
    REQUEST,
    is_in,
    last_code,
    later,
    set_up_app,
    sign_in,
)

# --- Proving oneself again -----------------------------------------------------------------------


def test_a_stale_session_proves_itself_by_code_and_comes_back(gita: Account) -> None:
    """A11: asks for re-authentication, also without any password; A08: with a new session key."""
    browser = sign_in(gita)
    later(browser)
    asked = browser.get("/accounts/password/set/")
    assert asked["Location"] == f"{CODE_PAGE}?next=%2Faccounts%2Fpassword%2Fset%2F"
    mail.outbox.clear()
    assert browser.get(asked["Location"]).status_code == 200
    assert mail.outbox == []  # A10: a GET sends and confirms nothing
    browser.post(asked["Location"], {"action": "send"})
    before = browser.session.session_key
    answer = browser.post(asked["Location"], {"code": last_code()})
    assert answer["Location"] == "/accounts/password/set/"
    assert browser.session.session_key != before
    assert browser.get(answer["Location"]).status_code == 200
    old = Client()
    old.cookies["foyer-session"] = str(before)
    assert not is_in(old)


def test_the_code_is_good_once_and_in_one_browser(gita: Account) -> None:
    """A10: replay from a second browser, and a second time in the first."""
    first, second = sign_in(gita), sign_in(gita)
    for browser in (first, second):
        later(browser)
    first.post(CODE_PAGE, {"action": "send"})
    code = last_code()
    refused = b"not right, or no longer valid"
    assert refused in second.post(CODE_PAGE, {"code": code}).content
    assert first.post(CODE_PAGE, {"code": code}).status_code == 302
    assert refused in first.post(CODE_PAGE, {"code": code}).content


def test_the_code_ends_after_ten_minutes_and_after_five_tries(gita: Account) -> None:
    """A10: ≤ 10 minutes, 5 tries."""
    browser = sign_in(gita)
    browser.post(CODE_PAGE, {"action": "send"})
    session = browser.session
    session["foyer_reauthentication"]["at"] -= 601
    session.save()
    assert browser.post(CODE_PAGE, {"code": last_code()}).status_code == 200
    browser.post(CODE_PAGE, {"action": "send"})
    for _ in range(5):
        assert browser.post(CODE_PAGE, {"code": "AAAA-AAAA"}).status_code == 200
    cache.clear()  # what is left to see is the code itself, not the limit on tries
    assert browser.post(CODE_PAGE, {"code": last_code()}).status_code == 200
    assert "foyer_reauthentication" not in browser.session


def test_the_session_keeps_no_code_in_clear(gita: Account) -> None:
    browser = sign_in(gita)
    browser.post(CODE_PAGE, {"action": "send"})
    kept = str(dict(browser.session))
    assert last_code() not in kept
    assert last_code().replace("-", "") not in kept


def test_a_page_of_a_tenant_asks_and_comes_back(gita: Account, rf: Any) -> None:
    @require_recent
    def act(request: Any) -> HttpResponse:
        return HttpResponse("done")

    browser = sign_in(gita)
    request = rf.get("/o/contoso/guests/?q=a")
    request.user, request.session = gita, browser.session
    assert act(request).content == b"done"
    later(browser)
    request.session = browser.session
    there = "/accounts/reauthenticate/?next=%2Fo%2Fcontoso%2Fguests%2F%3Fq%3Da"
    assert act(request)["Location"] == there
    assert browser.get(there)["Location"].startswith(CODE_PAGE)


def test_a_password_proves_it_too_and_the_code_stays_an_alternative(gita: Account) -> None:
    gita.set_password(PASSWORD)
    gita.save()
    browser = sign_in(gita)
    later(browser)
    page = browser.get("/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/")
    assert page.status_code == 200
    assert b"/accounts/reauthenticate/code/?next=" in page.content
    other = browser.get(f"{CODE_PAGE}?next=/", headers={"accept-language": "nl"})
    assert "Gebruik liever een wachtwoord" in other.content.decode()
    before = browser.session.session_key
    answer = browser.post(
        "/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/", {"password": PASSWORD}
    )
    assert answer["Location"] == "/accounts/2fa/totp/activate/"
    assert browser.session.session_key != before


# --- Codes ---------------------------------------------------------------------------------------


def test_a_sign_in_code_is_good_once_in_the_browser_that_asked(gita: Account) -> None:
    """A10."""
    browser, thief = Client(), Client()
    browser.post(REQUEST, {"email": gita.email})
    code = last_code()
    thief.post(REQUEST, {"email": gita.email})
    assert thief.post(CONFIRM, {"code": code}).status_code == 200
    assert Client().post(CONFIRM, {"code": code})["Location"] == REQUEST
    browser.get(f"{CONFIRM}?code={code}")
    assert not is_in(browser)
    assert browser.post(CONFIRM, {"code": code}).status_code == 302
    browser.post("/accounts/logout/")
    assert browser.post(CONFIRM, {"code": code})["Location"] == REQUEST


@pytest.mark.parametrize(
    ("ask", "data", "enter"),
    [
        (REQUEST, {}, CONFIRM),
        ("/accounts/password/reset/", {}, "/accounts/password/reset/confirm/"),
    ],
)
def test_a_code_ends_after_ten_minutes_or_five_tries(
    gita: Account, ask: str, data: dict[str, str], enter: str
) -> None:
    """A10."""
    slow, wrong = Client(), Client()
    slow.post(ask, {"email": gita.email})
    code = last_code()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=601)):
        assert slow.post(enter, {"code": code}).status_code == 302
        assert not is_in(slow)
    wrong.post(ask, {"email": gita.email})
    answers = [wrong.post(enter, {"code": "AAAA-AAAA"}).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 302]
    cache.clear()
    assert wrong.post(enter, {"code": last_code()}).status_code == 302
    assert not is_in(wrong)


# --- Passwords -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("fourteen chars", False),
        ("all lower words", True),
        ("x" * 6 + "long enough" * 8, True),
        ("foyerfoyerfoyer", False),
        ("Contoso 2026 Foyer!", False),
        ("contoso keeps my blue bicycle", True),
        ("alice@contoso.example", False),
    ],
)
def test_a_password_is_long_and_no_name(alice: Account, password: str, is_good: bool) -> None:
    """A09: ≥ 15 characters, ≥ 64 allowed, no composition rules, no tenant or product names."""
    Authenticator.objects.filter(user=alice).delete()  # 8 would do with a second factor
    browser = sign_in(alice)
    answer = browser.post("/accounts/password/set/", {"password1": password})
    assert (answer.status_code == 302) is is_good
    alice.refresh_from_db()
    assert alice.has_usable_password() is is_good
    assert b"maxlength" not in answer.content


@pytest.mark.parametrize(("password", "is_good"), [("password1", False), ("qk7 bluh", True)])
def test_eight_characters_do_beside_a_second_factor(
    gita: Account, at_once: None, password: str, is_good: bool
) -> None:
    """A09: and common ones are still refused."""
    browser = sign_in(gita)
    set_up_app(browser)
    answer = browser.post("/accounts/password/set/", {"password1": password})
    assert (answer.status_code == 302) is is_good


def test_a_password_is_stored_with_argon2id(gita: Account) -> None:
    """A09: OWASP's parameters."""
    sign_in(gita).post("/accounts/password/set/", {"password1": PASSWORD})
    gita.refresh_from_db()
    assert gita.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


# --- Recovery codes ------------------------------------------------------------------------------


def test_a_recovery_code_lets_in_once(gita: Account, at_once: None) -> None:
    browser = sign_in(gita)
    set_up_app(browser)
    shown = browser.get("/accounts/2fa/recovery-codes/").content.decode()
    code = re.findall(r"<code>(\w+)</code>", shown)[0]
    assert code in browser.get("/accounts/2fa/recovery-codes/download/").content.decode()
    cache.clear()
    again = sign_in(gita)
    assert again.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert is_in(again)
    third = sign_in(gita)
    assert third.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 200
    assert not is_in(third)


def test_the_way_on_from_recovery_codes_stays_here(gita: Account, at_once: None) -> None:
    browser = sign_in(gita)
    set_up_app(browser)
    page = "/accounts/2fa/recovery-codes/?next="
    assert b'href="/o/contoso/redeem/abc"' in browser.get(f"{page}/o/contoso/redeem/abc").content
    assert b'href="https://evil' not in browser.get(f"{page}https://evil.example/").content


def test_a_passkey_offered_on_the_way_leads_back(gita: Account) -> None:
    """Right after the code that made the account; “Not now” goes on to the redemption."""
    there = "/accounts/passkey/?next=/o/contoso/redeem/abc"
    page = sign_in(gita).get(there).content.decode()
    assert 'href="/o/contoso/redeem/abc"' in page
    assert '"residentKey": "required"' in page
    foreign = sign_in(gita).get("/accounts/passkey/?next=https://evil.example/").content
    assert b'href="https://evil' not in foreign


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (REQUEST, ["Enter an e-mail address"]),
        ("/accounts/login/", ["Enter an e-mail address", "Enter your password"]),
        ("/o/contoso/enter/", ["Enter an e-mail address"]),
    ],
)
def test_an_empty_answer_is_told_what_to_enter(
    client: Client, contoso: Tenant, path: str, said: list[str]
) -> None:
    page = client.post(path, {"address": ""}).content.decode()
    assert all(words in page for words in said)
    assert "This field is required" not in page
