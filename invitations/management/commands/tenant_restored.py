from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from invitations.services.upkeep import reconcile_after_restore
from tenants import schema
from tenants.models import Tenant
from tenants.services import restored_tenant


class Command(BaseCommand):
    help = (
        "Run once after a tenant's schema was restored from a backup: older tickets are dead, "
        "mail promised before does not leave, memberships follow the restored directory."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="its short name")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        with transaction.atomic():
            restored_tenant(tenant)
            with schema.in_tenant(tenant):
                reconcile_after_restore()
        self.stdout.write(f"{tenant.name}: tickets and mail from before the restore are dead.")
