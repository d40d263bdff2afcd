"""The administrators' list of guests: one statement for the rows, one for the counts."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Case, CharField, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, JSONObject, Now
from django.utils.translation import gettext_lazy as _

from invitations.models import (
    AppAssignment,
    DirectoryEntry,
    Group,
    GroupMember,
    Invitation,
    LandingPage,
    RoleAssignment,
    SharedApp,
)
from invitations.models.assignment import given_to
from invitations.models.directory import DirectoryQuerySet
from invitations.models.offer import policy_facts
from invitations.pages import CAP, PAGE, Page, count, page_of
from invitations.states import DeletionReason, ExternalUserState, InvitationStatus
from tenants.models import MailKind, MailState, OutgoingMail, UserType

NEWEST_FIRST = ("-invited_at", "-id")
EXPIRES_SOON = timedelta(days=3)
ATTENTION = "attention"
STATES = {
    "pending": _("Pending acceptance"),
    "accepted": _("Accepted"),
    "not_delivered": _("Not delivered"),
    "expired": _("Expired"),
    "declined": _("Declined"),
    "revoked": _("Revoked"),
    "blocked": _("Blocked"),
    "deleted": _("Deleted"),
}


def _conditions() -> dict[str, Any]:
    """What each state means; exactly one holds for a row. The clock is asked, nothing is stored.

    Each says all of it, so that an index finds the few that are in a rare state.
    """
    here = Q(deleted_at__isnull=True, enabled=True)
    waits = here & Q(external_user_state=ExternalUserState.PENDING_ACCEPTANCE)
    unended = Q(invitation__status=InvitationStatus.PENDING_ACCEPTANCE)
    over, declined = (
        Q(invitation__expires_at__lte=Now()),
        Q(invitation__status=InvitationStatus.DECLINED),
    )
    failed = Exists(
        OutgoingMail.objects.filter(
            about=OuterRef("invitation_id"), kind=MailKind.INVITATION, state=MailState.FAILED
        )
    )
    live = waits & unended & Q(invitation__expires_at__gt=Now())
    return {
        "deleted": Q(deleted_at__isnull=False),
        "blocked": Q(deleted_at__isnull=True, enabled=False),
        "accepted": here & Q(external_user_state=ExternalUserState.ACCEPTED),
        "not_delivered": live & failed,
        "pending": live & ~failed,
        "expired": waits & unended & over,
        "declined": waits & declined,
        "revoked": waits & ~unended & ~declined,
    }


def _state() -> Case:
    """The one state a row is shown with."""
    whens = [When(condition, then=Value(state)) for state, condition in _conditions().items()]
    return Case(*whens, output_field=CharField())


def _with_state(entries: DirectoryQuerySet) -> Any:
    answers: dict[str, Any] = {"state": _state()}
    return entries.annotate(**answers)


def _in_state(state: str, user_type: UserType = UserType.GUEST) -> Any:
    """Guests (or members) in one state of `STATES`, in need of attention, or all of them for ""."""
    if state == "deleted":
        return _with_state(DirectoryEntry.objects.deleted().filter(user_type=user_type))
    guests = _with_state(DirectoryEntry.objects.present().filter(user_type=user_type))
    conditions = _conditions()
    soon = conditions["pending"] & Q(invitation__expires_at__lte=Now() + EXPIRES_SOON)
    conditions |= {ATTENTION: soon | conditions["not_delivered"], "expiring": soon, "": Q()}
    return guests.filter(conditions[state])


def count_guests(user_type: UserType = UserType.GUEST) -> dict[str, int]:
    """How many guests are in each state ("" for all, "expiring"), each counted up to `CAP` + 1."""
    keys = ["", *STATES, "expiring"]
    counted = [_in_state(key, user_type).order_by().values("pk")[: CAP + 1].query for key in keys]
    parts, params = zip(*(query.sql_with_params() for query in counted), strict=True)
    # Built from our own querysets only; values travel as parameters.
    counts = [f"(SELECT COUNT(*) FROM ({part}) AS counted)" for part in parts]  # noqa: S608  # nosec B608
    with connection.cursor() as cursor:
        sql = "SELECT " + ", ".join(counts)
        cursor.execute(sql, [value for values in params for value in values])
        return dict(zip(keys, cursor.fetchone(), strict=True))


def _mail() -> Any:
    """The newest mail of the invitation as a small object, in the same statement."""
    newest = OutgoingMail.objects.filter(
        about=OuterRef("invitation_id"), kind=MailKind.INVITATION
    ).order_by("-id")
    fields = ("state", "answer_code", "answer", "due_at", "attempts")
    return newest.values(mail=JSONObject(**{name: name for name in fields}))[:1]


def _landing() -> Any:
    """What the tenant calls the page or app a guest is sent to."""
    url = OuterRef("invitation__redirect_url")
    page = LandingPage.objects.filter(url=url).values("name")[:1]
    app = SharedApp.objects.exclude(home_url="").filter(home_url=url).values("name")[:1]
    return Coalesce(Subquery(page), Subquery(app))


def _apps() -> Any:
    """The names of the apps that somebody was given, directly or by a group."""
    given = given_to(OuterRef(OuterRef("pk"))).values("app_id")
    return ArraySubquery(SharedApp.objects.filter(pk__in=given).order_by("name").values("name"))


def guest_page(
    *,
    state: str = "",
    search: str = "",
    marker: str = "",
    user_type: UserType = UserType.GUEST,
) -> Page[DirectoryEntry]:
    """A page of guests, newest invitation first; `marker` comes from a page before."""
    guests = _in_state(state, user_type).select_related("invitation", "invitation__invited_by")
    guests = guests.annotate(**_shown(), **_roles())
    if search:
        guests = guests.matching(search)
    return page_of(guests, by=NEWEST_FIRST, marker=marker)


def _shown() -> dict[str, Any]:
    """What a row shows beside its state."""
    return {
        "mail": _mail(),
        "landing_name": _landing(),
        "app_names": _apps(),
        **policy_facts("invitation__"),
    }


def _rows(entries: DirectoryQuerySet) -> Any:
    rows = _with_state(entries).annotate(**_shown())
    return rows.select_related("invitation", "invitation__invited_by")


def find_guest(pk: UUID) -> DirectoryEntry | None:
    """One guest, or invited member, with what a row shows."""
    return _find(DirectoryEntry.objects.present(), pk)


def find_entry(pk: UUID) -> DirectoryEntry | None:
    """One guest or member, deleted ones too until they are erased, with account and roles."""
    known = DirectoryEntry.objects.exclude(deletion_reason=DeletionReason.ERASED)
    return _find(known.select_related("account"), pk)


def _roles() -> dict[str, Any]:
    held = RoleAssignment.objects.filter(entry=OuterRef("pk")).order_by().values("entry")
    return {"roles": Coalesce(Subquery(held.values(all=ArrayAgg("role"))), Value([]))}


def _invited_by(inviter: DirectoryEntry) -> DirectoryQuerySet:
    return DirectoryEntry.objects.present().filter(invitation__invited_by=inviter)


def _reached_by(owner: DirectoryEntry) -> DirectoryQuerySet:
    """Whom this person invited, and the guests who were given an app or group of theirs."""
    invited = Invitation.objects.filter(invited_by=owner).values("pk")
    having = AppAssignment.objects.filter(app__owners__entry=owner, entry__isnull=False)
    inside = GroupMember.objects.filter(group__owners__entry=owner)
    given = Q(pk__in=having.values("entry")) | Q(pk__in=inside.values("entry"))
    # Not one union: the list is walked from its newest end, and stops where a page is full.
    reached = Q(invitation__in=invited) | Q(given, user_type=UserType.GUEST)
    return DirectoryEntry.objects.present().filter(reached).exclude(pk=owner.pk)


def _find(entries: DirectoryQuerySet, pk: UUID) -> DirectoryEntry | None:
    found: DirectoryEntry | None = _rows(entries).annotate(**_roles()).filter(pk=pk).first()
    return found


def _shared_by(owner: DirectoryEntry) -> dict[str, Any]:
    """The owner's own apps and groups that somebody has; nobody else's."""
    apps = SharedApp.objects.filter(owners__entry=owner, assignments__entry=OuterRef("pk"))
    groups = Group.objects.filter(owners__entry=owner, members__entry=OuterRef("pk"))
    return {
        "shared_apps": ArraySubquery(apps.order_by("name").values("name")),
        "shared_groups": ArraySubquery(groups.order_by("name").values("name")),
    }


def reached_by(owner: DirectoryEntry, *, marker: str = "", size: int = PAGE) -> Page[Any]:
    """A page of whom an owner invited or shared with, newest first, with what a row shows."""
    entries = _rows(_reached_by(owner)).annotate(**_roles(), **_shared_by(owner))
    return page_of(entries, by=NEWEST_FIRST, marker=marker, size=size)


def count_reached_by(owner: DirectoryEntry) -> int:
    """How many they are, counted up to `CAP` + 1."""
    return count(_reached_by(owner))


def find_reached_by(owner: DirectoryEntry, pk: UUID) -> DirectoryEntry | None:
    """One of them; None for anybody else's guest."""
    return _find(_reached_by(owner).annotate(**_shared_by(owner)), pk)


def find_invited_by(inviter: DirectoryEntry, pk: UUID) -> DirectoryEntry | None:
    """One whom this person invited: theirs to invite again or to correct."""
    return _find(_invited_by(inviter), pk)


def find_selected(pks: Iterable[UUID]) -> list[DirectoryEntry]:
    """Those of this tenant, at most a page of them, in the list's order."""
    entries = _rows(DirectoryEntry.objects.present()).annotate(**_roles())
    entries = entries.filter(pk__in=list(pks)[:PAGE])
    return list(entries.order_by(*NEWEST_FIRST))
