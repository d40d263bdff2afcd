"""Addresses that want no more invitations from a tenant, kept as keyed hashes."""

import hashlib
import hmac
from collections.abc import Iterable

from django.conf import settings
from django.db.models import Q

from tenants.models import MailBlock, Tenant


def _hashes(address: str) -> list[str]:
    """The hash under the present key, then under those being retired."""
    keys = [settings.FOYER_TICKET_KEY, *settings.FOYER_TICKET_KEY_FALLBACKS]
    return [
        hmac.new(f"foyer.mail-block:{key}".encode(), address.encode(), hashlib.sha256).hexdigest()
        for key in keys
    ]


def is_blocked(*, tenant: Tenant, address: str) -> bool:
    """Whether the owner of this canonical address wants no more from this tenant, or from any."""
    wanted = Q(tenant=tenant) | Q(tenant__isnull=True)
    return MailBlock.objects.filter(wanted, address_hash__in=_hashes(address)).exists()


def of_addresses(addresses: Iterable[str]) -> list[MailBlock]:
    """The blocks that the owner of these canonical addresses set."""
    hashes = [each for address in addresses for each in _hashes(address)]
    return list(MailBlock.objects.filter(address_hash__in=hashes).select_related("tenant"))


def block(*, tenant: Tenant | None, address: str) -> None:
    """Mail this address no more invitations of this tenant; None is every tenant."""
    MailBlock.objects.get_or_create(tenant=tenant, address_hash=_hashes(address)[0])


def unblock(*, tenant: Tenant | None, address: str) -> None:
    """Take it back."""
    MailBlock.objects.filter(tenant=tenant, address_hash__in=_hashes(address)).delete()
