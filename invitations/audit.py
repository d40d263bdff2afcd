"""Writing the audit log: always in the transaction of what it tells."""

from typing import Any

from django.db import connection

from invitations.models import AuditAction, AuditEvent, DirectoryEntry, Invitation


class AuditOutsideTransactionError(RuntimeError):
    """An audit row written on its own could tell of something that was rolled back."""


def record(
    action: AuditAction,
    *,
    actor: DirectoryEntry | None,
    invitation: Invitation | None = None,
    entry: DirectoryEntry | None = None,
    **detail: Any,
) -> AuditEvent:
    """Add one row; `actor` None is the operator or the person invited.

    `entry` is whom it is about; with an invitation, whom that is for. `detail` holds no names and
    no addresses.
    """
    if not connection.in_atomic_block:
        raise AuditOutsideTransactionError(action)
    return AuditEvent.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        entry_id=invitation.entry_id if invitation else entry.pk if entry else None,
        invitation_id=invitation.pk if invitation else None,
        detail=detail,
    )
