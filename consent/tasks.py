"""What time brings to a tenant's provider."""

from celery import shared_task

from consent import keys
from consent.provider import tokens
from invitations.tasks import in_named_tenant
from tenants.models import Tenant, TenantStatus


@shared_task(name="foyer.provider_upkeep")
def provider_upkeep() -> None:
    """Every hour: one task for each active tenant."""
    active = Tenant.objects.filter(status=TenantStatus.ACTIVE)
    for name in active.values_list("schema_name", flat=True):
        provider_upkeep_of_tenant.delay(name)


@shared_task(name="foyer.provider_upkeep_of_tenant")
def provider_upkeep_of_tenant(tenant: str) -> dict[str, int]:
    """Rotate old keys, forget old tokens, in one tenant named by its schema."""
    with in_named_tenant(tenant):
        return {"rotated": keys.keep_keys(), "forgotten": tokens.forget_old()}
