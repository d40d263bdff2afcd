"""What strangers may try, and what they may learn of an account."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tenants.models import Account
from tests.tenants.conftest import (
    CONFIRM,
    LOGIN,
    PASSWORD,
    REQUEST,
    guess,
    is_in,
    last_code,
    set_up_app,
    sign_in,
    totp_now,
)

# --- Guessing ------------------------------------------------------------------------------------


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


# --- What strangers learn ------------------------------------------------------------------------


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
