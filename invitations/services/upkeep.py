"""What time brings in one tenant: reminders, clean-up, purging, retention.

Every function works in small transactions, leaves out rows that somebody holds, and may run late,
twice, or at once: whether an invitation is over is never decided here.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from invitations import audit
from invitations.models import AuditAction, DirectoryEntry, Invitation, Notice, TenantPolicy
from invitations.services.directory import KEPT_FOR, end_invitations
from invitations.services.erasure import erase_entry
from invitations.states import DeletionReason, EndReason, ExternalUserState, InvitationStatus
from tenants import schema
from tenants.mail import blocks, outbox
from tenants.models import Account, MailKind, MailState, OutgoingMail, UserType

# So many rows of a kind in one run; the rest waits for the next.
CHUNK = 200
# A reminder goes out in the last two days, or the last quarter of a short validity.
REMIND_BEFORE = timedelta(days=2)
Row = TypeVar("Row", DirectoryEntry, Invitation)


def _each(rows: QuerySet[Row], act: Callable[[Row], None]) -> int:
    """Do `act` to each row, locked and in a transaction of its own; to how many it was done.

    A transaction holds the lock of the audit log until it ends, so it is a short one. Whether a
    row is still one of `rows` is asked again under its lock.
    """
    done = 0
    for pk in list(rows.values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            locked = (
                rows.select_for_update(of=("self",), skip_locked=True, no_key=True)
                .filter(pk=pk)
                .first()
            )
            if locked is not None:
                act(locked)
                done += 1
    return done


def remind() -> int:
    """Promise one reminder for each open invitation that ends soon; how many.

    Only where the tenant wants it and the first mail arrived. Nobody is reminded of what is over,
    or after saying “never again”.
    """
    if not TenantPolicy.objects.get().remind:
        return 0
    length = F("expires_at") - F("created_at")
    soon = Q(expires_at__lte=Now() + REMIND_BEFORE) & Q(created_at__lte=Now() - length * 3 / 4)
    arrived = OutgoingMail.objects.filter(
        kind=MailKind.INVITATION, state=MailState.ACCEPTED, about=OuterRef("pk")
    )
    waiting = Invitation.objects.filter(
        soon,
        Exists(arrived),
        status=InvitationStatus.PENDING_ACCEPTANCE,
        expires_at__gt=Now(),
        reminded_at__isnull=True,
        send_mail=True,
        entry__deleted_at__isnull=True,
        entry__enabled=True,
    )
    return _each(waiting.order_by("expires_at"), _remind_of)


def _remind_of(invitation: Invitation) -> None:
    invitation.reminded_at = Now()
    invitation.save(update_fields=["reminded_at"])
    tenant = schema.current_tenant()
    blocked = blocks.is_blocked(tenant=tenant, address=invitation.address)
    if not blocked:
        outbox.promise_mail(
            tenant=tenant,
            kind=MailKind.REMINDER,
            about=invitation.pk,
            serial=invitation.serial,
        )
        outbox.wake()
    audit.record(
        AuditAction.INVITATION_REMINDED, actor=None, invitation=invitation, mail=not blocked
    )


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
        .filter(
            idle,
            external_user_state=ExternalUserState.PENDING_ACCEPTANCE,
            state_changed_at__lt=over,
        )
    )
    return _each(stale.order_by("pk"), _delete_unredeemed)


def _delete_unredeemed(entry: DirectoryEntry) -> None:
    end_invitations(entry, EndReason.EXPIRED)
    entry.deleted_at, entry.deletion_reason = Now(), DeletionReason.NEVER_REDEEMED
    entry.save(update_fields=["deleted_at", "deletion_reason"])
    audit.record(AuditAction.ENTRY_DELETED, actor=None, entry=entry, never_redeemed=True)


def purge_deleted() -> int:
    """Erase who was deleted more than 30 days ago; how many (D06)."""
    gone = DirectoryEntry.objects.deleted().filter(deleted_at__lt=Now() - KEPT_FOR)
    return _each(gone.order_by("deleted_at"), _purge)


def _purge(entry: DirectoryEntry) -> None:
    erase_entry(entry, action=AuditAction.ENTRY_PURGED)


def forget_ended_invitations() -> int:
    """Take address and message off invitations that ended a year ago; how many (D08).

    What nobody ended is over when its time was. An entry's newest one keeps its address, from
    which it may be invited again, until the entry itself is erased.
    """
    over = Now() - timedelta(days=settings.FOYER_KEEP_ENDED_INVITATIONS)
    ended = Q(ended_at__lt=over) | Q(ended_at__isnull=True, expires_at__lt=over)
    newest = DirectoryEntry.objects.filter(invitation=OuterRef("pk"))
    old = Invitation.objects.filter(ended).annotate(is_newest=Exists(newest))
    told = old.filter(~Q(message="") | Q(is_newest=False) & ~Q(address=""))
    return _each(told.order_by("pk"), _forget)


def _forget(invitation: Any) -> None:
    invitation.message = ""
    if not invitation.is_newest:
        invitation.address = ""
    invitation.save(update_fields=["address", "message"])
    audit.record(AuditAction.INVITATION_PURGED, actor=None, invitation=invitation)


def reconcile_after_restore() -> None:
    """After this tenant's schema came from a backup: what is kept outside of it stays true (D05).

    The public index follows the directory, and what was mailed since the backup is not mailed
    again.
    """
    with transaction.atomic():
        _forget_closed_accounts()
        _reconcile_memberships()
        _count_as_mailed()
        audit.record(AuditAction.TENANT_RESTORED, actor=None)


def _forget_closed_accounts() -> None:
    """Whoever closed their account after the backup is not brought back by it (D03)."""
    bound = DirectoryEntry.objects.filter(account_id__isnull=False)
    numbers = list(bound.values_list("account_id", flat=True))
    known = list(Account.objects.filter(pk__in=numbers).values_list("pk", flat=True))
    for entry in bound.exclude(account_id__in=known):
        end_invitations(entry, EndReason.REMOVED)
        erase_entry(entry)


def _reconcile_memberships() -> None:
    """One for each who is in, and no other; who was in before keeps the date."""
    memberships = schema.current_tenant().memberships
    inside = DirectoryEntry.objects.present().filter(external_user_state=ExternalUserState.ACCEPTED)
    people = {cast("UUID", entry.account_id): entry for entry in inside}
    memberships.exclude(account_id__in=list(people)).delete()
    for account_id, entry in people.items():
        memberships.update_or_create(
            account_id=account_id,
            defaults={"entry_id": entry.pk, "user_type": UserType(entry.user_type)},
        )


def _count_as_mailed() -> None:
    """The backup does not know what left after it: its notices and reminders count as mailed."""
    Notice.objects.filter(mailed_at__isnull=True).update(mailed_at=Now())
    reminded = OutgoingMail.objects.filter(
        tenant=schema.current_tenant(), kind=MailKind.REMINDER, state=MailState.ACCEPTED
    )
    Invitation.objects.filter(
        reminded_at__isnull=True, pk__in=list(reminded.values_list("about", flat=True))
    ).update(reminded_at=Now())
