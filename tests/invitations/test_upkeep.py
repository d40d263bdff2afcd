"""What time brings: reminders, clean-up, purging, retention; and nothing that a late job could break."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.db.models.functions import Now
from django.utils import timezone

from invitations.models import (
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    Invitation,
    TenantPolicy,
)
from invitations.services import directory, upkeep
from invitations.services.unwanted import decline_invitation
from invitations.states import DeletionReason
from invitations.tasks import NoSuchTenantError, deliver_due_mail, upkeep_of_tenant
from tenants import schema
from tenants.mail import blocks
from tenants.models import Account, MailKind, MailState, OutgoingMail, Tenant
from tenants.services import keep_public_clean, suspend_tenant
from tests.browserless import accept, open_link, to_review
from tests.conftest import ROOMS, Invite, Place
from tests.rows import checksum, dump
from tests.smtp import SmtpSink

At = Callable[..., Place]
WEEK = timedelta(days=7)


def policy(tenant: Tenant, **changed: Any) -> None:
    with schema.in_tenant(tenant):
        TenantPolicy.objects.update(**changed)


def age(tenant: Tenant, invitation: Invitation, by: timedelta) -> None:
    """As if everything about it had happened that much earlier."""
    with schema.in_tenant(tenant):
        found = Invitation.objects.get(pk=invitation.pk)
        Invitation.objects.filter(pk=invitation.pk).update(
            created_at=found.created_at - by,
            expires_at=found.expires_at - by,
            ended_at=found.ended_at - by if found.ended_at else None,
        )
        DirectoryEntry.objects.filter(pk=found.entry_id).update(
            state_changed_at=timezone.now() - by
        )


def reminders() -> Any:
    return OutgoingMail.objects.filter(kind=MailKind.REMINDER)


# --- reminders -----------------------------------------------------------------------------------------


def test_one_reminder_with_the_same_link(
    invite: Invite, at: At, contoso: Tenant, fabrikam: Tenant, smtp: SmtpSink, gita: Account
) -> None:
    invitation, decoy = invite(redirect_url=ROOMS), invite(tenant=fabrikam)
    deliver_due_mail()
    first = next(mail for mail in smtp.mails if "Contoso" in str(mail.message["Subject"]))
    policy(contoso, remind=True)
    assert upkeep_of_tenant("contoso")["remind"] == 0  # too early
    for tenant, each in ((contoso, invitation), (fabrikam, decoy)):
        age(tenant, each, timedelta(days=5, hours=12))
    assert upkeep_of_tenant("contoso")["remind"] == 1
    assert upkeep_of_tenant("contoso")["remind"] == 0
    assert upkeep_of_tenant("fabrikam")["remind"] == 0  # does not want it
    smtp.mails.clear()
    deliver_due_mail()
    (mail,) = smtp.mails
    assert str(mail.message["Subject"]) == "Reminder: Contoso invites you"
    link = next(line for line in first.part("plain").split("\n") if "/redeem/" in line)
    assert link in mail.part("plain")
    with schema.in_tenant(contoso):
        reminded = AuditEvent.objects.filter(action=AuditAction.INVITATION_REMINDED)
        assert reminded.count() == 1
    guest = at(gita)
    assert accept(guest, to_review(guest, invitation))["Location"] == ROOMS


@pytest.mark.parametrize("ending", ["expired", "declined", "blocked reader", "not sent", "waiting"])
def test_nobody_is_reminded_of_what_is_over(
    invite: Invite, contoso: Tenant, gita: Account, ending: str
) -> None:
    """T06: a late job reminds of nothing that has ended; nor who said “never again” (M10)."""
    invitation = invite(send_mail=ending != "not sent")
    if ending != "waiting":
        OutgoingMail.objects.update(state=MailState.ACCEPTED)
    policy(contoso, remind=True)
    age(contoso, invitation, WEEK if ending == "expired" else timedelta(days=6))
    if ending == "declined":
        with schema.in_tenant(contoso):
            decline_invitation(invitation)
    if ending == "blocked reader":
        blocks.block(tenant=None, address=gita.email)
    upkeep_of_tenant("contoso")
    assert not reminders().exists()


def test_a_reminder_that_is_late_does_not_leave(
    invite: Invite, contoso: Tenant, smtp: SmtpSink
) -> None:
    """T06: promised in time, but the worker comes after the end."""
    invitation = invite()
    deliver_due_mail()
    policy(contoso, remind=True)
    age(contoso, invitation, timedelta(days=6))
    upkeep_of_tenant("contoso")
    with schema.in_tenant(contoso):
        Invitation.objects.update(expires_at=Now())
    smtp.mails.clear()
    deliver_due_mail()
    assert not smtp.mails
    assert reminders().get().state == MailState.CANCELLED


# --- clean-up and purging --------------------------------------------------------------------------------


def test_who_never_came_is_deleted_after_the_tenants_period(
    invite: Invite, at: At, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """Guests only, counted from the end of the last invitation; restorable like any other."""
    stale, fresh = invite(email="stale@northwind.example"), invite(email="fresh@northwind.example")
    guest = at(gita)
    accepted = invite()
    accept(guest, to_review(guest, accepted))
    decoy = invite(tenant=fabrikam, email="stale@northwind.example")
    policy(contoso, keep_unredeemed=timedelta(days=30))
    policy(fabrikam, keep_unredeemed=None)
    for tenant, invitation in ((contoso, stale), (contoso, accepted), (fabrikam, decoy)):
        age(tenant, invitation, timedelta(days=38))
    neighbour = checksum(fabrikam)
    assert upkeep_of_tenant("contoso")["clean_up_unredeemed"] == 1
    assert upkeep_of_tenant("fabrikam")["clean_up_unredeemed"] == 0
    assert checksum(fabrikam) == neighbour
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(pk=stale.entry_id)
        assert entry.deletion_reason == DeletionReason.NEVER_REDEEMED
        assert DirectoryEntry.objects.get(pk=fresh.entry_id).deleted_at is None
        assert directory.restore_entry(entry=entry, by=None).deleted_at is None


def test_who_was_deleted_is_erased_after_30_days(
    invite: Invite, contoso: Tenant, fabrikam: Tenant
) -> None:
    """D06: time travel; name, address and message are gone, the audit log keeps its numbers."""
    asked = {"email": "purge-me@northwind.example", "display_name": "Purge Me", "message": "Purge"}
    invitation = invite(**asked)
    with schema.in_tenant(contoso):
        directory.delete_entry(entry=invitation.entry, by=None)
    assert upkeep_of_tenant("contoso")["purge_deleted"] == 0
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(pk=invitation.entry_id).update(
            deleted_at=Now() - timedelta(days=31)
        )
    assert upkeep_of_tenant("contoso")["purge_deleted"] == 1
    assert upkeep_of_tenant("contoso")["purge_deleted"] == 0
    assert "purge" not in dump().lower().replace("entry.purged", "")
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
        assert entry.deletion_reason == DeletionReason.ERASED
        assert AuditEvent.objects.filter(entry_id=entry.pk).count() == 3


def test_ended_invitations_are_forgotten_after_a_year(
    invite: Invite, at: At, gita: Account, contoso: Tenant, settings: Any
) -> None:
    """D08: address and message go; what somebody who is here was invited with keeps its address."""
    first = invite(message="Dear Gita")
    with schema.in_tenant(contoso):
        decline_invitation(first)
    second = invite(message="Dear Gita again")
    guest = at(gita)
    accept(guest, to_review(guest, second))
    settings.FOYER_KEEP_ENDED_INVITATIONS = 365
    for invitation in (first, second):
        age(contoso, invitation, timedelta(days=366))
    upkeep_of_tenant("contoso")
    with schema.in_tenant(contoso):
        first.refresh_from_db()
        second.refresh_from_db()
    assert (first.address, first.message) == ("", "")
    assert (second.address, second.message) == (gita.email, "")


def test_network_addresses_go_after_90_days(db: None, gita: Account, at: At) -> None:
    """D08: and sessions that are over are not listed for ever."""
    old, fresh = at(gita), at(gita)
    for place, days in ((old, 91), (fresh, 1)):
        key = place.client.session.session_key
        UserSession.objects.update_or_create(
            session_key=key,
            defaults={"user": gita, "ip": "192.0.2.7", "user_agent": "x"},
        )
        UserSession.objects.filter(session_key=key).update(
            last_seen_at=timezone.now() - timedelta(days=days)
        )
    keep_public_clean()
    keys = list(UserSession.objects.filter(user=gita).values_list("session_key", flat=True))
    assert keys == [fresh.client.session.session_key]


def test_accounts_that_nobody_proved_go_after_a_day(db: None, gita: Account) -> None:
    """A04: on schedule; proved ones stay."""
    squatter = Account.objects.create_user("victim@northwind.example")
    EmailAddress.objects.create(user=squatter, email=squatter.email, verified=False)
    keep_public_clean()
    assert Account.objects.filter(pk=squatter.pk).exists()
    Account.objects.update(date_joined=timezone.now() - timedelta(hours=25))
    keep_public_clean()
    assert not Account.objects.filter(pk=squatter.pk).exists()
    assert Account.objects.filter(pk=gita.pk).exists()


# --- where jobs run ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "public", "nobody", "contoso,public", "pg_catalog"])
def test_a_job_for_no_tenant_fails_loudly(contoso: Tenant, name: str) -> None:
    """N05: never in public, never in another."""
    before = checksum(contoso)
    with pytest.raises(NoSuchTenantError):
        upkeep_of_tenant(name)
    assert checksum(contoso) == before
    assert schema.current_schema() == "public"


def test_a_suspended_tenants_jobs_wait(contoso: Tenant) -> None:
    """N10: nothing happens behind a closed door."""
    suspend_tenant(contoso)
    with pytest.raises(NoSuchTenantError):
        upkeep_of_tenant("contoso")


def test_with_every_job_stopped_expiry_holds(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """T06: asked of the database's clock, when opened and when agreed."""
    invitation = invite()
    guest = at(gita)
    review = to_review(guest, invitation)
    with schema.in_tenant(contoso):
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=Now())
    assert guest.client.get(open_link(invitation, guest)).status_code == 410
    data = {"answer": "accept", "statement": "0"}
    assert guest.client.post(review, data).status_code == 410


def test_upkeep_twice_at_once_changes_nothing_more(invite: Invite, contoso: Tenant) -> None:
    invite()
    upkeep_of_tenant("contoso")
    before = checksum(contoso)
    assert set(upkeep_of_tenant("contoso").values()) == {0}
    assert checksum(contoso) == before
    assert upkeep.CHUNK > 0
