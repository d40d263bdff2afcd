import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from invitations.models.directory import DirectoryEntry
from invitations.models.invitation import Invitation


class NoticeKind(models.TextChoices):
    ACCEPTED = "accepted", _("accepted the invitation")
    DECLINED = "declined", _("declined the invitation")
    REPORTED = "reported", _("reported the invitation")
    UNDELIVERED = "undelivered", _("could not be reached by e-mail")
    ADDRESS_ASKED = "address_asked", _("asks to be invited at another address")
    LEFT = "left", _("left the organization")


class Notice(models.Model):
    """Something an inviter, sponsor or administrator is told; many go in one mail."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=NoticeKind.choices)
    about = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="+")
    invitation = models.ForeignKey(Invitation, models.CASCADE, null=True, related_name="+")
    # What the guest wants the recipient to read: why they report, where to be invited instead.
    # Here and not in the audit log, which nobody can erase.
    said = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["recipient", "created_at"],
                condition=models.Q(mailed_at__isnull=True),
                name="notice_to_be_mailed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} for {self.recipient_id}"
