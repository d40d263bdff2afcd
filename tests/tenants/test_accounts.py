"""A person's account: proving who it is, changing how, and what strangers may learn of it."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tenants.accounts import delete_unproved, disable_account
from tenants.models import Account, Tenant
from tenants.reauthentication import require_recent

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


def test_my_access_leads_to_account_security(gita: Account) -> None:
    assert b'href="/accounts/security/"' in sign_in(gita).get("/organizations/").content


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


# --- Proving oneself again -----------------------------------------------------------------------
CODE_PAGE = "/accounts/reauthenticate/code/"


def later(client: Client, seconds: int = 700) -> None:
    """As if the last proof were that long ago."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


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
    before = browser.session.session_key
    answer = browser.post(
        "/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/", {"password": PASSWORD}
    )
    assert answer["Location"] == "/accounts/2fa/totp/activate/"
    assert browser.session.session_key != before


# --- Changes -------------------------------------------------------------------------------------
def subjects_to(address: str) -> list[str]:
    return [str(sent.subject) for sent in mail.outbox if address in sent.to]


def set_up_app(browser: Client) -> str:
    """An authenticator app; its secret."""
    browser.get("/accounts/2fa/totp/activate/")
    secret = str(browser.session["mfa.totp.secret"])
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": totp_now(secret)})
    assert answer.status_code == 302, answer.content
    return secret


def totp_now(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def change_password(browser: Client) -> None:
    answer = browser.post("/accounts/password/set/", {"password1": PASSWORD})
    assert answer.status_code == 302, answer.content


def change_address(browser: Client) -> None:
    browser.post("/accounts/email/", {"action_add": "", "email": "gita@new.example"})
    browser.post("/accounts/confirm-email/", {"code": last_code()})
    browser.post("/accounts/email/", {"action_primary": "", "email": "gita@new.example"})
    assert Account.objects.filter(email="gita@new.example").exists()


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (change_password, "A password was set"),
        (change_address, "Your primary address was changed"),
        (set_up_app, "An authenticator app was set up"),
    ],
)
def test_a_change_ends_every_other_session_and_is_told(
    gita: Account,
    change: Callable[[Client], Any],
    subject: str,
    at_once: None,
) -> None:
    """A11: two browsers; old and new address hear of it."""
    here, there, bystander = sign_in(gita), sign_in(gita), Client()
    sign_in(Account.objects.get(email="sam@tailspin.example"), bystander)
    mail.outbox.clear()
    change(here)
    assert is_in(here)
    assert not is_in(there)
    assert is_in(bystander)
    assert subject in subjects_to("gita@northwind.example")
    if change is change_address:
        assert subject in subjects_to("gita@new.example")
        assert "An address was added" in subjects_to("gita@northwind.example")


def test_nothing_changes_in_a_stale_session(gita: Account) -> None:
    """A11: address, password and second factor ask who it is."""
    browser = sign_in(gita)
    later(browser)
    new = {"action_add": "", "email": "gita@new.example"}
    for path, data in [
        ("/accounts/email/", new),
        ("/accounts/password/set/", {"password1": PASSWORD}),
        ("/accounts/2fa/totp/activate/", {"code": "123456"}),
        ("/accounts/passkey/", {}),
        ("/accounts/2fa/recovery-codes/generate/", {}),
    ]:
        answer = browser.post(path, data)
        assert answer["Location"].startswith(CODE_PAGE), path
    gita.refresh_from_db()
    assert not gita.has_usable_password()
    assert EmailAddress.objects.filter(user=gita).count() == 1


def test_a_new_address_counts_only_after_its_code(gita: Account) -> None:
    """A11 and A05: adding proves nothing."""
    browser = sign_in(gita)
    browser.post("/accounts/email/", {"action_add": "", "email": "gita@new.example"})
    assert mail.outbox[-1].to == ["gita@new.example"]
    browser.post("/accounts/email/", {"action_primary": "", "email": "gita@new.example"})
    gita.refresh_from_db()
    assert gita.email == "gita@northwind.example"
    assert not EmailAddress.objects.filter(email="gita@new.example", verified=True).exists()


