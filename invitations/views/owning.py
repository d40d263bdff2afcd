"""The owners of an app or group, as the pages of both change them, in words for what was done."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from invitations.models import DirectoryEntry, Group, SharedApp
from invitations.services import apps as services


def add_owner(
    thing: SharedApp | Group,
    *,
    owners: Sequence[DirectoryEntry],
    entry: DirectoryEntry,
    by: DirectoryEntry,
) -> str:
    """Raises what `set_owners` raises."""
    if entry in owners:
        return _("%(who)s is an owner already.") % {"who": entry}
    services.set_owners(thing, owners=[*owners, entry], by=by)
    return _("%(who)s is an owner now.") % {"who": entry}


def take_owner(
    thing: SharedApp | Group,
    *,
    owners: Sequence[DirectoryEntry],
    entry: DirectoryEntry,
    by: DirectoryEntry,
) -> str:
    rest = [owner for owner in owners if owner != entry]
    services.set_owners(thing, owners=rest, by=by)
    return _("%(who)s is not an owner any more.") % {"who": entry}
