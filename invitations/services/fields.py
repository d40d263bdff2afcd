"""What people typed, checked field by field, before any row is touched."""

from datetime import timedelta

from invitations.errors import FieldError, RedirectUrlError
from invitations.models import LandingPage, SharedApp, TenantPolicy
from invitations.models.policy import LONGEST_VALIDITY, SHORTEST_VALIDITY
from invitations.redirects import check_redirect
from tenants import schema
from tenants.addresses import AddressError, canonical_address
from tenants.words import WordsError, check_message, check_name

LONGEST_DISPLAY_NAME = 100
LONGEST_MESSAGE = 500


def clean_address(text: str) -> str:
    """The canonical address; `FieldError` for `email` otherwise."""
    try:
        return canonical_address(text)
    except AddressError as error:
        raise FieldError("email", "address") from error


def clean_display_name(text: str) -> str:
    """A name fit to be shown; the tenant's own verified domain may stand in it."""
    tenant = schema.current_tenant()
    own = frozenset({tenant.domain}) if tenant.domain_verified else frozenset()
    try:
        return check_name(text, longest=LONGEST_DISPLAY_NAME, own_domains=own)
    except WordsError as error:
        raise FieldError("name", error.reason) from error


def clean_message(text: str, policy: TenantPolicy) -> str:
    """Plain text, without links and telephone numbers unless the tenant allows them."""
    try:
        return check_message(text, longest=LONGEST_MESSAGE, links_allowed=policy.links_in_messages)
    except WordsError as error:
        raise FieldError("message", error.reason) from error


def clean_redirect(url: str) -> str:
    """The URL, at an origin this tenant registered; empty stays empty."""
    if not url:
        return ""
    pages = LandingPage.objects.values_list("origin", flat=True)
    apps = SharedApp.objects.exclude(home_url="").values_list("home_origin", flat=True)
    origins = frozenset(pages.union(apps))
    try:
        return check_redirect(url, origins=origins)
    except RedirectUrlError as error:
        raise FieldError("landing", "redirect") from error


def clean_validity(validity: timedelta | None, policy: TenantPolicy) -> timedelta:
    """One hour to 30 days; the tenant's own when none is asked for (T06)."""
    chosen = validity if validity is not None else policy.validity
    if not SHORTEST_VALIDITY <= chosen <= LONGEST_VALIDITY:
        raise FieldError("validity", "bounds")
    return chosen
