"""Shared apps: what they are, who owns them, their logos; with a decoy next door."""

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from PIL import Image

from invitations import audit
from invitations.errors import FieldError, OwnersError
from invitations.models import (
    AppAssignment,
    AppLogo,
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    Group,
    SharedApp,
    WhoMayEnter,
)
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.access import set_access
from invitations.services.directory import delete_entry
from invitations.services.logos import LARGEST_UPLOAD, SIDE, clean_logo
from invitations.services.owners import MOST_OWNERS, add_owner, take_owner
from tenants import schema
from tenants.models import Tenant
from tests.conftest import Place
from tests.invitations.conftest import HOME, actions, someone
from tests.rows import checksum

At = Callable[..., Place]


# --- Apps ----------------------------------------------------------------------------------------


def test_an_app_lives_and_every_step_is_written_down(here: Tenant) -> None:
    before = len(actions())
    admin = someone("admin")
    app = services.add_app(name=" Project room ", home_url=HOME, by=admin)
    assert (app.name, app.home_origin) == ("Project room", "https://rooms.contoso.example")
    changed = services.change_app(
        app, name="War room", who_may_enter=WhoMayEnter.EVERYBODY, by=admin
    )
    assert (changed.home_url, changed.home_origin) == ("", "")
    services.remove_app(changed, by=admin)
    assert not SharedApp.objects.exists()
    assert actions()[before:] == [
        AuditAction.APP_ADDED,
        AuditAction.APP_CHANGED,
        AuditAction.APP_REMOVED,
    ]
    assert set(AuditEvent.objects.filter(number__gt=before).values_list("actor_id")) == {
        (admin.pk,)
    }


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"name": ""}, "name", "empty"),
        ({"name": "PROJECT ROOM"}, "name", "exists"),
        ({"name": "x" * 65}, "name", "long"),
        ({"name": "a\u200bb"}, "name", "control"),
        ({"name": "see evil.example"}, "name", "link"),
        ({"description": "x" * 201}, "description", "long"),
        ({"description": "a\u202eb"}, "description", "control"),
        ({"home_url": "http://rooms.contoso.example/"}, "home_url", "redirect"),
        ({"home_url": "https://user@rooms.contoso.example/"}, "home_url", "redirect"),
        ({"home_url": "javascript:alert(1)"}, "home_url", "redirect"),
    ],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(
    rooms: SharedApp, changed: dict[str, str], field: str, reason: str
) -> None:
    other = services.add_app(name="Drawings", by=None)
    before = checksum(schema.current_tenant())
    asked: dict[str, Any] = {"name": "Ledger", "by": None} | changed
    acts: list[Callable[[], object]] = [
        lambda: services.add_app(**asked),
        lambda: services.change_app(other, **asked),
    ]
    for act in acts:
        with pytest.raises(FieldError) as caught:
            act()
        assert (caught.value.field, caught.value.reason) == (field, reason)
    assert checksum(schema.current_tenant()) == before


