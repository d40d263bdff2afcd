"""Inviting to apps and groups: what comes along, and who may; with a decoy next door."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.db.models.functions import Now

from invitations import guestlist, redemption
from invitations.errors import (
    FieldError,
    InvitationError,
    InvitingNotAllowedError,
    SharingNotAllowedError,
    TicketInvalidError,
)
from invitations.models import (
    AppAssignment,
    AuditEvent,
    DirectoryEntry,
    Group,
    GroupMember,
    Invitation,
    SharedApp,
    TenantPolicy,
)
from invitations.permissions import Role, WhoMayInvite
from invitations.rows import GuestRow
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.access import set_access
from invitations.services.directory import delete_entry, restore_entry, set_roles
from invitations.services.invite import has_open_offer, invite_guest
from invitations.services.manage import correct_address, resend_invitation, revoke_invitation
from invitations.services.offers import forget_access
from invitations.services.owners import add_owner, take_owner
from invitations.tasks import deliver_due_mail
from invitations.tickets import Ticket
from tenants import schema
from tenants.models import MailState, OutgoingMail, Tenant, UserType
from tests.conftest import Invite, make_account
from tests.invitations.conftest import HOME, given_mails, opens, someone
from tests.smtp import SmtpSink


def policy(**changed: Any) -> None:
    TenantPolicy.objects.update(**changed)


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
    groups.remove_group(builders, by=admin)
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
    own_group = groups.add_group(name="Roofers", by=None)
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
            groups.add_group(name="B", by=None),
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
