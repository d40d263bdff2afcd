"""The walk along the audit log's chain."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Subquery

from invitations import chain
from invitations.models import AuditEvent, AuditHead


def link_of(row: AuditEvent) -> chain.Link:
    """The row as far as the chain goes."""
    return chain.Link(
        number=row.number,
        at=row.at,
        previous_hash=row.previous_hash,
        hash=row.hash,
        body=row.body,
    )


@dataclass(frozen=True)
class Verdict:
    """How the walk along one tenant's chain ended; `flaw` is "" when all is well."""

    rows: int
    head: str
    number: int = 0
    row_id: UUID | None = None
    flaw: str = ""


def _flaw_of_columns(row: AuditEvent) -> str:
    """Whether the columns that pages read say what the hashed text says."""
    try:
        told = chain.body_of(
            row_id=row.pk,
            action=row.action,
            actor_id=row.actor_id,
            entry_id=row.entry_id,
            invitation_id=row.invitation_id,
            detail=row.detail,
        )
    except chain.UnfitDetailError:
        told = ""
    return "" if told == row.body else "content: its columns differ from its body"


def verify(*, expected: dict[int, str] | None = None) -> Verdict:
    """Walk the current tenant's chain in constant memory, up to the first broken row.

    `expected` are hashes kept elsewhere, by number.
    """
    kept = dict(expected or {})
    first_head = AuditHead.objects.first()
    head_number, head_hash = (first_head.number, first_head.hash) if first_head else (0, "")
    # The head is read in the statement that reads the rows: what is written meanwhile is in both
    # or in neither.
    heads: dict[str, Any] = {
        "head_number": Subquery(AuditHead.objects.values("number")[:1]),
        "head_hash": Subquery(AuditHead.objects.values("hash")[:1]),
    }
    rows: Any = AuditEvent.objects.annotate(**heads).order_by(F("number"), F("id"))
    number, previous = 0, chain.ROOT
    for row in rows.iterator(chunk_size=2000):
        head_number, head_hash = row.head_number or 0, row.head_hash or ""
        flaw = chain.flaw_after(link_of(row), number=number, previous_hash=previous)
        flaw = flaw or _flaw_of_columns(row)
        if not flaw and kept.pop(row.number, row.hash) != row.hash:
            flaw = "rewritten: its hash is not the one that was kept"
        if flaw:
            return Verdict(number, previous, row.number, row.pk, flaw)
        number, previous = row.number, row.hash
    flaw = ""
    if not head_hash:
        flaw = "head: it is missing"
    elif (head_number, head_hash) != (number, previous):
        flaw = f"tail: the head says {head_number} rows, there are {number}"
    elif kept:
        flaw = f"tail: row {min(kept)} was kept elsewhere and is not here"
    return Verdict(number, previous, number + 1 if flaw else 0, None, flaw)
