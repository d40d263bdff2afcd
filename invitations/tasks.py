"""What workers do. The rows are the promise: a task that never comes loses nothing."""

import logging
import time
from contextlib import AbstractContextManager
from datetime import timedelta

from celery import shared_task
from django.db import transaction

from invitations import notices
from invitations.messages import outgoing
from invitations.messages.layout import Letter
from invitations.models import Invitation, NoticeKind
from invitations.services import upkeep as upkeep_services
from tenants import schema, services
from tenants.mail import outbox
from tenants.mail.transport import Answer, MailConnection, MailServerAwayError, Outcome
from tenants.models import MailKind, MailState, OutgoingMail, Tenant, TenantStatus

UPKEEP = (
    upkeep_services.remind,
    upkeep_services.clean_up_unredeemed,
    upkeep_services.purge_deleted,
    upkeep_services.forget_ended_invitations,
)

# How long a newer mail steps aside for an older one to the same guest (R07).
TURN = timedelta(seconds=3)

log = logging.getLogger(__name__)


@shared_task(name=outbox.DELIVER_TASK)
def deliver_due_mail() -> int:
    """Send what is due, in chunks over one connection; return how many mails the server took."""
    taken = 0
    with MailConnection() as connection:
        while chunk := OutgoingMail.objects.claim(limit=outbox.CHUNK, lease=outbox.LEASE):
            try:
                taken += _deliver_chunk(chunk, connection)
            except MailServerAwayError as error:
                log.warning("the mail server is away: %s", error)
                break
    return taken


def _deliver_chunk(chunk: list[OutgoingMail], connection: MailConnection) -> int:
    taken = 0
    deadline = time.monotonic() + outbox.CHUNK_SECONDS
    for position, mail in enumerate(chunk):
        if time.monotonic() > deadline:
            outbox.release(chunk[position:])
            break
        try:
            taken += _deliver(mail, connection)
        except MailServerAwayError as error:
            for waiting in chunk[position:]:
                outbox.postpone(waiting, error.answer)
            raise
    return taken


def _deliver(mail: OutgoingMail, connection: MailConnection) -> bool:
    """One mail, from its row to the server's answer in its row; True when the server took it."""
    if mail.tenant.status != TenantStatus.ACTIVE:
        outbox.hold(mail, "suspended")
        return False
    with schema.in_tenant(mail.tenant):
        if outgoing.is_unwanted(mail):
            outbox.hold(mail, "")
            return False
        if outgoing.is_overtaking(mail):
            outbox.release([mail], after=TURN)
            return False
        letter = _render(mail)
        if letter is None:
            return False
        answer = connection.deliver(letter.message)
        with transaction.atomic():
            outbox.settle(mail, answer)
            if answer.outcome is Outcome.ACCEPTED:
                notices.mark_mailed(letter.notice_ids)
            _tell_inviter(mail)
    return answer.outcome is Outcome.ACCEPTED


def _render(mail: OutgoingMail) -> Letter | None:
    """The mail, or None when it was cancelled or put aside instead."""
    try:
        letter = outgoing.render(mail, mail.tenant)
    except Exception as error:  # one mail that cannot be rendered stops no other (F08)
        log.exception("mail %s of %s cannot be rendered", mail.pk, mail.tenant.slug)
        answer = Answer(Outcome.LATER, None, type(error).__name__)
        outbox.postpone(mail, answer, give_up_after=outbox.POISONED_AFTER)
        return None
    if letter is None:
        outbox.cancel(mail)
    return letter


def _tell_inviter(mail: OutgoingMail) -> None:
    """An invitation that could not be delivered comes back to who sent it (F06)."""
    if mail.kind != MailKind.INVITATION or mail.state != MailState.FAILED:
        return
    invitation = Invitation.objects.select_related("entry").filter(pk=mail.about).first()
    if invitation:
        notices.tell_inviter(NoticeKind.UNDELIVERED, invitation)


class NoSuchTenantError(RuntimeError):
    """A task names no tenant that is active: it must never run anywhere else (N05)."""


def in_named_tenant(schema_name: str) -> AbstractContextManager[Tenant]:
    """The schema of an active tenant; `NoSuchTenantError` for every other name."""
    tenant = Tenant.objects.filter(schema_name=schema_name, status=TenantStatus.ACTIVE).first()
    if tenant is None:
        raise NoSuchTenantError(schema_name)
    return schema.in_tenant(tenant)


@shared_task(name="foyer.upkeep")
def upkeep() -> None:
    """Every quarter of an hour: one task for each active tenant, and what is nobody's own."""
    for name in Tenant.objects.filter(status=TenantStatus.ACTIVE).values_list(
        "schema_name", flat=True
    ):
        upkeep_of_tenant.delay(name)
    services.keep_public_clean()


@shared_task(name="foyer.upkeep_of_tenant")
def upkeep_of_tenant(tenant: str) -> dict[str, int]:
    """What time brings in one tenant, named by its schema; how many rows of each kind."""
    with in_named_tenant(tenant):
        return {act.__name__: act() for act in UPKEEP}
