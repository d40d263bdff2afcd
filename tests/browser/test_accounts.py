"""Passkeys, an authenticator app and recovery codes, in a real browser; axe finds nothing."""

import time
from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import Foyer, NewPage
from tests.browser.walk import code_of, look_around, send_code, totp


def add_authenticator(page: Page) -> Any:
    """A device that holds passkeys and always finds its owner present."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return device


def ask_code(page: Page, foyer: Foyer, address: str, path: str = "/organizations/") -> None:
    """Up to and with entering the mailed code; not through the kept cookies of `walk.sign_in`."""
    foyer.forget_mail()
    page.goto(f"{foyer.origin}/accounts/login/code/?next={path}")
    page.get_by_label("E-mail address").fill(address)
    send_code(page)
    page.get_by_label("Code", exact=True).fill(code_of(foyer.mail_to(address)))
    page.get_by_role("button", name="Continue").click()


def sign_out(page: Page, foyer: Foyer) -> None:
    page.wait_for_load_state("networkidle")
    page.goto(f"{foyer.origin}/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()


def test_a_passkey_is_added_after_a_code_and_signs_in(foyer: Foyer, new_page: NewPage) -> None:
    """From the code straight to a passkey, on to `next`; then in by the passkey alone."""
    page = new_page()
    add_authenticator(page)
    address = "mara@fabrikam.example"
    ask_code(page, foyer, address, "/accounts/passkey/%3Fnext%3D/o/fabrikam/guests/")
    look_around(page, "passkey-add")
    foyer.forget_mail()
    page.get_by_role("button", name="Add this passkey").click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    foyer.mail_to(address, "A passkey was added")
    look_around(page, "recovery-codes")
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/o/fabrikam/guests/")
    page.goto(f"{foyer.origin}/accounts/2fa/webauthn/")
    look_around(page, "passkeys")
    page.get_by_role("link", name="Rename").click()
    look_around(page, "passkey-rename")
    page.get_by_label("Name").fill("Blue telephone")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Blue telephone").wait_for()

    sign_out(page, foyer)
    page.goto(f"{foyer.origin}/accounts/login/code/?next=/o/fabrikam/guests/invite/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/o/fabrikam/guests/invite/")

    # By code the passkey is the second step.
    sign_out(page, foyer)
    ask_code(page, foyer, address)
    look_around(page, "second-step")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/organizations/")

    # Nobody else's test is to meet it.
    page.goto(f"{foyer.origin}/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Remove").click()
    look_around(page, "passkey-remove")
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("No passkey yet.").wait_for()


def test_an_authenticator_app_and_a_recovery_code(foyer: Foyer, new_page: NewPage) -> None:
    page = new_page()
    address = "gita@northwind.example"
    ask_code(page, foyer, address, "/accounts/security/")
    look_around(page, "account-security")
    page.get_by_role("link", name="Set up an app").click()
    look_around(page, "app-set-up")
    secret = page.locator("main code").inner_text()
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Turn on").click()
    look_around(page, "app-refused")
    page.get_by_label("Code", exact=True).fill(totp(secret))
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    recovery = page.locator("main code").first.inner_text()

    for way in ("app", "recovery"):
        sign_out(page, foyer)
        ask_code(page, foyer, address)
        if way == "app":  # its code is good once in its half minute
            time.sleep(30 - time.time() % 30 + 1)
        page.get_by_label("Code", exact=True).fill(totp(secret) if way == "app" else recovery)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/organizations/")

    page.goto(f"{foyer.origin}/accounts/2fa/totp/deactivate/")
    look_around(page, "app-remove")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("link", name="Set up an app").wait_for()


def test_the_other_pages_of_an_account(foyer: Foyer, new_page: NewPage) -> None:
    page = new_page()
    address = "mara@contoso.example"
    ask_code(page, foyer, address, "/accounts/email/")
    look_around(page, "addresses")
    page.get_by_label("E-mail address").fill("mara@second.example")
    page.get_by_role("button", name="Send a code to this address").click()
    look_around(page, "address-code")
    page.get_by_label("Code", exact=True).fill(code_of(foyer.mail_to("mara@second.example")))
    page.get_by_role("button", name="Continue").click()
    page.goto(f"{foyer.origin}/accounts/email/")
    look_around(page, "addresses-two")
    page.get_by_role("button", name="Remove (mara@second.example)").click()
    for path in ("sessions/", "password/set/", "reauthenticate/code/", "inactive/"):
        page.goto(f"{foyer.origin}/accounts/{path}")
        look_around(page, path.strip("/").replace("/", "-"))
    page.goto(f"{foyer.origin}/accounts/reauthenticate/code/")
    page.get_by_role("button", name="Send me a code").click()
    look_around(page, "reauthenticate-code-sent")
    sign_out(page, foyer)
    for path in ("login/", "login/code/", "password/reset/"):
        page.goto(f"{foyer.origin}/accounts/{path}")
        look_around(page, path.strip("/").replace("/", "-"))
    page.get_by_label("E-mail address").fill(address)
    send_code(page)
    look_around(page, "password-code")
