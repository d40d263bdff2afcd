from allauth.account.signals import authentication_step_completed, email_confirmed
from django.apps import AppConfig

from tenants import checks

__all__ = ["checks"]  # imported so that they register


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        # Models, and what uses them, exist from here on only.
        from tenants import accounts  # noqa: PLC0415

        email_confirmed.connect(accounts.on_address_proved)
        authentication_step_completed.connect(accounts.on_authenticated)
