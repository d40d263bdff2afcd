"""What the person invited may answer without an account: no, never again, and this is abuse."""

from django.db import transaction

from invitations import audit, notices
from invitations.models import AuditAction, DirectoryEntry, Invitation, Notice, NoticeKind
from invitations.states import EndReason, InvitationStatus
from tenants import schema
from tenants.mail import blocks
from tenants.words import visible

LONGEST_REASON = 500


@transaction.atomic
def decline_invitation(invitation: Invitation) -> bool:
    """Say no; saying it twice is saying it once. False when the person has accepted before.

    The inviter is told; until it expires the person may still think again (C11).
    """
    # The entry first, as everywhere, so that nobody waits for each other in a ring.
    DirectoryEntry.objects.locked().get(pk=invitation.entry_id)
    locked = Invitation.objects.select_for_update(no_key=True).get(pk=invitation.pk)
    if locked.status != InvitationStatus.PENDING_ACCEPTANCE:
        return locked.status == InvitationStatus.DECLINED
    locked.move_to(InvitationStatus.DECLINED, reason=EndReason.BY_GUEST)
    audit.record(AuditAction.INVITATION_DECLINED, actor=None, invitation=locked)
    notices.tell_inviter(NoticeKind.DECLINED, locked)
    return True


@transaction.atomic
def report_invitation(invitation: Invitation, *, reason: str) -> None:
    """Tell the tenant's administrators; `reason` is what the person wrote, at most 500 characters."""
    audit.record(AuditAction.INVITATION_REPORTED, actor=None, invitation=invitation)
    notices.tell_administrators(
        NoticeKind.REPORTED,
        invitation.entry,
        invitation=invitation,
        said=visible(reason[:LONGEST_REASON]),
    )


@transaction.atomic
def block_sender(invitation: Invitation) -> None:
    """No more invitation mail of this tenant to this address."""
    blocks.block(tenant=schema.current_tenant(), address=invitation.address)
    audit.record(AuditAction.SENDER_BLOCKED, actor=None, invitation=invitation)


@transaction.atomic
def unblock_sender(invitation: Invitation) -> None:
    """Take the block back."""
    blocks.unblock(tenant=schema.current_tenant(), address=invitation.address)
    audit.record(AuditAction.SENDER_UNBLOCKED, actor=None, invitation=invitation)


@transaction.atomic
def ask_correction(invitation: Invitation, *, address: str) -> None:
    """Tell the inviter that the person would rather be invited at `address`; once is enough."""
    asked = Notice.objects.filter(
        invitation=invitation, kind=NoticeKind.ADDRESS_ASKED, said=address
    )
    if asked.exists():
        return
    notices.tell_inviter(NoticeKind.ADDRESS_ASKED, invitation, said=address)
    audit.record(AuditAction.CORRECTION_ASKED, actor=None, invitation=invitation)
