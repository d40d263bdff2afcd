"""What tests of apps and groups share: an app, a group, somebody who is in."""

from collections.abc import Iterator
from typing import Any

import pytest

from invitations.models import AuditEvent, DirectoryEntry, Group, RoleAssignment, SharedApp
from invitations.models.assignment import apps_open_to
from invitations.permissions import Role
from invitations.services import apps as services
from invitations.services import groups
from tenants import schema
from tenants.models import Account, MailKind, OutgoingMail, Tenant, UserType
from tests.rows import checksum

HOME = "https://rooms.contoso.example/start"


@pytest.fixture
def here(contoso: Tenant, fabrikam: Tenant) -> Iterator[Tenant]:
    """Contoso's schema, and at the end nothing has changed at Fabrikam's."""
    with schema.in_tenant(fabrikam):
        services.add_app(name="Project room", home_url=HOME, by=None)
        groups.add_group(name="Builders", by=None)
    before = checksum(fabrikam)
    with schema.in_tenant(contoso):
        yield contoso
    assert checksum(fabrikam) == before


@pytest.fixture
def rooms(here: Tenant) -> SharedApp:
    return services.add_app(name="Project room", home_url=HOME, by=None)


@pytest.fixture
def builders(here: Tenant) -> Group:
    return groups.add_group(name="Builders", by=None)


def someone(
    name: str, *roles: Role, kind: UserType = UserType.MEMBER, **more: Any
) -> DirectoryEntry:
    """Somebody who is in."""
    address = f"{name}@northwind.example"
    account = Account.objects.create(email=address)
    more = {"external_user_state": "Accepted", "account": account} | more
    entry = DirectoryEntry.objects.create(address=address, user_type=kind, **more)
    for role in roles:
        RoleAssignment.objects.create(entry=entry, role=role)
    return entry


def opens(entry: DirectoryEntry) -> set[str]:
    return set(apps_open_to(entry.pk).values_list("name", flat=True))


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


def given_mails() -> list[Any]:
    return list(OutgoingMail.objects.filter(kind=MailKind.ACCESS_GIVEN).values_list("about"))
