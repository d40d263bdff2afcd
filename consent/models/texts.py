import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.aggregates import JSONBAgg
from django.db import models
from django.db.models import Q
from django.db.models.functions import JSONObject, Now
from django.utils import translation

from invitations.models import DirectoryEntry, Invitation
from tenants import schema


class PublicationQuerySet(models.QuerySet[Any]):
    def newest_first(self) -> Self:
        """With `said`: what each version says in every language, in the same statement."""
        fields = {name: f"texts__{name}" for name in ("language", "url", "text")}
        answers: dict[str, Any] = {
            "said": JSONBAgg(JSONObject(**fields), order_by=["texts__language"])
        }
        return self.annotate(**answers).order_by("-version")


class Publication(models.Model):
    """One version of a text that people agree to. Never edited, only superseded."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(unique=True)
    content_hash = models.CharField(max_length=64, help_text="`published.content_hash`, in hex")
    published_at = models.DateTimeField(db_default=Now())
    published_by = models.ForeignKey(
        DirectoryEntry, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    # Answered by `newest_first`.
    said: Sequence[Mapping[str, str]] = ()

    objects: ClassVar[PublicationQuerySet] = PublicationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"version {self.version}"

    @property
    def languages(self) -> list[str]:
        """In which languages this version says something."""
        return [said["language"] for said in self.said]

    def in_language(self, wanted: str = "") -> Mapping[str, str]:
        """`language`, `url` and `text` in the wanted, else the page's, else the tenant's, else
        any language."""
        said = {each["language"]: each for each in self.said}
        for language in (wanted, translation.get_language(), schema.current_tenant().language):
            if language in said:
                return said[language]
        return self.said[0]


class PublishedText(models.Model):
    """What a version says in one language: where it can be read, or the text itself, or both."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    url = models.CharField(max_length=255, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        abstract = True
        constraints = (
            models.CheckConstraint(
                condition=Q(url="") | Q(url__startswith="https://"), name="%(class)s_url_is_https"
            ),
            models.CheckConstraint(condition=~Q(url="", text=""), name="%(class)s_says_something"),
            models.UniqueConstraint(
                fields=["publication", "language"], name="%(class)s_once_a_language"
            ),
        )

    def __str__(self) -> str:
        return f"{self.language}: {self.url or self.text[:40]}"


class PrivacyStatement(Publication):
    """One version of the tenant's privacy statement."""

    # Whoever agreed to an older version is asked again before the next app opens.
    agree_again = models.BooleanField(default=False)


class PrivacyStatementText(PublishedText):
    publication = models.ForeignKey(PrivacyStatement, models.CASCADE, related_name="texts")


class TermsOfUse(Publication):
    """One version of what a guest must accept after Review permissions."""

    # A version that is not required ends the asking; older acceptances stay readable.
    required = models.BooleanField(default=True)
    accept_again_after = models.DurationField(null=True, blank=True)


class TermsOfUseText(PublishedText):
    publication = models.ForeignKey(TermsOfUse, models.CASCADE, related_name="texts")


class ConsentFlow(models.TextChoices):
    MAIL_LINK = "mail_link"
    DIRECT_LINK = "direct_link"
    AGAIN = "again"


class ConsentRecord(models.Model):
    """What somebody agreed to, when, and on which way. Added, never changed but for its end."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="consents")
    invitation = models.ForeignKey(
        Invitation, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Empty when the tenant had no statement: that, too, was shown and agreed to.
    statement = models.ForeignKey(
        PrivacyStatement, models.PROTECT, null=True, blank=True, related_name="consents"
    )
    language = models.CharField(max_length=10, blank=True)
    account_id = models.UUIDField()
    flow = models.CharField(max_length=12, choices=ConsentFlow.choices)
    agreed_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            # Agree clicked twice leaves one record (R01).
            models.UniqueConstraint(fields=["invitation"], name="consent_once_an_invitation"),
        )
        indexes = (models.Index(fields=["entry", "-agreed_at"], name="consent_newest"),)

    def __str__(self) -> str:
        return f"consent of {self.entry_id}"


class TermsRecord(models.Model):
    """Which version of the terms of use somebody accepted, in which language, and when."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="terms_accepted")
    terms = models.ForeignKey(TermsOfUse, models.PROTECT, related_name="acceptances")
    language = models.CharField(max_length=10)
    account_id = models.UUIDField()
    accepted_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = (models.Index(fields=["entry", "-accepted_at"], name="terms_newest"),)

    def __str__(self) -> str:
        return f"terms accepted by {self.entry_id}"
