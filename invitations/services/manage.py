"""What happens to an invitation after it was sent, on the tenant's side."""

from django.db import transaction

from invitations import audit
from invitations.errors import InvitingNotAllowedError, TransitionError
from invitations.models import AuditAction, DirectoryEntry, Invitation, TenantPolicy
from invitations.services.invite import announce, may_invite, open_invitation
from invitations.states import OPEN, EndReason, InvitationStatus


def lock_newest(entry: DirectoryEntry) -> Invitation:
    """The entry's newest invitation under a lock, the entry locked before it as everywhere.

    Raises `TransitionError` when the entry has none or its person has accepted.
    """
    locked = DirectoryEntry.objects.present().select_for_update().get(pk=entry.pk)
    newest = (
        Invitation.objects.select_for_update().filter(entry=locked).order_by("-created_at").first()
    )
    if locked.is_accepted or newest is None:
        raise TransitionError("there is no invitation to act on")
    newest.entry = locked
    return newest


@transaction.atomic
def resend_invitation(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> Invitation:
    """A new ticket for the same offer; every older one is dead from now on (T09).

    Works for expired, declined and revoked invitations too: it is the same as inviting again.
    """
    if not may_invite(by):
        raise InvitingNotAllowedError
    previous = lock_newest(entry)
    if previous.status in OPEN:
        previous.move_to(InvitationStatus.REVOKED, reason=EndReason.REPLACED)
    invitation = open_invitation(
        previous.entry,
        address=previous.address,
        invited_by=by or previous.invited_by,
        redirect_url=previous.redirect_url,
        message=previous.message,
        language=previous.language,
        send_mail=True,
        validity=TenantPolicy.objects.get().validity,
    )
    audit.record(
        AuditAction.INVITATION_RESENT,
        actor=by,
        invitation=invitation,
        replaces=str(previous.pk),
    )
    announce(invitation)
    return invitation


@transaction.atomic
def revoke_invitation(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> Invitation:
    """End the offer: its link, its mail and half-finished redemptions are dead (T08).

    Raises `TransitionError` when it has been redeemed or ended before.
    """
    invitation = lock_newest(entry)
    invitation.move_to(InvitationStatus.REVOKED, reason=EndReason.BY_TENANT)
    audit.record(AuditAction.INVITATION_REVOKED, actor=by, invitation=invitation)
    return invitation


@transaction.atomic
def note_link_shown(invitation: Invitation, *, by: DirectoryEntry) -> None:
    """Somebody took the link to pass it on: who can be asked later."""
    audit.record(AuditAction.INVITATION_LINK_SHOWN, actor=by, invitation=invitation)
