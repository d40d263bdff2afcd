"""Giving apps while they, their groups, owners and guests change: real threads, real commits.

Whoever is first, nobody is told 500 or 503, nothing that was said to be done is lost, and the audit
log tells each change once (R09, D02).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from consent.clients import stop_sharing
from invitations.auditlog.verification import verify
from invitations.models import (
    AppAssignment,
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    Group,
    GroupMember,
    Invitation,
    RoleAssignment,
    SharedApp,
    TenantPolicy,
)
from invitations.permissions import Role
from invitations.services import access, groups, manage, offers, owners, sharing
from invitations.services import apps as services
from invitations.services import invite as invite_module
from invitations.services.directory import set_roles
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import App, make_app
from tests.conftest import Invite, Place, Race
from tests.races import together

ROUNDS = 12
# Each may meet a deadlock, which the database takes a second to see.
SLOW_ROUNDS = 4
# Done, and what is gone meanwhile.
FINE = {302, 404}


@dataclass
class Stage:
    """The race's tenant with somebody who manages it and somebody who is given things."""

    race: Race
    admin: DirectoryEntry
    guest: DirectoryEntry

    def browser(self) -> Place:
        """The administrator's, one for each thread."""
        place = Place(self.race.tenant, Client(raise_request_exception=False))
        backend = "allauth.account.auth_backends.AuthenticationBackend"
        assert self.admin.account
        place.client.force_login(self.admin.account, backend=backend)
        return place

    def app(self, name: str) -> App:
        return make_app(self.race.tenant, name=name)

    def at_once(self, *acts: Callable[[Place], Any]) -> list[int]:
        """Each in a browser and a thread of its own; what they were told."""
        told: list[int] = []

        def run(act: Callable[[Place], Any], place: Place) -> None:
            told.append(act(place).status_code)

        together([partial(run, act, self.browser()) for act in acts])
        return told


def insider(race: Race, address: str) -> DirectoryEntry:
    return DirectoryEntry.objects.create(
        account=race.account(address), address=address, external_user_state="Accepted"
    )


@pytest.fixture
def stage(race: Race) -> Any:
    with schema.in_tenant(race.tenant):
        TenantPolicy.objects.update(second_factor_for_administrators=False)
        admin, guest = (insider(race, f"{who}@race.example") for who in ("ada", "gus"))
        RoleAssignment.objects.create(entry=admin, role=Role.ADMINISTRATOR)
        yield Stage(race, admin, guest)


def give(app: App, entry: DirectoryEntry, roles: str = "") -> Callable[[Place], Any]:
    """On the app's page."""
    data = {"do": "assign", "email": entry.address, "roles": roles}
    return lambda place: place.post("consent:app", data, app_id=app.client.app_id)


def give_all(
    entry: DirectoryEntry, *given: App, groups: tuple[Group, ...] = ()
) -> Callable[[Place], Any]:
    """On the person's page: exactly these."""
    data = {
        "apps": [str(app.client.app_id) for app in given],
        "groups": [str(group.pk) for group in groups],
    }
    act = {"entry_id": entry.pk, "action": "apps"}
    return lambda place: place.post("invitations:act", data, **act)


def change(app: App, name: str) -> Callable[[Place], Any]:
    data = {
        "name": name,
        "home_url": app.client.app.home_url,
        "who_may_enter": "assigned",
        "client_type": "web",
        "redirect_uris": "https://rooms.contoso.example/callback",
        "id_token_algorithm": "RS256",
        "access_token_format": "opaque",
    }
    return lambda place: place.post("consent:edit_app", data, app_id=app.client.app_id)


def unshare(app: App) -> Callable[[Place], Any]:
    return lambda place: place.post("consent:remove_app", app_id=app.client.app_id)


def own(app: App, entry: DirectoryEntry) -> Callable[[Place], Any]:
    data = {"do": "add_owner", "email": entry.address}
    return lambda place: place.post("consent:app", data, app_id=app.client.app_id)


