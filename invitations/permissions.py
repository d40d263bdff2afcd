"""What each role may do in its tenant. Pure."""

from collections.abc import Iterable

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator")
    USER_ADMINISTRATOR = "user_administrator", _("User administrator")
    GUEST_INVITER = "guest_inviter", _("Guest inviter")
    AUDITOR = "auditor", _("Auditor")


class WhoMayInvite(TextChoices):
    """The tenant's policy, each level with the ones before it (product 3.5, Graph's
    `allowInvitesFrom`)."""

    NOBODY = "nobody", _("Nobody")
    ADMINISTRATORS = "administrators", _("Administrators and user administrators")
    INVITERS = "inviters", _("Also people with the role Guest inviter")
    MEMBERS = "members", _("Also members, for the apps and groups they own")
    EVERYONE = "everyone", _("Also guests, for the apps and groups they own")


class Permission(TextChoices):
    VIEW_GUESTS = "view_guests"
    INVITE_GUESTS = "invite_guests"
    MANAGE_INVITATIONS = "manage_invitations"
    MANAGE_GUESTS = "manage_guests"
    SHARE_APPS = "share_apps"
    MANAGE_APPS = "manage_apps"
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
            Permission.SHARE_APPS,
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


LEVELS = list(WhoMayInvite)


def _level_of(roles: frozenset[str], *, is_member: bool) -> WhoMayInvite:
    """The lowest level of the policy at which these people invite."""
    if not ADMINISTERING.isdisjoint(roles):
        return WhoMayInvite.ADMINISTRATORS
    if Role.GUEST_INVITER in roles:
        return WhoMayInvite.INVITERS
    return WhoMayInvite.MEMBERS if is_member else WhoMayInvite.EVERYONE


def may_invite(policy: str, *, roles: Iterable[str], is_member: bool) -> bool:
    """Whether the tenant's policy lets somebody with these roles invite (P03)."""
    needed = _level_of(frozenset(roles), is_member=is_member)
    return LEVELS.index(WhoMayInvite(policy)) >= LEVELS.index(needed)


def may_offer(policy: str, *, roles: Iterable[str], is_member: bool, brings: bool) -> bool:
    """Whether somebody with these roles invites: to nothing in particular only by their role."""
    roles = frozenset(roles)
    if not may_invite(policy, roles=roles, is_member=is_member):
        return False
    return brings or Permission.INVITE_GUESTS in permissions_of(roles)


def may_share(roles: Iterable[str], *, brings_strange: bool) -> bool:
    """Whether it is somebody's to share: what is not their own only by their role (P04)."""
    return not brings_strange or Permission.SHARE_APPS in permissions_of(roles)
