"""The rest of a guest's life in Chromium: aliases, direct link, terms, leaving, closing."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Foyer, NewPage
from tests.browser.test_journey import invite
from tests.browser.walk import code_of, link_of, look_around, sign_in

ROOMS = "https://rooms.contoso.example/"


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(text))


def join(page: Page, foyer: Foyer, address: str, link: str) -> None:
    """From the link to the app, with a mailed code."""
    foyer.forget_mail()
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Accept").click()


def prove(page: Page, foyer: Foyer, address: str) -> None:
    """Where Foyer asks who is there: by mailed code."""
    foyer.forget_mail()
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    page.get_by_role("button", name="Continue").click()


def test_an_alias_proves_the_invited_mailbox_and_stays_signed_in(
    foyer: Foyer, new_page: NewPage
) -> None:
    """A07: *Accept as …*, without script, by keyboard alone."""
    own, invited = "alias-own@woodgrove.example", "alias-invited@woodgrove.example"
    invite(new_page(), foyer, own, "Alias Own")
    page = new_page(width=390, script=False)
    join(page, foyer, own, link_of(foyer.mail_to(own, "invites you")))
    page.wait_for_url(ROOMS)
    other = new_page()
    sign_in(other, foyer, "alice@fabrikam.example")
    other.goto(f"{foyer.origin}/o/fabrikam/guests/invite/")
    other.get_by_label("E-mail address").fill(invited)
    other.get_by_role("button", name="Send invitation").click()
    page.goto(link_of(foyer.mail_to(invited, "invites you")))
    page.get_by_role("button", name="Continue").focus()
    page.keyboard.press("Enter")
    heading(page, "another address")
    foyer.forget_mail()
    page.get_by_role("button", name="Accept as").focus()
    page.keyboard.press("Enter")
    heading(page, "Enter the code")
    page.get_by_label("Code").fill("WRONG")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Code").fill(code_of(foyer.mail_to(invited)))
    page.keyboard.press("Enter")
    expect(page.get_by_text("knows both addresses")).to_be_visible()
    page.get_by_role("button", name="Accept").focus()
    page.keyboard.press("Enter")
    heading(page, "Your organizations")
    expect(page.get_by_role("heading", name="Fabrikam")).to_be_visible()
    page.goto(f"{foyer.origin}/organizations/fabrikam/")
    expect(page.get_by_text(own).first).to_be_visible()


def test_the_direct_link_redeems_and_strangers_get_one_page(
    foyer: Foyer, new_page: NewPage
) -> None:
    address = "direct@woodgrove.example"
    invite(new_page(), foyer, address, "Direct Guest")
    page = new_page()
    page.goto(f"{foyer.origin}/o/contoso/")
    look_around(page, "enter")
    foyer.forget_mail()
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    page.get_by_role("button", name="Continue").click()
    heading(page, "Review permissions")
    page.get_by_role("button", name="Accept").click()
    expect(page).to_have_url(ROOMS)
    page.goto(f"{foyer.origin}/o/contoso/")
    heading(page, "Contoso")
    page.goto(f"{foyer.origin}/o/fabrikam/")
    heading(page, "You cannot enter with this account")


def test_terms_are_opened_and_accepted_after_review(foyer: Foyer, new_page: NewPage) -> None:
    """Review permissions, then the terms, then the app; asked again at a new version."""
    admin = new_page()
    sign_in(admin, foyer, "alice@fabrikam.example")
    admin.goto(f"{foyer.origin}/o/fabrikam/settings/terms/")
    admin.get_by_role("textbox", name="Text").first.fill("Be kind to each other.")
    admin.get_by_role("button", name="Publish").click()
    expect(admin.get_by_role("status")).to_contain_text("Published")
    address = "terms@woodgrove.example"
    admin.goto(f"{foyer.origin}/o/fabrikam/guests/invite/")
    admin.get_by_label("E-mail address").fill(address)
    admin.get_by_label("Open after accepting").select_option("Project room")
    admin.get_by_role("button", name="Send invitation").click()
    guest = new_page(script=False)
    join(guest, foyer, address, link_of(foyer.mail_to(address, "invites you")))
    heading(guest, "terms of use")
    guest.get_by_role("button", name="Open the terms of use").click()
    expect(guest.get_by_text("Be kind to each other.")).to_be_visible()
    guest.get_by_role("button", name="Decline").click()
    heading(guest, "You declined")
    guest.goto(f"{foyer.origin}/o/fabrikam/enter/")
    guest.get_by_role("button", name="Open the terms of use").click()
    guest.get_by_role("button", name="Accept").click()
    heading(guest, "Fabrikam")
    guest.get_by_text("Read it again").last.click()
    expect(guest.get_by_text("Be kind to each other.")).to_be_visible()
    looker = new_page()
    cookies: Any = guest.context.cookies()
    looker.context.add_cookies(cookies)
    looker.goto(f"{foyer.origin}/organizations/fabrikam/")
    look_around(looker, "my-access-details")
    admin.goto(f"{foyer.origin}/o/fabrikam/settings/terms/")
    admin.get_by_role("textbox", name="Text").first.fill("Be kinder.")
    admin.get_by_role("button", name="Publish").click()
    looker.goto(f"{foyer.origin}/o/fabrikam/enter/")
    look_around(looker, "terms")
    looker.get_by_role("button", name="Open the terms of use").click()
    look_around(looker, "terms-open")
    admin.goto(f"{foyer.origin}/o/fabrikam/settings/terms/")
    admin.get_by_label("Guests must accept these terms").uncheck()
    admin.get_by_role("button", name="Publish").click()
    looker.goto(f"{foyer.origin}/o/fabrikam/enter/")
    heading(looker, "Fabrikam")


def test_leaving_and_closing_the_account(foyer: Foyer, new_page: NewPage) -> None:
    """Leave one organization, download everything, close the account; Back shows nothing (C10)."""
    address = "leaver@woodgrove.example"
    invite(new_page(), foyer, address, "Leaver")
    link = link_of(foyer.mail_to(address, "invites you"))
    page = new_page(width=390)
    join(page, foyer, address, link)
    page.wait_for_url(ROOMS)
    page.goto(f"{foyer.origin}/organizations/")
    page.get_by_role("link", name="What Contoso knows").click()
    page.get_by_role("link", name="Leave Contoso").click()
    page.get_by_role("button", name="Leave Contoso").click()
    expect(page.get_by_role("status")).to_contain_text("You left Contoso")
    page.goto(link)
    heading(page, "This link cannot be used now")
    page.goto(f"{foyer.origin}/o/contoso/")
    heading(page, "You cannot enter with this account")
    look_around(page, "not-here")
    page.goto(f"{foyer.origin}/organizations/")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything about me").click()
    assert download.value.suggested_filename == "my-access.json"
    page.get_by_role("link", name="Close my personal account").click()
    page.get_by_role("button", name="Close my account").click()
    heading(page, "Your account is closed")
    look_around(page, "closed")
    assert "closed" in str(foyer.mail_to(address, "closed").message["Subject"])
    page.go_back()
    page.reload()
    expect(page.get_by_role("button", name="Send me a code")).to_be_visible()


def test_declining_by_the_mailed_link_and_thinking_again(foyer: Foyer, new_page: NewPage) -> None:
    """C11: the inviter's list says so; the link still works until it expires."""
    address = "decliner@woodgrove.example"
    admin = new_page()
    invite(admin, foyer, address, "Decliner")
    link = link_of(foyer.mail_to(address, "invites you"))
    page = new_page(script=False)
    page.goto(link)
    page.get_by_role("link", name="I did not expect this invitation").click()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Should you change your mind")).to_be_visible()
    admin.goto(f"{foyer.origin}/o/contoso/guests/?q=Decliner")
    expect(admin.get_by_role("row").filter(has_text="Decliner")).to_contain_text("Declined")
    join(page, foyer, address, link)
    page.wait_for_url(ROOMS)


