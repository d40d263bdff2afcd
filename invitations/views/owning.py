"""The owners of an app or group, as the pages of both change them, in words for what was done."""

from django.utils.translation import gettext as _

from invitations.models import DirectoryEntry, Group, SharedApp
from invitations.services import owners


def add_owner(thing: SharedApp | Group, *, owner: DirectoryEntry, by: DirectoryEntry) -> str:
    """Raises what the service raises."""
    if owners.add_owner(thing, owner=owner, by=by):
        return _("%(who)s is an owner now.") % {"who": owner}
    return _("%(who)s is an owner already.") % {"who": owner}


def take_owner(thing: SharedApp | Group, *, owner: DirectoryEntry, by: DirectoryEntry) -> str:
    owners.take_owner(thing, owner=owner, by=by)
    return _("%(who)s is not an owner any more.") % {"who": owner}
