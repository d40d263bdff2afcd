"""What may be done with somebody in the directory: who may, what it says, what it calls."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _

from invitations.access import Viewer
from invitations.models import DirectoryEntry
from invitations.permissions import Permission, Role, permissions_of
from invitations.rows import GuestRow
from invitations.services import access, directory, manage
from tenants.models import UserType


@dataclass(frozen=True)
class Action:
    """One act with its confirmation page."""

    name: str
    permission: Permission
    question: Any
    explanation: Any
    button: Any
    done: Any
    perform: Callable[..., Any]
    fits: Callable[[GuestRow], bool]
    is_harmful: bool = False
    # Only who manages roles touches administrators, and whoever is invited to be one: with their
    # invitation in another mailbox, its owner would become an administrator.
    is_about_access: bool = True
    # Sends to another mailbox what the entry has: only who has all of its rights may.
    moves: bool = False
    # On the way to the confirmation page, where the button's words would promise too much.
    link: Any = ""

    def is_for(self, viewer: Viewer, row: GuestRow) -> bool:
        """Whether this person may do it to this entry, as it is now; nobody takes their own access
        away here."""
        if self.is_harmful and row.entry.pk == viewer.entry.pk:
            return False
        return self.is_allowed(viewer, row.entry) and self.fits(row)

    def is_allowed(self, viewer: Viewer, entry: DirectoryEntry) -> bool:
        if not viewer.may(self.permission):
            return False
        if self.moves and not all(viewer.may(right) for right in permissions_of(entry.roles)):
            return False
        touches = self.is_about_access and Role.ADMINISTRATOR in entry.roles
        return viewer.may(Permission.MANAGE_ROLES) or not touches


BELONGING = _(
    "A guest is somebody from outside, a member is one of your own people. Account, roles and "
    "access stay."
)


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "correct",
            Permission.MANAGE_INVITATIONS,
            _("Send the invitation of %(name)s to another address?"),
            _(
                "The link in the first e-mail stops working. App, message and language stay, and "
                "a new link goes to the address you enter."
            ),
            _("Correct the address"),
            _("%(name)s gets a new link at the corrected address."),
            manage.correct_address,
            lambda row: row.can_correct,
            moves=True,
        ),
        Action(
            "reset",
            Permission.MANAGE_GUESTS,
            _("Reset the redemption of %(name)s?"),
            _(
                "Access ends now, until the person redeems the new invitation, perhaps with "
                "another account. Roles, sponsors and history stay. Leave the address empty to "
                "keep the one they have."
            ),
            _("Reset redemption"),
            _("%(name)s is invited anew and keeps everything else."),
            manage.reset_redemption,
            lambda row: row.can_reset,
            is_harmful=True,
            moves=True,
        ),
        Action(
            "block",
            Permission.MANAGE_GUESTS,
            _("Block the sign-in of %(name)s?"),
            _(
                "From the next click on the person cannot enter. Nothing is deleted; you can take "
                "it back."
            ),
            _("Block sign-in"),
            _("%(name)s cannot enter any more."),
            directory.block_sign_in,
            lambda row: row.can_block,
            is_harmful=True,
        ),
        Action(
            "unblock",
            Permission.MANAGE_GUESTS,
            _("Let %(name)s enter again?"),
            _("Everything is as it was before the block."),
            _("Unblock sign-in"),
            _("%(name)s may enter again."),
            directory.unblock_sign_in,
            lambda row: row.can_unblock,
        ),
        Action(
            "delete",
            Permission.MANAGE_GUESTS,
            _("Delete %(name)s?"),
            _(
                "Access ends now, open invitations are revoked, and somebody who had access is "
                "told by e-mail. For 30 days you can restore the entry; then name and address "
                "are erased."
            ),
            _("Delete"),
            _("%(name)s is deleted. You can restore the entry for 30 days."),
            directory.delete_entry,
            lambda row: row.can_delete,
            is_harmful=True,
        ),
        Action(
            "restore",
            Permission.MANAGE_GUESTS,
            _("Restore %(name)s?"),
            _(
                "Somebody you removed is in again as before. Somebody who left, or never came, "
                "needs a new invitation."
            ),
            _("Restore"),
            _("%(name)s is back in the directory."),
            directory.restore_entry,
            lambda row: row.can_restore,
        ),
        # Two acts, not one that turns over: each button says what comes of it, and a second
        # press, in another tab perhaps, does not undo the first.
        Action(
            "make_member",
            Permission.MANAGE_ROLES,
            _("Make %(name)s a member?"),
            BELONGING,
            _("Make a member"),
            _("%(name)s is a member now."),
            partial(directory.convert, user_type=UserType.MEMBER),
            lambda row: row.can_delete and not row.is_member,
        ),
        Action(
            "make_guest",
            Permission.MANAGE_ROLES,
            _("Make %(name)s a guest?"),
            BELONGING,
            _("Make a guest"),
            _("%(name)s is a guest now."),
            partial(directory.convert, user_type=UserType.GUEST),
            lambda row: row.can_delete and row.is_member,
        ),
        Action(
            "sponsors",
            Permission.MANAGE_INVITATIONS,
            _("Who answers for %(name)s?"),
            _("Sponsors are told when the person accepts, declines or leaves. At most five."),
            _("Save sponsors"),
            _("The sponsors of %(name)s are saved."),
            directory.set_sponsors,
            lambda row: row.can_delete,
            is_about_access=False,
            link=_("Change sponsors"),
        ),
        Action(
            "roles",
            Permission.MANAGE_ROLES,
            _("What may %(name)s do here?"),
            _("Roles count from the next click on."),
            _("Save roles"),
            _("The roles of %(name)s are saved."),
            directory.set_roles,
            lambda row: row.can_delete,
            link=_("Change roles"),
        ),
        Action(
            "apps",
            Permission.SHARE_APPS,
            _("What may %(name)s open?"),
            _(
                "Apps for this person alone, and groups with the apps that they give. Somebody who "
                "is in is told of a new app by e-mail."
            ),
            _("Save apps and groups"),
            _("The apps and groups of %(name)s are saved."),
            access.set_access,
            lambda row: row.can_delete,
            is_about_access=False,
            link=_("Change apps and groups"),
        ),
    )
}
