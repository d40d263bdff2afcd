"""The administrators' lists of groups, and of who is in one."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, IntegerField, OuterRef
from django.db.models.functions import Lower

from invitations.models import AppAssignment, DirectoryEntry, Group, GroupMember
from invitations.pages import CAP, Page, page_of

NEWEST_FIRST = ("-since", "-id")


def _capped_number_of(rows: Any) -> Func:
    """How many rows there are, counted up to `CAP` + 1, in the statement of the list."""
    first = ArraySubquery(rows.order_by().values("pk")[: CAP + 1])
    return Func(first, function="cardinality", output_field=IntegerField())


def group_page(marker: str) -> Page[Group]:
    """A page of groups by name, with how many people and apps each has."""
    answers: dict[str, Any] = {
        "people": _capped_number_of(_members().filter(group=OuterRef("pk"))),
        "apps": _capped_number_of(AppAssignment.objects.filter(group=OuterRef("pk"))),
        "sorting": Lower("name"),
    }
    return page_of(Group.objects.annotate(**answers), by=("sorting",), marker=marker)


def _members() -> Any:
    """Who is in some group and in the directory still."""
    return GroupMember.objects.filter(entry__deleted_at__isnull=True)


def members_of(group: Group, search: str = "") -> Any:
    """Who is in the group; with `search`, who of them has it in their name or address."""
    found = _members().filter(group=group).select_related("entry")
    return found.filter(entry__in=DirectoryEntry.objects.matching(search)) if search else found


def member_page(group: Group, *, search: str, marker: str) -> Page[GroupMember]:
    """A page of who is in the group, newest first."""
    return page_of(members_of(group, search), by=NEWEST_FIRST, marker=marker)
