"""The outbox against a real SMTP server on loopback."""

import re
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.db.models.functions import Now

from invitations import redemption
from invitations.guestlist import find_guest
from invitations.models import DirectoryEntry, Invitation
from invitations.rows import GuestRow
from invitations.services.invite import invite_guest
from invitations.services.manage import resend_invitation, revoke_invitation
from invitations.tasks import deliver_due_mail
from tenants import schema
from tenants.mail.outbox import LEASE
from tenants.models import MailKind, MailState, OutgoingMail, Tenant
from tests.conftest import ROOMS, Invite, Race
from tests.smtp import SmtpSink
from tests.worker import start_worker

HEADERS = {
    "Subject",
    "From",
    "To",
    "Reply-To",
    "Message-ID",
    "Date",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
}


def only(invitation: Invitation) -> OutgoingMail:
    return OutgoingMail.objects.get(about=invitation.pk, kind=MailKind.INVITATION)


def hurry() -> None:
    """Let the time until the next try pass."""
    OutgoingMail.objects.filter(state=MailState.WAITING).update(due_at=Now())


def test_a_chunk_leaves_over_one_connection(invite: Invite, smtp: SmtpSink) -> None:
    for number in range(10):
        invite(email=f"guest{number}@northwind.example")
    assert deliver_due_mail() == 10
    assert smtp.connections == 1
    assert {tuple(mail.recipients) for mail in smtp.mails} == {
        (f"guest{number}@northwind.example",) for number in range(10)
    }
    assert set(OutgoingMail.objects.values_list("state", flat=True)) == {MailState.ACCEPTED}
    assert deliver_due_mail() == 0


@pytest.mark.parametrize("language", ["en", "nl"])
def test_the_mail_is_as_mail_providers_want_it(
    invite: Invite, smtp: SmtpSink, language: str
) -> None:
    """M11: aligned From, Message-ID, Date, Auto-Submitted, both parts, short lines, small."""
    invite(language=language, message="As agreed.\nBring boots.", redirect_url=ROOMS)
    deliver_due_mail()
    (mail,) = smtp.mails
    message = mail.message
    assert mail.sender == "invitations@testserver.example"
    assert message["From"].addresses[0].addr_spec == "invitations@testserver.example"
    assert "Contoso via Foyer" in message["From"]
    assert message["Reply-To"] == "alice@contoso.example"
    assert re.fullmatch(r"<[\w.-]+@testserver\.example>", message["Message-ID"])
    age = datetime.now(UTC) - parsedate_to_datetime(message["Date"])
    assert abs(age) < timedelta(minutes=1)
    assert message["Auto-Submitted"] == "auto-generated"
    assert set(message.keys()) == HEADERS
    assert len(mail.raw) < 60 * 1024
    assert max(len(line) for line in mail.raw.split(b"\r\n")) <= 998
    assert message.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert max(len(line) for line in mail.part("plain").splitlines()) <= 100
    for part in ("plain", "html"):
        assert "Contoso" in mail.part(part)
        assert "Bring boots." in mail.part(part)
    assert f'lang="{language}"' in mail.part("html")
    assert ("nodigt" in message["Subject"]) == (language == "nl")


def test_every_link_in_the_mail_is_foyers_own(invite: Invite, smtp: SmtpSink) -> None:
    """M03, N08: links of strangers stay text; ours come from the configured origin."""
    with patch(
        "invitations.services.invite.fields.clean_message", side_effect=lambda text, _: text
    ):
        invite(message="Go to https://evil.example/x or www.evil.example now")
    deliver_due_mail()
    (mail,) = smtp.mails
    links = re.findall(r'href="([^"]*)"', mail.part("html"))
    assert links
    assert all(link.startswith("https://testserver/o/contoso/") for link in links), links
    assert "https://evil.example/x" in mail.part("html")


NASTY = "<b>{{ tenant }}</b> {% now %} %(x)s *bold* & “quoted” 'x' \"y\""


