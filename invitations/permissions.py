"""What each role may do in its tenant. Pure."""

from collections.abc import Iterable

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator")
    USER_ADMINISTRATOR = "user_administrator", _("User administrator")
    GUEST_INVITER = "guest_inviter", _("Guest inviter")
    AUDITOR = "auditor", _("Auditor")


class Permission(TextChoices):
    VIEW_GUESTS = "view_guests"
    INVITE_GUESTS = "invite_guests"
    MANAGE_INVITATIONS = "manage_invitations"
    MANAGE_GUESTS = "manage_guests"
    MANAGE_ROLES = "manage_roles"
    MANAGE_POLICIES = "manage_policies"
    MANAGE_PRIVACY = "manage_privacy"
    VIEW_AUDIT = "view_audit"


GRANTS: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.USER_ADMINISTRATOR: frozenset(
        {
            Permission.VIEW_GUESTS,
            Permission.INVITE_GUESTS,
            Permission.MANAGE_INVITATIONS,
            Permission.MANAGE_GUESTS,
        }
    ),
    Role.GUEST_INVITER: frozenset({Permission.VIEW_GUESTS, Permission.INVITE_GUESTS}),
    Role.AUDITOR: frozenset({Permission.VIEW_GUESTS, Permission.VIEW_AUDIT}),
}


# Who may do harm in the tenant: they show a second factor first, where the tenant asks for it.
ADMINISTERING = frozenset({Role.ADMINISTRATOR, Role.USER_ADMINISTRATOR})


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """Everything that any of these roles grants."""
    return frozenset().union(*(GRANTS[Role(role)] for role in roles))
