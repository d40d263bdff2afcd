"""The whole story in Chromium, with the production policy and real mail."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Foyer, NewPage
from tests.browser.walk import code_of, link_of, look_around, photograph, sign_in, totp

NEW = "newcomer@woodgrove.example"


def open_invite_form(page: Page, foyer: Foyer) -> None:
    sign_in(page, foyer, "alice@contoso.example")
    page.get_by_role("link", name="Open the administration of Contoso").click()
    page.get_by_role("link", name="Invite a guest").click()


def invite(page: Page, foyer: Foyer, address: str, name: str, language: str = "English") -> None:
    open_invite_form(page, foyer)
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Language of the e-mail").select_option(language)
    page.get_by_label("Open after accepting").select_option("Project room")
    page.get_by_label("Personal message").fill("As agreed at the site meeting.")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("status")).to_contain_text("is invited")


def test_from_the_administrators_click_to_the_landing_page(foyer: Foyer, new_page: NewPage) -> None:
    """C09 for this page, T12, T13: administrator, mail, landing, code, review, accept, app."""
    admin = new_page()
    invite(admin, foyer, NEW, "New Comer")
    row = admin.get_by_role("row").filter(has_text="New Comer")
    expect(row).to_contain_text("Pending acceptance")
    mail = foyer.mail_to(NEW, "invites you")
    assert "As agreed at the site meeting." in mail.part("html")

    guest = new_page(width=390, script=False)
    asked: list[str] = []
    guest.on("request", lambda request: asked.append(request.url))
    guest.goto(link_of(mail))
    assert "/redeem/at/" in guest.url
    expect(guest.get_by_role("heading", level=1)).to_contain_text("Contoso invites you")
    photograph(guest, "landing-390")
    foyer.forget_mail()
    guest.get_by_role("button", name="Continue").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text("Enter the code")
    photograph(guest, "code-390")
    guest.get_by_label("Code").fill("WRONG")
    guest.get_by_role("button", name="Continue").click()
    expect(guest.get_by_role("alert")).to_be_visible()
    guest.get_by_label("Code").fill(code_of(foyer.mail_to(NEW)))
    guest.get_by_role("button", name="Continue").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text("Review permissions")
    guest.get_by_text("Which data").click()
    photograph(guest, "review-390")
    guest.get_by_role("button", name="Accept").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text("Project room")
    assert guest.url == "https://rooms.contoso.example/"
    elsewhere = [url for url in asked if not url.startswith((foyer.origin, "https://rooms."))]
    assert not elsewhere

    admin.reload()
    expect(row).to_contain_text("Accepted")
    landing = guest.request.get(link_of(mail), max_redirects=0).headers["location"]
    again = guest.request.get(foyer.origin + landing, max_redirects=0)
    assert (again.status, again.headers["location"]) == (303, "https://rooms.contoso.example/")
    guest.goto(f"{foyer.origin}/organizations/")
    expect(guest.get_by_role("heading", name="Contoso")).to_be_visible()
    stranger = new_page()
    stranger.goto(link_of(mail))
    expect(stranger.get_by_role("heading", level=1)).to_have_text("This link cannot be used now")


def test_cancel_and_another_account(foyer: Foyer, new_page: NewPage) -> None:
    """T10: nothing is lost by cancelling; the wrong account gets a way out."""
    address = "second@woodgrove.example"
    invite(new_page(), foyer, address, "Second Guest")
    link = link_of(foyer.mail_to(address, "invites you"))
    page = new_page()
    sign_in(page, foyer, "gita@northwind.example")
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("another address")
    look_around(page, "wrong-account")
    foyer.forget_mail()
    page.get_by_role("button", name="Sign in with the invited address").click()
    page.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was shared")
    page.get_by_role("link", name="Back to the invitation").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url("https://rooms.contoso.example/")


def test_a_dutch_invitation_is_dutch_from_mail_to_review(foyer: Foyer, new_page: NewPage) -> None:
    address = "derde@woodgrove.example"
    invite(new_page(), foyer, address, "Derde Gast", language="Nederlands")
    mail = foyer.mail_to(address, "nodigt")
    guest = new_page()
    foyer.forget_mail()
    guest.goto(link_of(mail))
    expect(guest.locator("html")).to_have_attribute("lang", "nl")
    guest.get_by_role("button", name="Doorgaan").click()
    guest.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    guest.get_by_role("button", name="Doorgaan").click()
    expect(guest.locator("html")).to_have_attribute("lang", "nl")
    guest.get_by_role("button", name="Accepteren").click()
    guest.wait_for_url("https://rooms.contoso.example/")


def test_the_administrator_sees_errors_and_keeps_what_was_typed(
    foyer: Foyer, new_page: NewPage
) -> None:
    page = new_page()
    open_invite_form(page, foyer)
    page.get_by_label("E-mail address").fill("studio")
    page.get_by_label("Personal message").fill("See https://tailspin.example/kickoff")
    page.get_by_role("button", name="Send invitation").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("There is a problem with 2 answers")
    expect(page).to_have_title(re.compile("^Error:"))
    alert.get_by_role("link", name="Enter one e-mail address").click()
    expect(page.get_by_label("E-mail address")).to_have_value("studio")
    photograph(page, "invite-errors-1280")


def test_resend_show_link_and_revoke(foyer: Foyer, new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, foyer, "alice@contoso.example")
    page.get_by_role("link", name="Open the administration of Contoso").click()
    row = page.get_by_role("row").filter(has_text="Catering lead")
    row.get_by_role("button", name="Resend").click()
    expect(page.get_by_role("status")).to_contain_text("gets a new link")
    row.get_by_role("button", name="More actions for Catering lead").click()
    page.get_by_role("button", name="Show invitation link").click()
    expect(page.get_by_label("Link")).to_have_value(re.compile("/redeem/"))
    look_around(page, "link")
    page.get_by_role("link", name="Guests").first.click()
    row.get_by_role("button", name="More actions for Catering lead").click()
    page.get_by_role("link", name="Revoke invitation").click()
    page.get_by_role("button", name="Revoke invitation").click()
    expect(row).to_contain_text("Revoked")


def test_the_privacy_statement_is_published_and_read(foyer: Foyer, new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, foyer, "alice@fabrikam.example")
    page.get_by_role("link", name="Open the administration of Fabrikam").click()
    page.get_by_role("link", name="Privacy statement").click()
    page.get_by_role("textbox", name="Text").first.fill("A new text.\n\nIt has two paragraphs.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status")).to_contain_text("Published")
    page.get_by_role("link", name="Version 2").click()
    expect(page.get_by_text("It has two paragraphs.")).to_be_visible()


def test_an_empty_installation_is_set_up_by_its_first_link(
    empty_foyer: Foyer, new_page: NewPage
) -> None:
    """`make run` on an empty installation: link, organization, code from the mailbox, portal."""
    (line,) = [line for line in empty_foyer.lines if "/setup/" in line]
    link = line.rpartition(" ")[2]
    page = new_page()
    page.goto(link)
    look_around(page, "setup")
    page.get_by_label("Name of the organization").fill("Northwind")
    page.get_by_label("Short name for web addresses").fill("public")
    page.get_by_label("Mail domain").fill("northwind.example")
    page.get_by_label("Your e-mail address").fill("nora@northwind.example")
    page.get_by_label("Your name").fill("Nora Vos")
    page.get_by_role("button", name="Create and continue").click()
    expect(page.get_by_role("alert")).to_contain_text("reserved")
    page.get_by_label("Short name for web addresses").fill("northwind")
    page.get_by_role("button", name="Create and continue").click()
    page.get_by_role("button", name="Continue").click()
    other = page.context.new_page()
    other.goto(f"{empty_foyer.origin}/mailbox/")
    look_around(other, "mailbox")
    other.get_by_role("link", name="Your sign-in code").first.click()
    look_around(other, "mail-page")
    code = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", other.locator(".prose").inner_text())
    assert code
    page.get_by_label("Code").fill(code[0])
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Accept").click()
    # The second factor is part of an administrator's first sign-in.
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a second factor")
    look_around(page, "second-factor")
    page.get_by_role("link", name="Use an app that makes codes").click()
    secret = page.locator("code").inner_text()
    page.get_by_label("Code", exact=True).fill(totp(secret))
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("link", name="Go on to the administration").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Guests")
    expect(page.get_by_text("Nobody from outside yet")).to_be_visible()
    look_around(page, "guests-empty")
    again = new_page()
    again.goto(link)
    expect(again.get_by_role("heading", level=1)).to_have_text("This link is over")
    look_around(again, "setup-gone")
    other.goto(f"{empty_foyer.origin}/mailbox/")
    other.get_by_role("link", name="Your sign-in code").first.click()
    other.get_by_role("link", name="Raw mail").click()
    expect(other.locator("body")).to_contain_text("Message-ID")


def test_no_log_line_holds_a_ticket_a_code_or_a_cookie(foyer: Foyer, new_page: NewPage) -> None:
    """T04: the output of web, worker and beat is searched after a journey."""
    address = "needle@woodgrove.example"
    invite(new_page(), foyer, address, "Needle")
    link = link_of(foyer.mail_to(address, "invites you"))
    guest = new_page()
    foyer.forget_mail()
    guest.goto(link)
    guest.get_by_role("button", name="Continue").click()
    code = code_of(foyer.mail_to(address))
    guest.get_by_label("Code").fill(code)
    guest.get_by_role("button", name="Continue").click()
    guest.get_by_role("button", name="Accept").click()
    guest.wait_for_url("https://rooms.contoso.example/")
    for path in ("/o/nobody/redeem/" + link.rpartition("/")[2], "/setup/secret-token"):
        guest.goto(f"{foyer.origin}{path}")
    cookies = [cookie["value"] for cookie in guest.context.cookies() if len(cookie["value"]) > 9]
    text = "\n".join(foyer.lines)
    assert "/redeem/…" in text
    needles = [link.rpartition("/")[2], code, "secret-token", "As agreed", address, *cookies]
    assert not [needle for needle in needles if needle in text]
