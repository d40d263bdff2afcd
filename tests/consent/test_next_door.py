"""N01: an id of next door answers as one that never existed, wherever apps and groups are named."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from invitations.models import DirectoryEntry, Group
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.directory import delete_entry
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import GOODBYE, App, make_app
from tests.conftest import Invite, Place
from tests.portal import insider, make_group, png, text
from tests.rows import checksum

At = Callable[..., Place]


@dataclass
class Decoys:
    """What is to be found next door, were the tenant not asked."""

    app: App
    group: Group
    guest: DirectoryEntry

    @property
    def app_id(self) -> Any:
        return self.app.client.app_id


@pytest.fixture
def decoys(fabrikam: Tenant, gita: Account) -> Decoys:
    """Fabrikam's app with a logo, its group, and somebody who is in it and owns both."""
    app, group = make_app(fabrikam, name="Ledger"), make_group(fabrikam)
    guest = insider(fabrikam, gita, kind="Guest")
    with schema.in_tenant(fabrikam):
        services.set_logo(app.client.app, upload=png(), by=None)
        groups.add_to_group(group, entry=guest, by=None)
        for thing in (app.client.app, group):
            add_owner(thing, owner=guest, by=None)
    return Decoys(app, group, guest)


def bare(answer: Any, asked_for: Any) -> tuple[int, str]:
    """The answer without the id that was asked for and without secrets of the moment."""
    page = text(answer).replace(str(asked_for), "ID")
    return answer.status_code, re.sub(r'(value|nonce)="[^"]*"', "", page)


def same(ask: Callable[[Any], Any], decoy: Any) -> int:
    """Ask for the decoy and for an id that never was; the status of both, which are one."""
    unknown = uuid4()
    foreign, never = bare(ask(decoy), decoy), bare(ask(unknown), unknown)
    assert foreign == never
    return foreign[0]


def test_a_picture(at: At, contoso: Tenant, decoys: Decoys) -> None:
    place = at()
    version = decoys.app.client.app.logo_hash

    def ask(app_id: Any) -> Any:
        return place.get("consent:app_logo", app_id=app_id, version=version)

    assert same(ask, decoys.app_id) == 404
    there = Place(decoys.app.tenant, place.client)
    kept = there.get("consent:app_logo", app_id=decoys.app_id, version=version)
    assert kept.status_code == 200


@pytest.mark.parametrize("name", ["apps", "groups"])
def test_what_a_guest_is_given(
    at: At, alice: Account, invite: Invite, decoys: Decoys, fabrikam: Tenant, name: str
) -> None:
    before = checksum(fabrikam)
    admin, act = at(alice), {"entry_id": invite().entry_id, "action": "apps"}
    decoy = decoys.app_id if name == "apps" else decoys.group.pk
    assert same(lambda pk: admin.post("invitations:act", {name: [str(pk)]}, **act), decoy) == 400
    assert checksum(fabrikam) == before


@pytest.mark.parametrize("name", ["apps", "groups"])
def test_what_an_invitation_names(
    at: At, alice: Account, contoso: Tenant, decoys: Decoys, fabrikam: Tenant, name: str
) -> None:
    before = checksum(contoso), checksum(fabrikam)
    admin = at(alice)
    data = {"email": "x@northwind.example", "language": "en", "validity": "3600"}
    decoy = decoys.app_id if name == "apps" else decoys.group.pk
    assert same(lambda pk: admin.post("invitations:invite", data | {name: str(pk)}), decoy) == 403
    assert (checksum(contoso), checksum(fabrikam)) == before


@pytest.mark.parametrize("kind", ["app", "group"])
def test_what_an_owner_shares(
    at: At, gita: Account, contoso: Tenant, decoys: Decoys, fabrikam: Tenant, kind: str
) -> None:
    """The owner of the decoy next door is a member here, who owns something else."""
    here = insider(contoso, gita)
    group = make_group(contoso, "Roofers")
    with schema.in_tenant(contoso):
        add_owner(group, owner=here, by=None)
    before = checksum(contoso), checksum(fabrikam)
    person = at(gita)
    decoy = decoys.app_id if kind == "app" else decoys.group.pk

    def ask(pk: Any) -> Any:
        data = {"thing": f"{kind}:{pk}", "to": "x@northwind.example"}
        return person.post("invitations:share", data)

    assert same(ask, decoy) == 403
    assert (checksum(contoso), checksum(fabrikam)) == before


