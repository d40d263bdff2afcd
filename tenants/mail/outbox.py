"""What becomes of a promised mail: accepted, tried later, given up, cancelled."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import (
    Case,
    CharField,
    DurationField,
    ExpressionWrapper,
    F,
    Min,
    Value,
    When,
)
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import get_random_string

from tenants.mail.retry import next_delay
from tenants.mail.transport import Answer, Outcome
from tenants.models import MailKind, MailState, OutgoingMail, Tenant

CHUNK = 50
DELIVER_TASK = "foyer.deliver_due_mail"
# A chunk is worked on for a minute; one mail takes less than another. Longer than both together,
# so that no second worker gets a mail that is still in somebody's hands.
CHUNK_SECONDS = 60
LEASE = timedelta(minutes=2)
# A mail that kills its worker or cannot be rendered is put aside after so many tries (F08).
POISONED_AFTER = 5
# The sweep comes every ten seconds: mail that waits this long says that nobody works (F12).
LATE_AFTER = timedelta(minutes=5)


def _promise(**said: Any) -> OutgoingMail:
    domain = settings.FOYER_MAIL_FROM.rpartition("@")[2]
    return OutgoingMail(message_id=f"<{get_random_string(24)}@{domain}>", **said)


def promise_mail(*, tenant: Tenant, kind: MailKind, about: UUID, serial: int = 0) -> OutgoingMail:
    """Promise a mail inside the caller's transaction; its Message-ID is fixed from now on."""
    mail = _promise(tenant=tenant, kind=kind, about=about, serial=serial)
    mail.save()
    return mail


def promise_mails(*, tenant: Tenant, kind: MailKind, about: Iterable[UUID]) -> None:
    """Promise one mail about each, in one statement, inside the caller's transaction."""
    mails = [_promise(tenant=tenant, kind=kind, about=each) for each in about]
    OutgoingMail.objects.bulk_create(mails)


def is_promised(*, tenant: Tenant, kind: MailKind, about: Iterable[UUID]) -> bool:
    """Whether a mail about any of these was promised."""
    return OutgoingMail.objects.filter(tenant=tenant, kind=kind, about__in=list(about)).exists()


# A promise for each row of `told`: due some time after now, and some time after the one before.
# While one is queued no second is made, and what happens meanwhile goes along with it.
DIGESTS = """
    INSERT INTO tenants_outgoingmail
        (tenant_id, kind, about, serial, message_id, state, attempts, due_at, answer, created_at)
    SELECT %(tenant)s, %(kind)s, told.id, 0,
        '<' || replace(gen_random_uuid()::text, '-', '') || '@' || %(domain)s || '>',
        'queued', 0,
        greatest(
            statement_timestamp() + %(first_after)s,
            (SELECT max(sent.ended_at) + %(apart)s FROM tenants_outgoingmail AS sent
             WHERE sent.tenant_id = %(tenant)s AND sent.kind = %(kind)s
               AND sent.about = told.id AND sent.state = 'accepted')
        ),
        '', statement_timestamp()
    FROM told
    ON CONFLICT DO NOTHING
"""


def digest_values(
    *, tenant: Tenant, kind: MailKind, first_after: timedelta, apart: timedelta
) -> dict[str, Any]:
    """The parameters of `DIGESTS`: due `first_after` from now, `apart` after the one before."""
    return {
        "tenant": tenant.pk,
        "kind": kind.value,
        "domain": settings.FOYER_MAIL_FROM.rpartition("@")[2],
        "first_after": first_after,
        "apart": apart,
    }


def queued_again() -> Case:
    """The state of mail given back untried; a digest waits instead, beside the one queued since."""
    return Case(
        When(kind=MailKind.NOTICES, then=Value(MailState.WAITING)),
        default=Value(MailState.QUEUED),
        output_field=CharField(),
    )


def longest_wait() -> timedelta:
    """For how long the oldest due mail has been waiting for a worker; zero when none is (F12)."""
    oldest = OutgoingMail.objects.due().aggregate(
        wait=ExpressionWrapper(Now() - Min("due_at"), output_field=DurationField())
    )
    waited: timedelta | None = oldest["wait"]
    return waited or timedelta(0)


def wake() -> None:
    """Tell the workers, once the transaction is committed, that there is mail to send.

    Only a hint: with the broker away it is dropped, and the sweep finds the row (F01).
    """
    transaction.on_commit(_wake_now, robust=True)


def _wake_now() -> None:
    current_app.send_task(DELIVER_TASK, retry=False)


def _end(mail: OutgoingMail, state: MailState, answer: Answer | None = None) -> None:
    mail.state = state
    mail.answer_code = answer.code if answer else None
    mail.answer = answer.text if answer else ""
    # Only while the mail is still in our hands: it may have been cancelled meanwhile.
    OutgoingMail.objects.filter(pk=mail.pk, state=MailState.SENDING).update(
        state=state, answer_code=mail.answer_code, answer=mail.answer, ended_at=Now()
    )


def release(mails: Iterable[OutgoingMail], *, after: timedelta = timedelta(0)) -> None:
    """Give mails back untried: they are due again at once, or `after` a while."""
    OutgoingMail.objects.filter(pk__in=[mail.pk for mail in mails], state=MailState.SENDING).update(
        state=queued_again(), due_at=Now() + after, attempts=F("attempts") - 1
    )


def cancel(mail: OutgoingMail) -> None:
    """There is nothing to say any more: the world moved on."""
    _end(mail, MailState.CANCELLED)


def hold(mail: OutgoingMail, why: str) -> None:
    """Not now: it leaves when what holds it is over (`resume_tenant`)."""
    _end(mail, MailState.HELD, Answer(Outcome.LATER, None, why))


def postpone(mail: OutgoingMail, answer: Answer, *, give_up_after: int | None = None) -> None:
    """Try again after a growing interval, or fail when the time for trying is over."""
    delay = next_delay(attempts=mail.attempts, age=timezone.now() - mail.created_at)
    if delay is None or (give_up_after and mail.attempts >= give_up_after):
        _end(mail, MailState.FAILED, answer)
        return
    mail.state = MailState.WAITING
    OutgoingMail.objects.filter(pk=mail.pk, state=MailState.SENDING).update(
        state=MailState.WAITING,
        answer_code=answer.code,
        answer=answer.text,
        due_at=Now() + delay,
    )


def settle(mail: OutgoingMail, answer: Answer) -> None:
    """Write down what the mail server answered."""
    if answer.outcome is Outcome.ACCEPTED:
        _end(mail, MailState.ACCEPTED, answer)
    elif answer.outcome is Outcome.REFUSED:
        _end(mail, MailState.FAILED, answer)
    else:
        postpone(mail, answer)
