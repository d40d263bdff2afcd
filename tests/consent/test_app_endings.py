"""Out again: what ends somebody's access to an app, and that it stays ended."""

from collections.abc import Callable
from typing import Any

import pytest

from consent.export import directory_data
from consent.leaving import delete_account, leave
from consent.models import Token
from invitations.models import AppAssignment, DirectoryEntry, Group, SharedApp, WhoMayEnter
from invitations.services import apps, directory, groups
from invitations.services.manage import reset_redemption
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Tenant
from tenants.services import resume_tenant, suspend_tenant
from tests.apps import App, make_app, said_by
from tests.conftest import Invite, Place, make_account
from tests.guests import give, join
from tests.rows import checksum

At = Callable[..., Place]


@pytest.fixture
def rooms(contoso: Tenant) -> App:
    """An app of Contoso's for whom it was given to."""
    return make_app(contoso, who_may_enter=WhoMayEnter.ASSIGNED)


def leaves(app: App, entry: DirectoryEntry, account: Account) -> None:
    leave(entry=entry, account=account)


def is_blocked(app: App, entry: DirectoryEntry, account: Account) -> None:
    directory.block_sign_in(entry=entry, by=None)


def is_deleted(app: App, entry: DirectoryEntry, account: Account) -> None:
    directory.delete_entry(entry=entry, by=None)


def is_reset(app: App, entry: DirectoryEntry, account: Account) -> None:
    reset_redemption(entry=entry, by=None)


def is_unassigned(app: App, entry: DirectoryEntry, account: Account) -> None:
    apps.unassign(AppAssignment.objects.get(entry=entry), by=None)


def is_unshared(app: App, entry: DirectoryEntry, account: Account) -> None:
    apps.remove_app(SharedApp.objects.get(), by=None)


def closes_the_account(app: App, entry: DirectoryEntry, account: Account) -> None:
    schema.leave()
    delete_account(account)