def test_disabling_ends_everything_at_once(gita: Account, at_once: None) -> None:
    """A11: no session survives, and no new one begins."""
    browser = sign_in(gita)
    disable_account(gita)
    assert not is_in(browser)
    assert subjects_to(gita.email)[-1] == "Your account was disabled"
    again = Client()
    again.post(REQUEST, {"email": gita.email})
    assert mail.outbox[-1].subject == "There is no account with this address"


def test_other_sessions_are_signed_out_by_their_button(gita: Account) -> None:
    here, there = sign_in(gita), sign_in(gita)
    assert b"This browser" in here.get("/accounts/sessions/").content
    here.post("/accounts/sessions/")
    assert is_in(here)
    assert not is_in(there)


# --- Guessing ------------------------------------------------------------------------------------
def guess(address: str, password: str = "wrong", **extra: Any) -> Any:  # noqa: S107  # nosec B107
    return Client().post(LOGIN, {"login": address, "password": password}, **extra)


def test_an_account_stops_after_five_wrong_passwords(gita: Account, at_once: None) -> None:
    """A02: 429 + Retry-After, also for the right password; a mailed code still lets her in."""
    gita.set_password(PASSWORD)
    gita.save()
    for number in range(5):
        assert guess(gita.email, REMOTE_ADDR=f"192.0.2.{number}").status_code == 200
    refused = guess(gita.email, PASSWORD, REMOTE_ADDR="192.0.2.77")
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 300
    assert is_in(sign_in(gita))
    # The code cleared nothing.
    assert guess(gita.email, PASSWORD, REMOTE_ADDR="192.0.2.78").status_code == 429
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=301)):
        assert guess(gita.email, PASSWORD, REMOTE_ADDR="192.0.2.77").status_code == 302


def test_fifty_at_once_are_five(db: None) -> None:
    """A02: in parallel as one after the other."""

    def one(number: int) -> int:
        try:
            answer = guess("nobody@northwind.example", REMOTE_ADDR=f"192.0.2.{number}")
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = Counter(pool.map(one, range(50)))
    # A lock that could not be had in a second refuses as well.
    assert answers[200] <= 5
    assert answers[200] + answers[429] == 50


def test_an_address_stops_after_ten_and_no_success_clears_it(gita: Account, sam: Account) -> None:
    """A02: an own account in between buys no more tries at others."""
    sam.set_password(PASSWORD)
    sam.save()
    for number in range(10):
        assert guess(f"nobody{number}@northwind.example").status_code == 200
        if number == 8:
            assert guess(sam.email, PASSWORD).status_code == 302
    refused = guess("nobody@northwind.example")
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60


def test_a_forged_forwarded_header_buys_no_try(db: None) -> None:
    """A03: 100 values, one address."""
    answers = [
        guess(f"n{n}@northwind.example", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}").status_code
        for n in range(100)
    ]
    assert answers == [200] * 10 + [429] * 90