def test_what_people_type_is_shown_as_typed(invite: Invite, smtp: SmtpSink) -> None:
    """M02: escaped in the HTML part, literal in the text part, never a template."""
    invite(message=NASTY, display_name="{{ 7|add:7 }} <i>")
    deliver_due_mail()
    (mail,) = smtp.mails
    flat = " ".join(line.removeprefix("> ") for line in mail.part("plain").splitlines())
    assert NASTY in flat
    html = mail.part("html")
    assert "<b>{{ tenant" not in html
    assert "&lt;b&gt;{{ tenant }}&lt;/b&gt; {% now %} %(x)s *bold* &amp; “quoted”" in html


def test_an_inviters_name_cannot_add_a_header(
    invite: Invite, smtp: SmtpSink, contoso: Tenant
) -> None:
    """M01: even if a bad name were in the database, no header and no recipient is added."""
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(address="alice@contoso.example").update(
            display_name="Alice\r\nBcc: victim@tailspin.example"
        )
    Tenant.objects.filter(pk=contoso.pk).update(name="Con\r\nBcc: victim@tailspin.example")
    invite()
    deliver_due_mail()
    for mail in smtp.mails:
        assert set(mail.message.keys()) <= HEADERS
        assert mail.recipients == ["gita@northwind.example"]


@pytest.fixture
def greylisting(smtp: SmtpSink) -> SmtpSink:
    smtp.rcpt_answers.extend(["451 4.7.1 try later <gita@northwind.example>", "450 busy"])
    return smtp


def test_a_4xx_is_tried_again_with_the_same_message_id_and_link(
    invite: Invite, greylisting: SmtpSink, contoso: Tenant
) -> None:
    """F05, F03: growing intervals, the list shows “waiting”, then the very same mail."""
    invitation = invite()
    mail = only(invitation)
    deliver_due_mail()
    mail.refresh_from_db()
    assert (mail.state, mail.answer_code) == (MailState.WAITING, 451)
    assert "northwind" not in mail.answer
    first_wait = mail.due_at - datetime.now(UTC)
    assert timedelta(seconds=50) < first_wait < timedelta(seconds=70)
    with schema.in_tenant(contoso):
        row = find_guest(invitation.entry_id)
        assert row is not None
        assert "451" in GuestRow(row).mail_label
        link = redemption.link_for(invitation)
    assert deliver_due_mail() == 0  # not before its time
    hurry()
    deliver_due_mail()
    mail.refresh_from_db()
    assert mail.due_at - datetime.now(UTC) > timedelta(seconds=100)
    hurry()
    assert deliver_due_mail() == 1
    (received,) = greylisting.mails
    assert received.message["Message-ID"] == mail.message_id
    assert link in received.part("plain")


def test_a_refused_connection_lets_everything_wait(
    invite: Invite, settings: Any, smtp: SmtpSink
) -> None:
    """F05: no server, no mail at fault; all of them leave when it is back."""
    invitations = [invite(email=f"g{number}@northwind.example") for number in range(3)]
    settings.EMAIL_PORT = 1
    assert deliver_due_mail() == 0
    states = {only(invitation).state for invitation in invitations}
    assert states == {MailState.WAITING}
    settings.EMAIL_PORT = smtp.port
    hurry()
    assert deliver_due_mail() == 3


def test_a_5xx_stops_and_comes_back_to_the_inviter(
    invite: Invite, smtp: SmtpSink, contoso: Tenant
) -> None:
    """F06: shown with its code, told to the inviter, and a corrected invitation works."""
    smtp.rcpt_answers.append("550 5.1.1 <gita@northwind.example>: no such user")
    invitation = invite()
    deliver_due_mail()
    mail = only(invitation)
    assert (mail.state, mail.answer_code) == (MailState.FAILED, 550)
    with schema.in_tenant(contoso):
        row = find_guest(invitation.entry_id)
        assert row is not None
        assert GuestRow(row).state == "not_delivered"
        assert "550" in GuestRow(row).state_note
    OutgoingMail.objects.filter(kind=MailKind.NOTICES).update(due_at=Now())
    deliver_due_mail()
    (told,) = smtp.mails
    assert told.recipients == ["alice@contoso.example"]
    assert "550" in told.part("plain")
    corrected = invite(email="gita.nair@northwind.example")
    deliver_due_mail()
    assert smtp.mails[-1].recipients == [corrected.entry.address]


