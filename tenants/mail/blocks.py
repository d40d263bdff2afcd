"""Addresses that want no more invitations from a tenant, kept as keyed hashes."""

import hashlib
import hmac

from django.conf import settings

from tenants.models import MailBlock, Tenant


def _hashes(address: str) -> list[str]:
    """The hash under the present key, then under those being retired."""
    keys = [settings.FOYER_TICKET_KEY, *settings.FOYER_TICKET_KEY_FALLBACKS]
    return [
        hmac.new(f"foyer.mail-block:{key}".encode(), address.encode(), hashlib.sha256).hexdigest()
        for key in keys
    ]


def is_blocked(*, tenant: Tenant, address: str) -> bool:
    """Whether the owner of this canonical address said “no more from this tenant”."""
    return MailBlock.objects.filter(tenant=tenant, address_hash__in=_hashes(address)).exists()


def block(*, tenant: Tenant, address: str) -> None:
    """Mail this address no more invitations of this tenant."""
    MailBlock.objects.get_or_create(tenant=tenant, address_hash=_hashes(address)[0])


def unblock(*, tenant: Tenant, address: str) -> None:
    """Take it back."""
    MailBlock.objects.filter(tenant=tenant, address_hash__in=_hashes(address)).delete()
