"""What tests of the provider and its pages share."""

import pytest

from tenants.models import Tenant
from tests.apps import App, make_app


@pytest.fixture
def rooms(contoso: Tenant) -> App:
    """An app of Contoso's that everybody in the directory may enter."""
    return make_app(contoso)