def test_after_a_refusal_the_same_connection_goes_on(invite: Invite, smtp: SmtpSink) -> None:
    smtp.data_answers.extend(["554 no", "250", "452 later", "250"])
    for number in range(4):
        invite(email=f"g{number}@northwind.example")
    assert deliver_due_mail() >= 2
    assert sorted(
        OutgoingMail.objects.filter(kind=MailKind.INVITATION).values_list("state", flat=True)
    ) == sorted([MailState.FAILED, MailState.ACCEPTED, MailState.WAITING, MailState.ACCEPTED])


def test_a_mail_whose_world_moved_on_is_not_sent(
    invite: Invite, smtp: SmtpSink, contoso: Tenant
) -> None:
    """T08, T09: revoked, replaced and expired invitations are not mailed any more."""
    revoked = invite(email="a@northwind.example")
    replaced = invite(email="b@northwind.example")
    expired = invite(email="c@northwind.example")
    with schema.in_tenant(contoso):
        revoke_invitation(entry=revoked.entry, by=None)
        newest = resend_invitation(entry=replaced.entry, by=None)
        Invitation.objects.filter(pk=expired.pk).update(expires_at=Now())
        link = redemption.link_for(newest)
    assert deliver_due_mail() == 1
    (mail,) = smtp.mails
    assert link in mail.part("plain")
    for gone in (revoked, replaced, expired):
        assert only(gone).state == MailState.CANCELLED


def test_a_poisoned_row_is_set_aside_and_the_others_pass(invite: Invite, smtp: SmtpSink) -> None:
    """F08 in small: what cannot be rendered fails after five tries, alone."""
    poisoned = invite(email="poison@northwind.example")
    for number in range(5):
        invite(email=f"g{number}@northwind.example")
    real = redemption.link_for

    def burn(invitation: Invitation) -> str:
        if invitation.pk == poisoned.pk:
            raise ZeroDivisionError
        return real(invitation)

    with patch("invitations.redemption.link_for", side_effect=burn):
        assert deliver_due_mail() == 5
        for _ in range(5):
            hurry()
            deliver_due_mail()
    assert only(poisoned).state == MailState.FAILED
    assert only(poisoned).attempts == 5


def test_a_claimed_mail_is_claimed_by_nobody_else_until_its_lease_ends(
    invite: Invite, smtp: SmtpSink
) -> None:
    """F03, R08: a killed worker's mail is due again, with the same row and so the same link."""
    mail = only(invite())
    (claimed,) = OutgoingMail.objects.claim(limit=50, lease=LEASE)
    assert claimed.pk == mail.pk
    assert OutgoingMail.objects.claim(limit=50, lease=LEASE) == []
    OutgoingMail.objects.update(due_at=Now())
    assert deliver_due_mail() == 1
    assert smtp.mails[0].message["Message-ID"] == mail.message_id


def test_redis_being_away_costs_the_inviter_nothing(
    invite: Invite,
    smtp: SmtpSink,
    settings: Any,
    django_capture_on_commit_callbacks: Callable[..., Any],
    caplog: Any,
) -> None:
    """F01: the row is the promise; the wake-up fails aside, and the sweep finds the mail."""
    started = datetime.now(UTC)
    broken = patch("tenants.mail.outbox.current_app.send_task", side_effect=ConnectionError)
    with broken as send, django_capture_on_commit_callbacks(execute=True):
        invite()
    assert send.called
    assert datetime.now(UTC) - started < timedelta(seconds=2)
    assert deliver_due_mail() == 1


