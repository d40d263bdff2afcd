"""Shared apps, groups, and who gives them to whom: the services, with a decoy next door."""

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from PIL import Image

from invitations import audit, guestlist, redemption
from invitations.errors import (
    FieldError,
    InvitationError,
    InvitingNotAllowedError,
    OwnersError,
    SharingNotAllowedError,
    TicketInvalidError,
)
from invitations.models import (
    AppAssignment,
    AppLogo,
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    Group,
    GroupMember,
    Invitation,
    RoleAssignment,
    SharedApp,
    TenantPolicy,
    WhoMayEnter,
)
from invitations.models.assignment import apps_open_to
from invitations.permissions import Role, WhoMayInvite
from invitations.rows import GuestRow
from invitations.services import apps as services
from invitations.services.access import set_access
from invitations.services.directory import delete_entry, restore_entry, set_roles
from invitations.services.invite import has_open_offer, invite_guest
from invitations.services.logos import LARGEST_UPLOAD, SIDE, clean_logo
from invitations.services.manage import correct_address, resend_invitation, revoke_invitation
from invitations.services.owners import MOST_OWNERS, add_owner, take_owner
from invitations.services.sharing import forget_access
from invitations.tasks import deliver_due_mail
from invitations.tickets import Ticket
from tenants import schema
from tenants.mail import blocks
from tenants.models import Account, MailKind, MailState, OutgoingMail, Tenant, UserType
from tests.conftest import Invite, Place, make_account
from tests.rows import checksum
from tests.smtp import SmtpSink

At = Callable[..., Place]
HOME = "https://rooms.contoso.example/start"


@pytest.fixture
def here(contoso: Tenant, fabrikam: Tenant) -> Iterator[Tenant]:
    """Contoso's schema, and at the end nothing has changed at Fabrikam's."""
    with schema.in_tenant(fabrikam):
        services.add_app(name="Project room", home_url=HOME, by=None)
        services.add_group(name="Builders", by=None)
    before = checksum(fabrikam)
    with schema.in_tenant(contoso):
        yield contoso
    assert checksum(fabrikam) == before


@pytest.fixture
def rooms(here: Tenant) -> SharedApp:
    return services.add_app(name="Project room", home_url=HOME, by=None)


@pytest.fixture
def builders(here: Tenant) -> Group:
    return services.add_group(name="Builders", by=None)


def someone(
    name: str, *roles: Role, kind: UserType = UserType.MEMBER, **more: Any
) -> DirectoryEntry:
    """Somebody who is in."""
    address = f"{name}@northwind.example"
    account = Account.objects.create(email=address)
    more = {"external_user_state": "Accepted", "account": account} | more
    entry = DirectoryEntry.objects.create(address=address, user_type=kind, **more)
    for role in roles:
        RoleAssignment.objects.create(entry=entry, role=role)
    return entry


def policy(**changed: Any) -> None:
    TenantPolicy.objects.update(**changed)


def opens(entry: DirectoryEntry) -> set[str]:
    return set(apps_open_to(entry.pk).values_list("name", flat=True))


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


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
    entry, group = someone("one"), services.add_group(name="Builders", by=None)
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
        lambda: services.add_group(name="New", by=None),
        lambda: services.change_group(group, name="Other", by=None),
        lambda: services.remove_group(group, by=None),
        lambda: services.add_to_group(group, entry=entry, by=None),
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


# --- Who has what --------------------------------------------------------------------------------


def given_mails() -> list[Any]:
    return list(OutgoingMail.objects.filter(kind=MailKind.ACCESS_GIVEN).values_list("about"))


def test_who_is_in_is_mailed_once_about_a_new_app(rooms: SharedApp, builders: Group) -> None:
    guest = someone("guest", kind=UserType.GUEST)
    pending = someone("pending", external_user_state="PendingAcceptance", account=None)
    assignment = services.assign(
        rooms, to=guest, by=None, roles=[" editor ", "", "reader", "reader"]
    )
    assert assignment.roles == ["editor", "reader"]
    again = services.assign(rooms, to=guest, by=None, roles=["reader"])
    assert (again.pk, again.roles) == (assignment.pk, ["reader"])
    services.assign(rooms, to=pending, by=None)
    service = services.add_app(name="Night job", by=None)
    services.assign(service, to=guest, by=None)
    assert given_mails() == [(assignment.pk,)]
    for bad in (["x" * 65], [f"r{number}" for number in range(11)], ["a\nb"]):
        with pytest.raises(FieldError, match="roles"):
            services.assign(rooms, to=guest, by=None, roles=bad)


