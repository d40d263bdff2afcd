"""Closing a tenant's door, and opening it again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from consent.review import agree
from invitations.tasks import NoSuchTenantError, upkeep_of_tenant
from invitations.tickets import Ticket
from tenants import schema
from tenants.models import Account, MailState, OutgoingMail, Tenant
from tenants.registry import active_tenant
from tests.conftest import Invite, Place, Race
from tests.rows import checksum, dump

At = Callable[..., Place]


def schema_exists(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [name])
        return bool(cursor.fetchone()[0])


def test_a_suspension_ends_everything_at_once_and_only_there(
    invite: Invite,
    at: At,
    alice: Account,
    frank: Account,
    contoso: Tenant,
    fabrikam: Tenant,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """N10: pages and mail stop at the next request; the neighbours' rows do not move."""
    mail = invite(), invite(tenant=fabrikam)
    admin, neighbour = at(alice), at(frank, fabrikam)
    assert admin.get("invitations:guests").status_code == 200
    rows, own = checksum(fabrikam), checksum(contoso)
    with django_capture_on_commit_callbacks(execute=True):
        call_command("suspend_tenant", tenant="contoso")
    for page in ("invitations:guests", "invitations:invite", "consent:enter", "consent:statement"):
        assert admin.get(page).status_code == 404
    assert neighbour.get("invitations:guests").status_code == 200
    states = [OutgoingMail.objects.get(about=each.pk).state for each in mail]
    assert states == [MailState.HELD, MailState.QUEUED]
    assert (checksum(fabrikam), checksum(contoso)) == (rows, own)
    with django_capture_on_commit_callbacks(execute=True):
        call_command("resume_tenant", tenant="contoso")
    assert admin.get("invitations:guests").status_code == 200
    assert OutgoingMail.objects.get(about=mail[0].pk).state == MailState.QUEUED
    assert (checksum(fabrikam), checksum(contoso)) == (rows, own)


def test_a_deletion_leaves_nothing_there_and_everything_elsewhere(race: Race) -> None:
    """N10: suspended first, named twice; schema, index and mail go, people and neighbours stay."""
    tenant, stays = race.tenant, race.account("stays@race.example")
    invitation = race.invitation(stays.email, send_mail=True)
    with schema.in_tenant(tenant):
        agree(ticket=Ticket(invitation.pk, invitation.serial), account=stays, shown_version=0)
    neighbours = [Tenant.objects.get(slug=slug) for slug in ("contoso", "fabrikam")]
    rows = [checksum(each) for each in neighbours]
    with pytest.raises(CommandError, match="Suspend it first"):
        call_command("delete_tenant", tenant="race", confirm="race")
    call_command("suspend_tenant", tenant="race")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("delete_tenant", tenant="race", confirm="contoso")
    assert schema_exists("race")
    call_command("delete_tenant", tenant="race", confirm="race")
    assert not schema_exists("race")
    assert str(tenant.pk) not in dump()
    assert active_tenant("race") is None
    with pytest.raises(NoSuchTenantError):
        upkeep_of_tenant("race")
    assert Account.objects.filter(pk=stays.pk).exists()
    assert [checksum(each) for each in neighbours] == rows


def test_an_unknown_tenant_is_named(db: None) -> None:
    for command in ("suspend_tenant", "resume_tenant"):
        with pytest.raises(CommandError, match="nobody"):
            call_command(command, tenant="nobody")
    with pytest.raises(CommandError, match="nobody"):
        call_command("delete_tenant", tenant="nobody", confirm="nobody")
