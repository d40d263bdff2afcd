from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from invitations import redemption
from invitations.errors import FieldError
from invitations.services.organization import create_organization
from tenants import schema
from tenants.addresses import AddressError
from tenants.services import TenantExistsError
from tenants.slugs import SlugError
from tenants.words import WordsError


class Command(BaseCommand):
    help = "Create an organization with its first administrator, and print the link for them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="Path and schema: a–z, 0–9, hyphens, at most 40.")
        parser.add_argument("--name", required=True)
        parser.add_argument("--domain", required=True, help="Primary mail domain.")
        parser.add_argument("--admin", required=True, metavar="ADDRESS")
        parser.add_argument("--admin-name", default="")
        parser.add_argument("--verified", action="store_true", help="You vouch for the domain.")
        parser.add_argument("--no-mail", action="store_true", help="Only print the link.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tenant, invitation = create_organization(
                slug=options["slug"],
                name=options["name"],
                domain=options["domain"],
                admin_address=options["admin"],
                admin_name=options["admin_name"],
                send_mail=not options["no_mail"],
                verified=options["verified"],
            )
        except AddressError as error:
            raise CommandError(f"The domain cannot be used: {error}.") from error
        except (SlugError, FieldError) as error:
            raise CommandError(str(error)) from error
        except WordsError as error:
            raise CommandError(f"The name cannot be used: {error.reason}.") from error
        except TenantExistsError as error:
            raise CommandError(f"There is a tenant “{options['slug']}” already.") from error
        with schema.in_tenant(tenant):
            self.stdout.write(redemption.link_for(invitation))
