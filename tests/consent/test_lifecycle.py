"""The whole life of guests as a state machine: whatever happens, in whatever order, holds (D02)."""

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from consent.leaving import leave
from consent.models import ConsentRecord, PrivacyStatement
from consent.published import Said
from consent.review import agree
from consent.statements import publish_statement
from invitations import redemption
from invitations.errors import TicketInvalidError
from invitations.models import AuditAction, AuditEvent, DirectoryEntry, Invitation
from invitations.services.directory import (
    block_sign_in,
    delete_entry,
    restore_entry,
    unblock_sign_in,
)
from invitations.services.invite import invite_guest
from invitations.services.manage import (
    resend_invitation,
    reset_redemption,
    revoke_invitation,
)
from invitations.services.unwanted import decline_invitation
from invitations.states import OPEN, DeletionReason, ExternalUserState, InvitationStatus
from invitations.tickets import Ticket
from tenants import schema
from tenants.errors import FoyerError
from tenants.models import Membership, Tenant
from tests.conftest import make_account
from tests.rows import checksum

ADDRESSES = [f"guest{number}@northwind.example" for number in range(3)]
who = st.integers(0, len(ADDRESSES) - 1)

# What each audited act makes of an entry; None leaves it as it is.
MEANS = {
    AuditAction.GUEST_INVITED: "pending",
    AuditAction.INVITATION_COMPLETED: "accepted",
    AuditAction.ENTRY_LEFT: "left",
    AuditAction.ENTRY_DELETED: "removed",
    AuditAction.REDEMPTION_RESET: "pending",
}


