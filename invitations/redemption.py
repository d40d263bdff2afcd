"""Using a ticket: who holds it, whether it is alive, and tying the guest to an account."""

import uuid
from typing import Any, cast

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Now

from invitations import audit, notices, tickets
from invitations.errors import (
    AlreadyGuestError,
    TicketInvalidError,
    WrongAccountError,
)
from invitations.models import (
    AuditAction,
    Contact,
    DirectoryEntry,
    EntryAlias,
    Invitation,
    LandingPage,
    NoticeKind,
    SharedApp,
)
from invitations.models.assignment import with_apps
from invitations.models.offer import is_within_policy, policy_facts
from invitations.states import ExternalUserState, InvitationStatus
from tenants import schema
from tenants.models import Account, Membership, UserType


def link_for(invitation: Invitation) -> str:
    """The address that goes into the mail: made from id, serial and key whenever it is needed."""
    return schema.absolute_url(link_path(invitation, tickets.Purpose.REDEEM))


def unwanted_link_for(invitation: Invitation) -> str:
    """The address for declining, reporting and blocking; it redeems nothing."""
    return schema.absolute_url(link_path(invitation, tickets.Purpose.UNWANTED))


def link_path(invitation: Invitation, purpose: tickets.Purpose) -> str:
    """The path of a link for one purpose, in the tenant we are in."""
    tenant = schema.current_tenant()
    ticket = tickets.Ticket(invitation.pk, invitation.serial, purpose)
    text = tickets.seal(ticket, realm=tenant.ticket_realm)
    page = "redeem" if purpose is tickets.Purpose.REDEEM else "unwanted"
    return schema.tenant_path(tenant, f"invitations:{page}", ticket=text)


def _with_proof(account: Account | None, proof: str) -> dict[str, Any]:
    """Questions answered along with the look-up, so that they cost no statement of their own."""
    page = LandingPage.objects.filter(origin=OuterRef("redirect_origin"))
    app = SharedApp.objects.filter(home_origin=OuterRef("redirect_origin")).exclude(home_url="")
    answers: dict[str, Any] = {
        "may_land": Exists(page) | Exists(app),
        **policy_facts(),
    }
    if account is None:
        return answers | {"is_proved": Value(False)}
    proved = EmailAddress.objects.filter(
        user_id=account.pk, email=OuterRef("address"), verified=True
    )
    other_entry = DirectoryEntry.objects.present().filter(account_id=account.pk)
    return answers | {
        "is_proved": Exists(proved),
        "is_alias": Q(address=proof) if proof else Value(False),
        "is_here_already": Exists(other_entry.exclude(pk=OuterRef("entry_id"))),
    }


def _named(ticket: tickets.Ticket) -> Q:
    return Q(pk=ticket.invitation_id, serial=ticket.serial)


def _proved_by(account: Account) -> Q:
    """The direct link: the entry's own address, which the account proved (A05). An entry without
    address is found by its mailed link only."""
    proved = EmailAddress.objects.filter(user_id=account.pk, verified=True).values("email")
    return Q(entry__address__in=proved, address=F("entry__address"), entry__invitation=F("pk"))


def find(
    ticket: tickets.Ticket | None,
    *,
    account: Account | None = None,
    proof: str = "",
    lock: bool = False,
) -> Invitation:
    """The invitation this ticket names, alive or completed; `TicketInvalidError` otherwise.

    Without a ticket it is the direct link: the one that the account's proved addresses find.
    One that is not within the tenant's policy any more is not alive.
    Comes with `is_live`, `may_land` and, for an account, `is_proved`, `is_alias` (`proof` is an
    address it proved in this browser beside its own) and `is_here_already`. A disabled or deleted
    entry has no living ticket.
    """
    if ticket is None and account is None:
        raise TicketInvalidError
    asked = _named(ticket) if ticket else _proved_by(cast("Account", account))
    invitations = with_apps(Invitation.objects.with_clock().with_landing()).filter(
        asked, entry__deleted_at__isnull=True, entry__enabled=True
    )
    if lock:
        # The entry first, as everywhere: whoever changes an invitation holds its entry.
        invitations = invitations.select_for_update(of=("entry", "self"), no_key=True)
    found = list(
        invitations.select_related("entry", "invited_by").annotate(**_with_proof(account, proof))
    )
    live = [each for each in found if each.is_live and is_within_policy(each, each.facts)]
    # Two of the person's addresses are invited: only the mailed links tell them apart.
    if len(live) > 1:
        raise TicketInvalidError
    for invitation in live or found:
        if invitation in live or invitation.status == InvitationStatus.COMPLETED:
            return invitation
    raise TicketInvalidError


