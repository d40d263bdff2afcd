"""A person's account: its pages, changing it, its sessions, and accounts that nobody proved."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from tenants.accounts import delete_unproved, disable_account
from tenants.models import Account, Tenant
from tests.tenants.conftest import (
    CODE_PAGE,
    CONFIRM,
    LOGIN,
    PASSWORD,
    REQUEST,
    guess,
    is_in,
    last_code,
    later,
    set_up_app,
    sign_in,
    totp_now,
)


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


# --- Changes -------------------------------------------------------------------------------------


def subjects_to(address: str) -> list[str]:
    return [str(sent.subject) for sent in mail.outbox if address in sent.to]


def test_a_wrong_password_is_said_in_our_words(client: Client, gita: Account) -> None:
    answer = client.post("/accounts/login/", {"login": gita.email, "password": "wrong"})
    assert "The e-mail address or the password is not right." in answer.content.decode()


def change_password(browser: Client) -> None:
    answer = browser.post("/accounts/password/set/", {"password1": PASSWORD})
    assert answer.status_code == 302, answer.content


def change_address(browser: Client) -> None:
    refused = browser.post("/accounts/email/", {"action_add": "", "email": "gita"})
    assert "Enter one e-mail address, like name@example.org" in refused.content.decode()
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


# --- Accounts that nobody proved -----------------------------------------------------------------


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


# --- Session keys and cookies --------------------------------------------------------------------


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
