from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consent import keys
from tenants import schema
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Let the next signing keys of one tenant, or of all, sign from now on (S04)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="Tenants; all when none is named")
        parser.add_argument(
            "--at-once",
            action="store_true",
            help="A key leaked: withdraw the old one, and with it everything it signed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = Tenant.objects.order_by("slug")
        if options["slug"]:
            tenants = tenants.filter(slug__in=options["slug"])
            missing = set(options["slug"]) - set(tenants.values_list("slug", flat=True))
            if missing:
                raise CommandError(f"There is no tenant {', '.join(sorted(missing))}.")
        for tenant in tenants:
            with schema.in_tenant(tenant):
                keys.rotate_keys(by=None, at_once=options["at_once"])
            self.stdout.write(f"{tenant.slug}: the signing keys are rotated")
