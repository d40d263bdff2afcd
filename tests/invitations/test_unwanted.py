from collections.abc import Callable

import pytest
from django.test import Client

from invitations import redemption, tickets
from invitations.models import AuditAction, AuditEvent, Invitation, Notice, NoticeKind
from invitations.services.manage import resend_invitation
from invitations.services.unwanted import block_sender
from invitations.states import InvitationStatus
from invitations.tasks import deliver_due_mail
from tenants import schema
from tenants.mail import blocks
from tenants.models import Account, MailBlock, MailState, OutgoingMail, Tenant
from tests.browserless import accept, open_link, to_review
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


def test_a_report_reaches_the_administrators(invite: Invite, at: At, contoso: Tenant) -> None:
    invitation = invite()
    answer(at, invitation, contoso, do="report", reason="Never heard of them")
    with schema.in_tenant(contoso):
        event = AuditEvent.objects.get(action=AuditAction.INVITATION_REPORTED)
        notice = Notice.objects.get(kind=NoticeKind.REPORTED)
        told = notice.recipient.address
    assert event.entry_id == invitation.entry_id
    assert not event.detail  # what people write can be erased, the log cannot
    assert (notice.said, told) == ("Never heard of them", "alice@contoso.example")


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


def test_a_mail_program_says_never_again_with_one_click(
    invite: Invite, at: At, alice: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """M10: RFC 8058 without cookies; a GET only shows the page; the neighbour is not blocked."""
    invitation = invite()
    link = path(invitation, contoso)
    client = Client(enforce_csrf_checks=True)
    client.get(link, follow=True)
    assert not MailBlock.objects.exists()
    assert client.post(link, {"List-Unsubscribe": "x"}).status_code == 400
    for _twice in range(2):
        answer = client.post(link, {"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.content) == (200, b"OK")
    block = MailBlock.objects.get()
    assert block.tenant == contoso
    assert "gita" not in block.address_hash
    forged = link[:-2] + "xx"
    assert client.post(forged, {"List-Unsubscribe": "One-Click"}).status_code == 410
    held = OutgoingMail.objects.get(about=invitation.pk)
    deliver_due_mail()
    held.refresh_from_db()
    assert held.state == MailState.HELD
    neighbour = invite(tenant=fabrikam)
    assert OutgoingMail.objects.get(about=neighbour.pk).state == MailState.QUEUED


def test_later_invitations_are_made_and_not_mailed(
    invite: Invite, at: At, alice: Account, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """M10: after “never mail me again” two tenants invite: both rows are there, both mails held."""
    blocks.block(tenant=None, address=gita.email)
    for tenant in (contoso, fabrikam):
        invitation = invite(tenant=tenant)
        assert OutgoingMail.objects.get(about=invitation.pk).state == MailState.HELD
    page = at(alice).get("invitations:guests").content.decode()
    assert "Mail held" in page


def test_the_owner_sees_and_undoes_blocks(
    invite: Invite, at: At, gita: Account, sam: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """The list to see and undo, for proved addresses only."""
    with schema.in_tenant(contoso):
        block_sender(invite())
    blocks.block(tenant=fabrikam, address=sam.email)
    mine = at(gita)
    page = mine.client.get("/account/blocked/").content.decode()
    assert "Contoso" in page
    assert "Fabrikam" not in page
    mine.client.post("/account/blocked/", {"allow": "fabrikam"})
    assert blocks.is_blocked(tenant=fabrikam, address=sam.email)
    mine.client.post("/account/blocked/", {"allow": "contoso"})
    assert not blocks.is_blocked(tenant=contoso, address=gita.email)
    mine.client.post("/account/blocked/", {"do": "block_all"})
    assert blocks.is_blocked(tenant=fabrikam, address=gita.email)
    mine.client.post("/account/blocked/", {"allow": ""})
    assert not blocks.is_blocked(tenant=fabrikam, address=gita.email)


def test_a_report_cannot_turn_the_administrators_mail_around(
    invite: Invite, at: At, contoso: Tenant
) -> None:
    """M01, M04: what holders of a link write is read in a mail of ours; nobody who is not there can
    be asked to type it again, so what cannot be seen is left out."""
    reason = "Ne\u202ever\x1b[2J \u200bheard\r\n\tof\0 them 👍 株式会社"
    assert answer(at, invite(), contoso, do="report", reason=reason) == 200
    with schema.in_tenant(contoso):
        assert Notice.objects.get().said == "Never[2J heard of them 👍 株式会社"


def test_opening_a_used_link_for_ever_fills_no_log(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """T01, T05: a replay is written down, as often as a dead ticket may be opened."""
    person, invitation = at(gita), invite()
    accept(person, to_review(person, invitation))
    stranger = at()
    landing = open_link(invitation, stranger)
    told = [stranger.client.get(landing).status_code for _time in range(40)]
    assert told == [410] * 30 + [429] * 10
    assert actions(contoso).count(AuditAction.INVITATION_REPLAYED) == 30