def join(group: Group, entry: DirectoryEntry) -> Callable[[Place], Any]:
    data = {"do": "add", "email": entry.address}
    return lambda place: place.post("invitations:group", data, group_id=group.pk)


def delete(entry: DirectoryEntry) -> Callable[[Place], Any]:
    return lambda place: place.post("invitations:act", entry_id=entry.pk, action="delete")


def apps_of(entry: DirectoryEntry) -> set[str]:
    return set(AppAssignment.objects.filter(entry=entry).values_list("app__name", flat=True))


def told_of(action: AuditAction) -> int:
    return AuditEvent.objects.filter(action=action).count()


def test_giving_meets_changing(stage: Stage) -> None:
    """R09: from the person's page, from the app's page, with new owners and new names at once."""
    one, two = stage.app("One 0"), stage.app("Two 0")
    for number in range(1, ROUNDS + 1):
        with schema.in_tenant(stage.race.tenant):
            AppAssignment.objects.all().delete()
            one.client.app.owners.all().delete()
        told = stage.at_once(
            give_all(stage.guest, one, two),
            give(two, stage.guest, f"role {number}"),
            own(one, stage.guest),
            change(one, f"One {number}"),
            change(two, f"Two {number}"),
        )
        assert told == [302] * 5
        assert apps_of(stage.guest) == {f"One {number}", f"Two {number}"}
        given = AppAssignment.objects.get(entry=stage.guest, app=two.client.app)
        assert given.roles == [f"role {number}"]
        assert one.client.app.owners.filter(entry=stage.guest).exists()
    assert not verify().flaw


def test_giving_meets_unsharing(stage: Stage) -> None:
    """R09: what is unshared is gone with everything that hangs on it, the rest stays given."""
    for number in range(ROUNDS):
        one, two = stage.app(f"One {number}"), stage.app(f"Two {number}")
        with schema.in_tenant(stage.race.tenant):
            group = groups.add_group(name=f"Builders {number}", by=None)
            services.assign(two.client.app, to=stage.guest, by=None)
        told = stage.at_once(
            give_all(stage.guest, one, groups=(group,)),
            give(two, stage.guest, "reader"),
            own(two, stage.guest),
            unshare(two),
        )
        assert set(told) <= FINE, told
        assert not SharedApp.objects.filter(pk=two.client.app_id).exists()
        assert apps_of(stage.guest) == {f"One {number}"}
        assert GroupMember.objects.filter(group=group, entry=stage.guest).exists()
        stop_sharing(one.client, by=None)
        groups.remove_group(group, by=None)
    assert not verify().flaw


@pytest.mark.parametrize("anew", [False, True])
def test_sending_again_meets_unsharing(stage: Stage, *, anew: bool) -> None:
    """R09: what is unshared is not sent again, nor given anew when the invitation is over, and
    nobody waits in a circle."""
    for number in range(ROUNDS):
        app = stage.app(f"One {number}")
        asked: dict[str, Any] = {"invited_by": stage.admin, "apps": [app.client.app]}
        with schema.in_tenant(stage.race.tenant):
            people = [
                invite_module.invite_guest(email=f"{letter}{number}@north.example", **asked).entry
                for letter in "abc"
            ]
            if anew:
                Invitation.objects.update(expires_at=timezone.now())

        def send(place: Place, entry: DirectoryEntry, app: App = app) -> Any:
            if not anew:
                return place.post("invitations:resend", entry_id=entry.pk)
            data = {"email": entry.address, "language": "en"}
            data |= {"validity": "3600", "apps": str(app.client.app_id)}
            return place.post("invitations:invite", data)

        told = stage.at_once(unshare(app), *(partial(send, entry=entry) for entry in people))
        # The form finds no such app any more (400), or none that is theirs to share (403).
        assert set(told) <= FINE | {400, 403}, told
    assert not verify().flaw


