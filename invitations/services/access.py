"""Who has which apps and groups: all of one person's at once, and what owners give away."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from invitations.errors import GuestAlreadyInvitedError, TransitionError
from invitations.models import (
    AppAssignment,
    DirectoryEntry,
    Group,
    Invitation,
    SharedApp,
)
from invitations.services.apps import assign, unassign
from invitations.services.directory import lock_entry
from invitations.services.groups import add_to_group, take_from_group
from invitations.services.invite import invite_guest
from invitations.services.manage import revoke_invitation
from invitations.services.offers import hold
from invitations.services.sharing import own_apps, own_groups
from tenants.repeating import repeated

MOST_AT_ONCE = 5


@repeated
@transaction.atomic
def set_access(
    *,
    entry: DirectoryEntry,
    apps: Iterable[SharedApp],
    groups: Iterable[Group],
    by: DirectoryEntry | None,
) -> None:
    """Exactly these apps, beside what groups give, and these groups; what stays keeps its roles.

    Raises `DoesNotExist` when the person, or what they are given, is gone meanwhile.
    """
    locked = lock_entry(entry)
    wanted_apps, wanted_groups = set(apps), set(groups)
    # Also what may be taken away: all of it before the first word in the audit log.
    hold(
        [*wanted_apps, *wanted_groups],
        if_there=[
            *SharedApp.objects.filter(assignments__entry=locked),
            *Group.objects.filter(members__entry=locked),
        ],
    )
    given = AppAssignment.objects.filter(entry=locked).select_related("app", "entry")
    for assignment in given.exclude(app__in=wanted_apps):
        unassign(assignment, by=by)
    for app in wanted_apps - {assignment.app for assignment in given}:
        assign(app, to=locked, by=by)
    inside = Group.objects.filter(members__entry=locked)
    for group in inside.exclude(pk__in=[each.pk for each in wanted_groups]):
        take_from_group(group, entry=locked, by=by)
    for group in wanted_groups - set(inside):
        add_to_group(group, entry=locked, by=by)


@dataclass(frozen=True)
class Shared:
    """One address of a worker's form: invited with it, or in the directory before."""

    address: str
    entry: DirectoryEntry
    is_new: bool


def _give(thing: SharedApp | Group, entry: DirectoryEntry, by: DirectoryEntry) -> None:
    """To somebody who is known here. Who has not accepted yet has it as long as they are invited,
    by whomever: it goes with that invitation. Who is blocked and invited no more gets nothing."""
    offer = Invitation.objects.open().filter(entry=entry).first()
    if offer is None and not entry.is_accepted:
        return
    if isinstance(thing, Group):
        add_to_group(thing, entry=entry, by=by, given_with=offer)
    elif not AppAssignment.objects.filter(app=thing, entry=entry).exists():
        assign(thing, to=entry, by=by, given_with=offer)


def hold_known(addresses: Iterable[str]) -> None:
    """Lock who is here already, in one order, before the first of them writes to the audit."""
    known = DirectoryEntry.objects.present().filter(address__in=list(addresses))
    list(known.locked().order_by("pk").values_list("pk"))


@transaction.atomic
def share(thing: SharedApp | Group, *, address: str, message: str, by: DirectoryEntry) -> Shared:
    """What an owner asks for: this address gets this app, or comes into this group.

    Somebody new is invited; somebody who is invited or in already gets it at once, and a mail
    about it when they are in. Raises what `invite_guest` raises, but for people who are there.
    """
    apps = [thing] if isinstance(thing, SharedApp) else []
    groups = [thing] if isinstance(thing, Group) else []
    try:
        with transaction.atomic():
            invitation = invite_guest(
                email=address, invited_by=by, message=message, apps=apps, groups=groups
            )
    except GuestAlreadyInvitedError as error:
        entry = DirectoryEntry.objects.present().locked().get(pk=error.entry_id)
        _give(thing, entry, by)
        return Shared(address, entry, is_new=False)
    return Shared(address, invitation.entry, is_new=True)


def _take_own(entry: DirectoryEntry, by: DirectoryEntry) -> bool:
    """Take back what is this owner's; whether there was anything."""
    given = AppAssignment.objects.filter(entry=entry, app__in=own_apps(by))
    assignments = list(given.select_related("app", "entry"))
    groups = list(own_groups(by).filter(members__entry=entry))
    hold([], if_there=[*(assignment.app for assignment in assignments), *groups])
    for assignment in assignments:
        unassign(assignment, by=by)
    for group in groups:
        take_from_group(group, entry=entry, by=by)
    return bool(assignments or groups)


@repeated
@transaction.atomic
def end_sharing(*, entry: DirectoryEntry, by: DirectoryEntry) -> None:
    """What an inviter or owner takes back: their open invitation, else what is their own.

    Another's invitation stays. Raises `TransitionError` when somebody who has not accepted has
    nothing of theirs any more, `DirectoryEntry.DoesNotExist` when the person is gone.
    """
    locked = lock_entry(entry)
    own_offers = Invitation.objects.open().filter(entry=locked, invited_by=by)
    if not locked.is_accepted and own_offers.exists():
        revoke_invitation(entry=locked, by=by)
    elif not _take_own(locked, by) and not locked.is_accepted:
        raise TransitionError("nothing to end")
