"""The answer to Review permissions: recorded and redeemed in one transaction, or not at all."""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction

from consent.errors import StatementChangedError
from consent.models import ConsentFlow, ConsentRecord
from consent.statements import Asked, asked_now
from invitations import audit, redemption
from invitations.errors import AlreadyGuestError
from invitations.models import AuditAction, DirectoryEntry, Invitation
from invitations.tickets import Ticket
from tenants.models import Account


@dataclass(frozen=True)
class Agreed:
    """A completed redemption, and whether terms of use wait to be accepted."""

    invitation: Invitation
    terms_required: bool = False

    @property
    def entry(self) -> DirectoryEntry:
        return self.invitation.entry


def _asked(shown_version: int) -> Asked:
    """What is asked now, when that is what was on the page (C05, R06)."""
    asked = asked_now()
    if shown_version != asked.version:
        raise StatementChangedError
    return asked


def _known(language: str) -> str:
    return language if language in dict(settings.LANGUAGES) else ""


def agree(
    *,
    ticket: Ticket | None,
    account: Account,
    shown_version: int,
    proof: str = "",
    language: str = "",
) -> Agreed:
    """Record that `account` agrees to what it was shown, and complete the redemption.

    Without a ticket it is the direct link. `shown_version` is the version of the privacy
    statement on the page, 0 for none, `language` that of its text; `proof` an address the account
    proved beside its own. Agreeing again after it worked gives the completed invitation back
    (R01). Raises `TicketInvalidError`, `WrongAccountError`, `AlreadyGuestError`,
    `StatementChangedError` (C05).
    """
    try:
        with transaction.atomic():
            return _agree(ticket, account, shown_version, proof, language)
    except IntegrityError as error:
        # Somebody else was faster: the account became another entry of this directory meanwhile.
        raise AlreadyGuestError from error


def _agree(
    ticket: Ticket | None, account: Account, shown_version: int, proof: str, language: str
) -> Agreed:
    invitation = redemption.find(ticket, account=account, proof=proof, lock=True)
    if redemption.is_redeemed_by(invitation, account):
        return Agreed(invitation)
    redemption.check_usable(invitation)
    asked = _asked(shown_version)
    consent = ConsentRecord(
        id=uuid.uuid4(),
        entry=invitation.entry,
        invitation=invitation,
        statement_id=asked.statement_id,
        language=_known(language),
        account_id=account.pk,
        flow=ConsentFlow.MAIL_LINK if ticket else ConsentFlow.DIRECT_LINK,
    )
    redemption.complete(invitation, account=account, consent_id=consent.pk)
    consent.save(force_insert=True)
    return Agreed(invitation, asked.terms_required)


@transaction.atomic
def agree_again(
    *, entry: DirectoryEntry, account: Account, shown_version: int, language: str = ""
) -> ConsentRecord:
    """Record that somebody who is in the directory agrees to a newer statement.

    Raises `StatementChangedError`, and `DirectoryEntry.DoesNotExist` when the person is not (or
    no more) in it.
    """
    locked = DirectoryEntry.objects.present().locked().get(pk=entry.pk, account=account)
    asked = _asked(shown_version)
    record = ConsentRecord.objects.create(
        entry=locked,
        statement_id=asked.statement_id,
        language=_known(language),
        account_id=account.pk,
        flow=ConsentFlow.AGAIN,
    )
    audit.record(
        AuditAction.CONSENT_GIVEN_AGAIN, actor=locked, entry=locked, consent=str(record.pk)
    )
    return record