def test_a_wake_up_carries_nothing(
    invite: Invite, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """T03: not even ids: the row is looked up by whoever is woken."""
    with (
        patch("tenants.mail.outbox.current_app.send_task") as send,
        django_capture_on_commit_callbacks(execute=True),
    ):
        invite()
    send.assert_called_once_with("foyer.deliver_due_mail", retry=False)


def test_no_ticket_is_in_the_database(
    invite: Invite, smtp: SmtpSink, contoso: Tenant, fabrikam: Tenant
) -> None:
    """T02: every column of every table, after 50 sends, searched for every ticket sent."""
    for number in range(25):
        invite(email=f"g{number}@northwind.example")
        invite(email=f"g{number}@northwind.example", tenant=fabrikam)
    assert deliver_due_mail() == 50
    tickets = {
        ticket
        for mail in smtp.mails
        for ticket in re.findall(r"/(?:redeem|unwanted)/([\w-]{40,})", mail.part("plain"))
    }
    assert len(tickets) == 100
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN ('public', 'contoso', 'fabrikam')"
        )
        tables = cursor.fetchall()
        dump = []
        for name in tables:
            quoted = ".".join(connection.ops.quote_name(part) for part in name)
            cursor.execute(f"SELECT t::text FROM {quoted} t")  # noqa: S608
            dump += [row[0] for row in cursor.fetchall()]
    text = "\n".join(dump)
    assert "g24@northwind.example" in text
    assert not [ticket for ticket in tickets if ticket in text]


def test_mail_of_two_tenants_is_rendered_each_in_its_own(
    invite: Invite, smtp: SmtpSink, fabrikam: Tenant
) -> None:
    """N04, N08: one chunk, two tenants, each mail with its own names and links."""
    for number in range(5):
        invite(email=f"g{number}@northwind.example")
        invite(email=f"g{number}@northwind.example", tenant=fabrikam)
    assert deliver_due_mail() == 10
    for mail in smtp.mails:
        own, other = (
            ("contoso", "fabrikam")
            if "Contoso" in mail.message["Subject"]
            else ("fabrikam", "contoso")
        )
        assert f"/o/{own}/redeem/" in mail.part("plain")
        for part in ("plain", "html"):
            assert other not in mail.part(part).lower()
    assert schema.current_schema() == "public"


MAILS, KILLS = 12, 3


def test_a_killed_worker_loses_nothing_and_repeats_the_very_same_mail(race: Race) -> None:
    """F03: kill -9 while sending, again and again; same Message-ID, same link, none lost."""
    with schema.in_tenant(race.tenant):
        for number in range(MAILS):
            invite_guest(email=f"g{number}@northwind.example", invited_by=None)
    with SmtpSink() as sink:
        sink.data_delay = 0.05
        for round_number in range(KILLS):
            worker = start_worker(sink.port)
            wanted = len(sink.mails) + 2
            deadline = time.monotonic() + 20
            while len(sink.mails) < wanted and worker.poll() is None:
                assert time.monotonic() < deadline, round_number
                time.sleep(0.01)
            worker.kill()
            worker.wait()
            # The lease of what it held passes.
            OutgoingMail.objects.filter(state=MailState.SENDING).update(due_at=Now())
        worker = start_worker(sink.port)
        assert worker.wait(60) == 0
    states = set(OutgoingMail.objects.filter(tenant=race.tenant).values_list("state", flat=True))
    assert states == {MailState.ACCEPTED}
    sent = defaultdict(set)
    for mail in sink.mails:
        sent[mail.recipients[0]].add((mail.message["Message-ID"], mail.part("plain")))
    assert len(sent) == MAILS
    assert all(len(versions) == 1 for versions in sent.values())
    # At least once: only what was in hand at a kill may come twice.
    assert len(sink.mails) <= MAILS + KILLS
