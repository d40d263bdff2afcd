import uuid
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q
from django.db.models.functions import Lower, Now

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


class _IsAnyOf(Func):
    """`column = ANY(ARRAY(…))`. Beside an OR, `IN` makes PostgreSQL read every row; an index serves
    this."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()


def _further_in(value: Any) -> Any:
    """One query further in, a reference to the outside is one step longer."""
    return OuterRef(value) if isinstance(value, OuterRef) else value


def given_to(entry_id: Any, *, at: Any = None) -> models.QuerySet[AppAssignment]:
    """What an entry was given, itself or by its groups.

    The id, or an `OuterRef` to one. With `at`, a time, only what has been there since.
    """
    members = GroupMember.objects.filter(entry_id=_further_in(entry_id))
    given = AppAssignment.objects.all()
    if at is not None:
        members = members.filter(since__lte=_further_in(at))
        given = given.filter(given_at__lte=at)
    by_group = _IsAnyOf(F("group_id"), ArraySubquery(members.values("group_id")))
    return given.filter(Q(entry_id=entry_id) | Q(by_group))


def assignments_of(entry_id: Any, app_id: Any, *, at: Any = None) -> models.QuerySet[AppAssignment]:
    """What lets an entry into an app; the app's id, or an `OuterRef` to one."""
    return given_to(entry_id, at=at).filter(app_id=app_id)


def apps_open_to(entry_id: Any) -> models.QuerySet[SharedApp]:
    """Every app this entry may enter; the id, or an `OuterRef` to one."""
    assigned = Exists(assignments_of(entry_id, OuterRef("pk")))
    return SharedApp.objects.filter(Q(who_may_enter=WhoMayEnter.EVERYBODY) | assigned)


def people_of_group(group_id: Any) -> DirectoryQuerySet:
    """Who is in a group; the id, or an `OuterRef` to one."""
    return DirectoryEntry.objects.present().filter(groups__group=group_id)


def people_of_app(app_id: Any) -> DirectoryQuerySet:
    """Whom an app was given to, directly or by a group; the id, or an `OuterRef` to one."""
    given = AppAssignment.objects.filter(app=_further_in(app_id))
    by_group = GroupMember.objects.filter(
        group__in=AppAssignment.objects.filter(app=_further_in(_further_in(app_id))).values("group")
    )
    ways = Q(pk__in=given.values("entry")) | Q(pk__in=by_group.values("entry"))
    return DirectoryEntry.objects.present().filter(ways)


def apps_of_group(group: Any) -> models.QuerySet[SharedApp]:
    """What people in the group can open by it, by name."""
    return SharedApp.objects.filter(assignments__group=group).exclude(home_url="").order_by("name")


def with_apps(invitations: InvitationQuerySet) -> InvitationQuerySet:
    """With `app_names`: what the invitation brings along, directly or by a group."""
    brought = OuterRef(OuterRef("pk"))
    groups = GroupMember.objects.filter(given_with=OuterRef(brought)).values("group_id")
    by_group = _IsAnyOf(F("group_id"), ArraySubquery(groups))
    given = AppAssignment.objects.filter(Q(given_with=brought) | Q(by_group))
    apps = SharedApp.objects.filter(pk__in=given.values("app_id")).order_by("name")
    answers: dict[str, Any] = {"app_names": ArraySubquery(apps.values("name"))}
    return invitations.annotate(**answers)
