"""For whom an outside sign-in makes an account, where the mailed link was not needed."""

from urllib.parse import urlsplit

from allauth.socialaccount.models import SocialLogin

from invitations.services.invite import has_open_offer
from tenants import outside, schema
from tenants.middleware import PATH
from tenants.registry import active_tenant


def is_awaited(address: str, next_path: str) -> bool:
    """Whether `next_path` is a direct link that would be redeemed by who proves this canonical
    address: then the outside proof counts as much as a mailed code does there (decision 9)."""
    path = urlsplit(next_path).path
    match = PATH.fullmatch(path)
    tenant = active_tenant(match["slug"]) if match else None
    if tenant is None or path != schema.tenant_path(tenant, "consent:enter"):
        return False
    with schema.in_tenant(tenant):
        return has_open_offer(address)


class SocialAdapter(outside.SocialAdapter):
    """Also people who came by a direct link to an organization that awaits them."""

    def is_invited(self, address: str, sociallogin: SocialLogin) -> bool:
        return super().is_invited(address, sociallogin) or is_awaited(
            address, sociallogin.state.get("next") or ""
        )
