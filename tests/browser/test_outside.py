"""Signing in with an account from elsewhere, in Chromium, at a provider that really runs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Foyer, NewPage, run_foyer
from tests.browser.walk import code_of, link_of, look_around
from tests.openid_provider import OpenIDProvider
from tests.smtp import SmtpSink

ENGINEER = "engineer@northwind.example"
ELSEWHERE = {"sub": "w-1", "name": "Site engineer", "email": "me@elsewhere.example"}


@dataclass
class Place:
    foyer: Foyer
    provider: OpenIDProvider


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A Foyer with one outside sign-in."""
    with OpenIDProvider(claims=dict(ELSEWHERE)) as provider, SmtpSink() as smtp:
        settings = {"FOYER_OPENID_PROVIDERS": json.dumps([provider.configuration])}
        for foyer in run_foyer(smtp, "--demo", settings=settings):
            yield Place(foyer, provider)


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def redeem(page: Page, foyer: Foyer) -> None:
    """The demonstration's pending guest opens the mailed link and enters the code."""
    page.goto(link_of(foyer.mail_to(ENGINEER)))
    foyer.forget_mail()
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_label("Code").fill(code_of(foyer.mail_to(ENGINEER)))
    page.get_by_role("button", name="Continue").click()
    heading(page, "Review permissions")


def test_a_person_connects_an_outside_sign_in_and_uses_it(place: Place, new_page: NewPage) -> None:
    """A06 as a person meets it: first a sign-in to the account, then the provider opens it."""
    place.provider.claims = dict(ELSEWHERE)
    page = new_page()
    redeem(page, place.foyer)
    page.goto(f"{place.foyer.origin}/accounts/3rdparty/")
    look_around(page, "connections-none")
    page.get_by_role("button", name="Connect Woodgrove").click()
    heading(page, "Woodgrove ID")
    page.get_by_role("button", name="Sign in as Site engineer").click()
    heading(page, "Outside sign-ins")
    expect(page.get_by_role("status")).to_contain_text("connected to your account")
    expect(page.get_by_role("button", name="Disconnect Woodgrove")).to_be_visible()
    look_around(page, "connections")
    place.foyer.mail_to(ENGINEER, "Woodgrove now signs in to your account")

    other = new_page(width=390, script=False)
    other.goto(f"{place.foyer.origin}/accounts/login/code/?next=/organizations/")
    other.get_by_role("button", name="Continue with Woodgrove").click()
    heading(other, "Woodgrove ID")
    other.get_by_role("button", name="Sign in as Site engineer").click()
    heading(other, "Your organizations")
    expect(other.get_by_role("main")).to_contain_text(ENGINEER)

    page.get_by_role("button", name="Disconnect Woodgrove").click()
    expect(page.get_by_role("button", name="Connect Woodgrove")).to_be_visible()


def test_every_page_on_the_way_can_be_read_by_everybody(place: Place, new_page: NewPage) -> None:
    page = new_page()
    start = f"{place.foyer.origin}/accounts/login/code/"
    page.goto(start)
    look_around(page, "sign-in-outside")

    page.route(f"{place.provider.issuer}/**", lambda route: route.fulfill(status=204))
    page.get_by_role("button", name="Continue with Woodgrove").click()
    heading(page, "On to Woodgrove")
    look_around(page, "leaving")
    page.unroute_all()

    stranger = {"sub": "w-2", "name": "Stranger", "email": "x@elsewhere.example"}
    place.provider.claims = stranger | {"email_verified": False}
    page.get_by_role("link", name="Continue to Woodgrove").click()
    page.get_by_role("button", name="Sign in as Stranger").click()
    heading(page, "Woodgrove did not confirm your address")
    look_around(page, "outside-unproved")
    place.provider.claims = stranger | {"email_verified": True}
    page.goto(start)
    page.get_by_role("button", name="Continue with Woodgrove").click()
    page.get_by_role("button", name="Sign in as Stranger").click()
    heading(page, "Accounts are made by invitation")
    look_around(page, "outside-uninvited")
    page.goto(f"{place.foyer.origin}/accounts/outside/woodgrove/callback/?state=x&code=y")
    heading(page, "The sign-in did not work")
    look_around(page, "outside-failed")


def test_a_newcomer_enters_an_app_with_an_outside_account(place: Place, new_page: NewPage) -> None:
    """A06, C09: app, provider, Review permissions, app: no mail was opened, no code typed."""
    room = f"{place.foyer.room}/fabrikam/"
    place.provider.claims = {
        "sub": "w-3",
        "name": "Catering lead",
        "email": "catering@tailspin.example",
        "email_verified": True,
    }
    page = new_page(width=390, script=False)
    page.goto(room)
    heading(page, "Sign in to Fabrikam")
    page.get_by_role("button", name="Continue with Woodgrove").click()
    heading(page, "Woodgrove ID")
    page.get_by_role("button", name="Sign in as Catering lead").click()
    heading(page, "Review permissions")
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(room)
    heading(page, "Welcome, Catering lead")
    expect(page.get_by_role("row", name="idp")).to_contain_text("woodgrove")
