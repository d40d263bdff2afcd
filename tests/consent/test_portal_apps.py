"""Shared apps in the portal: what administrators register, change and give."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from consent import shown_once
from consent.models import ClientSecret, ClientType, OAuthClient
from invitations.models import AppAssignment, DirectoryEntry, SharedApp, WhoMayEnter
from invitations.permissions import Role
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import CALLBACK, App, make_app
from tests.conftest import Invite, Place, add_second_factor
from tests.portal import insider, make_group, png, text
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


def shown_secret(answer: Any) -> str:
    """The secret that an app's page shows; empty when it shows none."""
    found = re.search(r'<code class="mono copy">([\w-]{43})</code>', answer.content.decode())
    return found[1] if found else ""


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
        groups.add_to_group(group, entry=guest, by=None)
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
