"""Tenants by slug, kept in the process and dropped when a shared version number moves."""

import logging
import threading
import time
import uuid
from dataclasses import dataclass

from django.core.cache import cache
from django.db import transaction
from django.db.models import Prefetch

from tenants.models import Domain, Tenant, TenantStatus

log = logging.getLogger(__name__)

VERSION_KEY = "tenants-version"
# Bounds what a process can miss when the cache was away at the moment of a change.
LONGEST_AGE = 60.0


@dataclass(frozen=True)
class _Kept:
    tenant: Tenant
    version: str
    at: float


_kept: dict[str, _Kept] = {}
_lock = threading.Lock()


def _version() -> str | None:
    """The shared version, made when the cache forgot it; None while the cache is away."""
    version: str | None = cache.get(VERSION_KEY)
    if version is None and cache.add(VERSION_KEY, fresh := uuid.uuid4().hex, timeout=None):
        version = fresh
    return version


def _load(slug: str) -> Tenant | None:
    # The domain is read with the tenant, so that pages name it without another statement.
    primary = Prefetch("domains", Domain.objects.filter(is_primary=True), to_attr="primary_domains")
    tenants = Tenant.objects.filter(slug=slug, status=TenantStatus.ACTIVE)
    return tenants.prefetch_related(primary).first()


def active_tenant(slug: str) -> Tenant | None:
    """The active tenant with this slug; None for unknown and suspended ones alike (N07)."""
    version = _version()
    kept = _kept.get(slug)
    if kept and version == kept.version and time.monotonic() - kept.at < LONGEST_AGE:
        return kept.tenant
    tenant = _load(slug)
    if tenant and version:
        with _lock:
            _kept[slug] = _Kept(tenant, version, time.monotonic())
    return tenant


def forget_tenants() -> None:
    """After a change to a tenant: every process reads it anew from its next request on."""

    def drop() -> None:
        _kept.clear()
        cache.set(VERSION_KEY, uuid.uuid4().hex, timeout=None)

    transaction.on_commit(drop, robust=True)