def is_closed_by_the_operator(app: App, entry: DirectoryEntry, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(is_active=False)


ENDINGS = [
    leaves,
    is_blocked,
    is_deleted,
    is_reset,
    is_unassigned,
    is_unshared,
    closes_the_account,
    is_closed_by_the_operator,
]


@pytest.mark.parametrize("end", ENDINGS)
def test_whatever_ends_it_ends_it_everywhere_at_once(
    rooms: App,
    at: At,
    gita: Account,
    invite: Invite,
    fabrikam: Tenant,
    end: Callable[[App, DirectoryEntry, Account], None],
) -> None:
    """O07: userinfo, introspection of both tokens, refresh, an unspent code and authorize refuse
    from the next request on; nothing of the neighbour's changes."""
    person = at(gita)
    entry = join(invite, person)
    give(rooms, entry)
    given, code = rooms.tokens(person), rooms.code(person)
    neighbour = checksum(fabrikam)
    with schema.in_tenant(rooms.tenant):
        end(rooms, DirectoryEntry.objects.get(pk=entry.pk), gita)
    assert rooms.userinfo(given["access_token"]).status_code == 401
    assert not said_by(rooms, given["access_token"])
    assert not said_by(rooms, given["refresh_token"])
    # 401: the app itself is not known any more.
    refusal = 401 if end is is_unshared else 400
    assert rooms.refresh(given["refresh_token"]).status_code == refusal
    assert rooms.redeem(code).status_code == refusal
    answer = rooms.authorize(person)
    if answer.status_code == 302:
        assert "code=" not in answer["Location"].partition("to=")[0]
        assert answer["Location"].startswith("/")
    else:
        assert answer.status_code in (400, 403)
    assert checksum(fabrikam) == neighbour


@pytest.mark.parametrize("back", [directory.unblock_sign_in, directory.restore_entry])
def test_coming_back_does_not_revive_old_tokens(
    rooms: App, at: At, gita: Account, invite: Invite, back: Any
) -> None:
    """O07: unblocked or restored, the person signs in anew; what was given before stays dead."""
    person = at(gita)
    entry = join(invite, person)
    give(rooms, entry)
    given = rooms.tokens(person)
    end = is_blocked if back is directory.unblock_sign_in else is_deleted
    with schema.in_tenant(rooms.tenant):
        end(rooms, DirectoryEntry.objects.get(pk=entry.pk), gita)
        back(entry=DirectoryEntry.objects.get(pk=entry.pk), by=None)
    assert rooms.is_alive(given) == [False] * 4


def by_assignment(app: SharedApp, entry: DirectoryEntry) -> None:
    apps.assign(app, to=entry, by=None)


def by_assigned_group(app: SharedApp, entry: DirectoryEntry) -> None:
    group = Group.objects.get_or_create(name="Builders")[0]
    groups.add_to_group(group, entry=entry, by=None)
    apps.assign(app, to=group, by=None)


def by_membership(app: SharedApp, entry: DirectoryEntry) -> None:
    by_assigned_group(app, entry)


def for_everybody(app: SharedApp, entry: DirectoryEntry) -> None:
    admit(app, WhoMayEnter.EVERYBODY)


def admit(app: SharedApp, who: WhoMayEnter) -> None:
    apps.change_app(app, name=app.name, home_url=app.home_url, who_may_enter=who, by=None)


def take_away(app: SharedApp, entry: DirectoryEntry, way: Any) -> None:
    if way is by_membership:
        groups.take_from_group(Group.objects.get(), entry=entry, by=None)
    elif way is for_everybody:
        admit(app, WhoMayEnter.ASSIGNED)
    else:
        apps.unassign(AppAssignment.objects.get(app=app), by=None)


@pytest.mark.parametrize("way", [by_assignment, by_assigned_group, by_membership, for_everybody])
def test_an_app_given_again_does_not_revive_old_tokens(
    rooms: App, at: At, gita: Account, invite: Invite, way: Any
) -> None:
    """O07: by every way into an app; an authorize request meanwhile gets the page, a held code
    nothing, and what other apps were given goes on."""
    person, other = at(gita), make_app(rooms.tenant, name="Drawings")
    entry, app = join(invite, person), rooms.client.app
    with schema.in_tenant(rooms.tenant):
        way(app, entry)
    given, code, elsewhere = rooms.tokens(person), rooms.code(person), other.tokens(person)
    with schema.in_tenant(rooms.tenant):
        take_away(app, entry, way)
    assert rooms.authorize(person).status_code == 403
    assert rooms.userinfo(given["access_token"]).status_code == 401
    with schema.in_tenant(rooms.tenant):
        way(app, entry)
    assert rooms.redeem(code).status_code == 400
    assert rooms.is_alive(given) == [False] * 4
    assert other.is_alive(elsewhere) == [True] * 4
    assert rooms.is_alive(rooms.tokens(person)) == [True] * 4


def removes_the_group(entry: DirectoryEntry) -> None:
    groups.remove_group(Group.objects.get(), by=None)


def takes_the_app_from_it(entry: DirectoryEntry) -> None:
    apps.unassign(AppAssignment.objects.get(), by=None)


@pytest.mark.parametrize("end", [removes_the_group, takes_the_app_from_it])
def test_without_its_group_nobody_stays_in(
    rooms: App, at: At, gita: Account, invite: Invite, end: Callable[[DirectoryEntry], None]
) -> None:
    """O07: the group is dissolved, or has the app no more."""
    person = at(gita)
    entry = join(invite, person)
    with schema.in_tenant(rooms.tenant):
        by_membership(rooms.client.app, entry)
    given, code = rooms.tokens(person), rooms.code(person)
    with schema.in_tenant(rooms.tenant):
        end(entry)
    assert rooms.redeem(code).status_code == 400
    assert rooms.is_alive(given) == [False] * 4
    assert rooms.authorize(person).status_code == 403


def test_a_suspended_organization_signs_nobody_in(
    rooms: App,
    at: At,
    gita: Account,
    invite: Invite,
    contoso: Tenant,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """O07: its provider is as gone as its pages, and comes back with them."""
    person = at(gita)
    give(rooms, join(invite, person))
    given = rooms.tokens(person)
    with django_capture_on_commit_callbacks(execute=True):
        suspend_tenant(contoso)
    assert rooms.userinfo(given["access_token"]).status_code in (404, 503)
    assert rooms.refresh(given["refresh_token"]).status_code in (404, 503)
    with django_capture_on_commit_callbacks(execute=True):
        resume_tenant(contoso)
    assert rooms.userinfo(given["access_token"]).status_code == 200


def test_what_is_kept_of_app_sign_ins_is_told_and_goes_with_the_account(
    at: At, invite: Invite, contoso: Tenant, rooms: App
) -> None:
    """D03, D04: apps given, used and owned are in the download; closing the account ends them."""
    account = make_account("nele@northwind.example")
    person = at(account)
    entry = join(invite, person, email=account.email)
    with schema.in_tenant(contoso):
        group = groups.add_group(name="Builders", by=None)
        groups.add_to_group(group, entry=entry, by=None)
        add_owner(rooms.client.app, owner=entry, by=None)
        apps.assign(rooms.client.app, to=entry, by=None, roles=["editor"])
    rooms.tokens(person)
    with schema.in_tenant(contoso):
        found = directory_data(entry)
    assert [(each["app__name"], each["roles"]) for each in found["apps"]] == [
        ("Project room", ["editor"])
    ]
    assert (found["groups"], found["owner_of"]) == (["Builders"], ["Project room"])
    assert [each["app__name"] for each in found["apps_used"]] == ["Project room"]
    assert [each["client__app__name"] for each in found["app_sign_ins"]] == ["Project room"]
    delete_account(account)
    with schema.in_tenant(contoso):
        found = directory_data(DirectoryEntry.objects.get(pk=entry.pk))
        for kind in ("apps", "groups", "owner_of", "apps_used", "app_sign_ins"):
            assert found[kind] == []
        assert not Token.objects.filter(authorization__isnull=False).exists()


def test_who_comes_back_after_leaving_starts_without_apps(
    at: At, gita: Account, invite: Invite, contoso: Tenant, rooms: App
) -> None:
    """R05: what was given went with the guest."""
    person = at(gita)
    entry = join(invite, person)
    give(rooms, entry)
    with schema.in_tenant(contoso):
        leave(entry=entry, account=gita)
        assert not AppAssignment.objects.exists()
    join(invite, person)
    answer = rooms.authorize(person)
    assert answer.status_code == 403
