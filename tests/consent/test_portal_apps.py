"""Shared apps and groups in the portal, and what people see of them under My access."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image

from consent import shown_once
from consent.models import ClientSecret, ClientType, OAuthClient
from invitations.models import (
    AppAssignment,
    DirectoryEntry,
    Group,
    Invitation,
    RoleAssignment,
    SharedApp,
    WhoMayEnter,
)
from invitations.permissions import Role
from invitations.services import apps as services
from invitations.services.directory import delete_entry
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Membership, Tenant, UserType
from tests.apps import CALLBACK, App, make_app
from tests.browserless import prove_again
from tests.conftest import Invite, Place, add_second_factor
from tests.rows import checksum, dump

At = Callable[..., Place]

FORM = {
    "name": "Project room",
    "description": "Files, tasks and meetings",
    "home_url": "https://rooms.contoso.example/",
    "who_may_enter": "assigned",
    "client_type": "web",
    "redirect_uris": CALLBACK,
    "sign_out_uris": "",
    "id_token_algorithm": "RS256",
    "access_token_format": "opaque",
}


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def insider(tenant: Tenant, account: Account, *roles: Role, kind: str = "Member") -> DirectoryEntry:
    """The account's entry here, accepted."""
    with schema.in_tenant(tenant):
        entry = DirectoryEntry.objects.create(
            account=account, address=account.email, external_user_state="Accepted", user_type=kind
        )
        for role in roles:
            RoleAssignment.objects.create(entry=entry, role=role)
    Membership.objects.create(account=account, tenant=tenant, entry_id=entry.pk, user_type=kind)
    return entry


def png(side: int = 300) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(made, format="PNG")
    return made.getvalue()


def make_group(tenant: Tenant, name: str = "Builders") -> Group:
    with schema.in_tenant(tenant):
        return services.add_group(name=name, by=None)


def shown_secret(answer: Any) -> str:
    """The secret that an app's page shows; empty when it shows none."""
    found = re.search(r'<code class="mono copy">([\w-]{43})</code>', answer.content.decode())
    return found[1] if found else ""


@pytest.fixture
def rooms(contoso: Tenant) -> App:
    return make_app(contoso)


# --- Who gets here -------------------------------------------------------------------------------

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


# --- Apps ----------------------------------------------------------------------------------------


def register(person: Place, **changed: str) -> OAuthClient:
    """Fill in the form; the app it made."""
    answer = person.post("consent:new_app", FORM | changed)
    assert answer.status_code == 302, text(answer)
    with schema.in_tenant(person.tenant):
        found = OAuthClient.objects.select_related("app").get(app__name=FORM["name"])
    assert answer["Location"] == person.path("consent:app", app_id=found.app_id)
    return found


