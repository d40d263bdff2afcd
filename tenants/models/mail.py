from datetime import timedelta
from typing import ClassVar

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from tenants.models.tenant import Tenant


class MailKind(models.TextChoices):
    INVITATION = "invitation", _("Invitation")
    REMINDER = "reminder", _("Reminder")
    NOTICES = "notices", _("What happened to your guests")
    ACCESS_ENDED = "access_ended", _("Access ended")
    ACCESS_GIVEN = "access_given", _("Access given")


class MailState(models.TextChoices):
    QUEUED = "queued", _("Mail queued")
    SENDING = "sending", _("Mail being sent")
    WAITING = "waiting", _("Mail waiting")
    ACCEPTED = "accepted", _("Mail accepted by the mail server")
    FAILED = "failed", _("Mail could not be delivered")
    HELD = "held", _("Mail held")
    CANCELLED = "cancelled", _("Mail cancelled")


OPEN_MAIL = (MailState.QUEUED, MailState.SENDING, MailState.WAITING)


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def due(self) -> "OutgoingMailQuerySet":
        """What should leave now: promised mail, and mail whose sender died with it in hand."""
        return self.filter(state__in=OPEN_MAIL, due_at__lte=Now())

    @transaction.atomic
    def claim(self, *, limit: int, lease: timedelta) -> list["OutgoingMail"]:
        """Take up to `limit` due mails for `lease`; no two callers get the same one (R08).

        The lease is the due time moved on: a worker that dies leaves a row that is due again.
        """
        mails = list(
            self.due()
            .select_related("tenant")
            .select_for_update(skip_locked=True, of=("self",))
            .order_by("due_at", "pk")[:limit]
        )
        self.filter(pk__in=[mail.pk for mail in mails]).update(
            state=MailState.SENDING, due_at=Now() + lease, attempts=models.F("attempts") + 1
        )
        for mail in mails:
            mail.state, mail.attempts = MailState.SENDING, mail.attempts + 1
        return mails


class OutgoingMail(models.Model):
    """The promise of one mail: ids and times, never an address, a body or a link.

    Written in the transaction of the thing it announces, so either both exist or neither; the
    queue only hints that there is work. The Message-ID is fixed here and survives retries (F03).
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="outgoing_mail")
    kind = models.CharField(max_length=16, choices=MailKind.choices)
    about = models.UUIDField(
        help_text="In the tenant's own schema: the invitation; for notices, who they are for; "
        "else the directory entry."
    )
    serial = models.PositiveSmallIntegerField(
        default=0, help_text="The ticket's serial it was promised for; 0 without a ticket."
    )
    message_id = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=12, choices=MailState.choices, default=MailState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    answer_code = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[OutgoingMailQuerySet] = OutgoingMailQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state__in=[str(state) for state in OPEN_MAIL]),
                name="outgoing_mail_due",
            ),
            models.Index(fields=["about", "-id"], name="outgoing_mail_about"),
            # Of all organizations' mails; lists ask which of theirs came back.
            models.Index(
                fields=["about"],
                condition=models.Q(state=MailState.FAILED),
                name="outgoing_mail_failed",
            ),
        )
        constraints = (
            # What happens before it leaves goes along in the same mail.
            models.UniqueConstraint(
                fields=["tenant", "about"],
                condition=models.Q(kind=MailKind.NOTICES, state=MailState.QUEUED),
                name="outgoing_mail_one_digest",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"


class MailBlock(models.Model):
    """An address that wants no more invitations from a tenant, or from any, as a keyed hash."""

    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="mail_blocks",
        help_text="None: the whole installation.",
    )
    address_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "address_hash"], nulls_distinct=False, name="mail_block_once"
            ),
        )

    def __str__(self) -> str:
        return self.address_hash
