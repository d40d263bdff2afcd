"""Who gets to the pages of apps and groups, and to whose."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from consent.models import ClientSecret
from invitations.models import DirectoryEntry
from invitations.permissions import Role
from invitations.services import apps as services
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import App, make_app
from tests.conftest import Place, add_second_factor
from tests.portal import insider, make_group, text
from tests.rows import checksum

At = Callable[..., Place]


ROUTES = [
    ("get", "consent:apps", ""),
    ("get", "consent:new_app", ""),
    ("post", "consent:new_app", ""),
    ("get", "consent:app", "app"),
    ("post", "consent:app", "app"),
    ("get", "consent:edit_app", "app"),
    ("post", "consent:edit_app", "app"),
    ("get", "consent:remove_app", "app"),
    ("post", "consent:remove_app", "app"),
    ("post", "consent:add_secret", "app"),
    ("get", "consent:remove_secret", "secret"),
    ("post", "consent:remove_secret", "secret"),
    ("get", "invitations:groups", ""),
    ("get", "invitations:new_group", ""),
    ("post", "invitations:new_group", ""),
    ("get", "invitations:group", "group"),
    ("post", "invitations:group", "group"),
    ("get", "invitations:edit_group", "group"),
    ("post", "invitations:edit_group", "group"),
    ("get", "invitations:remove_group", "group"),
    ("post", "invitations:remove_group", "group"),
]


def ids(tenant: Tenant, of: str) -> dict[str, Any]:
    """The id that the route takes, of a thing of this tenant."""
    if of == "app":
        return {"app_id": make_app(tenant).client.app_id}
    if of == "secret":
        client = make_app(tenant).client
        with schema.in_tenant(tenant):
            return {"app_id": client.app_id, "secret_id": client.secrets.get().pk}
    return {"group_id": make_group(tenant).pk} if of == "group" else {}


@pytest.mark.parametrize(("method", "name", "of"), ROUTES)
def test_staff_pages_are_shut_for_everybody_else(
    at: At,
    gita: Account,
    frank: Account,
    contoso: Tenant,
    method: str,
    name: str,
    of: str,
) -> None:
    """P01, N02: strangers sign in, people of other tenants find nothing, guests get 403."""
    kwargs = ids(contoso, of)
    insider(contoso, gita, kind="Guest")
    before = checksum(contoso)

    def ask(account: Account | None) -> Any:
        return getattr(at(account), method)(name, **kwargs)

    assert ask(None).status_code == 302
    assert ask(frank).status_code == 404
    assert ask(gita).status_code == 403
    assert checksum(contoso) == before


@pytest.mark.parametrize(("method", "name", "of"), [row for row in ROUTES if row[2]])
def test_an_id_of_next_door_is_an_id_that_never_existed(
    at: At, alice: Account, fabrikam: Tenant, method: str, name: str, of: str
) -> None:
    """N01: 404 with the same body, with the decoy next door."""
    decoy = ids(fabrikam, of)
    before = checksum(fabrikam)
    admin = at(alice)
    foreign = getattr(admin, method)(name, **decoy)
    unknown = getattr(admin, method)(name, **dict.fromkeys(decoy, uuid4()))
    assert foreign.status_code == unknown.status_code == 404
    strip = re.compile(rb'value="[^"]*"')
    assert strip.sub(b"", foreign.content) == strip.sub(b"", unknown.content)
    assert checksum(fabrikam) == before


def test_ids_in_forms_of_next_door_are_not_found(
    at: At, alice: Account, rooms: App, contoso: Tenant, fabrikam: Tenant
) -> None:
    """N01: assignments, owners, secrets and members of another tenant, and of another app."""
    theirs = make_app(fabrikam)
    group, their_group = make_group(contoso), make_group(fabrikam)
    with schema.in_tenant(fabrikam):
        frank_entry = DirectoryEntry.objects.get(address="frank@fabrikam.example")
        given = services.assign(theirs.client.app, to=frank_entry, by=None)
        secret = ClientSecret.objects.get(client=theirs.client)
    other = make_app(contoso, name="Drawings")
    with schema.in_tenant(contoso):
        own_other = ClientSecret.objects.get(client=other.client)
    before = checksum(fabrikam)
    admin, app_id = at(alice), rooms.client.app_id
    asked: list[dict[str, Any]] = [
        {"do": "unassign", "assignment": given.pk},
        {"do": "unassign", "assignment": "x"},
        {"do": "take_owner", "entry": frank_entry.pk},
        {"do": "take_owner", "entry": ""},
        {"do": "nothing"},
    ]
    for data in asked:
        assert admin.post("consent:app", data, app_id=app_id).status_code == 404
    for pk in (secret.pk, own_other.pk, uuid4()):
        named = {"app_id": app_id, "secret_id": pk}
        assert admin.get("consent:remove_secret", **named).status_code == 404
        assert admin.post("consent:remove_secret", **named).status_code == 404
    for entry in (frank_entry.pk, "x", ""):
        data = {"do": "take", "entry": entry}
        assert admin.post("invitations:group", data, group_id=group.pk).status_code == 404
    page = admin.post("consent:app", {"do": "assign", "group": their_group.pk}, app_id=app_id)
    assert page.status_code == 400
    for do in ("assign", "add_owner"):
        data = {"do": do, "email": "frank@fabrikam.example"}
        page = admin.post("consent:app", data, app_id=app_id)
        assert page.status_code == 400
        assert "Nobody in the directory has this address" in text(page)
    assert checksum(fabrikam) == before


def test_user_administrators_give_apps_and_change_none(
    at: At, gita: Account, contoso: Tenant, rooms: App
) -> None:
    """P01 by role."""
    insider(contoso, gita, Role.USER_ADMINISTRATOR)
    add_second_factor(gita)
    person, app_id = at(gita), rooms.client.app_id
    page = person.get("consent:app", app_id=app_id)
    assert page.status_code == 200
    assert "Make a secret" not in text(page)
    given = {"do": "assign", "email": "alice@contoso.example"}
    assert person.post("consent:app", given, app_id=app_id).status_code == 302
    owner = {"do": "add_owner", "email": "alice@contoso.example"}
    assert person.post("consent:app", owner, app_id=app_id).status_code == 404
    for name in ("new_app", "edit_app", "remove_app", "add_secret"):
        kwargs = {} if name == "new_app" else {"app_id": app_id}
        assert person.post(f"consent:{name}", **kwargs).status_code == 403
    named = {"app_id": app_id, "secret_id": uuid4()}
    assert person.post("consent:remove_secret", **named).status_code == 403
    group = make_group(contoso)
    for name in ("edit_group", "remove_group"):
        assert person.post(f"invitations:{name}", group_id=group.pk).status_code == 403
    added = {"do": "add", "email": "alice@contoso.example"}
    assert person.post("invitations:group", added, group_id=group.pk).status_code == 302
