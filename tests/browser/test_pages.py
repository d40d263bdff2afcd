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
    "apps/",
    "apps/new/",
    "groups/",
    "groups/new/",
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
    for act in (
        "Reset redemption",
        "Change sponsors",
        "Change roles",
        "Change apps and groups",
        "Delete",
    ):
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
def test_pages_of_apps_and_groups(foyer: Foyer, new_page: NewPage, width: int, scheme: Any) -> None:
    """An administrator shares an app and makes a group; their owner invites; every button."""
    page = new_page(width=width, scheme=scheme)
    sign_in(page, foyer, "alice@contoso.example")
    name, contoso = f"Plan desk {width} {scheme}", f"{foyer.origin}/o/contoso"
    found = []

    def shot(what: str) -> None:
        found.extend(look(page, f"{what}-{width}-{scheme}"))

    def press(button: str) -> None:
        page.get_by_role("button", name=button, exact=True).click()

    page.goto(f"{contoso}/apps/new/")
    press("Share the app")
    shot("app-errors")
    page.get_by_label("Name").fill(name)
    page.get_by_label("What it is for").fill("Floor plans, read only")
    page.get_by_label("Home page").fill("https://plans.contoso.example/")
    page.get_by_label("Redirect URLs").fill("https://plans.contoso.example/callback")
    press("Share the app")
    address = page.url
    shot("app-secret")
    page.get_by_role("region", name="Secrets").get_by_role("link", name="Remove").click()
    shot("app-secret-remove")
    press("Remove the secret")
    owners = page.locator("section", has=page.get_by_role("heading", name="Owners"))
    owners.get_by_label("E-mail address").fill("mara@contoso.example")
    press("Add an owner")
    page.get_by_label("E-mail address of somebody").fill("gita@northwind.example")
    page.get_by_label("Roles in the app").fill("editor")
    press("Give access")
    page.get_by_label("E-mail address of somebody").fill("nobody@nowhere.example")
    press("Give access")
    shot("app")
    page.goto(address)
    page.get_by_role("link", name="Change", exact=True).click()
    shot("app-edit")
    press("Save")
    page.get_by_role("link", name="Stop sharing").click()
    shot("app-remove")
    page.get_by_role("link", name="Cancel").click()

    page.goto(f"{contoso}/groups/new/")
    page.get_by_label("Name").fill(f"Builders {width} {scheme}")
    press("Save")
    people = page.locator("section", has=page.get_by_role("heading", name="People"))
    people.get_by_label("E-mail address").fill("gita@northwind.example")
    press("Add to the group")
    shot("group")
    page.get_by_role("link", name="Dissolve").click()
    shot("group-remove")
    press("Dissolve the group")
    page.goto(f"{contoso}/settings/invitations/")
    page.get_by_label("Domains").fill("not a domain")
    press("Save")
    shot("policy-errors")

    owner = new_page(width=width, scheme=scheme)
    sign_in(owner, foyer, "mara@contoso.example")
    page = owner
    page.goto(f"{foyer.origin}/organizations/")
    shot("mine-with-apps")
    page.get_by_role("link", name="Invite someone from outside").first.click()
    page.get_by_label(name).check()
    press("Send invitations")
    shot("share-errors")
    page.get_by_label("Their e-mail addresses").fill(f"plans-{width}-{scheme}@woodgrove.example")
    press("Send invitations")
    shot("share")
    page.get_by_role("button", name=f"Resend invitation to plans-{width}-{scheme}").click()
    page.get_by_role("link", name=f"Correct the address of plans-{width}-{scheme}").click()
    shot("share-correct")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name=f"Revoke the invitation of plans-{width}-{scheme}").click()
    shot("share-end")
    press("Revoke the invitation")
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
