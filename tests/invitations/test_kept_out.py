"""Who is blocked is mailed nothing that opens nothing, and told of nobody (P05)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from invitations import notices
from invitations.errors import GuestAlreadyInvitedError, TransitionError
from invitations.models import DirectoryEntry, Invitation, NoticeKind
from invitations.services.access import share
from invitations.services.apps import add_app
from invitations.services.directory import block_sign_in, unblock_sign_in
from invitations.services.invite import invite_guest
from invitations.services.manage import (
    correct_address,
    resend_invitation,
    reset_redemption,
    revoke_invitation,
)
from invitations.services.owners import add_owner
from invitations.tasks import deliver_due_mail
from tenants import schema
from tenants.models import Account, MailKind, OutgoingMail, Tenant
from tests.conftest import Invite, Place
from tests.portal import insider
from tests.smtp import SmtpSink

At = Callable[..., Place]


@pytest.fixture
def kept_out(invite: Invite, contoso: Tenant) -> Invitation:
    """Invited, and blocked before they came."""
    invitation = invite()
    with schema.in_tenant(contoso):
        block_sign_in(entry=invitation.entry, by=None)
    return invitation


def test_a_queued_mail_does_not_leave(
    kept_out: Invitation, invite: Invite, smtp: SmtpSink, contoso: Tenant
) -> None:
    """P05: neither the invitation nor its reminder; the next person's does."""
    with schema.in_tenant(contoso):
        promised = OutgoingMail.objects.get(about=kept_out.pk)
        promised.pk, promised.kind, promised.message_id = None, MailKind.REMINDER, "<r@x>"
        promised.save()
    invite(email="next@northwind.example")
    assert deliver_due_mail() == 1
    assert [mail.recipients for mail in smtp.mails] == [["next@northwind.example"]]


def test_nobody_invites_around_a_block(
    kept_out: Invitation, alice: Account, contoso: Tenant
) -> None:
    """P05: not anew when the invitation is over, not again, not at another address."""
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(pk=kept_out.entry_id)
        admin = DirectoryEntry.objects.get(account=alice)
        by: dict[str, Any] = {"entry": entry, "by": admin}
        for act in (
            partial(resend_invitation, **by),
            partial(correct_address, address="other@northwind.example", **by),
            partial(reset_redemption, **by),
        ):
            with pytest.raises(TransitionError):
                act()
        revoke_invitation(entry=entry, by=admin)
        with pytest.raises(GuestAlreadyInvitedError):
            invite_guest(email=entry.address, invited_by=admin)
        unblock_sign_in(entry=entry, by=admin)
        assert invite_guest(email=entry.address, invited_by=admin).entry == entry


def test_who_was_in_and_is_blocked_is_not_reset(at: At, gita: Account, contoso: Tenant) -> None:
    """P05: it would mail a link that opens nothing."""
    entry = insider(contoso, gita, kind="Guest")
    with schema.in_tenant(contoso):
        Invitation.objects.create(
            entry=entry, address=entry.address, expires_at="2020-01-01T00:00Z", status="completed"
        )
        block_sign_in(entry=entry, by=None)
        with pytest.raises(TransitionError):
            reset_redemption(entry=entry, by=None)


def test_an_owner_is_told_of_the_block(
    kept_out: Invitation, at: At, sam: Account, alice: Account, contoso: Tenant
) -> None:
    """P05: instead of “an invitation is on its way”, also when the last one is over; and no button
    of an older page says that they accepted."""
    owner = insider(contoso, sam)
    with schema.in_tenant(contoso):
        app = add_app(name="Drawings", by=None)
        add_owner(app, owner=owner, by=None)
        revoke_invitation(entry=kept_out.entry, by=None)
    data = {"thing": f"app:{app.pk}", "to": kept_out.address}
    page = at(sam)
    assert page.post("invitations:share", data).status_code == 302
    assert "blocked the sign-in" in page.get("invitations:share").content.decode()
    admin = at(alice)
    admin.post("invitations:resend", entry_id=kept_out.entry_id)
    said = admin.get("invitations:guests").content.decode()
    assert "something changed meanwhile" in said
    assert OutgoingMail.objects.filter(kind=MailKind.INVITATION).count() == 1


def test_a_notice_does_not_reach_who_was_blocked_since(
    invite: Invite, smtp: SmtpSink, sam: Account, contoso: Tenant
) -> None:
    """P05: names and addresses of guests stay here."""
    entry = insider(contoso, sam)
    invitation = invite()
    with schema.in_tenant(contoso):
        Invitation.objects.filter(pk=invitation.pk).update(invited_by=entry)
        invitation.refresh_from_db()
        notices.tell_inviter(NoticeKind.ACCEPTED, invitation)
        block_sign_in(entry=entry, by=None)
    OutgoingMail.objects.filter(kind=MailKind.NOTICES, about=entry.pk).update(
        due_at="2020-01-01T00:00Z"
    )
    deliver_due_mail()
    told: list[Any] = [mail.recipients for mail in smtp.mails]
    assert [entry.address] not in told


def test_nothing_is_given_to_who_is_blocked_and_invited_no_more(
    kept_out: Invitation, alice: Account, contoso: Tenant
) -> None:
    """P05, T08: it would go with no invitation, and so outlive the next one that is revoked."""
    with schema.in_tenant(contoso):
        owner = DirectoryEntry.objects.get(account=alice)
        app = add_app(name="Rooms", by=None, home_url="https://rooms.contoso.example/")
        add_owner(app, owner=owner, by=None)
        revoke_invitation(entry=kept_out.entry, by=None)
        shared = share(app, address=kept_out.address, message="", by=owner)
        assert not shared.is_new
        assert not kept_out.entry.app_assignments.exists()
        unblock_sign_in(entry=kept_out.entry, by=None)
        assert share(app, address=kept_out.address, message="", by=owner).is_new
        revoke_invitation(entry=kept_out.entry, by=None)
        assert not kept_out.entry.app_assignments.exists()