class Lifecycle(RuleBasedStateMachine):
    """Three people, one tenant, and a neighbour who must notice nothing."""

    contoso: Tenant
    fabrikam: Tenant

    def __init__(self) -> None:
        super().__init__()
        # Everything an example does is undone after it.
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.tickets: list[Ticket] = []
        self.version = 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    @initialize()
    def meet(self) -> None:
        self.accounts = [make_account(address) for address in ADDRESSES]
        with schema.in_tenant(self.fabrikam):
            for address in ADDRESSES:
                invite_guest(email=address, invited_by=None, send_mail=False)
        self.neighbour = checksum(self.fabrikam)

    def attempt(self, act: Any, **asked: Any) -> Any:
        """Do it in Contoso; a refusal must be one of ours, and changes nothing."""
        before, noted = checksum(self.contoso), self.events()
        with schema.in_tenant(self.contoso):
            try:
                done = act(**asked)
            except (FoyerError, DirectoryEntry.DoesNotExist):
                assert checksum(self.contoso) == before
                return None
        # Exactly one audit row for whatever changed, none for nothing (D02).
        changed = checksum(self.contoso) != before
        assert self.events() - noted == int(changed), act.__name__
        return done

    def events(self) -> int:
        with schema.in_tenant(self.contoso):
            return AuditEvent.objects.count()

    def entry(self, person: int) -> DirectoryEntry | None:
        with schema.in_tenant(self.contoso):
            found = DirectoryEntry.objects.present().filter(address=ADDRESSES[person])
            return found.select_related("account").first()

    def keep(self, invitation: Invitation | None) -> None:
        if invitation:
            self.tickets.append(Ticket(invitation.pk, invitation.serial))

    @rule(person=who)
    def invite(self, person: int) -> None:
        self.keep(
            self.attempt(invite_guest, email=ADDRESSES[person], invited_by=None, send_mail=False)
        )

    @rule(person=who)
    def resend(self, person: int) -> None:
        if entry := self.entry(person):
            self.keep(self.attempt(resend_invitation, entry=entry, by=None))

    @rule(person=who)
    def revoke(self, person: int) -> None:
        if entry := self.entry(person):
            self.attempt(revoke_invitation, entry=entry, by=None)

    @rule(person=who)
    def expire(self, person: int) -> None:
        with schema.in_tenant(self.contoso):
            Invitation.objects.filter(address=ADDRESSES[person]).update(expires_at=Now())

    @rule(person=who)
    def decline(self, person: int) -> None:
        with schema.in_tenant(self.contoso):
            invitation = Invitation.objects.filter(address=ADDRESSES[person]).last()
        if invitation:
            self.attempt(decline_invitation, invitation=invitation)

    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        """Opening any ticket ever given out changes nothing."""
        if not self.tickets:
            return
        before = checksum(self.contoso)
        with schema.in_tenant(self.contoso), suppress(TicketInvalidError):
            redemption.find(data.draw(st.sampled_from(self.tickets)))
        assert checksum(self.contoso) == before

    @rule(person=who, data=st.data(), shown=st.integers(0, 1))
    def accept(self, person: int, data: st.DataObject, shown: int) -> None:
        """With any ticket or the direct link, signed in as anybody, having read any version."""
        ticket = data.draw(st.sampled_from([None, *self.tickets]))
        agreed = self.attempt(
            agree,
            ticket=ticket,
            account=self.accounts[person],
            shown_version=max(self.version - shown, 0),
        )
        if agreed:
            assert agreed.invitation.address == ADDRESSES[person]

    @rule(person=who)
    def go(self, person: int) -> None:
        if entry := self.entry(person):
            self.attempt(leave, entry=entry, account=self.accounts[person])

    @rule(person=who)
    def remove(self, person: int) -> None:
        if entry := self.entry(person):
            self.attempt(delete_entry, entry=entry, by=None)

    @rule(person=who)
    def restore(self, person: int) -> None:
        with schema.in_tenant(self.contoso):
            gone = DirectoryEntry.objects.deleted().filter(address=ADDRESSES[person]).first()
        if gone:
            self.attempt(restore_entry, entry=gone, by=None)

    @rule(person=who)
    def reset(self, person: int) -> None:
        if entry := self.entry(person):
            self.keep(self.attempt(reset_redemption, entry=entry, by=None))

    @rule(person=who)
    def block_and_unblock(self, person: int) -> None:
        if entry := self.entry(person):
            self.attempt(block_sign_in, entry=entry, by=None)
            self.attempt(unblock_sign_in, entry=entry, by=None)

    @rule()
    def publish(self) -> None:
        self.version += 1
        texts = {"en": Said(text=f"Version {self.version}")}
        self.attempt(publish_statement, texts=texts, by=None)

    @invariant()
    def one_open_invitation_an_entry(self) -> None:
        with schema.in_tenant(self.contoso):
            for entry in DirectoryEntry.objects.filter(address__in=ADDRESSES):
                assert Invitation.objects.open().filter(entry=entry).count() <= 1

    @invariant()
    def who_is_in_agreed_to_a_shown_version(self) -> None:
        with schema.in_tenant(self.contoso):
            inside = DirectoryEntry.objects.present().filter(address__in=ADDRESSES)
            accepted = inside.filter(external_user_state=ExternalUserState.ACCEPTED)
            for entry in accepted:
                given = ConsentRecord.objects.filter(entry=entry, withdrawn_at=None)
                assert given.latest("agreed_at").account_id == entry.account_id
            left = DirectoryEntry.objects.filter(deletion_reason=DeletionReason.LEFT)
            assert not ConsentRecord.objects.filter(entry__in=left, withdrawn_at=None).exists()
            members = Membership.objects.filter(tenant=self.contoso, account__email__in=ADDRESSES)
            assert set(members.values_list("entry_id", flat=True)) == {
                entry.pk for entry in accepted
            }
            assert PrivacyStatement.objects.count() == self.version

    @invariant()
    def what_has_ended_has_no_live_ticket(self) -> None:
        with schema.in_tenant(self.contoso):
            for ticket in self.tickets:
                invitation = Invitation.objects.select_related("entry").get(pk=ticket.invitation_id)
                try:
                    found = redemption.find(ticket)
                except TicketInvalidError:
                    continue
                assert not invitation.entry.deleted_at
                if invitation.status != InvitationStatus.COMPLETED:
                    assert found.is_live
                    assert invitation.status in OPEN

    @invariant()
    def the_audit_log_replays_to_the_present(self) -> None:
        """D02."""
        with schema.in_tenant(self.contoso):
            replayed: dict[Any, str] = {}
            for event in AuditEvent.objects.order_by("number"):
                action = AuditAction(event.action)
                if action == AuditAction.ENTRY_RESTORED:
                    replayed[event.entry_id] = "accepted" if event.detail["accepted"] else "pending"
                elif state := MEANS.get(action):
                    replayed[event.entry_id] = state
            present = {
                entry.pk: {
                    DeletionReason.LEFT: "left",
                    DeletionReason.REMOVED: "removed",
                }.get(DeletionReason(entry.deletion_reason))
                if entry.deletion_reason
                else "accepted"
                if entry.is_accepted
                else "pending"
                for entry in DirectoryEntry.objects.filter(address__in=ADDRESSES)
            }
        assert {pk: replayed.get(pk) for pk in present} == present

    @invariant()
    def the_neighbour_is_untouched(self) -> None:
        if hasattr(self, "neighbour"):
            assert checksum(self.fabrikam) == self.neighbour


def test_the_life_of_guests_holds_in_any_order(contoso: Tenant, fabrikam: Tenant) -> None:
    """D02, N12: the invariants after every step of many lives."""
    Lifecycle.contoso, Lifecycle.fabrikam = contoso, fabrikam
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
