"""The gate before an app: who gets in, and who is kept out."""

import re
import secrets
import time
from collections.abc import Callable
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core import signing

from consent.models import ConsentRecord
from consent.published import Said
from consent.statements import publish_statement, publish_terms
from consent.views.after import SALT
from invitations.models import AppAssignment, WhoMayEnter
from invitations.services import apps, directory, groups
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import App, answer_of, make_app, onward
from tests.browserless import accept, code_in, prove_again, to_review
from tests.conftest import Invite, Place
from tests.guests import entry_of, give, join

At = Callable[..., Place]


@pytest.fixture
def rooms(contoso: Tenant) -> App:
    """An app of Contoso's for whom it was given to."""
    return make_app(contoso, who_may_enter=WhoMayEnter.ASSIGNED)


# --- In ------------------------------------------------------------------------------------------


def test_a_new_guest_comes_by_the_app_alone(
    contoso: Tenant, invite: Invite, at: At, mailoutbox: list[Any], rooms: App
) -> None:
    """The direct link: nobody clicks a mail. Sign in by code, review, and back at the app."""
    address = "nadia@northwind.example"
    with schema.in_tenant(contoso):
        app = rooms.client.app
    invitation = invite(email=address, apps=[app])
    person = at()
    door = onward(person, rooms.authorize(person))
    assert door.status_code == 200
    assert address not in door.content.decode()
    path = door.request["PATH_INFO"] + "?" + door.request["QUERY_STRING"]
    sent = person.client.post(path, {"address": address})
    code = code_in(mailoutbox[-1])
    review = person.client.post(sent["Location"], {"code": code})
    page = onward(person, review)
    assert page.status_code == 200
    assert "Review permissions" in page.content.decode()
    assert "https://rooms.contoso.example" in page["Content-Security-Policy"]
    path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    told = answer_of(onward(person, accept(person, path)))
    given = rooms.redeem(told["code"]).json()
    about = rooms.userinfo(given["access_token"]).json()
    assert (about["sub"], about["email"], about["acct"]) == (str(invitation.entry_id), address, 1)


def test_who_has_accepted_sees_no_page_of_ours(
    rooms: App, at: At, gita: Account, invite: Invite
) -> None:
    """One redirect from the app to the app."""
    person = at(gita)
    give(rooms, join(invite, person))
    assert "code" in answer_of(rooms.authorize(person))


def test_who_has_no_landing_page_arrives_at_their_apps(
    rooms: App, at: At, gita: Account, invite: Invite
) -> None:
    """The apps panel after redemption: what a group brought is there to open, and opens."""
    with schema.in_tenant(rooms.tenant):
        group = groups.add_group(name="Builders", by=None)
        apps.assign(rooms.client.app, to=group, by=None)
    person, invitation = at(gita), invite(groups=[group])
    answer = accept(person, to_review(person, invitation))
    assert answer["Location"] == "/organizations/"
    link = person.path("consent:open_app", app_id=rooms.client.app_id)
    assert f'href="{link}"' in person.client.get(answer["Location"]).content.decode()
    assert person.client.get(link)["Location"] == "https://rooms.contoso.example/"


def test_a_login_hint_fills_in_the_address(rooms: App, at: At) -> None:
    """Core, 3.1.2.1."""
    page = onward(at(), rooms.authorize(at(), login_hint="nadia@northwind.example"))
    assert 'value="nadia@northwind.example"' in page.content.decode()


def test_members_of_a_group_get_in(rooms: App, at: At, gita: Account, invite: Invite) -> None:
    """Assigned by a group, with the roles of both; out of the group is out of the app."""
    person = at(gita)
    entry = join(invite, person)
    with schema.in_tenant(rooms.tenant):
        group = groups.add_group(name="Builders", by=None)
        groups.add_to_group(group, entry=entry, by=None)
        apps.assign(rooms.client.app, to=group, by=None, roles=["reader"])
        apps.assign(rooms.client.app, to=entry, by=None, roles=["writer"])
    given = rooms.tokens(person)
    assert rooms.userinfo(given["access_token"]).json()["roles"] == ["reader", "writer"]
    with schema.in_tenant(rooms.tenant):
        apps.unassign(AppAssignment.objects.get(entry=entry), by=None)
    given = rooms.tokens(person)
    assert rooms.userinfo(given["access_token"]).json()["roles"] == ["reader"]
    with schema.in_tenant(rooms.tenant):
        groups.take_from_group(group, entry=entry, by=None)
    assert rooms.is_alive(given) == [False] * 4
    assert rooms.authorize(person).status_code == 403


