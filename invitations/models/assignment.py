import uuid
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Lower, Now

from invitations.models.app import SharedApp, WhoMayEnter
from invitations.models.directory import DirectoryEntry, DirectoryQuerySet
from invitations.models.invitation import Invitation, InvitationQuerySet


class Group(models.Model):
    """Guests and members who are given apps together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(Lower("name"), name="group_name_once"),)

    def __str__(self) -> str:
        return self.name


class AppOwner(models.Model):
    """Who answers for an app and may invite to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    app = models.ForeignKey(SharedApp, models.CASCADE, related_name="owners")
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="apps_owned")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["app", "entry"], name="app_owner_once"),)

    def __str__(self) -> str:
        return f"{self.entry_id} owns {self.app_id}"


class GroupOwner(models.Model):
    """Who answers for a group and may invite to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    group = models.ForeignKey(Group, models.CASCADE, related_name="owners")
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="groups_owned")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["group", "entry"], name="group_owner_once"),)

    def __str__(self) -> str:
        return f"{self.entry_id} owns {self.group_id}"


class GroupMember(models.Model):
    """Who is in a group."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    group = models.ForeignKey(Group, models.CASCADE, related_name="members")
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="groups")
    # The open invitation that brings it along: it goes when that is revoked.
    given_with = models.ForeignKey(
        Invitation, models.SET_NULL, null=True, blank=True, related_name="groups_given"
    )
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["group", "entry"], name="group_member_once"),
        )
        indexes = (models.Index(fields=["group", "-since", "-id"], name="group_newest_first"),)

    def __str__(self) -> str:
        return f"{self.entry_id} in {self.group_id}"


class AppAssignment(models.Model):
    """A person or a group may enter an app, with these of the app's own roles."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    app = models.ForeignKey(SharedApp, models.CASCADE, related_name="assignments")
    entry = models.ForeignKey(
        DirectoryEntry, models.CASCADE, null=True, blank=True, related_name="app_assignments"
    )
    group = models.ForeignKey(
        Group, models.CASCADE, null=True, blank=True, related_name="app_assignments"
    )
    # What the app calls what the person may do there: its `roles` claim.
    roles = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    given_with = models.ForeignKey(
        Invitation, models.SET_NULL, null=True, blank=True, related_name="apps_given"
    )
    given_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["app", "entry"], name="app_once_an_entry"),
            models.UniqueConstraint(fields=["app", "group"], name="app_once_a_group"),
            models.CheckConstraint(
                condition=Q(entry__isnull=False, group__isnull=True)
                | Q(entry__isnull=True, group__isnull=False),
                name="app_for_entry_or_group",
            ),
        )
        indexes = (models.Index(fields=["app", "-given_at", "-id"], name="app_newest_first"),)

    def __str__(self) -> str:
        return f"{self.app_id} for {self.entry_id or self.group_id}"


def _further_in(value: Any) -> Any:
    """One query further in, a reference to the outside is one step longer."""
    return OuterRef(value) if isinstance(value, OuterRef) else value


def assignments_of(entry_id: Any, app_id: Any, *, at: Any = None) -> models.QuerySet[AppAssignment]:
    """What lets an entry into an app: its own assignments and those of its groups.

    All are values, or an `OuterRef` to one. With `at`, a time, only what has been there since.
    """
    members = GroupMember.objects.filter(entry_id=_further_in(entry_id))
    given = AppAssignment.objects.filter(app_id=app_id)
    if at is not None:
        members = members.filter(since__lte=_further_in(at))
        given = given.filter(given_at__lte=at)
    return given.filter(Q(entry_id=entry_id) | Q(group_id__in=members.values("group_id")))


def apps_open_to(entry_id: Any) -> models.QuerySet[SharedApp]:
    """Every app this entry may enter; the id, or an `OuterRef` to one."""
    assigned = Exists(assignments_of(entry_id, OuterRef("pk")))
    return SharedApp.objects.filter(Q(who_may_enter=WhoMayEnter.EVERYBODY) | assigned)


def people_of_group(group_id: Any) -> DirectoryQuerySet:
    """Who is in a group; the id, or an `OuterRef` to one."""
    return DirectoryEntry.objects.present().filter(groups__group=group_id)


def people_of_app(app_id: Any) -> DirectoryQuerySet:
    """Whom an app was given to, directly or by a group. Count them with `number_of`: somebody may be
    there for each way."""
    direct, by_group = Q(app_assignments__app=app_id), Q(groups__group__app_assignments__app=app_id)
    return DirectoryEntry.objects.present().filter(direct | by_group)


def number_of(people: DirectoryQuerySet) -> Coalesce:
    """How many they are, each counted once, beside each row of the query that they refer to."""
    together = people.order_by().annotate(together=Value(True)).values("together")
    number = together.annotate(number=Count("pk", distinct=True)).values("number")
    return Coalesce(Subquery(number), 0)


def apps_of_group(group: Any) -> models.QuerySet[SharedApp]:
    """What people in the group can open by it, by name."""
    return SharedApp.objects.filter(assignments__group=group).exclude(home_url="").order_by("name")


def with_apps(invitations: InvitationQuerySet) -> InvitationQuerySet:
    """With `app_names`: what the invitation brings along, directly or by a group."""
    direct = Q(assignments__given_with=OuterRef("pk"))
    by_group = Q(assignments__group__members__given_with=OuterRef("pk"))
    apps = SharedApp.objects.filter(direct | by_group).order_by("name").distinct()
    answers: dict[str, Any] = {"app_names": ArraySubquery(apps.values("name"))}
    return invitations.annotate(**answers)