def test_who_invites_is_given_things_meanwhile(stage: Stage) -> None:
    """R09: an invitation names its inviter when it is written down for good; whatever else is done
    to the inviter at that moment, neither waits for the other in a circle."""
    one, role = stage.app("One").client.app, Role.ADMINISTRATOR

    def invite() -> None:
        with schema.in_tenant(stage.race.tenant):
            for number in range(ROUNDS):
                address = f"p{number}@northwind.example"
                invite_module.invite_guest(email=address, invited_by=stage.admin, apps=[one])

    def give() -> None:
        with schema.in_tenant(stage.race.tenant):
            for _round in range(ROUNDS):
                services.unassign(services.assign(one, to=stage.admin, by=None), by=None)

    def change_roles() -> None:
        with schema.in_tenant(stage.race.tenant):
            for _round in range(ROUNDS):
                set_roles(entry=stage.admin, roles=[role], by=None)

    together([invite, give, change_roles])
    assert Invitation.objects.filter(invited_by=stage.admin).count() == ROUNDS
    assert not verify().flaw


def test_taking_away_twice_is_told_once(stage: Stage) -> None:
    """D02: two administrators and the app's end at once; the log tells what happened, no more."""
    for number in range(ROUNDS):
        app = stage.app(f"One {number}")
        with schema.in_tenant(stage.race.tenant):
            given = services.assign(app.client.app, to=stage.guest, by=None)
        before = told_of(AuditAction.APP_UNASSIGNED)
        data = {"do": "unassign", "assignment": given.pk}

        def take(place: Place, data: dict[str, Any] = data, app: App = app) -> Any:
            return place.post("consent:app", data, app_id=app.client.app_id)

        told = stage.at_once(take, take, give_all(stage.guest))
        assert set(told) <= FINE, told
        assert not apps_of(stage.guest)
        assert told_of(AuditAction.APP_UNASSIGNED) == before + 1
        stop_sharing(app.client, by=None)
    assert not verify().flaw


def test_removing_somebody_meets_giving_them_things(stage: Stage) -> None:
    """R09: deleted, taken into a group, made an owner and given an app at once."""
    app = stage.app("One")
    with schema.in_tenant(stage.race.tenant):
        group = groups.add_group(name="Builders", by=None)
        services.assign(app.client.app, to=group, by=None)
    for number in range(ROUNDS):
        person = insider(stage.race, f"p{number}@race.example")
        told = stage.at_once(
            give(app, person), own(app, person), join(group, person), delete(person)
        )
        # 400: nobody has this address any more.
        assert set(told) <= FINE | {400}, told
        assert DirectoryEntry.objects.get(pk=person.pk).deleted_at
    assert not verify().flaw


def test_owners_who_share_with_the_same_strangers(stage: Stage) -> None:
    """R03, R09: in opposite order, some of them new: one guest and one invitation each, with what
    both of them gave."""
    race = stage.race
    mine, theirs = stage.app("Mine"), stage.app("Theirs")
    people = [insider(race, f"owner{number}@race.example") for number in range(2)]
    DirectoryEntry.objects.filter(pk__in=[each.pk for each in people]).update(user_type="Member")
    for app, owner in zip((mine, theirs), people, strict=True):
        add_owner(app.client.app, owner=owner, by=None)
    owners = [Stage(race, owner, stage.guest).browser() for owner in people]
    for number in range(SLOW_ROUNDS):
        strangers = [f"s{number}{letter}@northwind.example" for letter in "abc"]
        told: list[int] = []

        def share(place: Place, app: App, to: list[str], told: list[int] = told) -> None:
            data = {"thing": f"app:{app.client.app_id}", "to": "\n".join(to)}
            told.append(place.post("invitations:share", data).status_code)

        together(
            [
                partial(share, owners[0], mine, strangers),
                partial(share, owners[1], theirs, strangers[::-1]),
            ]
        )
        assert told == [302, 302]
        for address in strangers:
            entry = DirectoryEntry.objects.get(address=address)
            assert entry.invitations.count() == 1
            assert apps_of(entry) == {"Mine", "Theirs"}
    assert not verify().flaw