def test_the_mail_about_an_app_leaves_only_while_it_is_true(
    invite: Invite, rooms: SharedApp, here: Tenant, smtp: SmtpSink
) -> None:
    guests = [someone(f"g{number}", kind=UserType.GUEST) for number in range(3)]
    boss = DirectoryEntry.objects.get(address="alice@contoso.example")
    given = [services.assign(rooms, to=guest, by=boss) for guest in guests]
    services.unassign(given[1], by=None)
    DirectoryEntry.objects.filter(pk=guests[2].pk).update(enabled=False)
    deliver_due_mail()
    (mail,) = smtp.mails
    assert mail.recipients == [guests[0].address]
    said = mail.message.get_body(("plain",))
    assert said
    assert f"/o/contoso/open/{rooms.pk}/" in said.get_content()
    assert "Project room" in str(mail.message["Subject"])
    assert "unless the privacy statement or the terms of use" in " ".join(
        said.get_content().split()
    )
    for part in ("plain", "html"):
        assert "Given by: Alice" in re.sub("<[^>]*>", "", mail.part(part))


def test_an_invitation_to_a_group_gives_and_to_an_app_also_gives(
    invite: Invite, rooms: SharedApp, builders: Group, smtp: SmtpSink
) -> None:
    """“Also” needs something before it: the app that the mail is about. A service, which has no
    home page, is not where somebody without a landing page arrives."""
    services.assign(services.add_app(name="Drawings", by=None), to=builders, by=None)
    invite(email="one@northwind.example", groups=[builders])
    invite(email="two@northwind.example", groups=[builders], apps=[rooms])
    deliver_due_mail()
    words = {"one@northwind.example": "Gives", "two@northwind.example": "Also gives"}
    subjects = [str(mail.message["Subject"]) for mail in smtp.mails]
    assert subjects == ["Contoso invites you", "Contoso invites you to Project room"]
    for mail in smtp.mails:
        for part in ("plain", "html"):
            said = " ".join(re.sub("<[^>]*>", "", mail.part(part)).split())
            expected = words[mail.recipients[0]]
            assert re.findall(r"(Gives|Also gives):? Drawings", said) == [expected]


def test_who_gets_an_app_by_a_group_is_mailed_too(
    rooms: SharedApp, builders: Group, here: Tenant, smtp: SmtpSink
) -> None:
    """Taken into a group that has apps; in a group that is given one. Not who is still invited."""
    early = someone("early", kind=UserType.GUEST)
    pending = someone("pending", external_user_state="PendingAcceptance", account=None)
    for entry in (early, pending):
        services.add_to_group(builders, entry=entry, by=None)
    services.assign(services.add_app(name="Night job", by=None), to=builders, by=None)
    assert given_mails() == []
    services.assign(rooms, to=builders, by=None, roles=["reader"])
    services.assign(rooms, to=builders, by=None, roles=["editor"])
    late, gone = (someone(name, kind=UserType.GUEST) for name in ("late", "gone"))
    for entry in (late, late, gone):
        services.add_to_group(builders, entry=entry, by=None)
    assert len(given_mails()) == 3
    services.take_from_group(builders, entry=gone, by=None)
    deliver_due_mail()
    assert sorted(mail.recipients[0] for mail in smtp.mails) == [early.address, late.address]
    for mail in smtp.mails:
        assert mail.message["Subject"] == "Contoso gave you access with the group Builders"
        for part in ("plain", "html"):
            assert f"/o/contoso/open/{rooms.pk}/" in mail.part(part)
            assert "Night job" not in mail.part(part)


