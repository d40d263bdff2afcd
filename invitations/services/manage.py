"""What happens to an invitation after it was sent, on the tenant's side."""

from typing import Any

from django.db import IntegrityError, transaction

from invitations import audit
from invitations.errors import AddressTakenError, TransitionError
from invitations.models import AuditAction, DirectoryEntry, Invitation, TenantPolicy
from invitations.models.offer import is_within_policy, policy_facts
from invitations.permissions import Permission
from invitations.services import fields
from invitations.services.administrators import keep_an_administrator
from invitations.services.directory import check_not_oneself, lock_entry, unbind
from invitations.services.invite import announce, conflict_of, open_invitation
from invitations.services.offers import brought_by, hand_on, take_back, told_of
from invitations.services.sharing import (
    check_domain,
    check_inviting,
    check_moving,
    check_rights,
    rights_of,
)
from invitations.states import OPEN, EndReason, InvitationStatus


def lock_newest(entry: DirectoryEntry) -> Invitation:
    """The entry's newest invitation under a lock, the entry locked before it as everywhere.

    Raises `TransitionError` when the entry has none or its person has accepted,
    `DirectoryEntry.DoesNotExist` when it is gone meanwhile.
    """
    locked = lock_entry(entry)
    newest = (
        Invitation.objects.select_for_update(no_key=True)
        .filter(entry=locked)
        .order_by("-created_at")
        .first()
    )
    if locked.is_accepted or newest is None:
        raise TransitionError("there is no invitation to act on")
    newest.entry = locked
    return newest


def _lock_sendable(entry: DirectoryEntry) -> Invitation:
    """Like `lock_newest`, for what is about to be sent: not to somebody who is blocked."""
    newest = lock_newest(entry)
    if not newest.entry.enabled:
        raise TransitionError("blocked")
    return newest


@transaction.atomic
def resend_invitation(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> Invitation:
    """A new ticket for the same offer; every older one is dead from now on (T09).

    Works for expired, declined and revoked invitations too: it is the same as inviting again, and
    what was taken back with them is given again.
    Raises what inviting raises, and `TransitionError` when there is nothing to send.
    """
    previous = _lock_sendable(entry)
    policy = TenantPolicy.objects.get()
    check_inviting(by, policy, **brought_by(previous))
    if by:
        check_domain(previous.address, policy)
        check_rights(previous.entry, by)
    inviter = _inviter_of(previous, by)
    invitation = _open_again(
        previous, address=previous.address, by=inviter, reason=EndReason.REPLACED
    )
    offered = hand_on(previous, invitation)
    audit.record(
        AuditAction.INVITATION_RESENT,
        actor=by,
        invitation=invitation,
        replaces=str(previous.pk),
        **told_of(offered),
    )
    announce(invitation)
    return invitation


def _inviter_of(previous: Invitation, by: DirectoryEntry | None) -> DirectoryEntry | None:
    """Whose invitation it is when `by` sends it again.

    Not theirs, unless they manage invitations or its inviter may invite no more: who may send a
    colleague's invitation again may not end or correct it.
    """
    inviter = previous.invited_by
    if by is None or inviter is None or Permission.MANAGE_INVITATIONS in rights_of(by):
        return by
    asked: Any = Invitation.objects.filter(pk=previous.pk).annotate(**policy_facts())
    known = asked.select_related("invited_by").get()
    return inviter if is_within_policy(known, known.facts) else by


@transaction.atomic
def revoke_invitation(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> Invitation:
    """End the offer: its link, its mail and half-finished redemptions are dead (T08).

    Raises `TransitionError` when it has been redeemed or ended before.
    """
    invitation = lock_newest(entry)
    invitation.move_to(InvitationStatus.REVOKED, reason=EndReason.BY_TENANT)
    take_back(invitation)
    audit.record(AuditAction.INVITATION_REVOKED, actor=by, invitation=invitation)
    return invitation


@transaction.atomic
def note_link_shown(invitation: Invitation, *, by: DirectoryEntry) -> None:
    """Somebody took the link to pass it on: who can be asked later."""
    audit.record(AuditAction.INVITATION_LINK_SHOWN, actor=by, invitation=invitation)


def _open_again(
    previous: Invitation, *, address: str, by: DirectoryEntry | None, reason: EndReason
) -> Invitation:
    """A new invitation like `previous`, to `address`; what was open before is dead."""
    if previous.status in OPEN:
        previous.move_to(InvitationStatus.REVOKED, reason=reason)
    return open_invitation(
        previous.entry,
        address=address,
        invited_by=by or previous.invited_by,
        redirect_url=previous.redirect_url,
        message=previous.message,
        language=previous.language,
        send_mail=True,
        validity=TenantPolicy.objects.get().validity,
    )


def _give_address(entry: DirectoryEntry, address: str) -> None:
    """Make it the entry's, or keep the entry without one where it clashes (product 3.4 b)."""
    others = DirectoryEntry.objects.present().exclude(pk=entry.pk)
    if others.filter(address=address).exists():
        raise AddressTakenError
    # What was another address of the same person becomes the address: no clash with oneself.
    entry.aliases.filter(address=address).delete()
    entry.no_address = conflict_of(address)
    entry.address = "" if entry.no_address else address
    try:
        with transaction.atomic():
            entry.save(update_fields=["address", "no_address"])
    except IntegrityError as error:
        raise AddressTakenError from error


@transaction.atomic
def correct_address(
    *, entry: DirectoryEntry, address: str, by: DirectoryEntry | None
) -> Invitation:
    """The same offer to another mailbox: the old link is dead, apps and message stay.

    Raises what `check_moving` raises, `AddressTakenError`, `TransitionError` when the person has
    accepted or is blocked.
    """
    canonical = fields.clean_address(address)
    previous = _lock_sendable(entry)
    check_moving(previous.entry, by, TenantPolicy.objects.get(), to=canonical)
    _give_address(previous.entry, canonical)
    invitation = _open_again(previous, address=canonical, by=by, reason=EndReason.CORRECTED)
    offered = hand_on(previous, invitation)
    audit.record(
        AuditAction.INVITATION_CORRECTED,
        actor=by,
        invitation=invitation,
        replaces=str(previous.pk),
        **told_of(offered),
    )
    announce(invitation)
    return invitation


@transaction.atomic
def reset_redemption(
    *, entry: DirectoryEntry, by: DirectoryEntry | None, address: str = ""
) -> Invitation:
    """Let somebody who accepted redeem again, perhaps with another account or address.

    The entry keeps its id, roles and sponsors; the account is taken off it at once, and its
    consents are evidence of the past. Raises what `check_moving` raises, `AddressTakenError`,
    `NotOneselfError`, `LastAdministratorError`, `TransitionError` when there is nothing to reset.
    """
    locked = lock_entry(entry)
    check_not_oneself(locked, by)
    keep_an_administrator(locked)
    previous = Invitation.objects.filter(entry=locked).order_by("-created_at").first()
    if not (locked.is_accepted and locked.enabled) or previous is None:
        raise TransitionError("nothing to reset")
    mailbox = fields.clean_address(address) if address else locked.address or previous.address
    check_moving(locked, by, TenantPolicy.objects.get(), to=mailbox)
    if mailbox != locked.address:
        _give_address(locked, mailbox)
    unbind(locked)
    locked.save()
    previous.entry = locked
    invitation = _open_again(previous, address=mailbox, by=by, reason=EndReason.RESET)
    hand_on(previous, invitation)
    audit.record(AuditAction.REDEMPTION_RESET, actor=by, invitation=invitation)
    announce(invitation)
    return invitation
