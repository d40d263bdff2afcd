"""The one door to django-tenants: which tenant we are in, stepping into one, absolute links."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection as django_connection
from django.urls import clear_script_prefix, get_script_prefix, reverse, set_script_prefix
from django_tenants.utils import tenant_context

from tenants.models import Tenant

PREFIX = "/o/"
# django-tenants puts its own wrapper in the place of Django's; the stubs know only the latter.
connection: Any = django_connection


class NoTenantError(RuntimeError):
    """Code that needs a tenant ran outside of any: it must never fall back to public (N05)."""


def current_schema() -> str:
    """The name of the schema the connection is in; `public` outside of tenants."""
    return str(connection.schema_name)


def current_tenant() -> Tenant:
    """The tenant whose schema the connection is in; raises `NoTenantError` outside of one."""
    tenant = connection.tenant
    if not isinstance(tenant, Tenant):
        raise NoTenantError(f"the connection is in schema “{connection.schema_name}”")
    return tenant


def enter(tenant: Tenant) -> None:
    """Make `tenant` the connection's own until `leave`. For the middleware; else `in_tenant`."""
    connection.set_tenant(tenant)


def leave() -> None:
    """Put the connection back into the public schema."""
    connection.set_schema_to_public()


@contextmanager
def in_tenant(tenant: Tenant) -> Iterator[Tenant]:
    """Run the block in `tenant`'s schema, and come back to where we were whatever happens."""
    # Never `with tenant:`: its stack of previous tenants is shared between threads.
    with tenant_context(tenant):  # type: ignore[no-untyped-call]
        yield tenant


@contextmanager
def _script_prefix(prefix: str) -> Iterator[None]:
    before = get_script_prefix()
    set_script_prefix(prefix)
    try:
        yield
    finally:
        if before:
            set_script_prefix(before)
        else:
            clear_script_prefix()


def path_of(tenant: Tenant) -> str:
    """`/o/<slug>/`."""
    return f"{PREFIX}{tenant.slug}/"


def tenant_path(tenant: Tenant, name: str, **kwargs: Any) -> str:
    """The path of a page of `tenant`, whichever tenant or none we are in."""
    with _script_prefix(path_of(tenant)):
        return reverse(name, urlconf=settings.TENANT_URLCONF, kwargs=kwargs or None)


def public_path(name: str, **kwargs: Any) -> str:
    """The path of a page outside of tenants, also from within one."""
    with _script_prefix("/"):
        return reverse(name, urlconf=settings.ROOT_URLCONF, kwargs=kwargs or None)


def absolute_url(path: str) -> str:
    """The full address of a path, always from the configured origin (N08)."""
    return f"{settings.FOYER_ORIGIN}{path}"