def test_nobody_is_mailed_about_what_was_open_to_them_before(
    rooms: SharedApp, builders: Group, here: Tenant
) -> None:
    """Directly what a group gave, by a group what was given directly, and what is everybody's."""
    lobby = services.add_app(
        name="Lobby", home_url=HOME, who_may_enter=WhoMayEnter.EVERYBODY, by=None
    )
    roofers = services.add_group(name="Roofers", by=None)
    direct, grouped, new = (someone(name) for name in ("direct", "grouped", "new"))
    services.assign(rooms, to=builders, by=None)
    services.assign(rooms, to=direct, by=None)
    services.add_to_group(builders, entry=grouped, by=None)
    assert len(given_mails()) == 2
    services.assign(rooms, to=grouped, by=None)
    services.add_to_group(builders, entry=direct, by=None)
    for to in (direct, builders):
        services.assign(lobby, to=to, by=None)
    for entry in (direct, grouped):
        services.add_to_group(roofers, entry=entry, by=None)
    assert len(given_mails()) == 2
    services.add_to_group(roofers, entry=new, by=None)
    services.assign(rooms, to=roofers, by=None)
    (told,) = GroupMember.objects.filter(entry=new).values_list("pk")
    assert given_mails()[2:] == [told]
    services.assign(services.add_app(name="D", home_url=HOME, by=None), to=roofers, by=None)
    assert len(given_mails()) == 6


def test_never_again_holds_for_mail_about_apps_too(
    rooms: SharedApp, builders: Group, here: Tenant, fabrikam: Tenant, smtp: SmtpSink
) -> None:
    """M10: said before or after the promise, of this tenant or of all, directly or by a group; next
    door's block is not ours."""
    people = [someone(f"p{number}") for number in range(5)]
    blocks.block(tenant=here, address=people[0].address)
    services.assign(rooms, to=builders, by=None)
    for entry in people[:3]:
        services.assign(rooms, to=entry, by=None)
    for entry in people[3:]:
        services.add_to_group(builders, entry=entry, by=None)
    blocks.block(tenant=None, address=people[1].address)
    blocks.block(tenant=fabrikam, address=people[2].address)
    blocks.block(tenant=here, address=people[3].address)
    deliver_due_mail()
    sent = [mail.recipients for mail in smtp.mails]
    assert sorted(sent) == [[people[2].address], [people[4].address]]
    held = OutgoingMail.objects.filter(kind=MailKind.ACCESS_GIVEN, state=MailState.HELD)
    assert held.count() == 3
    assert opens(people[0]) == opens(people[3]) == {"Project room"}


def test_groups_give_apps_and_take_them(rooms: SharedApp, builders: Group) -> None:
    entry, other = someone("one"), someone("two")
    services.assign(rooms, to=builders, by=None)
    services.add_to_group(builders, entry=entry, by=None)
    services.add_to_group(builders, entry=entry, by=None)
    services.add_to_group(builders, entry=other, by=None)
    assert (opens(entry), opens(other)) == ({"Project room"}, {"Project room"})
    services.take_from_group(builders, entry=entry, by=None)
    services.take_from_group(builders, entry=entry, by=None)
    assert (opens(entry), opens(other)) == (set(), {"Project room"})
    services.remove_group(builders, by=None)
    assert opens(other) == set()
    assert actions().count(AuditAction.GROUP_MEMBER_ADDED) == 2
    assert actions().count(AuditAction.GROUP_MEMBER_REMOVED) == 1


def test_what_somebody_has_is_set_at_one_stroke(rooms: SharedApp, builders: Group) -> None:
    entry = someone("one", kind=UserType.GUEST)
    drawings = services.add_app(name="Drawings", by=None)
    services.assign(rooms, to=entry, by=None, roles=["editor"])
    set_access(entry=entry, apps=[rooms, drawings], groups=[builders], by=None)
    assert AppAssignment.objects.get(app=rooms).roles == ["editor"]
    assert opens(entry) == {"Project room", "Drawings"}
    before = len(actions())
    set_access(entry=entry, apps=[rooms, drawings], groups=[builders], by=None)
    assert len(actions()) == before
    set_access(entry=entry, apps=[], groups=[], by=None)
    assert opens(entry) == set()
    assert not GroupMember.objects.exists()


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


# --- Inviting with apps --------------------------------------------------------------------------


