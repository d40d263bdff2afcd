"""What inviters, sponsors and administrators are told: noted now, mailed together."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from invitations.models import DirectoryEntry, Invitation, Notice, NoticeKind
from invitations.permissions import Role
from tenants import schema
from tenants.mail import outbox
from tenants.models import MailKind

# What happens meanwhile goes along; a second mail follows a first at this distance at least.
FIRST_AFTER = timedelta(minutes=1)
APART = timedelta(minutes=15)


NOTICES = """
    INSERT INTO invitations_notice
        (id, recipient_id, kind, about_id, invitation_id, said, created_at)
    SELECT gen_random_uuid(), told.id, %(notice)s, %(about)s, %(invitation)s, %(said)s,
        statement_timestamp()
    FROM told
"""


def _tell(
    notice: NoticeKind,
    about: DirectoryEntry,
    recipients: QuerySet[DirectoryEntry],
    invitation: Invitation | None,
    said: str = "",
) -> None:
    """One statement, because redeeming has few to spend: whom, the notices, and their mails."""
    told = recipients.exclude(pk=about.pk).order_by().values("pk").distinct()
    sql, params = told.query.sql_with_params()
    named = {f"told{number}": value for number, value in enumerate(params)}
    # Built from our own queryset only; values travel as parameters.
    whom = sql % tuple(f"%({name})s" for name in named)
    values = outbox.digest_values(
        tenant=schema.current_tenant(), kind=MailKind.NOTICES, first_after=FIRST_AFTER, apart=APART
    )
    facts = {
        "notice": notice.value,
        "about": about.pk,
        "invitation": invitation.pk if invitation else None,
        "said": said,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH told (id) AS ({whom}), noted AS ({NOTICES}) {outbox.DIGESTS}",
            named | values | facts,
        )


def _reachable() -> QuerySet[DirectoryEntry]:
    return DirectoryEntry.objects.present().filter(enabled=True).exclude(address="")


def tell_inviter(kind: NoticeKind, invitation: Invitation, *, said: str = "") -> None:
    """Tell who pressed the button, and the guest's sponsors. Runs in the caller's transaction.

    `said` is what the guest wants them to read.
    """
    who = Q(sponsoring__entry=invitation.entry_id)
    if invitation.invited_by_id:
        who |= Q(pk=invitation.invited_by_id)
    _tell(kind, invitation.entry, _reachable().filter(who), invitation, said)


def tell_administrators(
    kind: NoticeKind,
    about: DirectoryEntry,
    *,
    invitation: Invitation | None = None,
    said: str = "",
) -> None:
    """Tell the tenant's administrators and the entry's sponsors, in the caller's transaction."""
    who = Q(role_assignments__role=Role.ADMINISTRATOR) | Q(sponsoring__entry=about)
    _tell(kind, about, _reachable().filter(who), invitation, said)


def unmailed(recipient_id: UUID) -> list[Notice]:
    """What this person has not been told yet, oldest first."""
    waiting = Notice.objects.filter(recipient_id=recipient_id, mailed_at__isnull=True)
    return list(waiting.select_related("recipient", "about", "invitation").order_by("created_at"))


def mark_mailed(ids: Iterable[UUID]) -> None:
    """These have left."""
    Notice.objects.filter(pk__in=list(ids)).update(mailed_at=Now())
