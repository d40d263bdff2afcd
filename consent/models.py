import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from invitations.models import DirectoryEntry, Invitation


class PrivacyStatement(models.Model):
    """One version of the tenant's privacy statement. Never edited, only superseded."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(unique=True)
    url = models.CharField(max_length=255, blank=True)
    text = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64, help_text="SHA-256 over URL and text, in hex")
    published_at = models.DateTimeField(db_default=Now())
    published_by = models.ForeignKey(
        DirectoryEntry, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(url="") | Q(url__startswith="https://"), name="statement_url_is_https"
            ),
            models.CheckConstraint(condition=~Q(url="", text=""), name="statement_says_something"),
        )

    def __str__(self) -> str:
        return f"version {self.version}"


class ConsentFlow(models.TextChoices):
    MAIL_LINK = "mail_link"


class ConsentRecord(models.Model):
    """What somebody agreed to, when, and on which way. Added, never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="consents")
    invitation = models.ForeignKey(
        Invitation, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Empty when the tenant had no statement: that, too, was shown and agreed to.
    statement = models.ForeignKey(
        PrivacyStatement, models.PROTECT, null=True, blank=True, related_name="consents"
    )
    account_id = models.UUIDField()
    flow = models.CharField(max_length=12, choices=ConsentFlow.choices)
    agreed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            # Agree clicked twice leaves one record (R01).
            models.UniqueConstraint(fields=["invitation"], name="consent_once_an_invitation"),
        )

    def __str__(self) -> str:
        return f"consent of {self.entry_id}"