def test_an_app_without_its_audit_row_is_no_app(
    here: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R05's rule for every change: the row and the words about it stand or fall together."""
    entry, group = someone("one"), groups.add_group(name="Builders", by=None)
    app = services.add_app(name="Drawings", by=None)
    owned = services.add_app(name="Ledger", by=None)
    assigned = services.assign(owned, to=entry, by=None)
    add_owner(owned, owner=entry, by=None)
    before = checksum(here)

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(audit, "record", fail)
    acts: list[Callable[[], object]] = [
        lambda: services.add_app(name="New", by=None),
        lambda: services.change_app(app, name="Other", by=None),
        lambda: services.remove_app(app, by=None),
        lambda: add_owner(app, owner=entry, by=None),
        lambda: take_owner(owned, owner=entry, by=None),
        lambda: add_owner(group, owner=entry, by=None),
        lambda: services.assign(app, to=entry, by=None),
        lambda: services.unassign(assigned, by=None),
        lambda: groups.add_group(name="New", by=None),
        lambda: groups.change_group(group, name="Other", by=None),
        lambda: groups.remove_group(group, by=None),
        lambda: groups.add_to_group(group, entry=entry, by=None),
        lambda: set_access(entry=entry, apps=[app], groups=[group], by=None),
    ]
    for act in acts:
        with pytest.raises(RuntimeError), transaction.atomic():
            act()
    monkeypatch.undo()
    assert checksum(here) == before


def test_the_database_knows_the_rules_too(rooms: SharedApp, builders: Group) -> None:
    entry = someone("one")
    for bad in (
        lambda: SharedApp.objects.create(name="project ROOM"),
        lambda: SharedApp.objects.create(name="x", home_url="http://rooms.example/"),
        lambda: Group.objects.create(name="BUILDERS"),
        lambda: AppAssignment.objects.create(app=rooms),
        lambda: AppAssignment.objects.create(app=rooms, entry=entry, group=builders),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            bad()


def test_only_a_taken_name_is_called_so(here: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another broken promise to the database is a mistake of ours, not of who chose the name."""
    monkeypatch.setattr(services, "_clean_home", lambda _url: ("ftp://x", ""))
    with pytest.raises(IntegrityError, match="app_home_is_https"), transaction.atomic():
        services.add_app(name="Drawings", by=None)


# --- Owners --------------------------------------------------------------------------------------


def test_owners_are_at_most_ten_who_are_in(
    rooms: SharedApp, builders: Group, fabrikam: Tenant
) -> None:
    """N01: an entry of next door owns nothing here."""
    many = [someone(f"p{number}") for number in range(11)]
    out = [
        someone("pending", external_user_state="PendingAcceptance", account=None),
        someone("blocked", enabled=False),
    ]
    with schema.in_tenant(fabrikam):
        foreign = DirectoryEntry.objects.get(address="frank@fabrikam.example")
    for thing in (rooms, builders):
        for bad in (*out, foreign):
            with pytest.raises(OwnersError):
                add_owner(thing, owner=bad, by=None)
        for owner in (*many[:MOST_OWNERS], many[0]):
            add_owner(thing, owner=owner, by=None)
        with pytest.raises(OwnersError):
            add_owner(thing, owner=many[10], by=None)
        assert [owner.entry for owner in thing.owners.order_by("entry__address")] == many[:10]
        take_owner(thing, owner=many[10], by=None)
    delete_entry(entry=many[0], by=None)
    for thing in (rooms, builders):
        take_owner(thing, owner=many[0], by=None)
        add_owner(thing, owner=many[10], by=None)
        assert thing.owners.count() == MOST_OWNERS


def test_a_change_of_owners_is_written_down_once(rooms: SharedApp) -> None:
    """D02: who owns it from now on; what changed nothing is no row."""
    one, two = someone("one"), someone("two")
    before = len(actions())
    for act in (add_owner, add_owner, take_owner, take_owner):
        act(rooms, owner=one, by=two)
    rows = AuditEvent.objects.filter(number__gt=before).order_by("number")
    assert [row.detail["owners"] for row in rows] == [[str(one.pk)], []]
    assert {row.actor_id for row in rows} == {two.pk}


# --- Logos ---------------------------------------------------------------------------------------


def picture(form: str, size: tuple[int, int] = (400, 200), mode: str = "RGB", **more: Any) -> bytes:
    made = io.BytesIO()
    Image.new(mode, size, "teal").save(made, format=form, **more)
    return made.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_anew(rooms: SharedApp, form: str) -> None:
    """Nothing of the file is served: no metadata, no appended bytes, another size and format."""
    exif = Image.Exif()
    exif[0x010E] = "needle in the metadata"
    upload = picture(form, exif=exif) + b"<script>needle</script>"
    assert b"needle" in upload
    services.set_logo(rooms, upload=upload, by=None)
    png = bytes(AppLogo.objects.get(app=rooms).png)
    assert b"needle" not in png
    with Image.open(io.BytesIO(png)) as made:
        assert (made.format, made.size, made.mode) == ("PNG", (SIDE, SIDE // 2), "RGBA")
    first = rooms.logo_hash
    services.set_logo(rooms, upload=picture(form, mode="L"), by=None)
    assert len(rooms.logo_hash) == 64
    assert rooms.logo_hash != first
    services.set_logo(rooms, upload=None, by=None)
    assert rooms.logo_hash == ""
    assert not AppLogo.objects.exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_whatever_a_made_up_picture_holds_it_is_refused_or_drawn() -> None:
    """C04: every chunk of a PNG, empty, short and odd, before and after the picture itself."""
    whole, kinds = picture("PNG", (8, 8)), "gAMA cHRM sRGB tRNS pHYs tEXt zTXt iTXt eXIf iCCP acTL"
    for place, kind in product((b"IDAT", b"IEND"), kinds.split()):
        at = whole.index(place) - 4
        for body in (size * fill for size in range(10) for fill in (b"\0", b"a", b"\xff")):
            named = kind.encode() + body
            chunk = struct.pack(">I", len(body)) + named + struct.pack(">I", zlib.crc32(named))
            with suppress(FieldError):
                clean_logo(whole[:at] + chunk + whole[at:])


def test_a_see_through_logo_stays_so() -> None:
    made = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(made, format="PNG")
    with Image.open(io.BytesIO(clean_logo(made.getvalue()))) as logo:
        assert logo.size == (10, 10)
        assert logo.getpixel((5, 5)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("upload", "reason"),
    [
        (b"x" * (LARGEST_UPLOAD + 1), "long"),
        (picture("PNG", (4097, 1)), "long"),
        (picture("PNG", (60000, 60), "1"), "long"),
        (picture("GIF"), "picture"),
        (picture("BMP", (9, 9)), "picture"),
        (picture("PNG")[:60], "picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "picture"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"hello", "picture"),
    ],
)
def test_what_is_no_logo_is_refused(rooms: SharedApp, upload: bytes, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        services.set_logo(rooms, upload=upload, by=None)
    assert (caught.value.field, caught.value.reason) == ("logo", reason)
    assert not AppLogo.objects.exists()
