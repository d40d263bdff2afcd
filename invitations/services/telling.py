"""Whom the mail about access goes to, and promising it."""

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from invitations.models import DirectoryEntry, Group, GroupMember, SharedApp, WhoMayEnter
from invitations.models.assignment import apps_open_to, assignments_of
from invitations.states import ExternalUserState
from tenants import schema
from tenants.mail import outbox
from tenants.models import MailKind


def tell(*given: UUID) -> None:
    """Promise "access given" about these assignments to people, or memberships of groups."""
    if not given:
        return
    tenant = schema.current_tenant()
    outbox.promise_mails(tenant=tenant, kind=MailKind.ACCESS_GIVEN, about=given)
    outbox.wake()


def _can_be_told(entry: DirectoryEntry) -> bool:
    return entry.is_accepted and bool(entry.address)


def gains_any(entry: DirectoryEntry, apps: QuerySet[SharedApp]) -> bool:
    """Whether one of these apps is new to somebody who can be told, and can be opened."""
    if not _can_be_told(entry):
        return False
    return apps.exclude(home_url="").exclude(pk__in=apps_open_to(entry.pk).values("pk")).exists()


def newcomers_to(app: SharedApp, group: Group) -> list[UUID]:
    """Whose membership of the group opens the app to them, of those who are in the directory.

    Asked before the group has it: who could enter before is told nothing.
    """
    if not app.home_url or app.who_may_enter == WhoMayEnter.EVERYBODY:
        return []
    inside = GroupMember.objects.filter(
        ~Exists(assignments_of(OuterRef("entry_id"), app.pk)),
        group=group,
        entry__deleted_at__isnull=True,
        entry__external_user_state=ExternalUserState.ACCEPTED,
    ).exclude(entry__address="")
    return list(inside.values_list("pk", flat=True))
