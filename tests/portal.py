"""What tests of the administrators' pages share."""

import io
from typing import Any

from PIL import Image

from invitations.models import DirectoryEntry, Group, RoleAssignment
from invitations.permissions import Role
from invitations.services import groups
from tenants import schema
from tenants.models import Account, Membership, Tenant


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def insider(tenant: Tenant, account: Account, *roles: Role, kind: str = "Member") -> DirectoryEntry:
    """The account's entry here, accepted."""
    with schema.in_tenant(tenant):
        entry = DirectoryEntry.objects.create(
            account=account, address=account.email, external_user_state="Accepted", user_type=kind
        )
        for role in roles:
            RoleAssignment.objects.create(entry=entry, role=role)
    Membership.objects.create(account=account, tenant=tenant, entry_id=entry.pk, user_type=kind)
    return entry


def png(side: int = 300) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(made, format="PNG")
    return made.getvalue()


def make_group(tenant: Tenant, name: str = "Builders") -> Group:
    with schema.in_tenant(tenant):
        return groups.add_group(name=name, by=None)
