from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from invitations import redemption
from invitations.errors import FieldError, GuestAlreadyAcceptedError, GuestAlreadyInvitedError
from invitations.forms.refusals import words_for
from invitations.services.invite import invite_guest
from tenants import schema
from tenants.models import Tenant, TenantStatus


class Command(BaseCommand):
    help = "Invite a guest as the operator, and print the redemption link."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--email", required=True, metavar="ADDRESS")
        parser.add_argument("--name", default="")
        parser.add_argument("--redirect-url", default="", help="At a registered origin.")
        parser.add_argument("--message", default="")
        parser.add_argument("--language", default="", help="en or nl; the tenant's by default.")
        parser.add_argument("--no-mail", action="store_true", help="Only print the link.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"], status=TenantStatus.ACTIVE).first()
        if tenant is None:
            raise CommandError(f"There is no active tenant “{options['tenant']}”.")
        with schema.in_tenant(tenant):
            self.stdout.write(self._invite(options))

    def _invite(self, options: dict[str, Any]) -> str:
        try:
            invitation = invite_guest(
                email=options["email"],
                invited_by=None,
                display_name=options["name"],
                redirect_url=options["redirect_url"],
                message=options["message"],
                language=options["language"],
                send_mail=not options["no_mail"],
            )
        except FieldError as error:
            raise CommandError(f"{error.field}: {words_for(error)}") from error
        except GuestAlreadyAcceptedError as error:
            raise CommandError("This person is a guest already.") from error
        except GuestAlreadyInvitedError as error:
            raise CommandError(
                "This person has an open invitation: resend or revoke it."
            ) from error
        return redemption.link_for(invitation)
