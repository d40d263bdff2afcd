"""What administrators do with a guest after inviting, in Chromium."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Foyer, NewPage
from tests.browser.test_journey import invite
from tests.browser.test_life import heading, join
from tests.browser.walk import link_of, look_around, sign_in

ROOMS = "https://rooms.contoso.example/"


def open_guest(page: Page, foyer: Foyer, name: str, query: str = "") -> None:
    """From the list by the name."""
    page.goto(f"{foyer.origin}/o/contoso/guests/?{query}")
    page.get_by_role("link", name=name, exact=True).click()
    heading(page, name)


def do(page: Page, act: str, button: str = "") -> None:
    """Follow the action's link, look at its page, press its button."""
    page.get_by_role("link", name=act, exact=True).click()
    look_around(page, f"act-{act.lower().replace(' ', '-')}")
    page.get_by_role("button", name=button or act, exact=True).click()


def said(page: Page, text: str) -> None:
    expect(page.get_by_text(re.compile(text)).first).to_be_visible()


def status_of(page: Page, url: str) -> int:
    answer = page.goto(url)
    assert answer
    return answer.status


def test_every_act_on_a_guests_page(foyer: Foyer, new_page: NewPage) -> None:
    """P05, T09, D06: the guest's open browser, without script, feels each act at the next click."""
    wrong, right = "acts-typo@woodgrove.example", "acts@woodgrove.example"
    invite(new_page(), foyer, wrong, "Acts Guest")
    first_link = link_of(foyer.mail_to(wrong, "invites you"))
    admin = new_page()
    sign_in(admin, foyer, "alice@contoso.example")
    open_guest(admin, foyer, "Acts Guest")
    look_around(admin, "guest-pending")
    admin.get_by_role("link", name="Correct the address").click()
    admin.get_by_label("E-mail address").fill(right)
    admin.get_by_role("button", name="Correct the address").click()
    said(admin, "gets a new link at the corrected address")
    expect(admin.get_by_text("Sent to another address")).to_be_visible()
    link = link_of(foyer.mail_to(right, "invites you"))
    guest = new_page(width=390, script=False)
    assert status_of(guest, first_link) in {404, 410}
    join(guest, foyer, right, link)
    guest.wait_for_url(ROOMS)

    mine = f"{foyer.origin}/organizations/contoso/"
    open_guest(admin, foyer, "Acts Guest")
    do(admin, "Block sign-in")
    said(admin, "cannot enter any more")
    guest.goto(mine)
    said(guest, "has blocked your sign-in")
    do(admin, "Unblock sign-in")
    said(admin, "may enter again")
    guest.goto(mine)
    expect(guest.get_by_text("has blocked your sign-in")).to_have_count(0)

    admin.get_by_role("link", name="Change sponsors").click()
    admin.get_by_label("Mara Lind").check()
    look_around(admin, "act-sponsors")
    admin.get_by_role("button", name="Save sponsors").click()
    said(admin, "Mara Lind")
    admin.get_by_role("link", name="Change roles").click()
    admin.get_by_label("Auditor").check()
    look_around(admin, "act-roles")
    admin.get_by_role("button", name="Save roles").click()
    said(admin, "Auditor")
    do(admin, "Make a member")
    said(admin, "is a member now")
    do(admin, "Make a guest")
    said(admin, "is a guest now")

    foyer.forget_mail()
    do(admin, "Delete")
    said(admin, "You can restore the entry for 30 days")
    foyer.mail_to(right)  # the only mail since: access has ended
    assert status_of(guest, mine) == 404
    open_guest(admin, foyer, "Acts Guest", "state=deleted")
    look_around(admin, "guest-deleted")
    do(admin, "Restore")
    said(admin, "is back in the directory")
    assert status_of(guest, mine) == 200

    foyer.forget_mail()
    do(admin, "Reset redemption")
    said(admin, "is invited anew")
    assert status_of(guest, mine) == 404
    again = link_of(foyer.mail_to(right, "invites you"))
    assert again != link
    look_around(admin, "guest-history")
    for line in ("Reset the redemption", "Restored", "Blocked the sign-in", "Converted"):
        said(admin, line)


def test_a_selection_in_a_browser(foyer: Foyer, new_page: NewPage) -> None:
    """Two ticked, each act confirmed on a page of its own; who cannot be hit is named there."""
    names = {"Tick One": "tick1@woodgrove.example", "Tick Two": "tick2@woodgrove.example"}
    for name, address in names.items():
        invite(new_page(), foyer, address, name)
    admin = new_page(script=False)
    admin.context.add_cookies(foyer.cookies["alice@contoso.example"])

    def choose(button: str) -> None:
        admin.goto(f"{foyer.origin}/o/contoso/guests/")
        for name in names:
            admin.get_by_label(f"Select {name}").check()
        admin.get_by_role("button", name=re.compile(rf"^\s*{button}…$")).click()

    choose("Unblock")
    said(admin, "for none of them this is possible")
    for button in ("Resend", "Block", "Unblock", "Revoke", "Delete"):
        choose(button)
        for name in names:
            said(admin, name)
        admin.get_by_role("button", name="Yes, for 2 people").click()
        said(admin, "Done for 2 people")
    admin.goto(f"{foyer.origin}/o/contoso/guests/?state=deleted")
    for name in names:
        expect(admin.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_the_pages_of_a_selection_and_of_contacts(foyer: Foyer, new_page: NewPage) -> None:
    """Axe finds nothing, also with something left out, and with an error."""
    invite(new_page(), foyer, "pages@woodgrove.example", "Pages Guest")
    admin = new_page()
    sign_in(admin, foyer, "alice@contoso.example")
    admin.goto(f"{foyer.origin}/o/contoso/guests/")
    look_around(admin, "guests-with-bulk-bar")
    for box in admin.get_by_role("checkbox").all():
        box.check()
    admin.get_by_role("button", name=re.compile(r"^\s*Resend…$")).click()
    expect(admin.get_by_role("heading", name="Left out")).to_be_visible()
    look_around(admin, "selection")
    admin.goto(f"{foyer.origin}/o/contoso/guests/?type=members")
    look_around(admin, "members")
    admin.get_by_role("link", name="Contacts").click()
    admin.get_by_label("E-mail address").fill("alice@contoso.example")
    admin.get_by_role("button", name="Add a contact").click()
    said(admin, "Somebody in the directory has this address")
    expect(admin.locator("#errors")).to_be_focused()
    look_around(admin, "contacts-error")
    admin.get_by_label("E-mail address").fill("reception@contoso.example")
    admin.get_by_role("button", name="Add a contact").click()
    look_around(admin, "contacts")
    admin.get_by_role("button", name="Remove reception@contoso.example").click()
    expect(admin.get_by_text("reception@contoso.example")).to_have_count(0)
