from collections.abc import Callable

import pytest

from invitations import redemption, tickets
from invitations.models import AuditAction, AuditEvent, Invitation
from invitations.services.manage import resend_invitation
from invitations.states import InvitationStatus
from tenants import schema
from tenants.models import MailState, OutgoingMail, Tenant
from tests.conftest import Invite, Place

At = Callable[..., Place]


def path(invitation: Invitation, tenant: Tenant) -> str:
    with schema.in_tenant(tenant):
        return redemption.link_path(invitation, tickets.Purpose.UNWANTED)


def answer(at: At, invitation: Invitation, tenant: Tenant, **data: str) -> int:
    """Open the link and press a button; the status."""
    client = at().client
    page = client.get(path(invitation, tenant))["Location"]
    return int(client.post(page, data).status_code)


def actions(tenant: Tenant) -> list[str]:
    with schema.in_tenant(tenant):
        return list(AuditEvent.objects.order_by("at").values_list("action", flat=True))


def test_declining_needs_no_account_and_ends_the_invitation(
    invite: Invite, at: At, contoso: Tenant
) -> None:
    """T07: the list shows why it ended."""
    invitation = invite()
    stranger = at()
    assert stranger.client.get(path(invitation, contoso), follow=True).status_code == 200
    assert answer(at, invitation, contoso, do="decline") == 200
    with schema.in_tenant(contoso):
        invitation.refresh_from_db()
    assert invitation.status == InvitationStatus.DECLINED
    assert actions(contoso)[-1] == AuditAction.INVITATION_DECLINED
    assert answer(at, invitation, contoso, do="decline") == 200
    assert actions(contoso).count(AuditAction.INVITATION_DECLINED) == 1


def test_opening_the_page_changes_nothing(invite: Invite, at: At, contoso: Tenant) -> None:
    """T12 for the other link of the mail."""
    invitation = invite()
    before = actions(contoso)
    for _ in range(5):
        at().client.get(path(invitation, contoso), follow=True)
        at().client.head(path(invitation, contoso), follow=True)
    assert actions(contoso) == before


def test_a_blocked_sender_mails_this_address_no_more_until_it_is_allowed_again(
    invite: Invite, at: At, contoso: Tenant, fabrikam: Tenant
) -> None:
    """The invitation is made, its mail is held; next door nothing is different."""
    invitation = invite()
    answer(at, invitation, contoso, do="block")
    with schema.in_tenant(contoso):
        held = resend_invitation(entry=invitation.entry, by=None)
    assert OutgoingMail.objects.get(about=held.pk).state == MailState.HELD
    other = invite(tenant=fabrikam)
    assert OutgoingMail.objects.get(about=other.pk).state == MailState.QUEUED
    answer(at, invitation, contoso, do="unblock")
    with schema.in_tenant(contoso):
        sent = resend_invitation(entry=invitation.entry, by=None)
    assert OutgoingMail.objects.get(about=sent.pk).state == MailState.QUEUED


def test_a_report_reaches_the_audit_log(invite: Invite, at: At, contoso: Tenant) -> None:
    invitation = invite()
    answer(at, invitation, contoso, do="report", reason="Never heard of them")
    with schema.in_tenant(contoso):
        event = AuditEvent.objects.get(action=AuditAction.INVITATION_REPORTED)
    assert event.detail["reason"] == "Never heard of them"


@pytest.mark.parametrize("purpose", tickets.Purpose)
def test_one_kind_of_link_does_not_serve_as_the_other(
    invite: Invite, at: At, contoso: Tenant, purpose: tickets.Purpose
) -> None:
    """T11: a link to say no redeems nothing."""
    with schema.in_tenant(contoso):
        link = redemption.link_path(invite(), purpose)
    swapped = (
        link.replace("/redeem/", "/unwanted/")
        if purpose is tickets.Purpose.REDEEM
        else link.replace("/unwanted/", "/redeem/")
    )
    assert at().client.get(link).status_code == 303
    assert at().client.get(swapped).status_code == 410
