"""What time brings: reminders, clean-up, purging, retention; and nothing that a late job could break."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from invitations.models import AuditAction, AuditEvent, DirectoryEntry, Invitation, TenantPolicy
from invitations.services import directory, upkeep
from invitations.services.manage import resend_invitation
from invitations.services.unwanted import decline_invitation
from invitations.states import DeletionReason
from invitations.tasks import NoSuchTenantError, deliver_due_mail, upkeep_of_tenant
from tenants import schema
from tenants.mail import blocks, outbox
from tenants.models import Account, MailKind, MailState, OutgoingMail, Tenant
from tenants.services import NO_ADDRESS, keep_public_clean, resume_tenant, suspend_tenant
from tests.browserless import accept, open_link, to_review
from tests.conftest import ROOMS, Invite, Place, Race
from tests.races import together
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


def test_an_invitation_that_nobody_ended_is_forgotten_too(invite: Invite, contoso: Tenant) -> None:
    """D08: expiry is asked of the clock, so nothing says that it ended; the message goes anyway.

    The address of an entry's newest one stays while the entry may come back.
    """
    kept, removed = (
        invite(email=f"{name}@northwind.example", message="Dear you")
        for name in ("kept", "removed")
    )
    policy(contoso, keep_unredeemed=None)
    for invitation in (kept, removed):
        age(contoso, invitation, timedelta(days=380))
    with schema.in_tenant(contoso):
        directory.delete_entry(entry=removed.entry, by=None)
    assert upkeep_of_tenant("contoso")["forget_ended_invitations"] == 1
    with schema.in_tenant(contoso):
        kept.refresh_from_db()
        Invitation.objects.filter(pk=removed.pk).update(ended_at=Now() - timedelta(days=380))
    assert upkeep_of_tenant("contoso")["forget_ended_invitations"] == 1
    assert (kept.address, kept.message) == ("kept@northwind.example", "")
    with schema.in_tenant(contoso):
        removed.refresh_from_db()
        assert (removed.address, removed.message) == ("removed@northwind.example", "")
        back = directory.restore_entry(entry=removed.entry, by=None)
        assert resend_invitation(entry=back, by=None).address == "removed@northwind.example"
    assert upkeep_of_tenant("contoso")["forget_ended_invitations"] == 1  # newest no more
    with schema.in_tenant(contoso):
        removed.refresh_from_db()
    assert removed.address == ""


def test_old_mail_rows_go_but_never_one_that_is_to_leave(
    invite: Invite, contoso: Tenant, smtp: SmtpSink
) -> None:
    """D08: what was held by a suspension for long leaves when the door opens, and is no blip."""
    sent, blocked = (invite(email=f"{name}@northwind.example") for name in ("sent", "blocked"))
    long_ago = timezone.now() - timedelta(days=91)
    OutgoingMail.objects.filter(about=sent.pk).update(state=MailState.ACCEPTED, ended_at=long_ago)
    OutgoingMail.objects.filter(about=blocked.pk).update(state=MailState.HELD, created_at=long_ago)
    waits = invite()
    mail = OutgoingMail.objects.filter(about=waits.pk)
    suspend_tenant(contoso)
    mail.update(ended_at=long_ago, due_at=long_ago)
    resume_tenant(contoso)
    assert outbox.longest_wait() < timedelta(minutes=1)
    keep_public_clean()
    assert list(OutgoingMail.objects.values_list("about", flat=True)) == [waits.pk]
    assert deliver_due_mail() == 1


def test_network_addresses_go_after_90_days(db: None, gita: Account, at: At) -> None:
    """D08: and sessions that are over are not listed for ever. Who is signed in for that long stays
    in the list, without address: what apps were given hangs on it."""
    old, fresh, over = at(gita), at(gita), at(gita)
    for place, days in ((old, 91), (fresh, 1), (over, 91)):
        key = place.client.session.session_key
        UserSession.objects.update_or_create(
            session_key=key,
            defaults={"user": gita, "ip": "192.0.2.7", "user_agent": "x"},
        )
        UserSession.objects.filter(session_key=key).update(
            last_seen_at=timezone.now() - timedelta(days=days),
            created_at=timezone.now() - timedelta(days=days),
        )
    kept = {
        old.client.session.session_key: NO_ADDRESS,
        fresh.client.session.session_key: "192.0.2.7",
    }
    Session.objects.filter(session_key=over.client.session.session_key).delete()
    for _ in range(2):
        keep_public_clean()
        rows = UserSession.objects.filter(user=gita).values_list("session_key", "ip")
        assert dict(rows) == kept


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


def test_upkeep_at_once_does_everything_once(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four workers with the same job: one reminder, one deletion, one audit row for each."""
    monkeypatch.setattr(upkeep, "CHUNK", 3)
    tenant = race.tenant
    soon = [race.invitation(f"soon{n}@race.example", send_mail=True) for n in range(4)]
    never = [race.invitation(f"never{n}@race.example") for n in range(4)]
    gone = [race.invitation(f"gone{n}@race.example", send_mail=True) for n in range(4)]
    OutgoingMail.objects.filter(tenant=tenant).update(state=MailState.ACCEPTED)
    policy(tenant, remind=True, keep_unredeemed=timedelta(days=30))
    for each in soon:
        age(tenant, each, timedelta(days=6))
    for each in never:
        age(tenant, each, timedelta(days=38))
    with schema.in_tenant(tenant):
        for each in gone:
            directory.delete_entry(entry=each.entry, by=None)
        DirectoryEntry.objects.filter(invitation__in=gone).update(
            deleted_at=Now() - timedelta(days=31)
        )

    def work() -> None:
        upkeep_of_tenant(tenant.schema_name)

    for _round in range(3):  # twelve rows, at most three of a kind in a run
        together([work] * 4)
    assert OutgoingMail.objects.filter(tenant=tenant, kind=MailKind.REMINDER).count() == 4
    with schema.in_tenant(tenant):
        assert set(upkeep_of_tenant(tenant.schema_name).values()) == {0}
        counted = {
            action: AuditEvent.objects.filter(action=action, detail__contains=detail).count()
            for action, detail in (
                (AuditAction.INVITATION_REMINDED, {"mail": True}),
                (AuditAction.ENTRY_DELETED, {"never_redeemed": True}),
                (AuditAction.ENTRY_PURGED, {}),
            )
        }
    assert set(counted.values()) == {4}
    call_command("verify_audit", tenant=tenant.slug)