def test_an_app_is_shared_with_a_secret_that_is_shown_once(
    at: At, alice: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """O10: two are valid during rotation; only a hash is kept, and the page never shows it again."""
    before = checksum(fabrikam)
    admin = at(alice)
    assert "No app yet" in text(admin.get("consent:apps"))
    client = register(admin)
    app_id = client.app_id
    answer = admin.get("consent:app", app_id=app_id)
    assert f"/o/contoso/open/{app_id}/" in text(answer)
    assert str(client.pk) in text(answer)
    secret = shown_secret(answer)
    assert not shown_secret(admin.get("consent:app", app_id=app_id))
    admin.post("consent:add_secret", app_id=app_id)
    assert shown_secret(admin.get("consent:app", app_id=app_id)) not in {"", secret}
    admin.post("consent:add_secret", app_id=app_id)
    later = admin.get("consent:app", app_id=app_id)
    assert "There are two secrets already" in text(later)
    assert not shown_secret(later)
    with schema.in_tenant(contoso):
        older, newer = ClientSecret.objects.filter(client=client).order_by("created_at")
        assert older.hint == secret[:4]
    app = App(contoso, client, secret)
    named = {"app_id": app_id, "secret_id": older.pk}
    assert "its only secret" not in text(admin.get("consent:remove_secret", **named))
    assert app.post("introspect", token="x").status_code == 200
    admin.post("consent:remove_secret", **named)
    assert app.post("introspect", token="x").status_code == 401
    last = admin.get("consent:remove_secret", app_id=app_id, secret_id=newer.pk)
    assert "its only secret" in text(last)
    with schema.in_tenant(contoso):
        assert list(ClientSecret.objects.filter(client=client)) == [newer]
    assert checksum(fabrikam) == before


def test_a_new_secret_survives_no_reload_and_lies_nowhere(
    at: At, alice: Account, rooms: App, contoso: Tenant
) -> None:
    """O10: reloading or changing the language makes no second one, and no table holds it."""
    admin, app_id = at(alice), rooms.client.app_id
    path = admin.path("consent:app", app_id=app_id)
    answer = admin.post("consent:add_secret", app_id=app_id)
    assert (answer.status_code, answer["Location"]) == (302, path)
    waiting = answer.cookies[shown_once.COOKIE]
    assert waiting["httponly"]
    assert (waiting["path"], waiting["samesite"]) == (path, "Strict")
    assert admin.client.head(path).status_code == 200
    page = admin.client.get(path)
    secret = shown_secret(page)
    assert secret
    assert page["Cache-Control"] == "no-store"
    assert secret not in waiting.value
    assert secret not in dump()
    for way in (path, path, admin.path("consent:apps")):
        assert secret not in text(admin.client.get(way))
    switched = admin.client.post("/language/", {"language": "nl", "next": path}, follow=True)
    assert switched.status_code == 200
    assert secret not in text(switched)
    with schema.in_tenant(contoso):
        assert rooms.client.secrets.count() == 2


def test_a_new_secret_is_for_whoever_asked_for_it_and_for_a_minute(
    at: At, alice: Account, gita: Account, contoso: Tenant, rooms: App
) -> None:
    """O10: not for who signs in at the same browser, not at another app, not later, not forged."""
    insider(contoso, gita, Role.ADMINISTRATOR)
    add_second_factor(gita)
    admin, other = at(alice), make_app(contoso, name="Drawings").client.app_id
    made = admin.post("consent:add_secret", app_id=rooms.client.app_id)
    waiting = made.cookies[shown_once.COOKIE].value

    def shown(person: Account, app_id: Any, value: str) -> str:
        place = at(person)
        place.client.cookies[shown_once.COOKIE] = value
        return shown_secret(place.get("consent:app", app_id=app_id))

    assert shown(alice, rooms.client.app_id, waiting)
    assert not shown(gita, rooms.client.app_id, waiting)
    assert not shown(alice, other, waiting)
    for forged in ("x", "é", waiting[:-4] + "AAAA", ""):
        assert not shown(alice, rooms.client.app_id, forged)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
        assert not shown(alice, rooms.client.app_id, waiting)


def test_a_public_app_keeps_no_secret(at: At, alice: Account) -> None:
    admin = at(alice)
    client = register(admin, client_type="public")
    answer = admin.get("consent:app", app_id=client.app_id)
    assert "Make a secret" not in text(answer)
    assert not shown_secret(answer)
    path = admin.path("consent:add_secret", app_id=client.app_id)
    assert "keeps no secret" in text(admin.client.post(path, follow=True))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Enter a name"),
        ("name", "Dräwings", "This name is taken"),
        ("name", "a\u202eb", "invisible or control characters"),
        ("name", "https://x.example", "Take the web address out"),
        ("description", "x" * 201, "200"),
        ("home_url", "http://rooms.contoso.example/", "begins with https://"),
        ("home_url", "javascript:alert(1)", "begins with https://"),
        ("redirect_uris", "", "Enter at least one redirect URL"),
        ("redirect_uris", "https://*.contoso.example/cb", "cannot be used"),
        ("redirect_uris", f"{CALLBACK}\nhttp://rooms.contoso.example/", "cannot be used"),
        ("redirect_uris", f"{CALLBACK}#x", "cannot be used"),
        ("sign_out_uris", "mailto:a@b.example", "cannot be used"),
        ("client_type", "service", "A service signs nobody in"),
        ("client_type", "native", "not one of the available choices"),
        ("who_may_enter", "nobody", "not one of the available choices"),
        ("id_token_algorithm", "none", "not one of the available choices"),
        ("access_token_format", "", "This field is required"),
    ],
)
def test_a_form_that_cannot_be_used_loses_nothing(
    at: At, alice: Account, contoso: Tenant, field: str, value: str, said: str
) -> None:
    """O01, O02: what is wrong is said beside the field, and everything typed is still there."""
    make_app(contoso, name="dräwings")
    admin = at(alice)
    before = checksum(contoso)
    answer = admin.post("consent:new_app", FORM | {field: value})
    assert answer.status_code == 400
    page = text(answer)
    assert said in page
    assert page.count("Error: ") - page.count('<span class="sr">Error: ') == 1
    kept = {name: typed for name, typed in FORM.items() if name in ("name", "home_url")}
    for name, typed in kept.items():
        assert name == field or typed in page
    assert checksum(contoso) == before


