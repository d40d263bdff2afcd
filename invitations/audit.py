"""Writing the audit log: always in the transaction of what it tells.

One statement: the database numbers the row, dates it and chains it to the one before
(`invitations.chain`). From the first row on, a transaction holds the lock of its tenant's
`AuditHead` until it ends, which is why numbers have no gaps. So that nobody waits in a circle,
write audit rows after everything that locks rows others may hold: entry, invitation, policy, apps,
groups, then the audit head.
"""

import uuid
from typing import Any

from django.db import connection

from invitations.chain import body_of
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
    """Add one row; `actor` None is the operator or the person invited, `entry` whom it
    is about.

    An invitation's own entry counts when one is given. `detail` holds no names and no addresses
    of people, only text, whole numbers, yes and no, lists and dicts: `UnfitDetailError` otherwise.
    """
    if not connection.in_atomic_block:
        raise AuditOutsideTransactionError(action)
    row_id = uuid.uuid4()
    about = entry.pk if entry else None
    columns: dict[str, Any] = {
        "action": action,
        "actor_id": actor.pk if actor else None,
        "entry_id": invitation.entry_id if invitation else about,
        "invitation_id": invitation.pk if invitation else None,
        "detail": detail,
    }
    return AuditEvent.objects.create(id=row_id, body=body_of(row_id=row_id, **columns), **columns)
