"""A new organization with its first administrator."""

from django.db import transaction

from invitations.models import Invitation
from invitations.permissions import Role
from invitations.services.invite import invite_guest
from tenants import schema
from tenants.models import Tenant, UserType
from tenants.services import provision_tenant


@transaction.atomic
def create_organization(
    *,
    slug: str,
    name: str,
    domain: str,
    admin_address: str,
    admin_name: str = "",
    send_mail: bool = True,
    verified: bool = False,
) -> tuple[Tenant, Invitation]:
    """Make the tenant, and invite its first administrator as a member, all or nothing.

    Raises what `provision_tenant` and `invite_guest` raise.
    """
    tenant = provision_tenant(slug=slug, name=name, domain=domain, verified=verified)
    with schema.in_tenant(tenant):
        invitation = invite_guest(
            email=admin_address,
            invited_by=None,
            display_name=admin_name,
            send_mail=send_mail,
            user_type=UserType.MEMBER,
            roles=[Role.ADMINISTRATOR],
        )
    return tenant, invitation
