from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.models import Tenant
from tenants.services import TenantOpenError, delete_tenant


class Command(BaseCommand):
    help = (
        "Take a suspended tenant away for good: directory, audit log, consents, memberships and "
        "mail. People keep their accounts. Only a backup brings it back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="its short name")
        parser.add_argument("--confirm", required=True, help="its short name once more")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        if options["confirm"] != tenant.slug:
            raise CommandError(f"Nothing was deleted: --confirm is not “{tenant.slug}”.")
        try:
            delete_tenant(tenant)
        except TenantOpenError as error:
            raise CommandError(
                f"{tenant.name} is open. Suspend it first: suspend_tenant --tenant {tenant.slug}"
            ) from error
        self.stdout.write(f"{tenant.name} is gone.")
