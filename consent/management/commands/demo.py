from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models.functions import Now

from consent.published import Said
from consent.review import agree
from consent.statements import current_statement, publish_statement
from invitations.models import DirectoryEntry, Invitation, TenantPolicy
from invitations.permissions import Role
from invitations.services.invite import invite_guest
from invitations.services.manage import revoke_invitation
from invitations.services.organization import create_organization
from invitations.services.settings import add_landing_page
from invitations.services.unwanted import decline_invitation
from invitations.tickets import Ticket
from tenants import schema
from tenants.local import sign_in_link
from tenants.models import Account, MailState, OutgoingMail, Tenant, UserType

STATEMENT = """{name} keeps your name, your e-mail address and when you used its shared apps. \
It uses them to manage your access, shows them to its own people only, and deletes them 30 days \
after you leave.

Ask privacy@{domain} what is kept about you."""

CONTOSO = ("contoso", "Contoso", "contoso.example")
FABRIKAM = ("fabrikam", "Fabrikam", "fabrikam.example")
GUESTS = {
    "accepted": ("gita@northwind.example", "Gita Nair"),
    "pending": ("catering@tailspin.example", "Catering lead"),
    "expiring": ("engineer@northwind.example", "Site engineer"),
    "expired": ("translation@wingtip.example", "Translation team"),
    "not_delivered": ("invoices@tailspin.example", "Invoice clerk"),
    "declined": ("photo@wingtip.example", "Event photographer"),
    "revoked": ("service@northwind.example", "Lift maintenance"),
}


def account_for(address: str, name: str) -> Account:
    """An account whose address counts as proved, for the demonstration only."""
    account, made = Account.objects.get_or_create(
        email=address, defaults={"display_name": name, "password": make_password(None)}
    )
    if made:
        EmailAddress.objects.create(user=account, email=address, verified=True, primary=True)
    return account


def redeem(invitation: Invitation, account: Account) -> DirectoryEntry:
    """What the person does in the browser, by the same services."""
    statement = current_statement()
    ticket = Ticket(invitation.pk, invitation.serial)
    completed = agree(
        ticket=ticket, account=account, shown_version=statement.version if statement else 0
    )
    return completed.entry


def show(invitation: Invitation, state: str) -> None:
    """Bring a fresh invitation into the state it is to show."""
    mail = OutgoingMail.objects.filter(about=invitation.pk)
    if state == "accepted":
        redeem(invitation, account_for(*GUESTS["accepted"]))
    elif state == "expiring":
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=Now() + timedelta(days=2))
    elif state == "expired":
        mail.update(state=MailState.ACCEPTED)
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=Now() - timedelta(days=1))
    elif state == "not_delivered":
        mail.update(state=MailState.FAILED, answer_code=552, answer="5.2.2 Mailbox is full")
    elif state == "declined":
        decline_invitation(invitation)
    elif state == "revoked":
        revoke_invitation(entry=invitation.entry, by=invitation.invited_by)


def make_tenant(slug: str, name: str, domain: str) -> Tenant:
    """A tenant with an administrator, a member, a statement, and guests in every state."""
    tenant, invitation = create_organization(
        slug=slug,
        name=name,
        domain=domain,
        admin_address=f"alice@{domain}",
        admin_name="Alice Kim" if slug == "contoso" else "Adam Ost",
        send_mail=False,
        verified=True,
    )
    with schema.in_tenant(tenant):
        alice = redeem(invitation, account_for(f"alice@{domain}", str(invitation.entry)))
        # Visitors of the demonstration should not have to set up a phone first.
        TenantPolicy.objects.update(second_factor_for_administrators=False)
        statement = STATEMENT.format(name=name, domain=domain)
        publish_statement(texts={"en": Said(text=statement)}, by=alice)
        member = invite_guest(
            email=f"mara@{domain}",
            display_name="Mara Lind",
            invited_by=alice,
            send_mail=False,
            user_type=UserType.MEMBER,
            roles=[Role.GUEST_INVITER],
        )
        redeem(member, account_for(f"mara@{domain}", "Mara Lind"))
        add_landing_page(name="Project room", url=f"https://rooms.{domain}/", by=alice)
        for state, (address, guest_name) in GUESTS.items():
            guest = invite_guest(
                email=address,
                display_name=guest_name,
                invited_by=alice,
                message="As agreed at the site meeting.",
                redirect_url="" if state == "accepted" else f"https://rooms.{domain}/",
            )
            show(guest, state)
    return tenant


class Command(BaseCommand):
    help = "Make Contoso and Fabrikam with people in every state; prints links to sign in."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.FOYER_LOCAL:
            raise CommandError("The demonstration belongs to the local mode only.")
        with transaction.atomic():
            for cast in (CONTOSO, FABRIKAM):
                if not Tenant.objects.filter(slug=cast[0]).exists():
                    make_tenant(*cast)
        people = {
            "administrator": "alice@contoso.example",
            "member": "mara@contoso.example",
            "guest": GUESTS["accepted"][0],
        }
        for role, address in people.items():
            account = Account.objects.get(email=address)
            self.stdout.write(f"Sign in as {role:<14}{sign_in_link(account)}")
