from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models.functions import Now

from consent import sample_app
from consent.models import OAuthClient
from consent.published import Said
from consent.review import agree
from consent.statements import current_statement, publish_statement
from invitations.models import DirectoryEntry, Invitation, TenantPolicy
from invitations.permissions import Role
from invitations.services.apps import assign
from invitations.services.invite import invite_guest
from invitations.services.manage import revoke_invitation
from invitations.services.organization import create_organization
from invitations.services.owners import add_owner
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

ROOM = "http://localhost:8001"
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


def find(address: str) -> DirectoryEntry | None:
    """Somebody who is in the directory and may act there."""
    here = DirectoryEntry.objects.present().filter(account__isnull=False, enabled=True)
    return here.filter(address=address).first()


def share_room(domain: str, *, origin: str, known: Iterable[str] = ()) -> OAuthClient:
    """The sample app at `origin`, given to the demonstration's people when it is new.

    It is new also where the demonstration was made before there was such an app. `known` are the
    clients it had at the start before.
    """
    alice, mara = find(f"alice@{domain}"), find(f"mara@{domain}")
    client = sample_app.find(known)
    if client:
        sample_app.adjust(client, origin=origin, by=alice)
        return client
    client = sample_app.register(origin=origin, by=alice)
    if mara:
        add_owner(client.app, owner=mara, by=alice)
    guests = DirectoryEntry.objects.present().filter(
        user_type=UserType.GUEST, address__in=[address for address, _name in GUESTS.values()]
    )
    for person in (alice, mara, *guests):
        if person:
            assign(client.app, to=person, by=alice)
    return client


def make_tenant(slug: str, name: str, domain: str, *, room: str) -> Tenant:
    """A tenant with an administrator, a member, a statement, the sample app at the origin `room`,
    and guests in every state."""
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
        app = share_room(domain, origin=room).app
        for state, (address, guest_name) in GUESTS.items():
            guest = invite_guest(
                email=address,
                display_name=guest_name,
                invited_by=alice,
                message="As agreed at the site meeting.",
                apps=[app],
            )
            show(guest, state)
    return tenant


class Command(BaseCommand):
    help = "Make Contoso and Fabrikam with people in every state; prints links to sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--room", default=ROOM, help=f"where Project room answers ({ROOM})")

    def handle(self, *args: Any, room: str, **options: Any) -> None:
        if not settings.FOYER_LOCAL:
            raise CommandError("The demonstration belongs to the local mode only.")
        kept, rooms = sample_app.kept_secrets(), []
        with transaction.atomic():
            for cast in (CONTOSO, FABRIKAM):
                slug, _name, domain = cast
                tenant = Tenant.objects.filter(slug=slug).first() or make_tenant(*cast, room=room)
                with schema.in_tenant(tenant):
                    client = share_room(domain, origin=room, known=kept)
                    by = find(f"alice@{domain}")
                    rooms.append(sample_app.describe(client, secrets=kept, by=by))
        sample_app.keep(rooms, origin=room)
        people = {
            "administrator": "alice@contoso.example",
            "member": "mara@contoso.example",
            "guest": GUESTS["accepted"][0],
        }
        for role, address in people.items():
            account = Account.objects.get(email=address)
            self.stdout.write(f"Sign in as {role:<14}{sign_in_link(account)}")
        for each in rooms:
            self.stdout.write(f"{sample_app.NAME}, {each.organization:<11}{room}/{each.slug}/")
