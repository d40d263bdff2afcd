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
    INVITATION_CORRECTED = "invitation.corrected"
    INVITATION_REMINDED = "invitation.reminded"
    CORRECTION_ASKED = "invitation.correction_asked"
    REDEMPTION_RESET = "guest.redemption_reset"
    SIGN_IN_BLOCKED = "guest.sign_in_blocked"
    SIGN_IN_UNBLOCKED = "guest.sign_in_unblocked"
    ENTRY_DELETED = "entry.deleted"
    ENTRY_RESTORED = "entry.restored"
    ENTRY_PURGED = "entry.purged"
    ENTRY_ERASED = "entry.erased"
    ENTRY_LEFT = "entry.left"
    USER_TYPE_CHANGED = "entry.user_type_changed"
    SPONSORS_CHANGED = "entry.sponsors_changed"
    ROLES_CHANGED = "entry.roles_changed"
    CONSENT_GIVEN_AGAIN = "consent.given_again"
    TERMS_ACCEPTED = "terms.accepted"
    TERMS_DECLINED = "terms.declined"
    TERMS_PUBLISHED = "terms.published"
    CONTACT_ADDED = "contact.added"
    CONTACT_REMOVED = "contact.removed"
    INVITATION_PURGED = "invitation.purged"
    TENANT_RESTORED = "tenant.restored"
    SENDER_BLOCKED = "sender.blocked"
    SENDER_UNBLOCKED = "sender.unblocked"
    STATEMENT_PUBLISHED = "statement.published"
    POLICY_CHANGED = "policy.changed"
    LANDING_PAGE_ADDED = "landing_page.added"
    LANDING_PAGE_REMOVED = "landing_page.removed"
    APP_ADDED = "app.added"
    APP_CHANGED = "app.changed"
    APP_REMOVED = "app.removed"
    APP_OWNERS_CHANGED = "app.owners_changed"
    APP_ASSIGNED = "app.assigned"
    APP_UNASSIGNED = "app.unassigned"
    APP_SECRET_ADDED = "app.secret_added"  # noqa: S105  # nosec B105: the name of an act
    APP_SECRET_REMOVED = "app.secret_removed"  # noqa: S105  # nosec B105: the same
    APP_TOKENS_ENDED = "app.tokens_ended"  # nosec B105: the same
    GROUP_ADDED = "group.added"
    GROUP_CHANGED = "group.changed"
    GROUP_REMOVED = "group.removed"
    GROUP_OWNERS_CHANGED = "group.owners_changed"
    GROUP_MEMBER_ADDED = "group.member_added"
    GROUP_MEMBER_REMOVED = "group.member_removed"
    SIGNING_KEYS_ROTATED = "signing_keys.rotated"
    AUDIT_EXPORTED = "audit.exported"


class AuditEvent(models.Model):
    """Who did what to whom, in the transaction in which it happened. Added, never changed.

    Holds ids, not people's names or addresses, so that erasing a person does not break it; apps
    and groups are named. The database itself sets `number`, `at`, `previous_hash` and `hash`
    (migration 0007) and refuses every UPDATE, DELETE and TRUNCATE.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=40, choices=AuditAction.choices)
    actor_id = models.UUIDField(null=True, blank=True, help_text="Directory entry; none: operator")
    entry_id = models.UUIDField(null=True, blank=True, help_text="Whom it is about")
    invitation_id = models.UUIDField(null=True, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    # The columns above are for queries; this text is what is hashed (`invitations.chain`).
    body = models.TextField(help_text="What happened, as canonical JSON")
    number = models.BigIntegerField(db_default=0, editable=False, help_text="1, 2, 3 … no gaps")
    previous_hash = models.CharField(max_length=64, db_default="", editable=False)
    hash = models.CharField(max_length=64, db_default="", editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["number"], name="audit_number_once"),
            models.CheckConstraint(condition=~models.Q(body=""), name="audit_has_body"),
        )
        indexes = (
            models.Index(fields=["-at"], name="audit_newest"),
            models.Index(fields=["entry_id", "-number"], name="audit_about"),
            models.Index(fields=["actor_id", "-number"], name="audit_by"),
        )

    def __str__(self) -> str:
        return f"{self.action} at {self.at}"


class AuditHead(models.Model):
    """How far the chain goes: one row, moved by the database alone, locked while it grows."""

    id = models.BooleanField(primary_key=True, default=True)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(id=True), name="audit_head_one_row"),
        )

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"