def test_what_somebody_holds_stops_no_other(
    race: Race,
) -> None:
    """An entry that an administrator is changing just now is left to the next run."""
    held, free = (race.invitation(f"{name}@race.example") for name in ("held", "free"))
    policy(race.tenant, keep_unredeemed=timedelta(days=30))
    for each in (held, free):
        age(race.tenant, each, timedelta(days=38))
    done: list[dict[str, int]] = []
    with schema.in_tenant(race.tenant), transaction.atomic():
        DirectoryEntry.objects.select_for_update().get(pk=held.entry_id)
        together([lambda: done.append(upkeep_of_tenant(race.tenant.schema_name))])
    assert done[0]["clean_up_unredeemed"] == 1
    assert upkeep_of_tenant(race.tenant.schema_name)["clean_up_unredeemed"] == 1


def test_mail_that_never_arrived_keeps_no_reminder_from_others(
    invite: Invite, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose first mail did not arrive are not counted among the chunk."""
    monkeypatch.setattr(upkeep, "CHUNK", 1)
    waiting, arrived = (invite(email=f"{n}@northwind.example") for n in ("waiting", "arrived"))
    OutgoingMail.objects.filter(about=arrived.pk).update(state=MailState.ACCEPTED)
    policy(contoso, remind=True)
    for each, days in ((waiting, 6.5), (arrived, 6)):
        age(contoso, each, timedelta(days=days))
    assert upkeep_of_tenant("contoso")["remind"] == 1
    assert reminders().get().about == arrived.pk
