"""The demonstration's app: a relying party at another origin, clicked through in Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Foyer, NewPage, run_foyer
from tests.browser.walk import code_of, link_of, look_around, send_code
from tests.smtp import SmtpSink

DIRECT, MAILED = "catering@tailspin.example", "engineer@northwind.example"
GUEST, MEMBER = "gita@northwind.example", "mara@contoso.example"


@pytest.fixture(scope="module")
def demo() -> Iterator[Foyer]:
    """A demonstration of its own: nobody else uses its guests."""
    with SmtpSink() as smtp:
        yield from run_foyer(smtp, "--demo")


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(words)


def pages_shown(page: Page) -> list[str]:
    """The documents a person gets to see from now on, without what only leads on."""
    shown: list[str] = []
    page.on(
        "response",
        lambda answer: (
            shown.append(answer.url)
            if answer.request.resource_type == "document" and answer.status < 300
            else None
        ),
    )
    return shown


def type_code(page: Page, foyer: Foyer, address: str, then: str = "Review permissions") -> None:
    page.get_by_label("Code").fill(code_of(foyer.mail_to(address, "code")))
    page.get_by_role("button", name="Continue").click()
    heading(page, then)


def come_by(page: Page, foyer: Foyer, address: str, *, then: str) -> None:
    """Sign in at the door that an app's person stands at, by mailed code."""
    page.get_by_label("E-mail address").fill(address)
    send_code(page)
    type_code(page, foyer, address, then)


def check_cookies(page: Page) -> None:
    """One host, two ports, one jar: neither takes the other's for its own."""
    names = [cookie.get("name") for cookie in page.context.cookies()]
    assert {"foyer-session", "project-room-session"} <= set(names)
    assert len(names) == len(set(names))


def test_a_direct_link_leads_in_and_leaving_leads_out(demo: Foyer, new_page: NewPage) -> None:
    """C09, O07: link, code, review, app; back without a page; leave; refused."""
    room = f"{demo.room}/contoso/"
    guest = new_page(width=390, script=False)
    guest.goto(room)
    heading(guest, "Sign in to Contoso")
    come_by(guest, demo, DIRECT, then="Review permissions")
    guest.get_by_role("button", name="Accept").click()
    guest.wait_for_url(room)
    heading(guest, "Welcome, Catering lead")
    expect(guest.get_by_role("row", name=f"email {DIRECT}")).to_be_visible()
    check_cookies(guest)

    guest.context.clear_cookies(name="project-room-session")
    shown = pages_shown(guest)
    guest.goto(room)
    heading(guest, "Welcome, Catering lead")
    assert shown == [room]

    guest.goto(f"{demo.origin}/organizations/")
    guest.get_by_role("link", name="Contoso").first.click()
    guest.get_by_role("link", name="Leave Contoso…").click()
    guest.get_by_role("button", name="Leave Contoso").click()
    guest.goto(room)
    heading(guest, "You cannot enter with this account")
    assert guest.url.startswith(f"{demo.origin}/o/contoso/")


def test_the_mailed_link_ends_in_the_app_and_sign_out_ends_outside(
    demo: Foyer, new_page: NewPage
) -> None:
    """C09, O09: mail, code, review, app; signed out there and here; another room stays shut."""
    guest = new_page()
    guest.goto(link_of(demo.mail_to(MAILED, "Contoso invites you")))
    guest.get_by_role("button", name="Continue").click()
    type_code(guest, demo, MAILED)
    guest.get_by_role("button", name="Accept").click()
    guest.wait_for_url(f"{demo.room}/contoso/")
    heading(guest, "Welcome, Site engineer")
    look_around(guest, "room")

    guest.get_by_role("button", name="Sign out").click()
    heading(guest, "Sign out")
    guest.get_by_role("button", name="Sign out").click()
    heading(guest, "You are signed out")
    assert guest.url.startswith(f"{demo.room}/contoso/goodbye")
    look_around(guest, "room-goodbye")
    guest.get_by_role("link", name="Enter the room of Contoso again").click()
    heading(guest, "Sign in to Contoso")
    guest.goto(f"{demo.room}/contoso/callback?error=access_denied&iss={demo.origin}/o/contoso")
    heading(guest, "You were not let in")
    look_around(guest, "room-refused")
    guest.goto(demo.room)
    look_around(guest, "rooms")


def test_the_pages_between_an_app_and_its_people(demo: Foyer, new_page: NewPage) -> None:
    """O08, O09, C09: what the provider asks on an app's behalf, each at its address, and the way
    back to the app from each."""
    guest, room = new_page(), f"{demo.room}/contoso/"
    url = asked_by(guest, room)
    guest.goto(url)
    expect(guest.get_by_text("To open Project room")).to_be_visible()
    look_around(guest, "provider-enter")
    guest.goto(url.replace("callback", "elsewhere"))
    heading(guest, "This app cannot sign you in")
    look_around(guest, "provider-bad-sign-in")

    guest.goto(room)
    come_by(guest, demo, GUEST, then="Welcome, Gita Nair")
    guest.goto(f"{asked_by(guest, room)}&prompt=select_account")
    heading(guest, "Choose an account")
    look_around(guest, "provider-select-account")
    guest.get_by_role("link", name=GUEST).click()
    guest.wait_for_url(room)
    heading(guest, "Welcome, Gita Nair")

    guest.goto(f"{asked_by(guest, room)}&prompt=consent")
    heading(guest, "Review permissions")
    guest.get_by_role("button", name="Cancel").click()
    heading(guest, "Nothing was accepted")
    look_around(guest, "provider-declined")
    guest.get_by_role("link", name="Back to the app").click()
    heading(guest, "You were not let in")
    assert guest.url.startswith(room)

    guest.goto(room)
    guest.get_by_role("button", name="Sign out").click()
    heading(guest, "Sign out everywhere in this browser?")
    look_around(guest, "provider-sign-out")
    guest.get_by_role("button", name="Stay signed in").click()
    guest.wait_for_url(room)
    heading(guest, "Welcome, Gita Nair")

    stranger = new_page()
    stranger.goto(f"{demo.room}/fabrikam/")
    come_by(stranger, demo, MEMBER, then="You cannot enter with this account")
    look_around(stranger, "provider-stranger")


def asked_by(page: Page, room: str) -> str:
    """The address to which the app sends a browser that it does not know, not gone to yet."""
    page.context.clear_cookies(name="project-room-session")
    return str(page.request.get(room, max_redirects=0).headers["location"])