def test_a_named_proxy_is_believed(settings: Any, db: None) -> None:
    """A03: with one proxy the last address counts, and only that one."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers = [
        guess(f"n{n}@northwind.example", HTTP_X_FORWARDED_FOR=f"203.0.113.9, 198.51.100.{n}")
        for n in range(12)
    ]
    assert {answer.status_code for answer in answers} == {200}


def test_wrong_codes_count_for_the_address_whatever_the_browser(gita: Account) -> None:
    """A02: mailed codes as well as passwords."""
    answers = []
    for _ in range(3):
        browser = Client()
        browser.post(REQUEST, {"email": gita.email})
        answers += [browser.post(CONFIRM, {"code": "AAAA-AAAA"}).status_code for _ in range(4)]
    assert answers == [200] * 10 + [429] * 2


def test_asking_for_codes_is_limited(gita: Account) -> None:
    """A02: three a minute for one mailbox."""
    answers = [Client().post(REQUEST, {"email": gita.email}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert len(mail.outbox) == 3


def test_the_second_factor_is_not_guessed(gita: Account, at_once: None) -> None:
    """A02: five wrong codes of the app, then 429 for the right one too."""
    secret = set_up_app(sign_in(gita))
    cache.clear()
    browser = Client()
    browser.post(REQUEST, {"email": gita.email})
    step = browser.post(CONFIRM, {"code": last_code()})
    assert step["Location"] == "/accounts/2fa/authenticate/"
    assert not is_in(browser)
    codes = ["abcdef"] * 5 + [totp_now(secret)]
    answers = [browser.post(step["Location"], {"code": code}).status_code for code in codes]
    assert answers == [200] * 5 + [429]


def test_next_survives_the_second_factor(gita: Account, at_once: None) -> None:
    secret = set_up_app(sign_in(gita))
    cache.clear()
    browser = sign_in(gita, then="/o/contoso/redeem/abc")
    answer = browser.post("/accounts/2fa/authenticate/", {"code": totp_now(secret)})
    assert answer["Location"] == "/o/contoso/redeem/abc"


def test_next_survives_a_password(gita: Account) -> None:
    gita.set_password(PASSWORD)
    gita.save()
    browser = Client()
    there = f"{LOGIN}?next=/o/contoso/redeem/abc"
    answer = browser.post(there, {"login": gita.email, "password": PASSWORD})
    assert answer["Location"] == "/o/contoso/redeem/abc"
    foreign = Client().post(
        f"{LOGIN}?next=https://evil.example/", {"login": gita.email, "password": PASSWORD}
    )
    assert foreign["Location"] == "/"


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


# --- What strangers learn -------------------------------------------------------------------------
def body(answer: Any, address: str) -> str:
    """The page without what differs every time: the token against forgery, the typed address."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    for part in (address, address.replace("@", "@<wbr>")):
        text = text.replace(part, "…")
    return text


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (REQUEST, {"email": "{}"}),
        ("/accounts/password/reset/", {"email": "{}"}),
        (LOGIN, {"login": "{}", "password": "wrong"}),
    ],
)
def test_known_and_unknown_addresses_look_alike(
    gita: Account, path: str, data: dict[str, str]
) -> None:
    """A01: same status, same body, same number of mails, also on the page after it."""
    seen = []
    for address in (gita.email, "nobody@northwind.example"):
        browser = Client()
        mail.outbox.clear()
        answer = browser.post(path, {key: value.format(address) for key, value in data.items()})
        pages = [(answer.status_code, answer.get("Location"), body(answer, address))]
        if answer.status_code == 302:
            following = browser.get(answer["Location"])
            wrong = browser.post(answer["Location"], {"code": "AAAA-AAAA"})
            pages += [(page.status_code, None, body(page, address)) for page in (following, wrong)]
        seen.append((pages, len(mail.outbox)))
    assert seen[0] == seen[1]


def test_an_address_of_somebody_else_is_added_by_nobody(gita: Account, sam: Account) -> None:
    """A01: the page after it looks as ever; only its owner gets the code, and even it adds nothing."""
    browser = sign_in(gita)
    mail.outbox.clear()
    answer = browser.post("/accounts/email/", {"action_add": "", "email": sam.email})
    assert answer["Location"] == "/accounts/confirm-email/"
    assert [sent.to for sent in mail.outbox] == [[sam.email]]
    assert browser.post(answer["Location"], {"code": last_code()}).status_code == 200
    assert EmailAddress.objects.filter(user=gita).count() == 1


# --- Accounts that nobody proved ----------------------------------------------------------------
def planted(address: str = "victim@northwind.example") -> Account:
    """What an attacker may have got as far as: an account with their own ways in."""
    account = Account.objects.create_user(address, PASSWORD)
    EmailAddress.objects.create(user=account, email=address, verified=False, primary=True)
    Authenticator.objects.create(user=account, type=Authenticator.Type.TOTP, data={"secret": "x"})
    passkey = {"name": "theirs", "credential": {}}
    Authenticator.objects.create(user=account, type=Authenticator.Type.WEBAUTHN, data=passkey)
    return account


