"""The administrators' lists of shared apps, of who is given one, and of who used it."""

from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Lower

from consent.models import AppVisit
from invitations.models import AppAssignment, DirectoryEntry, SharedApp
from invitations.pages import Page, page_of

NEWEST_FIRST = ("-given_at", "-id")
LAST_FIRST = ("-last_at", "-id")
VISITS = 20


def app_page(marker: str) -> Page[SharedApp]:
    """A page of shared apps by name, with when somebody last signed in."""
    visits = AppVisit.objects.filter(app=OuterRef("pk")).order_by("-last_at")
    answers: dict[str, Any] = {
        "last_used": Subquery(visits.values("last_at")[:1]),
        "sorting": Lower("name"),
    }
    found = SharedApp.objects.select_related("client").annotate(**answers)
    return page_of(found, by=("sorting",), marker=marker)


def assignments_to(app: SharedApp, search: str = "") -> Any:
    """People and groups who are given the app; with `search`, whose name or address has it."""
    given = AppAssignment.objects.filter(app=app).select_related("entry", "group")
    given = given.filter(Q(entry=None) | Q(entry__deleted_at__isnull=True))
    if not search:
        return given
    people = DirectoryEntry.objects.matching(search)
    return given.filter(Q(entry__in=people) | Q(group__name__icontains=search))


def assignment_page(app: SharedApp, *, search: str, marker: str) -> Page[AppAssignment]:
    """A page of who is given the app, newest first."""
    return page_of(assignments_to(app, search), by=NEWEST_FIRST, marker=marker)


def visit_page(app: SharedApp, marker: str) -> Page[AppVisit]:
    """A page of who signed in at the app, the last first."""
    visits = AppVisit.objects.filter(app=app, entry__deleted_at__isnull=True)
    return page_of(visits.select_related("entry"), by=LAST_FIRST, marker=marker, size=VISITS)