def is_redeemed_by(invitation: Invitation, account: Account | None) -> bool:
    """Whether this invitation is over because exactly this account redeemed it (T05)."""
    return (
        invitation.status == InvitationStatus.COMPLETED
        and account is not None
        and invitation.entry.account_id == account.pk
    )


@transaction.atomic
def note_replay(invitation: Invitation) -> None:
    """A used ticket was opened again: nothing changes, the audit says so (T05)."""
    audit.record(AuditAction.INVITATION_REPLAYED, actor=None, invitation=invitation)


def check_usable(invitation: Invitation) -> None:
    """Raise unless the account it was looked up for may redeem this invitation now.

    `TicketInvalidError` when it is used up, `WrongAccountError` without proof of the invited
    address (T10), `AlreadyGuestError` when the account is in this directory as somebody else.
    """
    if not invitation.is_live:
        raise TicketInvalidError
    if not invitation.is_proved and not invitation.is_alias:
        raise WrongAccountError
    if invitation.is_here_already:
        raise AlreadyGuestError


def complete(invitation: Invitation, *, account: Account, consent_id: uuid.UUID) -> None:
    """Tie the locked invitation's guest to the account. Runs in the caller's transaction."""
    entry = invitation.entry
    entry.account = account
    entry.external_user_state = ExternalUserState.ACCEPTED
    entry.state_changed_at = Now()
    if not entry.display_name:
        entry.display_name = account.display_name
    entry.save(update_fields=["account", "external_user_state", "state_changed_at", "display_name"])
    invitation.move_to(InvitationStatus.COMPLETED)
    if not invitation.is_proved:
        _remember_alias(entry, account)
    _remember_membership(entry, account)
    notices.tell_inviter(NoticeKind.ACCEPTED, invitation)
    audit.record(
        AuditAction.INVITATION_COMPLETED,
        actor=entry,
        invitation=invitation,
        consent=str(consent_id),
        alias=not invitation.is_proved,
    )


def _remember_alias(entry: DirectoryEntry, account: Account) -> None:
    """Both addresses are known from now on: the invited one, and the one that was signed in.

    Not where the second belongs to somebody else here: then only the account tells who it is.
    """
    address = account.email
    other = DirectoryEntry.objects.present().exclude(pk=entry.pk)
    if (
        Contact.objects.filter(address=address).exists()
        or other.filter(Q(address=address) | Q(aliases__address=address)).exists()
    ):
        return
    EntryAlias.objects.update_or_create(address=address, defaults={"entry": entry})


def _remember_membership(entry: DirectoryEntry, account: Account) -> None:
    membership = Membership(
        account=account,
        tenant=schema.current_tenant(),
        entry_id=entry.pk,
        user_type=entry.user_type,
    )
    Membership.objects.bulk_create(
        [membership],
        update_conflicts=True,
        unique_fields=["account", "tenant"],
        update_fields=["entry_id", "user_type", "since"],
    )


def destination_of(invitation: Invitation) -> str:
    """Where the guest goes once this is redeemed: checked again now, not when it was sent (C07)."""
    if invitation.redirect_url and invitation.may_land:
        return invitation.redirect_url
    if invitation.entry.user_type == UserType.MEMBER:
        return schema.path_of(schema.current_tenant())
    return schema.public_path("organizations")
