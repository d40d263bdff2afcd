"""Groups in the portal, and what guests are given there."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from invitations.models import AppAssignment, Group, Invitation, SharedApp
from invitations.permissions import Role
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.directory import delete_entry
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import App, make_app
from tests.conftest import Place
from tests.portal import insider, make_group, text

At = Callable[..., Place]


# --- Groups --------------------------------------------------------------------------------------


def test_a_group_from_its_making_to_its_end(
    at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    guest = insider(contoso, gita, kind="Guest")
    admin = at(alice)
    assert "No group yet" in text(admin.get("invitations:groups"))
    data = {"name": "Builders", "description": "Whoever builds"}
    answer = admin.post("invitations:new_group", data)
    with schema.in_tenant(contoso):
        group = Group.objects.get()
    kwargs = {"group_id": group.pk}
    assert answer["Location"] == admin.path("invitations:group", **kwargs)
    again = admin.post("invitations:new_group", {"name": "BUILDERS"})
    assert again.status_code == 400
    assert "This name is taken" in text(again)
    add = {"do": "add", "email": gita.email}
    path = admin.path("invitations:group", **kwargs)
    added = text(admin.client.post(path, add, follow=True))
    assert f"{gita.email} is in the group now." in added
    assert "is in the group already" in text(admin.client.post(path, add, follow=True))
    unknown = admin.post("invitations:group", add | {"email": "x@nowhere.example"}, **kwargs)
    assert unknown.status_code == 400
    page = text(admin.get("invitations:group", **kwargs))
    assert "People <span" in page
    assert page.count('aria-current="page"') == 1
    take = {"do": "take", "entry": str(guest.pk)}
    assert admin.post("invitations:group", take, **kwargs).status_code == 302
    changed = {"name": "Roofers", "description": ""}
    assert admin.post("invitations:edit_group", changed, **kwargs).status_code == 302
    assert "Roofers is changed." in text(admin.get("invitations:group", **kwargs))
    assert "Dissolve Roofers?" in text(admin.get("invitations:remove_group", **kwargs))
    assert admin.post("invitations:remove_group", **kwargs).status_code == 302
    with schema.in_tenant(contoso):
        assert not Group.objects.exists()


def test_the_list_of_groups_counts_who_is_there(
    at: At, alice: Account, gita: Account, sam: Account, contoso: Tenant, rooms: App
) -> None:
    """Who is deleted is not; neither on the page that asks before dissolving."""
    group = make_group(contoso)
    people = [insider(contoso, account) for account in (gita, sam)]
    with schema.in_tenant(contoso):
        for app in (rooms, make_app(contoso, name="Drawings")):
            services.assign(app.client.app, to=group, by=None)
        for entry in people:
            groups.add_to_group(group, entry=entry, by=None)
        delete_entry(entry=people[0], by=None)
    admin = at(alice)
    page = text(admin.get("invitations:groups"))
    assert re.findall(r'data-label="(?:People|Apps)">(\d+)<', page) == ["1", "2"]
    assert admin.get("invitations:remove_group", group_id=group.pk).context["people"] == 1


# --- Guests --------------------------------------------------------------------------------------


def test_an_invitation_names_apps_and_groups(
    at: At, alice: Account, contoso: Tenant, rooms: App
) -> None:
    group = make_group(contoso)
    admin = at(alice)
    with schema.in_tenant(contoso):
        SharedApp.objects.filter(pk=rooms.client.app_id).update(description="Files and tasks")
    form = admin.path("invitations:invite")
    page = text(admin.client.get(f"{form}?app={rooms.client.app_id}"))
    assert re.search(rf'value="{rooms.client.app_id}"[^>]*checked', page)
    assert 'Project room<span class="hint">Files and tasks</span></label>' in page
    assert ">Contoso invites you to Project room<" in page
    for query in ("", f"?group={group.pk}", f"?app={uuid4()}", "?app=nonsense"):
        answer = admin.client.get(form + query)
        assert answer.status_code == 200
        assert ">Contoso invites you<" in text(answer)
    data = {
        "email": "new@northwind.example",
        "language": "en",
        "validity": str(7 * 24 * 3600),
        "send_mail": "on",
        "apps": str(rooms.client.app_id),
        "groups": str(group.pk),
    }
    assert admin.post("invitations:invite", data).status_code == 302
    with schema.in_tenant(contoso):
        invitation = Invitation.objects.get(address="new@northwind.example")
        assert invitation.redirect_url == "https://rooms.contoso.example/"
        assert invitation.apps_given.get().app_id == rooms.client.app_id
        assert invitation.groups_given.get().group_id == group.pk
    assert "Project room" in text(admin.get("invitations:guests"))
    for name, of in (
        ("consent:app", {"app_id": rooms.client.app_id}),
        ("invitations:group", {"group_id": group.pk}),
    ):
        assert "Guest · Not accepted yet" in text(admin.get(name, **of))


def test_a_guest_inviter_gives_only_what_is_theirs(
    at: At, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """P04, N01: somebody else's app, and one next door, are refused alike."""
    entry = insider(contoso, gita, Role.GUEST_INVITER)
    own, other = make_app(contoso, name="Drawings"), make_app(contoso, name="Design library")
    foreign = make_app(fabrikam, name="Ledger")
    with schema.in_tenant(contoso):
        add_owner(own.client.app, owner=entry, by=None)
    person = at(gita)
    page = text(person.get("invitations:invite"))
    assert "Drawings" in page
    assert "Design library" not in page
    data = {"email": "x@northwind.example", "language": "en", "validity": "3600"}
    for app in (other, foreign):
        asked = data | {"apps": str(app.client.app_id)}
        assert person.post("invitations:invite", asked).status_code == 403
    with schema.in_tenant(contoso):
        assert not Invitation.objects.filter(address=data["email"]).exists()
    asked = data | {"apps": str(own.client.app_id)}
    assert person.post("invitations:invite", asked).status_code == 302


def test_apps_and_groups_of_a_guest_are_set_on_their_page(
    at: At, alice: Account, gita: Account, contoso: Tenant, rooms: App
) -> None:
    guest, group = insider(contoso, gita, kind="Guest"), make_group(contoso)
    admin = at(alice)
    with schema.in_tenant(contoso):
        services.assign(make_app(contoso, name="Drawings").client.app, to=group, by=None)
    act = {"entry_id": guest.pk, "action": "apps"}
    assert admin.get("invitations:act", **act).status_code == 200
    data: dict[str, Any] = {"apps": [str(rooms.client.app_id)], "groups": [str(group.pk)]}
    assert admin.post("invitations:act", data, **act).status_code == 302
    page = text(admin.get("invitations:guest", entry_id=guest.pk))
    assert f'href="{admin.path("consent:app", app_id=rooms.client.app_id)}"' in page
    assert f'href="{admin.path("invitations:group", group_id=group.pk)}"' in page
    assert 'Drawings</a> <span class="soft">by the group Builders</span></li>' in page
    assert "Gave access to an app: Project room" in page
    assert "Added to a group: Builders" in page
    assert admin.post("invitations:act", {"apps": [str(uuid4())]}, **act).status_code == 400
    assert admin.post("invitations:act", {}, **act).status_code == 302
    with schema.in_tenant(contoso):
        assert not AppAssignment.objects.filter(entry=guest).exists()
        assert not group.members.exists()
