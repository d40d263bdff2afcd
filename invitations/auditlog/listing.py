"""Pages of the audit log: of what is asked for, and of the time line of one person."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from invitations import pages
from invitations.auditlog.rows import AuditRow, with_names
from invitations.models import AuditEvent, DirectoryEntry

PAGE = 50
MOST_PEOPLE = 200


@dataclass(frozen=True)
class Filter:
    """Which rows are asked for; empty asks for all."""

    action: str = ""
    person: str = ""
    since: date | None = None
    until: date | None = None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def events(asked: Filter) -> Any:
    """The rows that fit, in no order. `person` finds the first `MOST_PEOPLE` of that name."""
    found: Any = AuditEvent.objects.all()
    if asked.action:
        found = found.filter(action=asked.action)
    if asked.person:
        people = DirectoryEntry.objects.matching(asked.person).order_by("pk").values("pk")
        ids = people[:MOST_PEOPLE]
        found = found.filter(Q(actor_id__in=ids) | Q(entry_id__in=ids))
    if asked.since:
        found = found.filter(at__gte=_midnight(asked.since))
    if asked.until:
        found = found.filter(at__lt=_midnight(asked.until + timedelta(days=1)))
    return found


@dataclass(frozen=True)
class Page:
    """One page, newest first; the numbers to ask its neighbours with, 0 for none."""

    rows: list[AuditRow]
    older_than: int
    newer_than: int


def audit_page(asked: Filter, *, before: int = 0, after: int = 0) -> Page:
    """At most `PAGE` rows older than number `before`, or newer than `after`."""
    found = events(asked)
    if after:
        rows = list(found.filter(number__gt=after).order_by("number")[: PAGE + 1])
    else:
        older = found.filter(number__lt=before) if before else found
        rows = list(older.order_by("-number")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if after:
        rows.reverse()
    has_older, has_newer = (True, more) if after else (more, bool(before))
    return Page(
        with_names(rows),
        older_than=rows[-1].number if rows and has_older else 0,
        newer_than=rows[0].number if rows and has_newer else 0,
    )


def timeline(entry: DirectoryEntry, marker: str) -> pages.Page[AuditRow]:
    """A page of the rows about somebody, newest first, with names beside them."""
    about = AuditEvent.objects.filter(entry_id=entry.pk)
    page = pages.page_of(about, by=("-number",), marker=marker)
    return pages.Page(with_names(page.rows), page.next_marker, page.previous_marker)
