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
    CORRECTED = "corrected", _("Sent to another address")
    RESET = "reset", _("Redemption reset")
    REMOVED = "removed", _("Guest removed")


class DeletionReason(TextChoices):
    """Why an entry is deleted: it decides what restoring brings back."""

    REMOVED = "removed", _("Removed")
    LEFT = "left", _("Left")
    NEVER_REDEEMED = "never_redeemed", _("Never accepted")
    ERASED = "erased", _("Erased")


class NoAddress(TextChoices):
    """Why an entry has no address: only the mailed link finds it (product 3.4 b)."""

    CONTACT = "contact", _("The address belongs to a contact")
    ALIAS = "alias", _("The address is another one of somebody in the directory")


class ExternalUserState(TextChoices):
    """Graph's `externalUserState`."""

    PENDING_ACCEPTANCE = "PendingAcceptance", _("Pending acceptance")
    ACCEPTED = "Accepted", _("Accepted")


class CreationType(TextChoices):
    INVITATION = "Invitation", _("Invitation")
    PROVISIONED = "Provisioned", _("Provisioned")


# May still be redeemed until its time is over: who declined may think again (C11).
OPEN = frozenset({InvitationStatus.PENDING_ACCEPTANCE, InvitationStatus.DECLINED})

TRANSITIONS: dict[InvitationStatus, frozenset[InvitationStatus]] = {
    InvitationStatus.PENDING_ACCEPTANCE: frozenset(
        {InvitationStatus.COMPLETED, InvitationStatus.DECLINED, InvitationStatus.REVOKED}
    ),
    InvitationStatus.COMPLETED: frozenset(),
    InvitationStatus.DECLINED: frozenset({InvitationStatus.COMPLETED, InvitationStatus.REVOKED}),
    InvitationStatus.REVOKED: frozenset(),
}


def check_transition(source: InvitationStatus, target: InvitationStatus) -> None:
    """Raise `TransitionError` unless `source` may become `target`."""
    if target not in TRANSITIONS[source]:
        raise TransitionError(f"{source} does not become {target}")