def test_everything_wrong_with_an_app_is_said_at_once(at: At, alice: Account) -> None:
    unfit = {
        "name": "",
        "home_url": "rooms.contoso.example",
        "redirect_uris": f"nowhere\n{CALLBACK}\nhttp://rooms.contoso.example/",
    }
    page = text(at(alice).post("consent:new_app", FORM | unfit))
    assert "There is a problem with 3 answers" in page
    assert "or with http://localhost and a port" in page
    for said in ("Enter a name", "“nowhere” cannot", "“http://rooms.contoso.example/” cannot"):
        assert page.count(said) == 2, said


def test_an_empty_form_says_what_it_needs(at: At, alice: Account, rooms: App) -> None:
    admin, app_id = at(alice), rooms.client.app_id
    group = make_group(rooms.tenant)
    asked = [
        ("consent:app", {"app_id": app_id}, "add_owner", "Enter an e-mail address"),
        ("consent:app", {"app_id": app_id}, "logo", "Choose a picture"),
        ("consent:app", {"app_id": app_id}, "assign", "Enter an address or choose a group"),
        ("invitations:group", {"group_id": group.pk}, "add", "Enter an e-mail address"),
        ("invitations:new_group", {}, "", "Enter a name"),
    ]
    for name, kwargs, do, said in asked:
        answer = admin.post(name, {"do": do}, **kwargs)
        assert answer.status_code == 400
        assert said in text(answer)
        assert "This field is required" not in text(answer)
    page = text(admin.get("consent:app", app_id=app_id))
    assert "somebody in the directory</label>" in page


def test_an_app_is_changed_and_unshared(at: At, alice: Account, contoso: Tenant) -> None:
    admin = at(alice)
    client = register(admin)
    admin.post("consent:add_secret", app_id=client.app_id)
    page = text(admin.get("consent:edit_app", app_id=client.app_id))
    assert FORM["description"] in page
    assert CALLBACK in page
    changed = FORM | {"name": "War room", "who_may_enter": "everybody", "client_type": "public"}
    assert admin.post("consent:edit_app", changed, app_id=client.app_id).status_code == 302
    with schema.in_tenant(contoso):
        found = OAuthClient.objects.select_related("app").get(pk=client.pk)
        assert (found.app.name, found.app.who_may_enter) == ("War room", "everybody")
        assert found.client_type == ClientType.PUBLIC
        assert not found.secrets.exists()
    assert "Stop sharing War room?" in text(admin.get("consent:remove_app", app_id=client.app_id))
    assert admin.post("consent:remove_app", app_id=client.app_id).status_code == 302
    assert admin.get("consent:app", app_id=client.app_id).status_code == 404


