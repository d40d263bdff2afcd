"""The life of an invitation and of a directory entry. Pure.

Expiry is not a state: the database's clock is asked whenever it matters (T06).
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from invitations.errors import TransitionError


class InvitationStatus(TextChoices):
    PENDING_ACCEPTANCE = "pending_acceptance", _("Pending acceptance")
    COMPLETED = "completed", _("Completed")
    DECLINED = "declined", _("Declined")
    REVOKED = "revoked", _("Revoked")


class EndReason(TextChoices):
    """Why an invitation that nobody redeemed is over."""

    REPLACED = "replaced", _("Replaced by a newer one")
    BY_TENANT = "by_tenant", _("Revoked")
    BY_GUEST = "by_guest", _("Declined")
    EXPIRED = "expired", _("Expired")


class ExternalUserState(TextChoices):
    """Graph's `externalUserState`."""

    PENDING_ACCEPTANCE = "PendingAcceptance", _("Pending acceptance")
    ACCEPTED = "Accepted", _("Accepted")


class CreationType(TextChoices):
    INVITATION = "Invitation", _("Invitation")
    PROVISIONED = "Provisioned", _("Provisioned")


OPEN = frozenset({InvitationStatus.PENDING_ACCEPTANCE})

TRANSITIONS: dict[InvitationStatus, frozenset[InvitationStatus]] = {
    InvitationStatus.PENDING_ACCEPTANCE: frozenset(
        {InvitationStatus.COMPLETED, InvitationStatus.DECLINED, InvitationStatus.REVOKED}
    ),
    InvitationStatus.COMPLETED: frozenset(),
    InvitationStatus.DECLINED: frozenset(),
    InvitationStatus.REVOKED: frozenset(),
}


def check_transition(source: InvitationStatus, target: InvitationStatus) -> None:
    """Raise `TransitionError` unless `source` may become `target`."""
    if target not in TRANSITIONS[source]:
        raise TransitionError(f"{source} does not become {target}")
