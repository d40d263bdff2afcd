"""What `invitations` refuses."""

from uuid import UUID

from tenants.errors import FoyerError


class InvitationError(FoyerError):
    """The base of this app's refusals."""


class TicketInvalidError(InvitationError):
    """The ticket opens nothing: forged, used, expired, revoked, replaced, another tenant's.

    Outward these are one; whoever shows the page must not tell them apart.
    """


class TransitionError(InvitationError):
    """The invitation or entry is not in a state from which this is possible."""


class GuestAlreadyInvitedError(InvitationError):
    """There is an open invitation for this address: resend it instead. Or who has it is blocked."""

    def __init__(self, entry_id: UUID) -> None:
        super().__init__(str(entry_id))
        self.entry_id = entry_id


class GuestAlreadyAcceptedError(GuestAlreadyInvitedError):
    """The person is in the directory already."""


class LastAdministratorError(InvitationError):
    """The tenant would be left without an administrator (P06)."""


class NotOneselfError(InvitationError):
    """Nobody blocks, deletes or resets themselves."""


class RestoreTooLateError(InvitationError):
    """The entry was deleted more than 30 days ago."""


class RestoreClashError(InvitationError):
    """Somebody else has the entry's address or account meanwhile."""


class SponsorsError(InvitationError):
    """More than five sponsors, oneself, or somebody who is not in."""


class AddressTakenError(InvitationError):
    """The address belongs to somebody else in the directory."""


class RedirectUrlError(InvitationError):
    """The redirect URL is not https, not plain, or at an origin the tenant did not register."""


class FieldError(InvitationError):
    """A field of the request is not usable; `field` names it, `reason` is a `WordsError` reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class WrongAccountError(InvitationError):
    """The signed-in account did not prove the invited address (T10)."""


class AlreadyGuestError(InvitationError):
    """This account is in the directory under another entry."""


class DomainRuleError(InvitationError):
    """A line of a list of domains is none; its text is the line."""


class SharingNotAllowedError(InvitationError):
    """An app or group that is not the inviter's to share (P04)."""


class OwnersError(InvitationError):
    """Owners are people who are in the directory, at most ten."""


class InvitingNotAllowedError(InvitationError):
    """The inviter's role or the tenant's policy does not allow it."""