def test_people_and_groups_are_given_an_app(
    at: At, alice: Account, gita: Account, contoso: Tenant, rooms: App
) -> None:
    guest = insider(contoso, gita, kind="Guest")
    group = make_group(contoso)
    admin, app_id = at(alice), rooms.client.app_id
    data = {"do": "assign", "email": " Gita@Northwind.example", "roles": "editor, reader,"}
    assert admin.post("consent:app", data, app_id=app_id).status_code == 302
    data = {"do": "assign", "group": str(group.pk)}
    assert admin.post("consent:app", data, app_id=app_id).status_code == 302
    page = text(admin.get("consent:app", app_id=app_id))
    assert "editor, reader" in page
    assert "Builders" in page
    with schema.in_tenant(contoso):
        given = AppAssignment.objects.get(entry=guest)
        assert given.roles == ["editor", "reader"]
    for bad, said in (
        ({}, "Enter an address or choose a group<"),
        ({"email": "x"}, "Enter one e-mail address"),
        ({"email": gita.email, "group": str(group.pk)}, "choose a group, not both"),
    ):
        answer = admin.post("consent:app", {"do": "assign", **bad}, app_id=app_id)
        assert answer.status_code == 400
        assert said in text(answer)
    long = {"do": "assign", "email": gita.email, "roles": "x" * 65}
    assert "At most ten roles" in text(admin.post("consent:app", long, app_id=app_id))
    data = {"do": "unassign", "assignment": str(given.pk)}
    assert admin.post("consent:app", data, app_id=app_id).status_code == 302
    again = admin.post("consent:app", data, app_id=app_id)  # from another tab that still shows it
    assert again.status_code == 404
    assert "something changed meanwhile" in text(again)
    assert "Client ID" in text(again)
    with schema.in_tenant(contoso):
        assert not AppAssignment.objects.filter(entry=guest).exists()


def test_a_whole_group_loses_an_app_only_after_a_question(
    at: At, alice: Account, gita: Account, contoso: Tenant, rooms: App
) -> None:
    guest, group = insider(contoso, gita, kind="Guest"), make_group(contoso)
    with schema.in_tenant(contoso):
        services.add_to_group(group, entry=guest, by=None)
        given = services.assign(rooms.client.app, to=group, by=None)
    admin, app_id = at(alice), rooms.client.app_id
    data = {"do": "unassign", "assignment": str(given.pk)}
    before = checksum(contoso)
    asked = text(admin.post("consent:app", data, app_id=app_id))
    assert "Take Project room from the group Builders?" in asked
    assert "1 person is in the group" in asked
    assert checksum(contoso) == before
    answer = admin.post("consent:app", data | {"sure": "1"}, app_id=app_id)
    assert answer.status_code == 302
    with schema.in_tenant(contoso):
        assert not AppAssignment.objects.filter(group=group).exists()


def test_every_button_of_an_app_says_what_it_did(
    at: At, alice: Account, gita: Account, sam: Account, contoso: Tenant, invite: Invite
) -> None:
    """“Told by e-mail” only where a mail was promised: to who is in, the first time."""
    rooms = make_app(contoso, who_may_enter=WhoMayEnter.ASSIGNED)
    mara, guest = insider(contoso, sam), insider(contoso, gita, kind="Guest")
    invite(email="pending@tailspin.example")
    admin = at(alice)
    path = admin.path("consent:app", app_id=rooms.client.app_id)

    def said(do: str, **data: str) -> str:
        return text(admin.client.post(path, {"do": do, **data}, follow=True))

    first = said("assign", email=gita.email)
    assert f"{gita.email} now has Project room and is told by e-mail." in first
    assert "has Project room already" in said("assign", email=gita.email, roles="editor")
    pending = said("assign", email="pending@tailspin.example")
    assert "pending@tailspin.example now has Project room." in pending
    with schema.in_tenant(contoso):
        given = AppAssignment.objects.get(entry=guest)
    taken = said("unassign", assignment=str(given.pk))
    assert f"{gita.email} is removed from Project room." in taken
    assert "is an owner now" in said("add_owner", email=sam.email)
    assert "is an owner already" in said("add_owner", email=sam.email)
    assert "is not an owner any more" in said("take_owner", entry=str(mara.pk))
    assert "The picture is removed" in said("no_logo")


