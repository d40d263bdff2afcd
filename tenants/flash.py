"""One-time notices that stay with the tenant whose page they are for (N02)."""

from typing import Any

from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest

from tenants import schema


class TenantCookieStorage(CookieStorage):
    """Django's cookie storage with one cookie for every tenant, and one outside of tenants."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.cookie_name = f"foyer-notice-{schema.current_schema()}"
