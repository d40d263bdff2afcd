"""What administrators do with one guest, click by click."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Foyer, NewPage
from tests.browser.test_journey import invite
from tests.browser.walk import link_of, look_around, sign_in


def act(page: Page, name: str, said: str) -> None:
    """Open the confirmation page from the guest's page, press the button, read the message."""
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("status")).to_contain_text(said)


def test_every_act_on_the_page_of_a_guest(foyer: Foyer, new_page: NewPage) -> None:
    """Correct, block, unblock, sponsors, roles, convert, delete, restore: each asked and done."""
    wrong, right = "acts-typo@woodgrove.example", "acts@woodgrove.example"
    admin = new_page()
    invite(admin, foyer, wrong, "Acts Guest")
    old = link_of(foyer.mail_to(wrong, "invites you"))
    admin.get_by_role("link", name="Acts Guest").click()
    look_around(admin, "guest-page")
    admin.get_by_role("link", name="Correct the address", exact=True).click()
    admin.get_by_label("E-mail address").fill(right)
    admin.get_by_role("button", name="Correct the address").click()
    expect(admin.get_by_role("status")).to_contain_text("gets a new link")
    assert link_of(foyer.mail_to(right, "invites you")) != old
    stranger = new_page()
    stranger.goto(old)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("This link cannot be used now")
    act(admin, "Block sign-in", "cannot enter any more")
    act(admin, "Unblock sign-in", "may enter again")
    act(admin, "Save sponsors", "are saved")
    admin.get_by_role("link", name="Save roles", exact=True).click()
    admin.get_by_label("Auditor").check()
    admin.get_by_role("button", name="Save roles").click()
    expect(admin.locator("dl")).to_contain_text("Auditor")
    act(admin, "Convert", "is converted")
    expect(admin.locator("dl")).to_contain_text("Member")
    act(admin, "Convert", "is converted")
    act(admin, "Delete", "is deleted")
    act(admin, "Restore", "is back")
    expect(admin.get_by_role("list").last).to_contain_text("Restored")


def test_a_selection_is_revoked_at_once(foyer: Foyer, new_page: NewPage) -> None:
    """Without script: tick, choose, confirm."""
    admin = new_page()
    for number in range(2):
        invite(admin, foyer, f"bulk{number}@woodgrove.example", f"Bulk Guest {number}")
        admin.goto(f"{foyer.origin}/organizations/")
    plain = new_page(script=False)
    sign_in(plain, foyer, "alice@contoso.example")
    plain.goto(f"{foyer.origin}/o/contoso/guests/?q=Bulk")
    for box in plain.get_by_role("checkbox").all():
        box.check()
    plain.get_by_role("button", name=re.compile("^Revoke")).click()
    plain.get_by_role("button", name="Yes, for 2 people").click()
    expect(plain.get_by_role("status")).to_contain_text("Done for 2 people")
    plain.goto(f"{foyer.origin}/o/contoso/guests/?q=Bulk")
    expect(plain.get_by_role("row").filter(has_text="Revoked")).to_have_count(2)
