"""Two things at once: real threads, real connections, real commits."""

import threading
import time
from functools import partial
from typing import Any

from django.db import connection

from consent.leaving import leave
from consent.models import ConsentRecord, PrivacyStatement
from consent.published import Said
from consent.review import agree
from consent.statements import publish_statement
from invitations.errors import InvitationError, TransitionError
from invitations.models import DirectoryEntry, Invitation
from invitations.services.manage import resend_invitation, revoke_invitation
from invitations.states import InvitationStatus
from invitations.tasks import deliver_due_mail
from invitations.tickets import Ticket
from tenants import schema
from tenants.models import Account, Membership, OutgoingMail
from tests.conftest import Invite, Race
from tests.races import ROUNDS, race_of
from tests.smtp import SmtpSink


def accept(invitation: Invitation, account: Account, proof: str = "", version: int = 0) -> Any:
    ticket = Ticket(invitation.pk, invitation.serial)
    return agree(ticket=ticket, account=account, shown_version=version, proof=proof)


def test_of_two_accounts_at_once_one_redeems(race: Race) -> None:
    """R02: the owner of the invited address and an alias who proved the mailbox too; one wins, the
    other is told that the ticket is dead."""
    for number in range(ROUNDS):
        address = f"race{number}@northwind.example"
        owner, alias = race.account(address), race.account(f"b{address}")
        invitation = race.invitation(address)
        outcomes = race_of(
            race,
            owner=partial(accept, invitation, owner),
            alias=partial(accept, invitation, alias, address),
        )
        assert sorted(outcomes.values()) == ["TicketInvalidError", "done"], outcomes
        winner = owner if outcomes["owner"] == "done" else alias
        with schema.in_tenant(race.tenant):
            entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
            assert entry.account_id == winner.pk
            assert ConsentRecord.objects.filter(entry=entry).count() == 1


def test_agree_clicked_many_times_at_once_is_one_consent(race: Race) -> None:
    """R01: 50 parallel answers; one guest, one record, every click ends well."""
    account = race.account("clicks@northwind.example")
    invitation = race.invitation("clicks@northwind.example")
    clicks = {f"click{number}": partial(accept, invitation, account) for number in range(50)}
    outcomes = race_of(race, **clicks)
    assert set(outcomes.values()) == {"done"}
    with schema.in_tenant(race.tenant):
        assert ConsentRecord.objects.filter(entry_id=invitation.entry_id).count() == 1
    assert Membership.objects.filter(account=account).count() == 1


def test_revoke_meets_redeem(race: Race) -> None:
    """R04: revoked without access, or completed and the revocation told; never both, never 500."""
    for number in range(ROUNDS):
        address = f"revoke{number}@northwind.example"
        account, invitation = race.account(address), race.invitation(address)
        outcomes = race_of(
            race,
            redeem=partial(accept, invitation, account),
            revoke=partial(revoke_invitation, entry=invitation.entry, by=None),
        )
        with schema.in_tenant(race.tenant):
            invitation.refresh_from_db()
            consents = ConsentRecord.objects.filter(entry=invitation.entry_id).count()
        if outcomes["redeem"] == "done":
            assert outcomes["revoke"] == TransitionError.__name__
            assert (invitation.status, consents) == (InvitationStatus.COMPLETED, 1)
        else:
            assert outcomes == {"redeem": "TicketInvalidError", "revoke": "done"}
            assert (invitation.status, consents) == (InvitationStatus.REVOKED, 0)
        assert Membership.objects.filter(account=account).count() == consents


def test_leave_meets_redeem(race: Race) -> None:
    """R05: never a guest without consent, nor a membership without a guest."""
    for number in range(ROUNDS):
        address = f"leave{number}@northwind.example"
        account, invitation = race.account(address), race.invitation(address)
        with schema.in_tenant(race.tenant):
            entry = accept(invitation, account).entry
        race_of(
            race,
            leave=partial(leave, entry=entry, account=account),
            again=partial(accept, invitation, account),
            twice=partial(leave, entry=entry, account=account),
        )
        with schema.in_tenant(race.tenant):
            entry.refresh_from_db()
            assert (entry.account_id, entry.deleted_at is None) == (None, False)
            assert not ConsentRecord.objects.filter(entry=entry, withdrawn_at=None).exists()
        assert not Membership.objects.filter(account=account).exists()


def test_a_new_statement_meets_agree(race: Race) -> None:
    """R06: the record names the version that was shown, or there is none."""
    for number in range(ROUNDS):
        address = f"statement{number}@northwind.example"
        account, invitation = race.account(address), race.invitation(address)
        texts = {"en": Said(text=f"Number {number}")}
        outcomes = race_of(
            race,
            redeem=partial(accept, invitation, account, version=number),
            publish=partial(publish_statement, texts=texts, by=None),
        )
        assert outcomes["publish"] == "done"
        with schema.in_tenant(race.tenant):
            assert PrivacyStatement.objects.count() == number + 1
            record = ConsentRecord.objects.select_related("statement").filter(
                entry=invitation.entry_id
            )
            shown = [each.statement.version if each.statement else 0 for each in record]
        assert shown == ([number] if outcomes["redeem"] == "done" else [])


def test_a_superseded_ticket_is_not_mailed_after_the_newer_one(race: Race, smtp: SmtpSink) -> None:
    """R07: the old mail is on the wire when the inviter resends; a second worker has to wait."""
    invitation = race.invitation("slow@northwind.example", send_mail=True)
    smtp.data_delay = 1.5

    def work() -> None:
        deliver_due_mail()
        connection.close()

    first = threading.Thread(target=work)
    first.start()
    time.sleep(0.7)
    with schema.in_tenant(race.tenant):
        newer = resend_invitation(entry=invitation.entry, by=None)
    smtp.data_delay = 0.0
    deliver_due_mail()
    first.join(20)
    deadline = time.monotonic() + 15
    while len(smtp.mails) < 2 and time.monotonic() < deadline:
        deliver_due_mail()
        time.sleep(0.3)
    states = dict(OutgoingMail.objects.filter(tenant=race.tenant).values_list("about", "state"))
    assert len(smtp.mails) == 2, states
    old, new = (mail.message["Message-ID"] for mail in smtp.mails)
    by_id = dict(OutgoingMail.objects.filter(tenant=race.tenant).values_list("message_id", "about"))
    assert [by_id[old], by_id[new]] == [invitation.pk, newer.pk]


def test_the_refusals_are_ours(invite: Invite) -> None:
    """What the races count as a refusal is a named error of this system."""
    assert issubclass(TransitionError, InvitationError)
    assert invite().status == InvitationStatus.PENDING_ACCEPTANCE