def test_owners_are_people_who_are_in(
    at: At, alice: Account, gita: Account, contoso: Tenant, rooms: App, invite: Invite
) -> None:
    mara = insider(contoso, gita)
    invite(email="pending@tailspin.example")
    admin, app_id = at(alice), rooms.client.app_id
    group = make_group(contoso)
    for name, kwargs in (
        ("consent:app", {"app_id": app_id}),
        ("invitations:group", {"group_id": group.pk}),
    ):
        add = {"do": "add_owner", "email": gita.email}
        assert admin.post(name, add, **kwargs).status_code == 302
        assert gita.email.split("@")[0] in text(admin.get(name, **kwargs))
        pending = admin.post(name, add | {"email": "pending@tailspin.example"}, **kwargs)
        assert pending.status_code == 400
        assert "who are in can be owners" in text(pending)
        take = {"do": "take_owner", "entry": str(mara.pk)}
        assert admin.post(name, take, **kwargs).status_code == 302


def test_an_owner_who_was_blocked_does_not_stand_in_the_way(
    at: At, alice: Account, gita: Account, sam: Account, contoso: Tenant, rooms: App
) -> None:
    owners = [insider(contoso, gita), insider(contoso, sam)]
    with schema.in_tenant(contoso):
        for owner in owners:
            add_owner(rooms.client.app, owner=owner, by=None)
        DirectoryEntry.objects.filter(pk=owners[0].pk).update(enabled=False)
    data = {"do": "take_owner", "entry": str(owners[1].pk)}
    answer = at(alice).post("consent:app", data, app_id=rooms.client.app_id)
    assert answer.status_code == 302
    with schema.in_tenant(contoso):
        left = rooms.client.app.owners.values_list("entry_id", flat=True)
        assert list(left) == [owners[0].pk]


def test_a_logo_is_shown_and_taken_away(
    at: At, alice: Account, contoso: Tenant, rooms: App
) -> None:
    admin, app_id = at(alice), rooms.client.app_id
    path = admin.path("consent:app", app_id=app_id)

    def upload(content: bytes) -> Any:
        file = SimpleUploadedFile("logo.png", content, content_type="image/png")
        return admin.client.post(path, {"do": "logo", "logo": file})

    for bad in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", png(4097), b"x" * 600_000):
        assert upload(bad).status_code == 400
    assert upload(png()).status_code == 302
    found = re.search(r'src="(/o/contoso/logo/[^"]+)"', admin.client.get(path).content.decode())
    assert found
    picture = at().client.get(found[1])
    assert picture["Content-Type"] == "image/png"
    assert "immutable" in picture["Cache-Control"]
    with Image.open(io.BytesIO(picture.content)) as made:
        assert made.size == (192, 192)
    assert admin.post("consent:app", {"do": "no_logo"}, app_id=app_id).status_code == 302
    assert at().client.get(found[1]).status_code == 404
    with schema.in_tenant(contoso):
        assert SharedApp.objects.get(pk=app_id).logo_hash == ""


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
    assert "People <span" in text(admin.get("invitations:group", **kwargs))
    take = {"do": "take", "entry": str(guest.pk)}
    assert admin.post("invitations:group", take, **kwargs).status_code == 302
    changed = {"name": "Roofers", "description": ""}
    assert admin.post("invitations:edit_group", changed, **kwargs).status_code == 302
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
            services.add_to_group(group, entry=entry, by=None)
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


# --- My access -----------------------------------------------------------------------------------