def test_two_tabs_with_two_tenants(foyer: Foyer, new_page: NewPage) -> None:
    """C06: a tab of Contoso and a tab of Fabrikam in one browser, the account switched in between."""
    address = "tabs@woodgrove.example"
    invite(new_page(), foyer, address, "Two Tabs")
    first_link = link_of(foyer.mail_to(address, "Contoso"))
    other = new_page()
    sign_in(other, foyer, "alice@fabrikam.example")
    other.goto(f"{foyer.origin}/o/fabrikam/guests/invite/")
    other.get_by_label("E-mail address").fill(address)
    other.get_by_role("button", name="Send invitation").click()
    second_link = link_of(foyer.mail_to(address, "Fabrikam"))
    first = new_page()
    sign_in(first, foyer, "gita@northwind.example")
    second = first.context.new_page()
    first.goto(first_link)
    second.goto(second_link)
    second.get_by_role("button", name="Continue").click()
    heading(second, "another address")
    foyer.forget_mail()
    first.get_by_role("button", name="Continue").click()
    first.get_by_role("button", name="Sign in with the invited address").click()
    first.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    first.get_by_role("button", name="Continue").click()
    heading(first, "Review permissions")
    second.goto(second_link)
    second.get_by_role("button", name="Continue").click()
    second.get_by_role("button", name="Accept").click()
    heading(second, "Your organizations")
    with first.expect_request(ROOMS):
        first.get_by_role("button", name="Accept").click()
