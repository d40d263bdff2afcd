"""The owners of an app or group, as the pages of both change them, in words for what was done."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from invitations.models import DirectoryEntry, Group, SharedApp, TenantPolicy
from invitations.services import owners
from invitations.services.sharing import is_inviter


def add_owner(thing: SharedApp | Group, *, owner: DirectoryEntry, by: DirectoryEntry) -> str:
    """Raises what the service raises."""
    if owners.add_owner(thing, owner=owner, by=by):
        said = _("%(who)s is an owner now.")
        if not is_inviter(owner, TenantPolicy.objects.get()):
            said = _("%(who)s is an owner now, but the invitation policy does not let them invite.")
        return said % {"who": owner}
    return _("%(who)s is an owner already.") % {"who": owner}


def take_owner(thing: SharedApp | Group, *, owner: DirectoryEntry, by: DirectoryEntry) -> str:
    """Whoever is named answers for it no more, also who did not before."""
    owners.take_owner(thing, owner=owner, by=by)
    return _("%(who)s is not an owner any more.") % {"who": owner}


def say_gone(request: HttpRequest) -> None:
    """Of a row that a button was about: removed already, in another tab perhaps. The page says so
    itself and shows what is there, with the 404 of a row that never existed (N01)."""
    messages.error(request, _("This is not possible any more: something changed meanwhile."))