@pytest.mark.parametrize("gone", ["app", "ownership"])
@pytest.mark.parametrize("page", ["invite", "act", "selection"])
def test_what_is_given_goes_while_the_form_is_read(
    at: Any,
    gita: Account,
    invite: Invite,
    contoso: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    page: str,
    gone: str,
) -> None:
    """P04, R09: the app, or the right to share it, is taken between form and service: 404 or 403,
    or said not to be possible; never 500."""
    app = make_app(contoso)
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.create(
            account=gita, address=gita.email, user_type="Member", external_user_state="Accepted"
        )
        RoleAssignment.objects.create(entry=entry, role=Role.GUEST_INVITER)
        if page == "act":
            RoleAssignment.objects.create(entry=entry, role=Role.USER_ADMINISTRATOR)
            TenantPolicy.objects.update(second_factor_for_administrators=False)
        add_owner(app.client.app, owner=entry, by=None)
    asked = invite(email="x@northwind.example", apps=[app.client.app])
    really = offers.hold if gone == "app" else sharing.check_inviting

    def late(*args: Any, **kwargs: Any) -> Any:
        if gone == "app":
            stop_sharing(app.client, by=None)
        else:
            entry.apps_owned.all().delete()
        return really(*args, **kwargs)

    for module in (sharing, offers, invite_module, access, manage):
        if hasattr(module, really.__name__):
            monkeypatch.setattr(module, really.__name__, late)
    person, pk = at(gita), str(app.client.app_id)
    told = {"email": "y@northwind.example", "language": "en", "validity": "3600", "apps": pk}
    if page == "invite":
        answer = person.post("invitations:invite", told)
    elif page == "act":
        answer = person.post(
            "invitations:act", {"apps": pk}, entry_id=asked.entry_id, action="apps"
        )
    else:
        told = {"do": "resend", "guest": str(asked.entry_id), "sure": "1"}
        answer = person.post("invitations:selection", told)
    by_page = {"invite": {"app": 404, "ownership": 403}, "act": {"app": 404, "ownership": 302}}
    assert answer.status_code == by_page.get(page, {}).get(gone, 302)


@pytest.mark.parametrize("do", ["unassign", "take_owner", "no_logo"])
def test_an_app_goes_while_its_page_is_acted_on(
    at: Any,
    alice: Account,
    gita: Account,
    contoso: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    do: str,
) -> None:
    """R09: between look-up and lock; the 404 of an app that never existed, never 500."""
    app = make_app(contoso)
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.create(
            account=gita, address=gita.email, external_user_state="Accepted"
        )
        given = services.assign(app.client.app, to=entry, by=None)
        add_owner(app.client.app, owner=entry, by=None)
    for module, name in ((services, "hold_person"), (owners, "_locked"), (services, "set_logo")):
        really = getattr(module, name)

        def late(*args: Any, really: Any = really, **kwargs: Any) -> Any:
            stop_sharing(app.client, by=None)
            return really(*args, **kwargs)

        monkeypatch.setattr(module, name, late)
    data = {"do": do, "assignment": str(given.pk), "entry": str(entry.pk)}
    assert at(alice).post("consent:app", data, app_id=app.client.app_id).status_code == 404


def test_a_group_goes_while_its_page_is_acted_on(
    at: Any, alice: Account, gita: Account, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R09: as with an app."""
    with schema.in_tenant(contoso):
        group = groups.add_group(name="Builders", by=None)
        entry = DirectoryEntry.objects.create(
            account=gita, address=gita.email, external_user_state="Accepted"
        )
        add_owner(group, owner=entry, by=None)
    really = owners.take_owner

    def late(*args: Any, **kwargs: Any) -> Any:
        groups.remove_group(group, by=None)
        return really(*args, **kwargs)

    monkeypatch.setattr(owners, "take_owner", late)
    data = {"do": "take_owner", "entry": str(entry.pk)}
    assert at(alice).post("invitations:group", data, group_id=group.pk).status_code == 404
