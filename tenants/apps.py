from django.apps import AppConfig

from tenants import checks

__all__ = ["checks"]  # imported so that they register


class TenantsConfig(AppConfig):
    name = "tenants"
