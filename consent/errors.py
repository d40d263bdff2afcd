"""What `consent` refuses."""

from tenants.errors import FoyerError


class ConsentError(FoyerError):
    """The base of this app's refusals."""


class StatementChangedError(ConsentError):
    """The privacy statement is not the one that was shown any more: read again (C05)."""
