import uuid

from django.db import models
from django.db.models.functions import Now


class AuditAction(models.TextChoices):
    GUEST_INVITED = "guest.invited"
    INVITATION_RESENT = "invitation.resent"
    INVITATION_REVOKED = "invitation.revoked"
    INVITATION_DECLINED = "invitation.declined"
    INVITATION_REPORTED = "invitation.reported"
    INVITATION_COMPLETED = "invitation.completed"
    INVITATION_REPLAYED = "invitation.replayed"
    INVITATION_LINK_SHOWN = "invitation.link_shown"
    SENDER_BLOCKED = "sender.blocked"
    SENDER_UNBLOCKED = "sender.unblocked"
    STATEMENT_PUBLISHED = "statement.published"
    POLICY_CHANGED = "policy.changed"
    LANDING_PAGE_ADDED = "landing_page.added"
    LANDING_PAGE_REMOVED = "landing_page.removed"


class AuditEvent(models.Model):
    """Who did what to whom, in the transaction in which it happened. Added, never changed.

    Holds ids, not names or addresses, so that erasing a person does not break it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=40, choices=AuditAction.choices)
    actor_id = models.UUIDField(null=True, blank=True, help_text="Directory entry; none: operator")
    entry_id = models.UUIDField(null=True, blank=True, help_text="Whom it is about")
    invitation_id = models.UUIDField(null=True, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = (models.Index(fields=["-at"], name="audit_newest"),)

    def __str__(self) -> str:
        return f"{self.action} at {self.at}"
