"""The answer to Review permissions: recorded and redeemed in one transaction, or not at all."""

import uuid

from django.db import IntegrityError, transaction

from consent.errors import StatementChangedError
from consent.models import ConsentFlow, ConsentRecord
from consent.statements import current_statement
from invitations import redemption
from invitations.errors import AlreadyGuestError
from invitations.models import Invitation
from invitations.tickets import Ticket
from tenants.models import Account


def agree(*, ticket: Ticket, account: Account, shown_version: int) -> Invitation:
    """Record that `account` agrees to what it was shown, and complete the redemption.

    `shown_version` is the version of the privacy statement on the page, 0 for none. Agreeing
    again after it worked gives the completed invitation back (R01). Raises `TicketInvalidError`,
    `WrongAccountError`, `AlreadyGuestError`, `StatementChangedError` (C05).
    """
    try:
        with transaction.atomic():
            return _agree(ticket, account, shown_version)
    except IntegrityError as error:
        # Somebody else was faster: the account became another entry of this directory meanwhile.
        raise AlreadyGuestError from error


def _agree(ticket: Ticket, account: Account, shown_version: int) -> Invitation:
    invitation = redemption.find(ticket, account=account, lock=True)
    if redemption.is_redeemed_by(invitation, account):
        return invitation
    redemption.check_usable(invitation)
    statement = current_statement()
    if shown_version != (statement.version if statement else 0):
        raise StatementChangedError
    consent = ConsentRecord(
        id=uuid.uuid4(),
        entry=invitation.entry,
        invitation=invitation,
        statement=statement,
        account_id=account.pk,
        flow=ConsentFlow.MAIL_LINK,
    )
    redemption.complete(invitation, account=account, consent_id=consent.pk)
    consent.save(force_insert=True)
    return invitation
