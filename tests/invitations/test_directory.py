"""What administrators do with somebody in the directory, by service and by page."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from invitations.actions import ACTIONS
from invitations.errors import (
    AddressTakenError,
    GuestAlreadyInvitedError,
    LastAdministratorError,
    NotOneselfError,
    RestoreClashError,
    RestoreTooLateError,
    SponsorsError,
    TransitionError,
)
from invitations.models import (
    AuditAction,
    AuditEvent,
    Contact,
    DirectoryEntry,
    Invitation,
    RoleAssignment,
    Sponsorship,
)
from invitations.permissions import Role
from invitations.services import directory
from invitations.services.invite import invite_guest
from invitations.services.manage import correct_address, reset_redemption
from invitations.states import DeletionReason, EndReason, NoAddress
from tenants import schema
from tenants.models import Account, MailKind, Membership, OutgoingMail, Tenant, UserType
from tests.browserless import accept, open_link, to_review
from tests.conftest import ROOMS, Invite, Place, Race, add_second_factor, make_account

At = Callable[..., Place]
Statements = Callable[[], CaptureQueriesContext]


@pytest.fixture
def guest(invite: Invite, at: At, gita: Account, contoso: Tenant) -> DirectoryEntry:
    """Gita, who has accepted."""
    place = at(gita)
    invitation = invite(redirect_url=ROOMS)
    accept(place, to_review(place, invitation))
    return entry_of(contoso, gita)


def entry_of(tenant: Tenant, account: Account) -> DirectoryEntry:
    with schema.in_tenant(tenant):
        return DirectoryEntry.objects.get(account=account)


def last_event(tenant: Tenant) -> str:
    with schema.in_tenant(tenant):
        return AuditEvent.objects.latest("number").action


def give(tenant: Tenant, account: Account, *roles: Role) -> DirectoryEntry:
    add_second_factor(account)
    with schema.in_tenant(tenant):
        entry, _ = DirectoryEntry.objects.update_or_create(
            address=account.email,
            defaults={
                "account": account,
                "external_user_state": "Accepted",
                "user_type": UserType.MEMBER,
            },
        )
        for role in roles:
            RoleAssignment.objects.create(entry=entry, role=role)
        return entry


# --- correct the address ---------------------------------------------------------------------------------


def test_a_corrected_address_gets_the_same_offer(
    invite: Invite, at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    """The old link is dead; app, message and language stay; the entry keeps its id."""
    first = invite(email="typo@northwind.example", redirect_url=ROOMS, message="As agreed.")
    stale = at(gita)
    old = open_link(first, stale)
    admin = at(alice)
    page = admin.get("invitations:act", entry_id=first.entry_id, action="correct")
    assert "typo@" in page.content.decode()
    data = {"email": "Gita@northwind.example"}
    done = admin.post("invitations:act", data, entry_id=first.entry_id, action="correct")
    assert done["Location"] == admin.path("invitations:guest", entry_id=first.entry_id)
    with schema.in_tenant(contoso):
        first.refresh_from_db()
        second = Invitation.objects.get(entry=first.entry_id, address=gita.email)
        assert first.end_reason == EndReason.CORRECTED
        assert (second.message, second.redirect_url) == ("As agreed.", ROOMS)
        assert second.entry.address == gita.email
    assert last_event(contoso) == AuditAction.INVITATION_CORRECTED
    assert stale.client.get(old).status_code == 410
    assert OutgoingMail.objects.filter(about=second.pk, kind=MailKind.INVITATION).count() == 1
    person = at(gita)
    assert accept(person, to_review(person, second))["Location"] == ROOMS
    late = admin.post("invitations:act", data, entry_id=first.entry_id, action="correct")
    assert late.status_code == 409


def test_a_corrected_address_may_clash(
    invite: Invite, at: At, alice: Account, contoso: Tenant
) -> None:
    """With a person it is refused; with a contact the entry is kept without one."""
    invitation, other = invite(email="a@northwind.example"), invite(email="b@northwind.example")
    with schema.in_tenant(contoso):
        with pytest.raises(AddressTakenError):
            correct_address(entry=invitation.entry, address="b@northwind.example", by=None)
        Contact.objects.create(address="info@northwind.example")
        fixed = correct_address(entry=other.entry, address="info@northwind.example", by=None)
        assert (fixed.entry.address, fixed.entry.no_address) == ("", NoAddress.CONTACT)
    admin = at(alice)
    page = admin.get("invitations:guest", entry_id=other.entry_id).content.decode()
    assert "belongs to a contact" in page
    bad = admin.post(
        "invitations:act", {"email": "nonsense"}, entry_id=invitation.entry_id, action="correct"
    )
    assert bad.status_code == 400


# --- reset redemption ------------------------------------------------------------------------------------


def test_a_reset_guest_redeems_anew_with_another_account(
    guest: DirectoryEntry, at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    """T09: id, roles and sponsors stay; the first account is out at once; old tickets are dead."""
    with schema.in_tenant(contoso):
        RoleAssignment.objects.create(entry=guest, role=Role.AUDITOR)
        first = Invitation.objects.get(entry=guest)
    admin, old = at(alice), at(gita)
    new = make_account("gita@second.example")
    data = {"email": new.email}
    assert admin.post("invitations:act", data, entry_id=guest.pk, action="reset").status_code == 302
    assert old.get("invitations:guests").status_code == 404
    assert old.get("consent:enter").status_code == 403
    assert not Membership.objects.filter(account=gita).exists()
    assert old.client.get(open_link(first, old)).status_code == 410
    with schema.in_tenant(contoso):
        invitation = Invitation.objects.get(address=new.email)
    person = at(new)
    assert accept(person, to_review(person, invitation)).status_code == 303
    again = entry_of(contoso, new)
    assert again.pk == guest.pk
    with schema.in_tenant(contoso):
        assert RoleAssignment.objects.filter(entry=guest, role=Role.AUDITOR).exists()
        assert Sponsorship.objects.filter(entry=guest).exists()
        assert guest.consents.count() == 2


# --- block, delete, restore ---------------------------------------------------------------------------------


def test_a_block_counts_at_the_next_request(
    guest: DirectoryEntry, at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    """P05: in an open session; taken back the same way."""
    person, admin = at(gita), at(alice)
    assert person.get("consent:enter").status_code == 303
    admin.post("invitations:act", {}, entry_id=guest.pk, action="block")
    assert person.get("consent:enter").status_code == 403
    assert "Blocked" in admin.get("invitations:guest", entry_id=guest.pk).content.decode()
    twice = admin.post("invitations:act", {}, entry_id=guest.pk, action="block")
    assert twice.status_code == 409
    admin.post("invitations:act", {}, entry_id=guest.pk, action="unblock")
    assert person.get("consent:enter").status_code == 303
    with schema.in_tenant(contoso):
        actions = AuditEvent.objects.filter(entry_id=guest.pk).values_list("action", flat=True)
        assert list(actions.order_by("number"))[-2:] == [
            AuditAction.SIGN_IN_BLOCKED,
            AuditAction.SIGN_IN_UNBLOCKED,
        ]


def test_somebody_removed_is_restored_as_before(
    guest: DirectoryEntry, at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    """D06: out at once and told; within 30 days back with the same access."""
    person, admin = at(gita), at(alice)
    admin.post("invitations:act", {}, entry_id=guest.pk, action="delete")
    assert person.get("consent:enter").status_code == 403
    assert not Membership.objects.filter(account=gita).exists()
    assert OutgoingMail.objects.filter(kind=MailKind.ACCESS_ENDED, about=guest.pk).count() == 1
    listed = admin.client.get(admin.path("invitations:guests") + "?state=deleted")
    assert "Gita Nair" in listed.content.decode()
    admin.post("invitations:act", {}, entry_id=guest.pk, action="restore")
    assert person.get("consent:enter").status_code == 303
    assert Membership.objects.filter(account=gita, tenant=contoso).exists()


def test_after_30_days_nothing_comes_back(guest: DirectoryEntry, contoso: Tenant) -> None:
    """D06: time travel."""
    with schema.in_tenant(contoso):
        directory.delete_entry(entry=guest, by=None)
        DirectoryEntry.objects.filter(pk=guest.pk).update(deleted_at=Now() - timedelta(days=31))
        with pytest.raises(RestoreTooLateError):
            directory.restore_entry(entry=guest, by=None)


def test_who_left_is_restored_without_access(
    guest: DirectoryEntry, contoso: Tenant, gita: Account
) -> None:
    """Nobody is a guest without having agreed."""
    with schema.in_tenant(contoso):
        directory.unbind(guest)
        guest.deleted_at, guest.deletion_reason = Now(), DeletionReason.LEFT
        guest.save()
        back = directory.restore_entry(entry=guest, by=None)
        assert (back.is_accepted, back.account_id) == (False, None)
        with pytest.raises(TransitionError):
            directory.restore_entry(entry=guest, by=None)


def test_a_restored_address_may_be_taken_meanwhile(
    guest: DirectoryEntry, invite: Invite, contoso: Tenant
) -> None:
    with schema.in_tenant(contoso):
        directory.delete_entry(entry=guest, by=None)
    invite()
    with schema.in_tenant(contoso), pytest.raises(RestoreClashError):
        directory.restore_entry(entry=guest, by=None)


# --- convert, sponsors, roles ---------------------------------------------------------------------------------


def test_a_guest_becomes_a_member_and_a_guest_again(
    guest: DirectoryEntry, at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    admin = at(alice)
    for action, kind in (("make_member", UserType.MEMBER), ("make_guest", UserType.GUEST)):
        page = admin.get("invitations:guest", entry_id=guest.pk).content.decode()
        assert f"/do/{action}/" in page
        assert page.count("/do/make_") == 1
        for expected in (302, 409):  # pressed in another tab as well, it does not turn back
            answer = admin.post("invitations:act", {}, entry_id=guest.pk, action=action)
            assert answer.status_code == expected
        assert Membership.objects.get(account=gita).user_type == kind
        assert entry_of(contoso, gita).user_type == kind
    with schema.in_tenant(contoso), pytest.raises(TransitionError):
        directory.convert(entry=guest, user_type=UserType.GUEST, by=None)


def test_at_most_five_sponsors_who_are_in(
    guest: DirectoryEntry, at: At, alice: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    admin = at(alice)
    me = entry_of(contoso, alice)
    page = admin.get("invitations:act", entry_id=guest.pk, action="sponsors").content.decode()
    assert str(me.pk) in page
    admin.post("invitations:act", {"sponsors": []}, entry_id=guest.pk, action="sponsors")
    with schema.in_tenant(contoso):
        assert not Sponsorship.objects.filter(entry=guest).exists()
    data = {"sponsors": [str(me.pk)]}
    admin.post("invitations:act", data, entry_id=guest.pk, action="sponsors")
    with schema.in_tenant(fabrikam):
        stranger = DirectoryEntry.objects.get(address="frank@fabrikam.example")
    foreign = {"sponsors": [str(stranger.pk)]}
    answer = admin.post("invitations:act", foreign, entry_id=guest.pk, action="sponsors")
    assert answer.status_code == 400
    with schema.in_tenant(contoso):
        assert list(guest.sponsors.all()) == [me]
        many = [give(contoso, make_account(f"s{n}@contoso.example")) for n in range(6)]
        for wrong in ([guest], many, [stranger]):
            with pytest.raises(SponsorsError):
                directory.set_sponsors(entry=guest, sponsors=wrong, by=None)


def test_a_demotion_counts_at_the_next_request(
    at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    """P05: two browsers; the second loses what it could a moment ago."""
    entry = give(contoso, gita, Role.ADMINISTRATOR)
    second, first = at(gita), at(alice)
    assert second.get("invitations:policies").status_code == 200
    data = {"roles": [Role.AUDITOR.value]}
    first.post("invitations:act", data, entry_id=entry.pk, action="roles")
    assert second.get("invitations:policies").status_code == 403
    assert second.get("invitations:guests").status_code == 200


# --- the last administrator (P06) -------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["block", "delete", "reset", "make_guest", "roles"])
def test_the_last_administrator_stays(
    at: At, alice: Account, gita: Account, contoso: Tenant, action: str
) -> None:
    """P06: 409 by page, for oneself and when another administrator is not really one."""
    me = entry_of(contoso, alice)
    admin = at(alice)
    answer = admin.post("invitations:act", {}, entry_id=me.pk, action=action)
    assert answer.status_code == 409
    other = give(contoso, gita, Role.ADMINISTRATOR)
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(pk=other.pk).update(enabled=False)
        acts: dict[str, Callable[[], Any]] = {
            "block": lambda: directory.block_sign_in(entry=me, by=other),
            "delete": lambda: directory.delete_entry(entry=me, by=other),
            "reset": lambda: reset_redemption(entry=me, by=other),
            "make_guest": lambda: directory.convert(entry=me, user_type=UserType.GUEST, by=other),
            "roles": lambda: directory.set_roles(entry=me, roles=[], by=other),
        }
        with pytest.raises(LastAdministratorError):
            acts[action]()


def test_nobody_blocks_or_deletes_themselves(
    at: At, alice: Account, gita: Account, contoso: Tenant
) -> None:
    """P06: their own page does not offer it either."""
    me = entry_of(contoso, alice)
    other = give(contoso, gita, Role.ADMINISTRATOR)
    for entry, offered in ((me, False), (other, True)):
        page = at(alice).get("invitations:guest", entry_id=entry.pk).content.decode()
        assert (f"/guests/{entry.pk}/do/roles/" in page) is True
        assert (f"/guests/{entry.pk}/do/delete/" in page) is offered
    with schema.in_tenant(contoso):
        for act in (directory.block_sign_in, directory.delete_entry, reset_redemption):
            with pytest.raises(NotOneselfError):
                act(entry=me, by=me)


def test_two_administrators_who_demote_each_other_leave_one(race: Race) -> None:
    """P06: a race of two."""
    entries = [
        give(race.tenant, race.account(f"admin{n}@race.example"), Role.ADMINISTRATOR)
        for n in range(2)
    ]
    barrier, refused = threading.Barrier(2), []

    def demote(entry: DirectoryEntry) -> None:
        try:
            with schema.in_tenant(race.tenant):
                barrier.wait(10)
                directory.set_roles(entry=entry, roles=[], by=None)
        except LastAdministratorError:
            refused.append(entry.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=(entry,)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(refused) == 1
    with schema.in_tenant(race.tenant):
        assert RoleAssignment.objects.filter(role=Role.ADMINISTRATOR).count() == 1


def test_two_people_invite_one_address_together(race: Race) -> None:
    """R03: one guest, one open invitation; the second is told that the person is invited."""
    barrier, told = threading.Barrier(2), []

    def invite_it() -> None:
        try:
            with schema.in_tenant(race.tenant):
                barrier.wait(10)
                invite_guest(email="both@northwind.example", invited_by=None)
        except GuestAlreadyInvitedError:
            told.append(1)
        finally:
            connection.close()

    threads = [threading.Thread(target=invite_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with schema.in_tenant(race.tenant):
        entry = DirectoryEntry.objects.get(address="both@northwind.example")
        assert Invitation.objects.open().filter(entry=entry).count() == 1
    mails = OutgoingMail.objects.filter(tenant=race.tenant, kind=MailKind.INVITATION)
    assert (len(told), mails.count()) == (1, 1)


# --- who may ------------------------------------------------------------------------------------------------------

MAY: dict[Role, set[str]] = {
    Role.ADMINISTRATOR: set(ACTIONS),
    Role.USER_ADMINISTRATOR: set(ACTIONS) - {"make_member", "make_guest", "roles"},
    Role.GUEST_INVITER: set(),
    Role.AUDITOR: set(),
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_act_as_it_may(
    guest: DirectoryEntry, at: At, sam: Account, contoso: Tenant, role: Role
) -> None:
    """P01: every act on every role, by GET and by POST; members and guests get nothing."""
    give(contoso, sam, role)
    somebody = at(sam)
    for action in ACTIONS:
        expected = action in MAY[role]
        page = somebody.get("invitations:act", entry_id=guest.pk, action=action)
        assert (page.status_code == 200) == expected, action
        if not expected:
            done = somebody.post("invitations:act", {}, entry_id=guest.pk, action=action)
            assert done.status_code == 403
    assert somebody.get("invitations:guest", entry_id=guest.pk).status_code == 200


def test_guests_see_none_of_it(guest: DirectoryEntry, at: At, gita: Account, sam: Account) -> None:
    """P01: 403 for a guest, 404 for somebody who is not in the directory."""
    for account, status in ((gita, 403), (sam, 404)):
        place = at(account)
        assert place.get("invitations:guest", entry_id=guest.pk).status_code == status
        for action in ACTIONS:
            answer = place.post("invitations:act", {}, entry_id=guest.pk, action=action)
            assert answer.status_code == status
        assert place.post("invitations:selection", {"do": "delete"}).status_code == status
        assert place.get("invitations:contacts").status_code == status


def test_user_administrators_do_not_touch_administrators(
    at: At, alice: Account, gita: Account, sam: Account, contoso: Tenant
) -> None:
    """P01: nobody rises by removing those above."""
    give(contoso, gita, Role.USER_ADMINISTRATOR)
    target = give(contoso, sam, Role.ADMINISTRATOR)
    place = at(gita)
    for action in ("block", "delete", "reset"):
        answer = place.post("invitations:act", {}, entry_id=target.pk, action=action)
        assert answer.status_code == 403
    data = {"do": "delete", "guest": [str(target.pk)], "sure": "1"}
    place.post("invitations:selection", data)
    assert entry_of(contoso, sam).deleted_at is None


@pytest.mark.parametrize("action", list(ACTIONS))
def test_ids_from_next_door_are_ids_that_never_existed(
    invite: Invite, at: At, alice: Account, fabrikam: Tenant, action: str
) -> None:
    """N01: the same 404 for the decoy next door and for nothing at all."""
    decoy = invite(tenant=fabrikam)
    admin = at(alice)
    for entry_id in (decoy.entry_id, uuid4()):
        assert admin.get("invitations:guest", entry_id=entry_id).status_code == 404
        for method in (admin.get, admin.post):
            kwargs = {"entry_id": entry_id, "action": action}
            assert method("invitations:act", **kwargs).status_code == 404
    assert admin.get("invitations:act", entry_id=uuid4(), action="nonsense").status_code == 404


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_selection_is_confirmed_and_done_one_by_one(
    guest: DirectoryEntry,
    invite: Invite,
    at: At,
    alice: Account,
    contoso: Tenant,
    fabrikam: Tenant,
) -> None:
    """Who cannot be hit is left out and named; ids next door are nothing (N01)."""
    pending = [invite(email=f"p{n}@northwind.example") for n in range(2)]
    decoy = invite(tenant=fabrikam)
    chosen = [str(each.entry_id) for each in pending] + [str(guest.pk), str(decoy.entry_id)]
    admin = at(alice)
    page = admin.post("invitations:selection", {"do": "revoke", "guest": chosen})
    text = page.content.decode()
    assert "Left out" in text
    assert str(decoy.entry_id) not in text
    with schema.in_tenant(contoso):
        assert Invitation.objects.open().filter(entry__in=[p.entry for p in pending]).count() == 2
    sure = {"do": "revoke", "guest": chosen, "sure": "1"}
    admin.post("invitations:selection", sure)
    with schema.in_tenant(contoso):
        assert not Invitation.objects.open().exists()
        revoked = AuditEvent.objects.filter(action=AuditAction.INVITATION_REVOKED)
        assert revoked.count() == 2
    with schema.in_tenant(fabrikam):
        assert Invitation.objects.open().filter(pk=decoy.pk).exists()
    assert admin.post("invitations:selection", {"do": "x"}).status_code == 404
    bad = {"do": "revoke", "guest": "nonsense"}
    assert admin.post("invitations:selection", bad).status_code == 404


def test_the_page_of_a_guest_costs_the_same_after_a_long_history(
    guest: DirectoryEntry, at: At, alice: Account, contoso: Tenant, statements: Statements
) -> None:
    admin = at(alice)
    admin.get("invitations:guest", entry_id=guest.pk)
    with statements() as counted:
        page = admin.get("invitations:guest", entry_id=guest.pk)
    assert "Accepted the invitation" in page.content.decode()
    once = len(counted.sql)  # type: ignore[attr-defined]
    with schema.in_tenant(contoso):
        for _n in range(20):
            directory.block_sign_in(entry=guest, by=None)
            directory.unblock_sign_in(entry=guest, by=None)
    with statements() as counted:
        admin.get("invitations:guest", entry_id=guest.pk)
    assert len(counted.sql) == once <= 12, "\n".join(counted.sql)  # type: ignore[attr-defined]


def test_contacts_are_kept_apart_from_people(
    guest: DirectoryEntry, at: At, alice: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    admin = at(alice)
    add = {"add": "1", "name": "Front desk"}
    assert (
        admin.post("invitations:contacts", add | {"email": "gita@northwind.example"}).status_code
        == 400
    )
    admin.post("invitations:contacts", add | {"email": "Info@northwind.example"})
    twice = admin.post("invitations:contacts", add | {"email": "info@northwind.example"})
    assert twice.status_code == 400
    with schema.in_tenant(fabrikam):
        decoy = Contact.objects.create(address="info@northwind.example")
    assert admin.post("invitations:contacts", {"remove": str(decoy.pk)}).status_code == 404
    assert admin.post("invitations:contacts", {"remove": "x"}).status_code == 404
    with schema.in_tenant(contoso):
        contact = Contact.objects.get()
    admin.post("invitations:contacts", {"remove": str(contact.pk)})
    with schema.in_tenant(contoso):
        assert not Contact.objects.exists()


def test_both_who_invite_together_see_success(
    invite: Invite, at: At, alice: Account, contoso: Tenant
) -> None:
    """R03: on the page too; a while later the same form says that the person is there."""
    invitation = invite(email="both@northwind.example")
    admin = at(alice)
    page = admin.get("invitations:invite").content.decode()
    assert "email" in page
    data = {"email": "both@northwind.example", "language": "en", "validity": "604800"}
    second = admin.post("invitations:invite", data | {"send_mail": "on"})
    assert second["Location"] == admin.path("invitations:guests")
    assert "a moment ago by Alice" in admin.get("invitations:guests").content.decode()
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(pk=invitation.entry_id).update(
            invited_at=Now() - timedelta(minutes=1)
        )
    late = admin.post("invitations:invite", data | {"send_mail": "on"})
    assert late.status_code == 400
    mails = OutgoingMail.objects.filter(kind=MailKind.INVITATION, about=invitation.pk)
    assert mails.count() == 1
