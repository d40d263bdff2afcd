"""What an invitation brings along: offered and given with it, handed on, taken back."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model

from invitations.models import (
    AppAssignment,
    AppOwner,
    DirectoryEntry,
    Group,
    GroupMember,
    GroupOwner,
    Invitation,
    SharedApp,
)


def brought_by(invitation: Invitation) -> dict[str, Any]:
    """`apps` and `groups` that an invitation offers, as far as they still exist."""
    return {"apps": list(invitation.apps.all()), "groups": list(invitation.groups.all())}


def told_of(offered: Mapping[str, Iterable[Model]]) -> dict[str, Any]:
    """What is offered, as the audit log keeps it."""
    return {name: [str(each.pk) for each in things] for name, things in offered.items()}


def hold(
    things: Iterable[SharedApp | Group], *, if_there: Iterable[SharedApp | Group] = ()
) -> None:
    """Keep these as they are while they are given or taken, so that nobody takes them away
    meanwhile: all at once, in one order, after the person they are about and before the audit.
    Raises `DoesNotExist` for one of `things` that is gone."""
    needed, wanted = list(things), list(if_there)
    for model in (SharedApp, Group):
        pks = {each.pk for each in needed if isinstance(each, model)}
        all_pks = pks | {each.pk for each in wanted if isinstance(each, model)}
        rows: Any = model.objects.select_for_update(no_key=True).filter(pk__in=all_pks)
        if all_pks and not pks <= set(rows.order_by("pk").values_list("pk", flat=True)):
            raise model.DoesNotExist


def hold_person(entry: DirectoryEntry) -> None:
    """Whoever changes what somebody has holds them first, whatever happened to them since: as
    everywhere, the person, then apps and groups, then the audit."""
    list(DirectoryEntry.objects.locked().filter(pk=entry.pk).values_list("pk"))


def give_along(
    invitation: Invitation, *, apps: Iterable[SharedApp], groups: Iterable[Group]
) -> None:
    """Offer these, which the caller holds, with a new invitation: its guest has them now; what they
    had stays as it was."""
    apps, groups = list(apps), list(groups)
    if apps:
        invitation.apps.add(*apps)
    if groups:
        invitation.groups.add(*groups)
    entry = {"entry_id": invitation.entry_id, "given_with": invitation}
    AppAssignment.objects.bulk_create(
        [AppAssignment(app=app, **entry) for app in apps], ignore_conflicts=True
    )
    GroupMember.objects.bulk_create(
        [GroupMember(group=group, **entry) for group in groups], ignore_conflicts=True
    )


def hand_on(previous: Invitation, invitation: Invitation) -> dict[str, Any]:
    """The same offer with the invitation in its place, given again where it was taken back.

    The answer is `apps` and `groups` that are offered.
    """
    offered = brought_by(previous)
    # Before what hangs on them changes: whoever unshares one holds it, then takes that away.
    hold([*offered["apps"], *offered["groups"]])
    for model in (AppAssignment, GroupMember):
        model.objects.filter(given_with=previous).update(given_with=invitation)
    give_along(invitation, **offered)
    return offered


def strike(
    entry: DirectoryEntry, *, apps: Iterable[SharedApp] = (), groups: Iterable[Group] = ()
) -> None:
    """What is taken from somebody is not offered to them any more: sending an old invitation
    again does not bring it back."""
    Invitation.apps.through.objects.filter(invitation__entry=entry, sharedapp__in=apps).delete()
    Invitation.groups.through.objects.filter(invitation__entry=entry, group__in=groups).delete()


def take_back(invitation: Invitation) -> None:
    """What an invitation brought along goes with it."""
    for model in (AppAssignment, GroupMember):
        model.objects.filter(given_with=invitation).delete()


def forget_access(entry: DirectoryEntry) -> None:
    """Somebody is gone for good: nothing is given to them, offered to them or owned by them."""
    for model in (AppAssignment, AppOwner, GroupMember, GroupOwner):
        model.objects.filter(entry=entry).delete()
    for offers in (Invitation.apps.through, Invitation.groups.through):
        offers.objects.filter(invitation__entry=entry).delete()