def test_what_an_invitation_names_comes_with_it_and_goes_with_it(
    rooms: SharedApp, builders: Group
) -> None:
    admin = someone("admin", Role.ADMINISTRATOR)
    both: dict[str, Any] = {"apps": [rooms], "groups": [builders]}
    first = invite_guest(email="new@tailspin.example", invited_by=admin, **both)
    assert first.redirect_url == HOME

    def held_by(invitation: Invitation) -> tuple[bool, bool]:
        found = AppAssignment.objects.filter(given_with=invitation).exists()
        return found, GroupMember.objects.filter(given_with=invitation).exists()

    assert held_by(first) == (True, True)
    second = resend_invitation(entry=first.entry, by=admin)
    assert (held_by(first), held_by(second)) == ((False, False), (True, True))
    third = correct_address(entry=first.entry, address="right@tailspin.example", by=admin)
    assert (held_by(second), held_by(third)) == ((False, False), (True, True))
    revoke_invitation(entry=first.entry, by=admin)
    assert not AppAssignment.objects.exists()
    assert not GroupMember.objects.exists()
    assert not given_mails()


def test_what_somebody_had_before_stays_when_the_invitation_goes(rooms: SharedApp) -> None:
    admin = someone("admin", Role.ADMINISTRATOR)
    invitation = invite_guest(email="new@tailspin.example", invited_by=admin)
    services.assign(rooms, to=invitation.entry, by=None)
    revoke_invitation(entry=invitation.entry, by=admin)
    again = invite_guest(email="new@tailspin.example", invited_by=admin, apps=[rooms])
    revoke_invitation(entry=again.entry, by=admin)
    assert opens(again.entry) == {"Project room"}


def test_a_revoked_invitation_that_is_sent_again_brings_the_same(
    rooms: SharedApp, builders: Group
) -> None:
    """What was taken back with it is given again, also at a corrected address; of what was
    offered only what still exists."""
    admin = someone("admin", Role.ADMINISTRATOR)
    gone = services.add_app(name="Drawings", by=None)
    both: dict[str, Any] = {"apps": [rooms, gone], "groups": [builders]}
    entry = invite_guest(email="new@tailspin.example", invited_by=admin, **both).entry

    def has() -> tuple[set[str], bool]:
        return opens(entry), GroupMember.objects.filter(entry=entry).exists()

    again: list[Callable[[], Invitation]] = [
        lambda: resend_invitation(entry=entry, by=admin),
        lambda: correct_address(entry=entry, address="right@tailspin.example", by=admin),
        lambda: resend_invitation(entry=entry, by=admin),
    ]
    for send in again:
        revoke_invitation(entry=entry, by=admin)
        assert has() == (set(), False)
        invitation = send()
        assert has() == ({"Project room", "Drawings"}, True)
        assert set(AppAssignment.objects.values_list("given_with", flat=True)) == {invitation.pk}
        told = AuditEvent.objects.order_by("-number")[0].detail
        assert set(told["apps"]) == {str(rooms.pk), str(gone.pk)}
        assert told["groups"] == [str(builders.pk)]
    revoke_invitation(entry=entry, by=admin)
    services.remove_app(gone, by=admin)
    services.remove_group(builders, by=admin)
    resend_invitation(entry=entry, by=admin)
    assert has() == ({"Project room"}, False)


def test_who_owns_it_no_more_does_not_send_it_again(rooms: SharedApp, builders: Group) -> None:
    """P04: an ended invitation asks for what it offered, not for what is left of it."""
    mara = someone("mara")
    for thing in (rooms, builders):
        add_owner(thing, owner=mara, by=None)
    both: dict[str, Any] = {"apps": [rooms], "groups": [builders]}
    entry = invite_guest(email="new@tailspin.example", invited_by=mara, **both).entry
    revoke_invitation(entry=entry, by=mara)
    take_owner(rooms, owner=mara, by=None)
    acts: list[Callable[[], object]] = [
        lambda: resend_invitation(entry=entry, by=mara),
        lambda: correct_address(entry=entry, address="right@tailspin.example", by=mara),
    ]
    for send in acts:
        with pytest.raises(SharingNotAllowedError), transaction.atomic():
            send()
    assert opens(entry) == set()
    add_owner(rooms, owner=mara, by=None)
    resend_invitation(entry=entry, by=mara)
    assert opens(entry) == {"Project room"}


