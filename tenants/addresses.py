"""Mail addresses: what is accepted, and the one form in which they are compared (M05–M07). Pure."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

LONGEST = 254


class AddressError(ValueError):
    """The text is not exactly one mail address that Foyer can write to."""


def canonical_address(text: str) -> str:
    """The form in which addresses are stored and compared.

    Trimmed, NFC, the domain in lower-case `xn--` form, the local part lower-cased. Plus-tags are
    different people. Takes and gives text of at most 254 characters; raises `AddressError` for
    anything that is not one plain address (lists, quoted parts, display names, IP literals,
    invisible characters, a local part outside ASCII).
    """
    # The local part as typed: NFC would turn the Kelvin sign into a K, and one person into another.
    local, at, domain_part = text.strip(" \t").rpartition("@")
    trimmed = f"{local}@{unicodedata.normalize('NFC', domain_part)}"
    if not at or not local.isascii() or not trimmed.isprintable() or len(trimmed) > LONGEST:
        raise AddressError("not one plain address")
    try:
        address = validate_email(
            trimmed,
            strict=True,
            allow_smtputf8=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            check_deliverability=False,
            # Reserved names such as .example are the operator's affair; a dot is asked below.
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        raise AddressError(str(error)) from error
    domain = (address.ascii_domain or "").lower()
    if "." not in domain or len(address.local_part) + 1 + len(domain) > LONGEST:
        raise AddressError("the domain has no dot or the address is too long")
    return f"{address.local_part.lower()}@{domain}"


def canonical_domain(text: str) -> str:
    """A mail domain in lower-case `xn--` form; `AddressError` for anything that is none."""
    return canonical_address(f"x@{text.strip()}").removeprefix("x@")


def unicode_address(address: str) -> str:
    """The address with its domain readable, equal to the argument when it is plain ASCII."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return address
