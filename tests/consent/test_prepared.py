"""Queries whose SQL is made once a process."""

from uuid import UUID, uuid4

import pytest

from consent.models import OAuthClient
from consent.prepared import Prepared
from tenants import schema
from tenants.models import Tenant
from tests.apps import make_app


def test_it_asks_with_the_values_of_each_call_in_the_schema_of_each_call(
    contoso: Tenant, fabrikam: Tenant
) -> None:
    """N01: made in one tenant, it finds nothing of it in another."""
    by_id = Prepared(lambda client: OAuthClient.objects.filter(pk=client), client=UUID(int=1))
    apps = {tenant.slug: make_app(tenant) for tenant in (contoso, fabrikam)}
    for tenant in (contoso, fabrikam, contoso):
        with schema.in_tenant(tenant):
            mine = by_id.first(client=apps[tenant.slug].client.pk)
            assert mine == apps[tenant.slug].client
            (other,) = (app for slug, app in apps.items() if slug != tenant.slug)
            assert by_id.first(client=other.client.pk) is None
            assert by_id.first(client=uuid4()) is None


def test_a_value_that_is_not_asked_for_as_given_is_refused() -> None:
    """Where the database would be asked with the stand-in, whatever the call says."""
    for forgetful in (
        lambda client: OAuthClient.objects.all(),  # noqa: ARG005
        lambda client: OAuthClient.objects.filter(redirect_uris=[str(client)]),
    ):
        with pytest.raises(TypeError, match="not asked for as it was given"):
            Prepared(forgetful, client=UUID(int=1)).first(client=uuid4())
