"""Lists that grow: every page of them, and what they cost."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models.functions import Now

from consent import clients, panel
from consent.models import AppVisit, OAuthClient
from invitations import pages
from invitations.models import (
    AppAssignment,
    AppOwner,
    Contact,
    DirectoryEntry,
    Group,
    GroupMember,
    GroupOwner,
    WhoMayEnter,
)
from invitations.services import apps as services
from invitations.services import directory, groups
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import App, make_app
from tests.conftest import Place
from tests.portal import insider, make_group, text

At = Callable[..., Place]
PERSON = r"(p\d{3})@<wbr>"


def walk(person: Place, url: str, pattern: str, part: str = "") -> Iterator[list[str]]:
    """What each page from this one on shows, by the links of the pager of this part."""
    while url:
        page = text(person.client.get(url)).replace("&amp;", "&")
        yield re.findall(pattern, page)
        following = re.search(rf'href="([^"]*{part})" rel="next"', page)
        url = following[1] if following else ""


def people_of(tenant: Tenant, number: int) -> list[DirectoryEntry]:
    """`p000@northwind.example` and so on, in the tenant's directory."""
    with schema.in_tenant(tenant):
        return DirectoryEntry.objects.bulk_create(
            DirectoryEntry(address=f"p{each:03}@northwind.example") for each in range(number)
        )


def fill(rooms: App, group: Group, number: int) -> None:
    """So many people with the app, in the group, who used the app."""
    app, people = rooms.client.app, people_of(rooms.tenant, number)
    with schema.in_tenant(rooms.tenant):
        AppAssignment.objects.bulk_create(AppAssignment(app=app, entry=each) for each in people)
        GroupMember.objects.bulk_create(GroupMember(group=group, entry=each) for each in people)
        AppVisit.objects.bulk_create(AppVisit(app=app, entry=each) for each in people)


def test_everybody_of_an_app_and_a_group_can_be_found_and_removed(
    at: At, alice: Account, contoso: Tenant, rooms: App
) -> None:
    """The 205 were 200 with the newest left out; now they are pages, and can be searched."""
    group = make_group(contoso)
    fill(rooms, group, 205)
    admin = at(alice)
    for name, kwargs, take in (
        ("consent:app", {"app_id": rooms.client.app_id}, "unassign"),
        ("invitations:group", {"group_id": group.pk}, "take"),
    ):
        path = admin.path(name, **kwargs)
        first = text(admin.client.get(path))
        assert '<h2 id="people">People <span class="soft">205</span></h2>' in first
        shown = list(walk(admin, path, PERSON, "#people"))
        assert [len(people) for people in shown] == [50, 50, 50, 50, 5]
        assert len({person for people in shown for person in people}) == 205
        found = text(admin.client.get(path, {"q": "P204@north"}))
        assert re.findall(PERSON, found) == ["p204"]
        form = re.search(
            r'action="([^"]+)"><input [^>]*csrf[^>]*><input type="hidden" name="(assignment|entry)" '
            rf'value="([^"]+)"><button [^>]*value="{take}"',
            found,
        )
        assert form
        answer = admin.client.post(form[1], {"do": take, form[2]: form[3]})
        assert answer["Location"] == f"{path}?q=P204%40north"
        empty = text(admin.client.get(answer["Location"]))
        assert "Nobody matches" in empty
        assert '<span class="soft">204</span>' in empty


def test_a_group_of_an_app_is_found_by_its_name(
    at: At, alice: Account, contoso: Tenant, rooms: App
) -> None:
    admin, app = at(alice), rooms.client.app
    with schema.in_tenant(contoso):
        services.assign(app, to=make_group(contoso, "Roofers"), by=None)
    path = admin.path("consent:app", app_id=app.pk)
    assert ">Roofers</a>" in text(admin.client.get(path, {"q": "roof"}))
    assert ">Roofers</a>" not in text(admin.client.get(path, {"q": "build"}))
    for odd in ("%", "_", "\0", "x" * 5000):
        assert admin.client.get(path, {"q": odd, "people": odd, "visits": odd}).status_code == 200