# --- Not in --------------------------------------------------------------------------------------


def test_each_who_is_kept_out_gets_a_page_that_leaks_nothing(
    rooms: App, at: At, gita: Account, sam: Account, invite: Invite
) -> None:
    """A stranger, a blocked guest, an unassigned guest: whom to ask, no code, no way around."""
    person = at(gita)
    entry = join(invite, person)
    unassigned = onward(person, rooms.authorize(person))
    assert unassigned.status_code == 403
    give(rooms, entry)
    with schema.in_tenant(rooms.tenant):
        directory.block_sign_in(entry=entry, by=None)
    blocked = onward(person, rooms.authorize(person))
    stranger = onward(at(sam), rooms.authorize(at(sam)))
    assert (blocked.status_code, stranger.status_code) == (403, 403)
    # Blocked looks like never invited, but for the address of who looks.
    pages = [
        page.content.decode().split("<main", 1)[1].replace(name, "")
        for page, name in ((blocked, "gita@<wbr>northwind"), (stranger, "sam@<wbr>tailspin"))
    ]
    assert len(pages[0]) > 100
    assert [page.count("Ask the person") for page in pages] == [1, 1]
    assert "blocked" not in pages[0].lower()
    for page in (unassigned, blocked, stranger):
        assert "alice" not in page.content.decode().lower()
        assert "Location" not in page


def test_a_direct_link_says_the_same_of_no_app_and_any_app(
    rooms: App, at: At, sam: Account, fabrikam: Tenant, contoso: Tenant, alice: Account
) -> None:
    """N01: strangers cannot tell apps from nothing; members get 404 for another organization's."""
    neighbour = make_app(fabrikam)
    with schema.in_tenant(contoso):
        ours = rooms.client.app_id
    with schema.in_tenant(fabrikam):
        theirs = neighbour.client.app_id
    for account in (None, sam):
        answers = [at(account).get("consent:open_app", app_id=app_id) for app_id in (ours, theirs)]
        assert [answer.status_code for answer in answers] == [302, 302]
        ways = [urlsplit(answer["Location"]) for answer in answers]
        assert ways[0].path == ways[1].path == "/o/contoso/enter/"
        said = [signing.loads(parse_qs(way.query)["to"][0], salt=SALT) for way in ways]
        # Sealed, not secret: whoever reads it learns what they asked for, and nothing else.
        told = [
            str(each).replace(str(pk), "") for each, pk in zip(said, (ours, theirs), strict=True)
        ]
        assert told[0] == told[1]
    assert at(alice).get("consent:open_app", app_id=theirs).status_code == 404


def test_prompt_none_shows_no_page(
    rooms: App, at: At, gita: Account, sam: Account, invite: Invite, contoso: Tenant
) -> None:
    """O08: each thing that is missing has its error, told to the app."""

    def silently(person: Place) -> str:
        return answer_of(rooms.authorize(person, prompt="none")).get("error", "code")

    assert silently(at()) == "login_required"
    assert silently(at(sam)) == "access_denied"
    person = at(gita)
    invitation = invite()
    assert silently(person) == "consent_required"
    accept(person, to_review(person, invitation))
    assert silently(person) == "access_denied"
    give(rooms, entry_of(person, gita))
    assert silently(person) == "code"
    with schema.in_tenant(contoso):
        publish_statement(texts={"en": Said(text="New.")}, by=None, agree_again=True)
    assert silently(person) == "consent_required"
    page = onward(person, rooms.authorize(person))
    path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    assert "code" in answer_of(onward(person, accept(person, path)))
    with schema.in_tenant(contoso):
        publish_terms(texts={"en": Said(text="Be kind.")}, by=None)
    assert silently(person) == "consent_required"
    page = onward(person, rooms.authorize(person))
    assert "Be kind." not in page.content.decode()
    assert page.request["PATH_INFO"] == "/o/contoso/consent/terms/"