def test_my_access_shows_what_i_may_open_in_each_organization(
    at: At, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """N02: of each organization only what is open to me, and nothing where I am blocked."""
    here = insider(contoso, gita, kind="Guest")
    there = insider(fabrikam, gita, kind="Guest")
    make_app(contoso, name="Open to all")
    mine = make_app(contoso, name="Mine", who_may_enter=WhoMayEnter.ASSIGNED)
    make_app(contoso, name="Not mine", who_may_enter=WhoMayEnter.ASSIGNED)
    make_app(fabrikam, name="Ledger")
    with schema.in_tenant(contoso):
        services.assign(mine.client.app, to=here, by=None)
        services.add_app(name="No pages", by=None, who_may_enter=WhoMayEnter.EVERYBODY)
    person = at(gita)
    page = text(person.client.get("/organizations/"))
    names = ("Open to all", "Mine", "Not mine", "No pages", "Ledger")
    assert [name for name in names if f">{name}<" in page] == ["Open to all", "Mine", "Ledger"]
    assert person.path("consent:open_app", app_id=mine.client.app_id) in page
    assert "Mine" in text(person.client.get("/organizations/contoso/"))
    with schema.in_tenant(fabrikam):
        DirectoryEntry.objects.filter(pk=there.pk).update(enabled=False)
    assert ">Ledger<" not in text(person.client.get("/organizations/"))


def test_owners_find_the_page_to_invite_from(at: At, gita: Account, contoso: Tenant) -> None:
    entry = insider(contoso, gita)
    app = make_app(contoso, who_may_enter=WhoMayEnter.ASSIGNED)
    person = at(gita)
    share = person.path("invitations:share")
    assert share not in text(person.client.get("/organizations/"))
    with schema.in_tenant(contoso):
        add_owner(app.client.app, owner=entry, by=None)
    page = text(person.client.get("/organizations/"))
    assert share in page
    assert ">Project room<" not in page


def test_my_access_costs_the_same_with_more_organizations_and_apps(
    at: At, gita: Account, contoso: Tenant, fabrikam: Tenant, statements: Any
) -> None:
    insider(contoso, gita, kind="Guest")
    person = at(gita)

    def cost() -> int:
        with statements() as counted:
            assert person.client.get("/organizations/").status_code == 200
        return len(counted.sql)

    before = cost()
    insider(fabrikam, gita, kind=UserType.GUEST)
    for number in range(5):
        make_app(contoso, name=f"App {number}")
        make_app(fabrikam, name=f"App {number}")
    assert cost() == before <= 6


def break_apps(tenant: Tenant) -> None:
    """Take the table of shared apps away, as a restore that went wrong would."""
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{tenant.schema_name}".invitations_sharedapp RENAME TO gone')


def test_a_broken_organization_takes_nothing_from_the_others(
    at: At, gita: Account, contoso: Tenant, fabrikam: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """N06: its place says so; the apps next door are there, and so are the ways out of both."""
    insider(contoso, gita, kind="Guest")
    insider(fabrikam, gita, kind="Guest")
    make_app(contoso, name="Drawings")
    make_app(fabrikam, name="Ledger")
    person = at(gita)
    prove_again(person)
    break_apps(contoso)
    answer = person.client.get("/organizations/")
    assert answer.status_code == 200
    assert ">Ledger<" in text(answer)
    assert "The apps of Contoso cannot be shown at the moment" in text(answer)
    assert "The apps of Fabrikam" not in text(answer)
    assert "the apps of contoso cannot be read" in caplog.text
    healthy = text(person.client.get("/organizations/fabrikam/"))
    assert ">Ledger<" in healthy
    assert "cannot be shown" not in healthy
    assert "cannot be shown" in text(person.client.get("/organizations/contoso/"))
    for slug in ("fabrikam", "contoso"):
        leave = f"/organizations/{slug}/leave/"
        assert leave in text(person.client.get(f"/organizations/{slug}/"))
        assert person.client.get(leave).status_code == 200
        assert person.client.post(leave)["Location"] == "/organizations/"
    assert not Membership.objects.filter(account=gita).exists()