def test_what_was_taken_from_somebody_does_not_come_back_with_the_invitation(
    rooms: SharedApp, builders: Group
) -> None:
    """An administrator's no outlasts the offer, however often it is revoked and sent again."""
    admin = someone("admin", Role.ADMINISTRATOR)
    drawings = services.add_app(name="Drawings", by=None)
    both: dict[str, Any] = {"apps": [rooms, drawings], "groups": [builders]}
    entry = invite_guest(email="new@tailspin.example", invited_by=admin, **both).entry
    set_access(entry=entry, apps=[drawings], groups=[], by=admin)
    for is_ended in (False, True):
        if is_ended:
            revoke_invitation(entry=entry, by=admin)
        resend_invitation(entry=entry, by=admin)
        assert opens(entry) == {"Drawings"}
        assert not GroupMember.objects.filter(entry=entry).exists()


def test_who_left_finds_nothing_in_an_old_invitation(rooms: SharedApp) -> None:
    """R05: what was given went with the guest, and so did the offer of it."""
    admin = someone("admin", Role.ADMINISTRATOR)
    entry = invite_guest(email="new@tailspin.example", invited_by=admin, apps=[rooms]).entry
    forget_access(entry)
    resend_invitation(entry=entry, by=admin)
    assert opens(entry) == set()


def test_invitations_of_before_offer_what_came_with_them(rooms: SharedApp, builders: Group) -> None:
    """The migration's way from what was given to what is offered."""
    both: dict[str, Any] = {"apps": [rooms], "groups": [builders]}
    invitation = invite_guest(email="new@tailspin.example", invited_by=None, **both)
    bare = invite_guest(email="bare@tailspin.example", invited_by=None)
    services.assign(rooms, to=bare.entry, by=None)
    for offers in (invitation.apps, invitation.groups):
        offers.clear()
    migration = import_module("invitations.migrations.0013_fill_offers")
    migration.fill_offers(apps, None)
    assert (invitation.apps.get(), invitation.groups.get()) == (rooms, builders)
    assert not bare.apps.exists()


# --- Who may (P03, P04) --------------------------------------------------------------------------

PEOPLE: dict[str, tuple[tuple[Role, ...], UserType]] = {
    "administrator": ((Role.ADMINISTRATOR,), UserType.MEMBER),
    "user administrator": ((Role.USER_ADMINISTRATOR,), UserType.MEMBER),
    "inviter": ((Role.GUEST_INVITER,), UserType.MEMBER),
    "guest inviter who is a guest": ((Role.GUEST_INVITER,), UserType.GUEST),
    "auditor": ((Role.AUDITOR,), UserType.MEMBER),
    "member": ((), UserType.MEMBER),
    "guest": ((), UserType.GUEST),
}
# From which level on each of them invites to what they own.
FROM = {
    "administrator": WhoMayInvite.ADMINISTRATORS,
    "user administrator": WhoMayInvite.ADMINISTRATORS,
    "inviter": WhoMayInvite.INVITERS,
    "guest inviter who is a guest": WhoMayInvite.INVITERS,
    "auditor": WhoMayInvite.MEMBERS,
    "member": WhoMayInvite.MEMBERS,
    "guest": WhoMayInvite.EVERYONE,
}
LEVELS = list(WhoMayInvite)


def outcome(act: Callable[[], object]) -> str:
    try:
        with transaction.atomic():
            act()
    except InvitationError as error:
        return type(error).__name__
    return "done"