def test_an_app_can_have_the_review_shown_again(
    rooms: App, at: At, gita: Account, invite: Invite
) -> None:
    """Core, 3.1.2.1: `prompt=consent`; answered once, the app gets its code, and a second record
    is there."""
    person = at(gita)
    entry = join(invite, person)
    give(rooms, entry)
    page = onward(person, rooms.authorize(person, prompt="consent"))
    assert "has a new privacy statement" not in page.content.decode()
    assert page.status_code == 200
    path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    told = answer_of(onward(person, accept(person, path)))
    assert rooms.redeem(told["code"]).status_code == 200
    with schema.in_tenant(rooms.tenant):
        assert ConsentRecord.objects.filter(entry=entry).count() == 2


def test_a_clock_that_is_ahead_asks_once(rooms: App, at: At, gita: Account, invite: Invite) -> None:
    """F11: `prompt=consent` is over when something was agreed to, whatever the clocks say."""
    with time_machine.travel(time.time() + 600, tick=True):
        person = at(gita)
        give(rooms, join(invite, person))
        page = onward(person, rooms.authorize(person, prompt="consent"))
        path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
        assert "code" in answer_of(onward(person, accept(person, path)))


def test_who_is_redeemed_on_the_way_is_asked_once(
    rooms: App, at: At, gita: Account, invite: Invite
) -> None:
    """`prompt=consent` of an app whose guest has just seen Review permissions."""
    person, invitation = at(gita), invite()
    with schema.in_tenant(rooms.tenant):
        apps.assign(rooms.client.app, to=invitation.entry, by=None)
    page = onward(person, rooms.authorize(person, prompt="consent"))
    path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    assert "code" in answer_of(onward(person, accept(person, path)))


def link_to_the_app(page: Any) -> str:
    found = re.search(r'href="([^"]*oauth2/v2.0/authorize[^"]*)"', page.content.decode())
    assert found, page.content.decode()
    return unescape(found[1])


def test_whoever_says_no_can_go_back_to_the_app(
    rooms: App, at: At, gita: Account, invite: Invite
) -> None:
    """Core, 3.1.2.6: `access_denied` with state and iss, from Review permissions, from a newer
    statement and from terms of use; asked again, the app's person is asked again."""
    person, invitation = at(gita), invite()
    with schema.in_tenant(rooms.tenant):
        apps.assign(rooms.client.app, to=invitation.entry, by=None)
    page = onward(person, rooms.authorize(person))
    path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    refused = person.client.post(path, {"answer": "cancel"})
    told = answer_of(person.client.get(link_to_the_app(refused)))
    assert (told["error"], told["state"]) == ("access_denied", "st4te")
    assert told["iss"].endswith("/o/contoso")
    assert onward(person, rooms.authorize(person)).status_code == 200
    assert accept(person, path).status_code == 303
    new, kind = {"en": Said(text="New.")}, {"en": Said(text="Be kind.")}
    for publish in (
        partial(publish_statement, texts=new, agree_again=True, by=None),
        partial(publish_terms, texts=kind, by=None),
    ):
        with schema.in_tenant(rooms.tenant):
            publish()
        page = onward(person, rooms.authorize(person))
        path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
        answer = "decline" if "/terms/" in path else "cancel"
        refused = person.client.post(path, {"answer": answer})
        assert answer_of(person.client.get(link_to_the_app(refused)))["error"] == "access_denied"
        if answer == "cancel":
            accept(person, path)


@pytest.mark.parametrize("size", [100, 4000])
def test_apps_may_send_long_states(
    rooms: App, at: At, gita: Account, invite: Invite, size: int
) -> None:
    """Frameworks put kilobytes into `state`; every address on the way stays below what servers
    take (8190)."""
    state = secrets.token_urlsafe(size)[:size]
    stranger, longest = at(), 0
    answer = rooms.authorize(stranger, state=state, prompt="login consent")
    while answer.status_code in (302, 303):
        longest = max(longest, len(answer["Location"]))
        answer = stranger.client.get(answer["Location"])
    assert answer.status_code == 200
    assert longest < 8190
    person = at(gita)
    give(rooms, join(invite, person))
    prove_again(person)
    assert answer_of(rooms.authorize(person, state=state))["state"] == state
