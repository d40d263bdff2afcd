"""Every page in light and dark, at 390 and 1280 px: axe finds nothing, nothing runs off the side."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Foyer, NewPage
from tests.browser.walk import LOOKS, code_of, link_of, photograph, sign_in, violations

PUBLIC = [
    "/",
    "/about/",
    "/accounts/login/",
    "/accounts/login/code/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/o/contoso/privacy/",
    "/o/contoso/terms/",
    "/o/contoso/redeem/gone",
    "/nothing",
]
SIGNED_IN = [
    "/organizations/",
    "/organizations/contoso/",
    "/organizations/contoso/leave/",
    "/account/blocked/",
    "/account/close/",
    "/account/second-factor/",
    "/o/fabrikam/enter/",
    "/accounts/logout/",
    "/accounts/password/set/",
    "/accounts/email/",
    "/o/fabrikam/guests/",
]
ADMIN = [
    "guests/",
    "guests/?state=attention",
    "guests/?q=nobody-at-all",
    "guests/invite/",
    "settings/privacy/",
    "settings/terms/",
    "settings/contacts/",
    "guests/?type=members",
    "guests/?state=deleted",
    "settings/invitations/",
    "audit/",
    "audit/?action=guest.invited&person=alice",
]


# A mail is shown inside a page that has landmarks of its own.
MAIL = ("landmark-one-main", "region")


def look(page: Page, name: str, without: tuple[str, ...] = ()) -> list[str]:
    photograph(page, name)
    found = violations(page, without)
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return found + ([f"{page.url} runs off the side"] if wide else [])


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_public_pages(foyer: Foyer, new_page: NewPage, width: int, scheme: Any) -> None:
    page = new_page(width=width, scheme=scheme)
    found = []
    for path in PUBLIC:
        page.goto(foyer.origin + path)
        found += look(page, f"public{path.replace('/', '-')}{width}-{scheme}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_signed_in_and_administrators_pages(
    foyer: Foyer, new_page: NewPage, width: int, scheme: Any
) -> None:
    page = new_page(width=width, scheme=scheme)
    sign_in(page, foyer, "alice@contoso.example")
    found = []
    for path in [*SIGNED_IN, *(f"/o/contoso/{path}" for path in ADMIN)]:
        page.goto(foyer.origin + path)
        found += look(page, f"in{path.replace('/', '-').replace('?', '-')}{width}-{scheme}")
    page.goto(f"{foyer.origin}/o/contoso/guests/invite/")
    page.get_by_role("button", name="Send invitation").click()
    found += look(page, f"invite-errors-{width}-{scheme}")
    page.goto(f"{foyer.origin}/o/contoso/guests/")
    row = page.get_by_role("row").filter(has_text="Site engineer")
    row.get_by_role("button", name="More actions").click()
    found += look(page, f"guests-menu-{width}-{scheme}")
    page.get_by_role("link", name="Revoke invitation").click()
    found += look(page, f"revoke-{width}-{scheme}")
    page.goto(f"{foyer.origin}/o/contoso/guests/?q=Gita")
    page.get_by_role("link", name="Gita Nair").first.click()
    found += look(page, f"guest-{width}-{scheme}")
    for act in ("Reset redemption", "Change sponsors", "Change roles", "Delete"):
        page.get_by_role("link", name=act, exact=True).click()
        found += look(page, f"act-{act.split()[-1].lower()}-{width}-{scheme}")
        page.get_by_role("link", name="Cancel").click()
    page.goto(f"{foyer.origin}/o/contoso/guests/")
    for box in page.get_by_role("checkbox").all()[:3]:
        box.check()
    page.get_by_role("button", name="Revoke", exact=False).first.click()
    found += look(page, f"selection-{width}-{scheme}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_of_a_redemption(foyer: Foyer, new_page: NewPage, width: int, scheme: Any) -> None:
    admin = new_page()
    sign_in(admin, foyer, "alice@contoso.example")
    address = f"look-{width}-{scheme}@woodgrove.example"
    admin.goto(f"{foyer.origin}/o/contoso/guests/invite/")
    admin.get_by_label("E-mail address").fill(address)
    admin.get_by_label("Open after accepting").select_option("Project room")
    admin.get_by_role("button", name="Send invitation").click()
    link = link_of(foyer.mail_to(address, "invites you"))
    page = new_page(width=width, scheme=scheme)
    found = []
    page.goto(link)
    found += look(page, f"landing-{width}-{scheme}")
    page.get_by_role("link", name="I did not expect this invitation").click()
    found += look(page, f"unwanted-{width}-{scheme}")
    page.get_by_role("button", name="Report this invitation").click()
    found += look(page, f"unwanted-done-{width}-{scheme}")
    page.goto(link)
    foyer.forget_mail()
    page.get_by_role("button", name="Continue").click()
    found += look(page, f"code-{width}-{scheme}")
    page.get_by_label("Code").fill(code_of(foyer.mail_to(address)))
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Which data").click()
    found += look(page, f"review-{width}-{scheme}")
    page.get_by_role("button", name="Cancel").click()
    found += look(page, f"cancelled-{width}-{scheme}")
    assert not found, "\n".join(found)


def test_the_mail_reads_well(foyer: Foyer, new_page: NewPage) -> None:
    """The HTML part in a browser, light and dark; axe finds nothing."""
    address = "mail-look@woodgrove.example"
    admin = new_page()
    sign_in(admin, foyer, "alice@contoso.example")
    admin.goto(f"{foyer.origin}/o/contoso/guests/invite/")
    admin.get_by_label("E-mail address").fill(address)
    admin.get_by_label("Personal message").fill("First line.\nSecond line.")
    admin.get_by_role("button", name="Send invitation").click()
    html = foyer.mail_to(address, "invites you").part("html")
    found = []
    for width, scheme in LOOKS:
        page = new_page(width=width, scheme=scheme)
        page.set_content(html)
        found += look(page, f"mail-{width}-{scheme}", MAIL)
    assert not found, "\n".join(found)
