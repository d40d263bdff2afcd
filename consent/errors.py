"""What `consent` refuses."""

from tenants.errors import FoyerError


class ConsentError(FoyerError):
    """The base of this app's refusals."""


class StatementChangedError(ConsentError):
    """The privacy statement is not the one that was shown any more: read again (C05)."""


class UriError(ConsentError):
    """Addresses that an app cannot come back to: its arguments."""


class TooManySecretsError(ConsentError):
    """An app has two secrets already: remove the old one first."""


class SecretNotNeededError(ConsentError):
    """An app without a server of its own cannot keep a secret."""


class KeyLostError(ConsentError):
    """A signing key is sealed with a ticket key that is not configured any more."""
