"""What time brings in one tenant: reminders, clean-up, purging, retention.

Every function works in small transactions, leaves out rows that somebody holds, and may run late,
twice, or at once: whether an invitation is over is never decided here.
"""

from datetime import timedelta
from typing import cast

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from invitations import audit
from invitations.models import AuditAction, DirectoryEntry, Invitation, TenantPolicy
from invitations.services.directory import KEPT_FOR, end_invitations
from invitations.services.erasure import erase_entry
from invitations.states import DeletionReason, EndReason, ExternalUserState, InvitationStatus
from tenants import schema
from tenants.mail import blocks, outbox
from tenants.models import Account, MailKind, MailState, OutgoingMail, UserType

CHUNK = 200
# A reminder goes out in the last two days, or the last quarter of a short validity.
REMIND_BEFORE = timedelta(days=2)


@transaction.atomic
def remind() -> int:
    """Promise one reminder for each open invitation that ends soon; how many.

    Only where the tenant wants it and the first mail arrived. Nobody is reminded of what is over.
    """
    if not TenantPolicy.objects.get().remind:
        return 0
    tenant = schema.current_tenant()
    length = F("expires_at") - F("created_at")
    soon = Q(expires_at__lte=Now() + REMIND_BEFORE) & Q(created_at__lte=Now() - length * 3 / 4)
    waiting = (
        Invitation.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("entry")
        .filter(
            soon,
            status=InvitationStatus.PENDING_ACCEPTANCE,
            expires_at__gt=Now(),
            reminded_at__isnull=True,
            send_mail=True,
            entry__deleted_at__isnull=True,
            entry__enabled=True,
        )
    )
    arrived = OutgoingMail.objects.filter(kind=MailKind.INVITATION, state=MailState.ACCEPTED)
    done = 0
    for invitation in waiting[:CHUNK]:
        if not arrived.filter(about=invitation.pk).exists():
            continue
        invitation.reminded_at = Now()
        invitation.save(update_fields=["reminded_at"])
        if not blocks.is_blocked(tenant=tenant, address=invitation.address):
            outbox.promise_mail(
                tenant=tenant,
                kind=MailKind.REMINDER,
                about=invitation.pk,
                serial=invitation.serial,
            )
        audit.record(AuditAction.INVITATION_REMINDED, actor=None, invitation=invitation)
        done += 1
    if done:
        outbox.wake()
    return done


@transaction.atomic
def clean_up_unredeemed() -> int:
    """Delete guests who never came in the tenant's period; restorable like any other; how many."""
    period = TenantPolicy.objects.get().keep_unredeemed
    if period is None:
        return 0
    over = Now() - period
    idle = Q(invitation__expires_at__lt=over) | Q(invitation__ended_at__lt=over)
    stale = (
        DirectoryEntry.objects.present()
        .guests()
        .select_for_update(of=("self",), skip_locked=True)
        .filter(
            idle,
            external_user_state=ExternalUserState.PENDING_ACCEPTANCE,
            state_changed_at__lt=over,
        )
    )
    found = list(stale[:CHUNK])
    for entry in found:
        end_invitations(entry, EndReason.EXPIRED)
        entry.deleted_at, entry.deletion_reason = Now(), DeletionReason.NEVER_REDEEMED
        entry.save(update_fields=["deleted_at", "deletion_reason"])
        audit.record(AuditAction.ENTRY_DELETED, actor=None, entry=entry, never_redeemed=True)
    return len(found)


@transaction.atomic
def purge_deleted() -> int:
    """Erase who was deleted more than 30 days ago; how many (D06)."""
    gone = (
        DirectoryEntry.objects.deleted()
        .select_for_update(skip_locked=True, of=("self",))
        .filter(deleted_at__lt=Now() - KEPT_FOR)
    )
    found = list(gone[:CHUNK])
    for entry in found:
        erase_entry(entry, action=AuditAction.ENTRY_PURGED)
    return len(found)


@transaction.atomic
def forget_ended_invitations() -> int:
    """Take address and message off invitations that ended a year ago; how many (D08).

    Not off the newest one of somebody who is still here: it says where the person was invited.
    """
    over = Now() - timedelta(days=settings.FOYER_KEEP_ENDED_INVITATIONS)
    ended = Invitation.objects.filter(ended_at__lt=over).exclude(address="", message="")
    old = ended.exclude(pk__in=DirectoryEntry.objects.present().values("invitation"))
    count = 0
    for invitation in old.select_for_update(skip_locked=True)[:CHUNK]:
        invitation.address = invitation.message = ""
        invitation.save(update_fields=["address", "message"])
        audit.record(AuditAction.INVITATION_PURGED, actor=None, invitation=invitation)
        count += 1
    newest = Invitation.objects.filter(ended_at__lt=over).exclude(message="")
    return count + newest.update(message="")


def reconcile_after_restore() -> None:
    """After this tenant's schema came from a backup: public rows follow what it says (D05)."""
    with transaction.atomic():
        _reconcile_accounts()
        audit.record(AuditAction.TENANT_RESTORED, actor=None)


def _reconcile_accounts() -> None:
    tenant = schema.current_tenant()
    bound = DirectoryEntry.objects.filter(account_id__isnull=False)
    numbers = bound.values_list("account_id", flat=True)
    known = list(Account.objects.filter(pk__in=list(numbers)).values_list("pk", flat=True))
    # Whoever closed their account after the backup is not brought back by it (D03).
    for entry in bound.exclude(account_id__in=known):
        erase_entry(entry)
    tenant.memberships.all().delete()
    inside = DirectoryEntry.objects.present().filter(
        external_user_state=ExternalUserState.ACCEPTED, account_id__in=known
    )
    for entry in inside.select_related("account"):
        tenant.memberships.create(
            account=cast("Account", entry.account),
            entry_id=entry.pk,
            user_type=UserType(entry.user_type),
        )