def can_redeem(invitation: Invitation | None, **asked: Any) -> bool:
    """By its mailed link, or by the direct link of an account."""
    try:
        redemption.find(Ticket(invitation.pk, invitation.serial) if invitation else None, **asked)
    except TicketInvalidError:
        return False
    return True


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("who", PEOPLE)
def test_five_levels_by_five_ways(
    rooms: SharedApp, smtp: SmtpSink, who: str, level: WhoMayInvite
) -> None:
    """P03: inviting, resending, correcting, a mail that was queued, a link that was sent; and the
    direct link, which nobody sent."""
    roles, kind = PEOPLE[who]
    inviter = someone("inviter", *roles, kind=kind)
    add_owner(rooms, owner=inviter, by=None)
    policy(who_may_invite=WhoMayInvite.EVERYONE)
    asked: dict[str, Any] = {"invited_by": inviter, "apps": [rooms]}
    one, two, three, four, five = (
        invite_guest(email=f"{name}@tailspin.example", **asked)
        for name in ("one", "two", "three", "four", "five")
    )
    guest = make_account(five.address)
    OutgoingMail.objects.exclude(about=four.pk).update(state=MailState.ACCEPTED)
    policy(who_may_invite=level)
    allowed = LEVELS.index(level) >= LEVELS.index(FROM[who])
    expected = "done" if allowed else "InvitingNotAllowedError"
    assert outcome(lambda: invite_guest(email="new@tailspin.example", **asked)) == expected
    assert outcome(lambda: resend_invitation(entry=one.entry, by=inviter)) == expected
    corrected: dict[str, Any] = {"address": "right@tailspin.example", "by": inviter}
    assert outcome(lambda: correct_address(entry=two.entry, **corrected)) == expected
    assert can_redeem(three) is allowed
    assert can_redeem(None, account=guest) is allowed
    assert has_open_offer(five.address) is allowed
    deliver_due_mail()
    sent = {recipient for mail in smtp.mails for recipient in mail.recipients}
    assert ("four@tailspin.example" in sent) is allowed
    state = OutgoingMail.objects.get(about=four.pk).state
    assert state == (MailState.ACCEPTED if allowed else MailState.CANCELLED)


@pytest.mark.parametrize(
    ("who", "own", "others", "nothing"),
    [
        ("administrator", "done", "done", "done"),
        ("user administrator", "done", "done", "done"),
        ("inviter", "done", "SharingNotAllowedError", "done"),
        ("guest inviter who is a guest", "done", "SharingNotAllowedError", "done"),
        ("auditor", "done", "SharingNotAllowedError", "InvitingNotAllowedError"),
        ("member", "done", "SharingNotAllowedError", "InvitingNotAllowedError"),
        ("guest", "done", "SharingNotAllowedError", "InvitingNotAllowedError"),
    ],
)
def test_who_may_share_what(
    rooms: SharedApp, builders: Group, who: str, own: str, others: str, nothing: str
) -> None:
    """P04: one's own apps and groups, another's, and an invitation to nothing in particular."""
    roles, kind = PEOPLE[who]
    inviter = someone("inviter", *roles, kind=kind)
    policy(who_may_invite=WhoMayInvite.EVERYONE)
    own_app = services.add_app(name="Drawings", by=None)
    own_group = services.add_group(name="Roofers", by=None)
    for thing in (own_app, own_group):
        add_owner(thing, owner=inviter, by=None)
    names = iter(range(99))

    def ask(**asked: Any) -> str:
        email = f"n{next(names)}@tailspin.example"
        return outcome(lambda: invite_guest(email=email, invited_by=inviter, **asked))

    assert [ask(apps=[own_app]), ask(groups=[own_group])] == [own, own]
    assert [ask(apps=[rooms]), ask(groups=[builders])] == [others, others]
    assert ask(apps=[own_app, rooms]) == others
    assert ask(apps=[own_app], groups=[builders]) == others
    assert ask() == nothing


def test_who_owns_no_more_resends_no_more(rooms: SharedApp, smtp: SmtpSink) -> None:
    """P04: what comes along is checked again, also when a queued mail is about to leave."""
    mara = someone("mara")
    add_owner(rooms, owner=mara, by=None)
    invitation = invite_guest(email="new@tailspin.example", invited_by=mara, apps=[rooms])
    take_owner(rooms, owner=mara, by=None)
    with pytest.raises(SharingNotAllowedError):
        resend_invitation(entry=invitation.entry, by=mara)
    deliver_due_mail()
    assert not smtp.mails


