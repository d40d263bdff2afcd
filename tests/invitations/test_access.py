"""Who has which apps and groups, and who is told of it; with a decoy next door."""

import re

import pytest

from invitations.errors import FieldError
from invitations.models import (
    AppAssignment,
    AuditAction,
    DirectoryEntry,
    Group,
    GroupMember,
    SharedApp,
    WhoMayEnter,
)
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.access import set_access
from invitations.tasks import deliver_due_mail
from tenants.mail import blocks
from tenants.models import Account, MailKind, MailState, OutgoingMail, Tenant, UserType
from tests.conftest import Invite
from tests.invitations.conftest import HOME, actions, given_mails, opens, someone
from tests.smtp import SmtpSink


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


def test_who_was_invited_in_dutch_hears_of_an_app_in_dutch(
    invite: Invite, rooms: SharedApp, gita: Account, smtp: SmtpSink
) -> None:
    guest = invite(language="nl", send_mail=False).entry
    guest.external_user_state, guest.account = "Accepted", gita
    guest.save()
    services.assign(rooms, to=guest, by=None)
    deliver_due_mail()
    (mail,) = smtp.mails
    assert mail.message["Subject"] == "Contoso gaf u toegang tot Project room"


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
        groups.add_to_group(builders, entry=entry, by=None)
    services.assign(services.add_app(name="Night job", by=None), to=builders, by=None)
    assert given_mails() == []
    services.assign(rooms, to=builders, by=None, roles=["reader"])
    services.assign(rooms, to=builders, by=None, roles=["editor"])
    late, gone = (someone(name, kind=UserType.GUEST) for name in ("late", "gone"))
    for entry in (late, late, gone):
        groups.add_to_group(builders, entry=entry, by=None)
    assert len(given_mails()) == 3
    groups.take_from_group(builders, entry=gone, by=None)
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
    roofers = groups.add_group(name="Roofers", by=None)
    direct, grouped, new = (someone(name) for name in ("direct", "grouped", "new"))
    services.assign(rooms, to=builders, by=None)
    services.assign(rooms, to=direct, by=None)
    groups.add_to_group(builders, entry=grouped, by=None)
    assert len(given_mails()) == 2
    services.assign(rooms, to=grouped, by=None)
    groups.add_to_group(builders, entry=direct, by=None)
    for to in (direct, builders):
        services.assign(lobby, to=to, by=None)
    for entry in (direct, grouped):
        groups.add_to_group(roofers, entry=entry, by=None)
    assert len(given_mails()) == 2
    groups.add_to_group(roofers, entry=new, by=None)
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
        groups.add_to_group(builders, entry=entry, by=None)
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
    groups.add_to_group(builders, entry=entry, by=None)
    groups.add_to_group(builders, entry=entry, by=None)
    groups.add_to_group(builders, entry=other, by=None)
    assert (opens(entry), opens(other)) == ({"Project room"}, {"Project room"})
    groups.take_from_group(builders, entry=entry, by=None)
    groups.take_from_group(builders, entry=entry, by=None)
    assert (opens(entry), opens(other)) == (set(), {"Project room"})
    groups.remove_group(builders, by=None)
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
