"""The audit log leaves as a file: written down first, then read in chunks."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from invitations import audit
from invitations.auditlog.listing import Filter, events
from invitations.auditlog.rows import AuditRow, with_names
from invitations.models import AuditAction, AuditHead, DirectoryEntry
from tenants import schema
from tenants.models import Tenant

CHUNK = 500


@transaction.atomic
def note_export(asked: Filter, *, by: DirectoryEntry, form: str) -> int:
    """Write down that rows leave; the number of the newest row that does.

    The person asked for is not written down: the log holds no names.
    """
    last = AuditHead.objects.get().number
    asked_for = {
        "action": asked.action,
        "by_person": bool(asked.person),
        "since": asked.since.isoformat() if asked.since else "",
        "until": asked.until.isoformat() if asked.until else "",
    }
    filters = {name: value for name, value in asked_for.items() if value}
    audit.record(
        AuditAction.AUDIT_EXPORTED, actor=by, format=form, rows_to=last, **_prefixed(filters)
    )
    return last


def _prefixed(filters: dict[str, Any]) -> dict[str, Any]:
    return {f"filter_{name}": value for name, value in filters.items()}


def export_rows(tenant: Tenant, asked: Filter, *, last: int) -> Iterator[AuditRow]:
    """The rows up to number `last`, oldest first, `CHUNK` in memory at a time.

    Runs after the request has left the tenant: every chunk enters it and leaves it again, so that
    nothing else on this connection ever meets a schema that is not its own.
    """
    number = 0
    while True:
        with schema.in_tenant(tenant):
            found = events(asked).filter(number__gt=number, number__lte=last)
            rows = with_names(found.order_by("number")[:CHUNK])
        yield from rows
        if len(rows) < CHUNK:
            return
        number = rows[-1].event.number
