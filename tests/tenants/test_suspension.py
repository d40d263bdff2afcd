"""Closing a tenant's door, and opening it again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tenants.models import Account, MailState, OutgoingMail, Tenant
from tests.conftest import Invite, Place
from tests.rows import checksum

At = Callable[..., Place]


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


@pytest.mark.parametrize("command", ["suspend_tenant", "resume_tenant"])
def test_an_unknown_tenant_is_named(db: None, command: str) -> None:
    with pytest.raises(CommandError, match="nobody"):
        call_command(command, tenant="nobody")
