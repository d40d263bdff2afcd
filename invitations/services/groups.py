"""Groups: what they are, who is in."""

from typing import Any

from django.db import transaction

from invitations import audit
from invitations.models import AuditAction, DirectoryEntry, Group, GroupMember, Invitation
from invitations.models.assignment import apps_of_group
from invitations.services.naming import clean_description, clean_name, save_named
from invitations.services.offers import hold, hold_person, strike
from invitations.services.telling import gains_any, tell
from tenants.repeating import repeated


def _told_of(group: Group) -> dict[str, Any]:
    return {"group": str(group.pk), "name": group.name, "description": group.description}


@transaction.atomic
def add_group(*, name: str, by: DirectoryEntry | None, description: str = "") -> Group:
    """A group to give apps to; raises `FieldError` for `name` and `description`."""
    group = Group(name=clean_name(name), description=clean_description(description))
    save_named(group)
    audit.record(AuditAction.GROUP_ADDED, actor=by, **_told_of(group))
    return group


@transaction.atomic
def change_group(
    group: Group, *, name: str, by: DirectoryEntry | None, description: str = ""
) -> Group:
    """Call it something else; the group as it is now. Raises `FieldError` for `name` and `description`."""
    locked = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
    locked.name, locked.description = clean_name(name), clean_description(description)
    save_named(locked)
    audit.record(AuditAction.GROUP_CHANGED, actor=by, **_told_of(locked))
    return locked


@repeated
@transaction.atomic
def remove_group(group: Group, *, by: DirectoryEntry | None) -> None:
    """Dissolve it: who had apps only by it has them no more."""
    locked = Group.objects.select_for_update().filter(pk=group.pk).first()
    if locked is None:
        return
    locked.delete()
    audit.record(AuditAction.GROUP_REMOVED, actor=by, group=str(group.pk), name=group.name)


@repeated
@transaction.atomic
def add_to_group(
    group: Group,
    *,
    entry: DirectoryEntry,
    by: DirectoryEntry | None,
    given_with: Invitation | None = None,
) -> None:
    """Take somebody in, with the apps of the group; nothing happens to who is in already.

    Whoever is in the directory is mailed about it when one of the apps is new to them.
    `given_with` is an open invitation that it goes with when that is revoked.
    """
    hold_person(entry)
    hold([group])
    gains = gains_any(entry, apps_of_group(group))
    member, made = GroupMember.objects.get_or_create(
        group=group, entry=entry, defaults={"given_with": given_with}
    )
    if made:
        if gains:
            tell(member.pk)
        told: dict[str, Any] = {"group": str(group.pk), "name": group.name}
        audit.record(AuditAction.GROUP_MEMBER_ADDED, actor=by, entry=entry, **told)


@repeated
@transaction.atomic
def take_from_group(group: Group, *, entry: DirectoryEntry, by: DirectoryEntry | None) -> None:
    """Take somebody out, with the apps that the group gave them."""
    hold_person(entry)
    hold([], if_there=[group])
    if GroupMember.objects.filter(group=group, entry=entry).delete()[0]:
        strike(entry, groups=[group])
        told: dict[str, Any] = {"group": str(group.pk), "name": group.name}
        audit.record(AuditAction.GROUP_MEMBER_REMOVED, actor=by, entry=entry, **told)
