"""System checks: settings that look right and are not."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def no_app_in_both_lists(**kwargs: Any) -> list[CheckMessage]:
    """N06: a table in both public and tenant schemas would silently resolve to public."""
    both = sorted(set(settings.SHARED_APPS) & set(settings.TENANT_APPS))
    if not both:
        return []
    return [Error(f"In SHARED_APPS and TENANT_APPS: {', '.join(both)}", id="foyer.E001")]


@register()
def no_transaction_pooling(**kwargs: Any) -> list[CheckMessage]:
    """Behind PgBouncer in transaction mode a request reads another tenant's rows (measured)."""
    options = settings.DATABASES["default"]
    if options.get("DISABLE_SERVER_SIDE_CURSORS") or options.get("PORT") in {6432, "6432"}:
        return [
            Error(
                "The database looks like PgBouncer. In transaction mode it hands the schema of "
                "one tenant to another: connect to PostgreSQL itself.",
                id="foyer.E002",
            )
        ]
    return []