@pytest.mark.parametrize("do", ["take", "take_owner"])
def test_whom_a_group_loses(
    at: At, alice: Account, sam: Account, contoso: Tenant, decoys: Decoys, do: str
) -> None:
    """Nor somebody of the directory who is not in it and does not own it."""
    group, other = make_group(contoso), insider(contoso, sam)
    with schema.in_tenant(contoso):
        before = checksum(contoso)
    admin = at(alice)

    def ask(pk: Any) -> Any:
        return admin.post("invitations:group", {"do": do, "entry": pk}, group_id=group.pk)

    assert same(ask, decoys.guest.pk) == 404
    assert same(ask, other.pk) == 404
    assert checksum(contoso) == before


@pytest.mark.parametrize("do", ["add", "add_owner"])
def test_whom_a_group_gains(
    at: At, alice: Account, contoso: Tenant, decoys: Decoys, do: str
) -> None:
    """By address: somebody next door is nobody here."""
    group = make_group(contoso)
    before = checksum(contoso)
    admin = at(alice)
    pages = []
    for email in (decoys.guest.address, "nobody@northwind.example"):
        data = {"do": do, "email": email}
        answer = admin.post("invitations:group", data, group_id=group.pk)
        pages.append(bare(answer, email))
    assert pages[0] == pages[1]
    assert pages[0][0] == 400
    assert checksum(contoso) == before


@pytest.mark.parametrize("signed_in", [False, True])
def test_who_asks_for_a_sign_out(
    at: At, gita: Account, contoso: Tenant, decoys: Decoys, signed_in: bool
) -> None:
    """An app of next door sends nobody on, though it registered the address there."""
    person = at(gita if signed_in else None)

    def ask(client_id: Any) -> Any:
        asked = {"client_id": client_id, "post_logout_redirect_uri": GOODBYE}
        return person.client.get(person.path("consent:sign_out"), asked)

    assert same(ask, decoys.app.client_id) == 200
    assert "Ledger" not in text(ask(decoys.app.client_id))


# --- Who used it last ----------------------------------------------------------------------------


def test_who_used_an_app_last_is_told(
    at: At, alice: Account, gita: Account, sam: Account, contoso: Tenant, decoys: Decoys
) -> None:
    """On its page the people, newest first and without who is gone; in the list the newest time.
    Nobody of next door, who used theirs."""
    admin = at(alice)
    rooms, unused = make_app(contoso), make_app(contoso, name="Drawings")
    entries = [insider(contoso, account, kind="Guest") for account in (gita, sam)]
    assert text(admin.get("consent:apps")).count('data-label="Last used">Never<') == 2
    assert "Nobody yet" in used(admin, rooms)
    decoys.app.tokens(Place(decoys.app.tenant, at(gita).client))
    assert "Nobody yet" in used(admin, rooms)
    for account in (gita, sam, gita):
        rooms.tokens(at(account))
    found = used(admin, rooms)
    assert found.index(str(entries[0].pk)) < found.index(str(entries[1].pk))
    assert found.count("<li>") == 2
    assert text(admin.get("consent:apps")).count('data-label="Last used">Never<') == 1
    assert "Nobody yet" in used(admin, unused)
    with schema.in_tenant(contoso):
        delete_entry(entry=entries[0], by=None)
    assert str(entries[0].pk) not in used(admin, rooms)


def used(admin: Place, app: App) -> str:
    """The section of an app's page."""
    page = text(admin.get("consent:app", app_id=app.client.app_id))
    return page.partition('id="visits"')[2].partition("</section>")[0]
