"""The one-time link to an empty installation. It is worth nothing once there is a tenant."""

from django.core import signing

from tenants import schema
from tenants.models import Tenant

SALT = "foyer.setup"
LIFETIME_SECONDS = 24 * 3600


def setup_link() -> str | None:
    """The address to open first, None when there is a tenant already."""
    if Tenant.objects.exists():
        return None
    token = signing.dumps("setup", salt=SALT)
    return schema.absolute_url(schema.public_path("setup", token=token))


def is_open(token: str) -> bool:
    """Whether this token still leads to the first organization."""
    try:
        signing.loads(token, salt=SALT, max_age=LIFETIME_SECONDS)
    except signing.BadSignature:
        return False
    return not Tenant.objects.exists()