@pytest.mark.parametrize("way", ["demoted", "blocked", "owner of it no more", "no group any more"])
def test_one_rule_at_sending_and_at_redemption(
    rooms: SharedApp, builders: Group, smtp: SmtpSink, way: str
) -> None:
    """P03, P04, P05: what would not leave any more is not redeemed either, and the other way
    round; given back, everything works again."""
    mara = someone("mara", Role.GUEST_INVITER)
    for thing in (rooms, builders):
        add_owner(thing, owner=mara, by=None)
    policy(who_may_invite=WhoMayInvite.INVITERS)
    both: dict[str, Any] = {"apps": [rooms], "groups": [builders]}
    invitation = invite_guest(email="new@tailspin.example", invited_by=mara, **both)
    guest = make_account(invitation.address)

    def works() -> set[bool]:
        OutgoingMail.objects.filter(about=invitation.pk).update(
            state=MailState.QUEUED, due_at=Now()
        )
        sent = len(smtp.mails)
        deliver_due_mail()
        found = guestlist.find_entry(invitation.entry_id)
        assert found
        return {
            len(smtp.mails) > sent,
            can_redeem(invitation),
            can_redeem(None, account=guest),
            has_open_offer(invitation.address),
            not GuestRow(found).policy_note,
        }

    assert works() == {True}
    if way == "demoted":
        set_roles(entry=mara, roles=[], by=None)
    elif way == "blocked":
        DirectoryEntry.objects.filter(pk=mara.pk).update(enabled=False)
    else:
        take_owner(rooms if "owner" in way else builders, owner=mara, by=None)
    assert works() == {False}
    set_roles(entry=mara, roles=[Role.ADMINISTRATOR], by=None)
    DirectoryEntry.objects.filter(pk=mara.pk).update(enabled=True)
    assert works() == {True}


def test_the_blocked_invite_nobody(rooms: SharedApp) -> None:
    """P05 for inviters."""
    admin = someone("admin", Role.ADMINISTRATOR, enabled=False)
    with pytest.raises(InvitingNotAllowedError):
        invite_guest(email="new@tailspin.example", invited_by=admin, apps=[rooms])


@pytest.mark.parametrize(
    ("rule", "domains"), [("allow", ["northwind.example"]), ("deny", ["tailspin.example"])]
)
def test_a_list_of_domains_counts_everywhere(
    rooms: SharedApp, smtp: SmtpSink, rule: str, domains: list[str]
) -> None:
    """P03: in inviting, correcting, resending, at sending and at redemption; and for administrators."""
    admin = someone("admin", Role.ADMINISTRATOR)
    good = invite_guest(email="one@northwind.example", invited_by=admin)
    bad = invite_guest(email="two@tailspin.example", invited_by=admin)
    policy(domain_rule=rule, domains=domains)
    acts: list[Callable[[], object]] = [
        lambda: invite_guest(email="new@tailspin.example", invited_by=admin),
        lambda: resend_invitation(entry=bad.entry, by=admin),
        lambda: correct_address(entry=good.entry, address="x@tailspin.example", by=admin),
    ]
    for act in acts:
        with pytest.raises(FieldError) as caught:
            act()
        assert (caught.value.field, caught.value.reason) == ("email", "domain")
    deliver_due_mail()
    assert [mail.recipients for mail in smtp.mails] == [["one@northwind.example"]]
    assert (can_redeem(good), can_redeem(bad)) == (True, False)
    assert (has_open_offer(good.address), has_open_offer(bad.address)) == (True, False)
    assert can_redeem(invite_guest(email="operator@tailspin.example", invited_by=None))
    deliver_due_mail()
    assert smtp.mails[-1].recipients == ["operator@tailspin.example"]
    correct_address(entry=bad.entry, address="right@northwind.example", by=admin)


def test_what_an_invitation_brought_does_not_outlast_it_by_a_restore(
    contoso: Tenant, invite: Invite
) -> None:
    """P04: deleted before they came and restored, then invited by somebody who shares nothing: the
    new invitation brings no app that nobody gives any more; sent again, the old one does."""
    with schema.in_tenant(contoso):
        app, group = (
            services.add_app(name="Drawings", by=None),
            services.add_group(name="B", by=None),
        )
        invitation = invite(apps=[app], groups=[group])
        for number in range(2):
            entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
            delete_entry(entry=entry, by=None)
            restore_entry(entry=entry, by=None)
            again = invite(apps=[]) if number else resend_invitation(entry=entry, by=None)
            assert again.entry_id == entry.pk
            assert AppAssignment.objects.filter(entry=entry).exists() == (not number)
            assert entry.groups.exists() == (not number)