def test_the_last_visits_are_read_to_their_end_beside_the_people(
    at: At, alice: Account, contoso: Tenant, rooms: App
) -> None:
    """Two lists on one page: moving in one keeps the place in the other."""
    fill(rooms, make_group(contoso), 60)
    admin = at(alice)
    path = admin.path("consent:app", app_id=rooms.client.app_id)
    page = text(admin.client.get(path)).replace("&amp;", "&")
    people, visits = re.findall(r'href="([^"]*)" rel="next"', page)
    assert people.endswith("#people")
    assert visits.endswith("#visits")
    second = text(admin.client.get(people)).replace("&amp;", "&")
    assert len(re.findall(PERSON, second)) == 10
    [both] = re.findall(r'href="([^"]*)" rel="next"', second)
    assert "people=" in both
    assert "visits=" in both
    visit = r'">(p\d{3})@northwind.example</a><br><span class="soft small">\w'
    shown = list(walk(admin, path, visit, "#visits"))
    assert [len(people) for people in shown] == [20, 20, 20]
    assert len({person for people in shown for person in people}) == 60
    moved_in_both = text(admin.client.get(both))
    assert re.findall(visit, moved_in_both) == shown[1]
    assert re.findall(PERSON, moved_in_both) == re.findall(PERSON, second)


def test_the_lists_of_apps_and_groups_go_on(at: At, alice: Account, contoso: Tenant) -> None:
    for number in range(55):
        make_group(contoso, f"Group {number:02}")
    with schema.in_tenant(contoso):
        apps = [services.add_app(name=f"app {number:02}", by=None) for number in range(55)]
        OAuthClient.objects.bulk_create(OAuthClient(app=app) for app in apps)
    admin = at(alice)
    for name, pattern in (
        ("consent:apps", r">(app \d\d)<"),
        ("invitations:groups", r">(Group \d\d)<"),
    ):
        shown = list(walk(admin, admin.path(name), pattern))
        assert [len(rows) for rows in shown] == [50, 5]
        names = [name for rows in shown for name in rows]
        assert names == sorted(set(names))