def test_an_unproved_account_sees_only_the_verification_page(db: None) -> None:
    """A04."""
    account = planted()
    Authenticator.objects.all().delete()
    browser = Client()
    answer = browser.post(LOGIN, {"login": account.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/confirm-email/"
    assert mail.outbox[-1].to == [account.email]
    for path in PAGES:
        assert "/accounts/" in browser.get(path)["Location"], path
    assert not is_in(browser)


@pytest.mark.parametrize("way", ["code", "reset"])
def test_proof_by_the_real_owner_starts_clean(db: None, way: str) -> None:
    """A04: the pre-hijack script, then the owner's journey."""
    account = planted()
    owner = Client()
    if way == "code":
        sign_in(account, owner)
    else:
        owner.post("/accounts/password/reset/", {"email": account.email})
        owner.post("/accounts/password/reset/confirm/", {"code": last_code()})
        owner.post("/accounts/password/reset/complete/", {"password1": "the owner chose this"})
    assert is_in(owner)
    assert not Authenticator.objects.filter(user=account).exists()
    account.refresh_from_db()
    assert not account.check_password(PASSWORD)
    assert guess(account.email, PASSWORD).status_code == 200
    assert EmailAddress.objects.get(user=account).verified


def test_a_later_proof_takes_nothing_away(gita: Account) -> None:
    gita.set_password(PASSWORD)
    gita.save()
    browser = sign_in(gita)
    browser.post("/accounts/email/", {"action_add": "", "email": "gita@new.example"})
    browser.post("/accounts/confirm-email/", {"code": last_code()})
    gita.refresh_from_db()
    assert gita.check_password(PASSWORD)


def test_unproved_accounts_go_after_a_day(gita: Account, contoso: Tenant) -> None:
    """A04: deletes after 24 h; proved ones and young ones stay."""
    old, young = planted(), planted("young@northwind.example")
    Account.objects.filter(pk=old.pk).update(date_joined=timezone.now() - timedelta(hours=25))
    Account.objects.filter(pk=gita.pk).update(date_joined=timezone.now() - timedelta(days=99))
    assert delete_unproved() == 1
    assert set(Account.objects.filter(pk__in=[old.pk, young.pk, gita.pk])) == {young, gita}
    assert delete_unproved(timedelta(0)) == 1


# --- Session keys and cookies ---------------------------------------------------------------------
def test_the_session_key_changes_at_every_step_and_the_old_one_is_dead(
    gita: Account, at_once: None
) -> None:
    """A08: at sign-in by code, at the second factor, at a new password."""
    secret = set_up_app(sign_in(gita))
    cache.clear()
    browser = Client()
    browser.post(REQUEST, {"email": gita.email})
    keys = [browser.session.session_key]
    browser.post(CONFIRM, {"code": last_code()})
    browser.post("/accounts/2fa/authenticate/", {"code": totp_now(secret)})
    keys.append(browser.session.session_key)
    browser.post("/accounts/password/set/", {"password1": PASSWORD})
    keys.append(browser.session.session_key)
    assert len(set(keys)) == 3
    assert is_in(browser)
    for key in keys[:-1]:
        planted_key = Client()
        planted_key.cookies["foyer-session"] = str(key)
        assert not is_in(planted_key)


def test_cookies_under_https_are_bound_to_this_host() -> None:
    """A08: `__Host-`, Secure, HttpOnly, SameSite=Lax, no Domain."""
    script = (
        "from config.settings import base as s;"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE,"
        " s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE,"
        " getattr(s, 'SESSION_COOKIE_DOMAIN', None))"
    )
    env = os.environ | {"FOYER_ORIGIN": "https://foyer.example"}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "__Host-foyer-session", "__Host-foyer-csrf", "True", "True", "True", "Lax", "None",
    ]  # fmt: skip


def test_the_session_cookie_carries_its_flags(gita: Account) -> None:
    """A08: on the wire."""
    cookie = sign_in(gita).cookies["foyer-session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")
    assert cookie["path"] == "/"


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


# --- Recovery codes --------------------------------------------------------------------------------
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