def test_a_group_in_the_list_counts_who_is_there_still(
    at: At, alice: Account, contoso: Tenant, rooms: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = make_group(contoso)
    fill(rooms, group, 4)
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(address__startswith="p000").update(deleted_at=Now())
    admin = at(alice)
    assert 'data-label="People">3</td>' in text(admin.get("invitations:groups"))
    monkeypatch.setattr(pages, "CAP", 2)
    assert 'data-label="People">2+</td>' in text(admin.get("invitations:groups"))
    assert '<span class="soft">2+</span>' in text(admin.get("invitations:group", group_id=group.pk))


def test_no_app_of_mine_is_left_out_silently(
    at: At, gita: Account, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first are shown beside other organizations, all of them page by page on its own."""
    monkeypatch.setattr(panel, "MOST", 3)
    entry = insider(contoso, gita, kind="Guest")
    for number in range(7):
        make_app(contoso, name=f"App {number}")
    hidden = make_app(contoso, name="A closed one", who_may_enter=WhoMayEnter.ASSIGNED)
    with schema.in_tenant(contoso):
        add_owner(hidden.client.app, owner=entry, by=None)
    person = at(gita)
    page = text(person.client.get("/organizations/"))
    assert re.findall(r">(App \d)<", page) == ["App 0", "App 1", "App 2"]
    assert '<a href="/organizations/contoso/#apps">4 more apps of Contoso</a>' in page
    assert person.path("invitations:share") in page
    shown = list(walk(person, "/organizations/contoso/", r">(App \d)<"))
    assert shown == [["App 0", "App 1", "App 2"], ["App 3", "App 4", "App 5"], ["App 6"]]


def test_the_list_and_an_app_cost_the_same_with_many(
    at: At, alice: Account, contoso: Tenant, rooms: App, statements: Any
) -> None:
    admin, app_id = at(alice), rooms.client.app_id

    def cost(name: str, **kwargs: Any) -> int:
        with statements() as counted:
            assert admin.get(name, **kwargs).status_code == 200
        return len(counted.sql)

    asked: list[tuple[str, dict[str, Any], int]] = [
        ("consent:apps", {}, 5),
        ("consent:app", {"app_id": app_id}, 11),
        ("invitations:groups", {}, 5),
        ("invitations:group", {"group_id": make_group(contoso, "First").pk}, 9),
    ]
    admin.get("consent:apps")
    before = [cost(name, **kwargs) for name, kwargs, _most in asked]
    assert all(spent <= most for spent, (_n, _k, most) in zip(before, asked, strict=True)), before
    with schema.in_tenant(contoso):
        first = Group.objects.get(name="First")
    fill(rooms, first, 60)
    with schema.in_tenant(contoso):
        clients.add_secret(rooms.client, by=None)
        for entry in DirectoryEntry.objects.filter(address__startswith="p")[:5]:
            AppOwner.objects.create(app=rooms.client.app, entry=entry)
            GroupOwner.objects.create(group=first, entry=entry)
    for number in range(12):
        other = make_app(contoso, name=f"App {number}").client.app
        group = make_group(contoso, f"Group {number}")
        with schema.in_tenant(contoso):
            services.assign(rooms.client.app, to=group, by=None)
            services.assign(other, to=first, by=None)
    assert [cost(name, **kwargs) for name, kwargs, _most in asked] == before


def test_guests_with_many_apps_cost_what_guests_without_cost(
    at: At, alice: Account, gita: Account, contoso: Tenant, rooms: App, statements: Any
) -> None:
    """Their own page, and the list that names the apps of everybody."""
    guest, admin = insider(contoso, gita, kind="Guest"), at(alice)

    def cost() -> list[int]:
        spent = []
        for name, kwargs in (
            ("invitations:guest", {"entry_id": guest.pk}),
            ("invitations:guests", {}),
        ):
            with statements() as counted:
                assert admin.get(name, **kwargs).status_code == 200
            spent.append(len(counted.sql))
        return spent

    with schema.in_tenant(contoso):
        services.assign(rooms.client.app, to=guest, by=None)
    admin.get("consent:apps")
    before = cost()
    fill(rooms, make_group(contoso, "Roofers"), 20)
    for number in range(12):
        app = make_app(contoso, name=f"App {number}").client.app
        group = make_group(contoso, f"Group {number}")
        with schema.in_tenant(contoso):
            services.assign(app, to=guest, by=None)
            services.assign(app, to=group, by=None)
            groups.add_to_group(group, entry=guest, by=None)
    assert cost() == before
    assert "App 11" in text(admin.get("invitations:guest", entry_id=guest.pk))


def test_a_long_history_and_many_contacts_are_read_to_their_end(
    at: At, alice: Account, contoso: Tenant
) -> None:
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.create(address="gita@northwind.example")
        for _each in range(30):
            directory.block_sign_in(entry=entry, by=None)
            directory.unblock_sign_in(entry=entry, by=None)
        Contact.objects.bulk_create(
            Contact(address=f"desk{number:02}@northwind.example") for number in range(55)
        )
    admin = at(alice)
    path = admin.path("invitations:guest", entry_id=entry.pk)
    shown = list(walk(admin, path, ">(Blocked|Unblocked) the sign-in<", "#timeline"))
    assert [len(rows) for rows in shown] == [50, 10]
    shown = list(walk(admin, admin.path("invitations:contacts"), r">desk(\d\d)"))
    assert [len(rows) for rows in shown] == [50, 5]
