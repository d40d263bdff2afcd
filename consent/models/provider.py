import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from invitations.models import DirectoryEntry, SharedApp


class ClientType(models.TextChoices):
    WEB = "web", _("A web application with a server of its own")
    PUBLIC = "public", _("An application in the browser or on a device")
    SERVICE = "service", _("A service or script, without people")


class SigningAlgorithm(models.TextChoices):
    RS256 = "RS256", "RS256"
    ES256 = "ES256", "ES256"


class AccessTokenFormat(models.TextChoices):
    OPAQUE = "opaque", _("Opaque: the app asks Foyer what it means")
    JWT = "jwt", _("JWT (RFC 9068): the app reads it itself, for up to ten minutes")


# The scope of who goes on while the person is away (OpenID Connect Core, 11).
OFFLINE = "offline_access"


class OAuthClient(models.Model):
    """How a shared app signs people in here (RFC 6749, OpenID Connect Core)."""

    # The public name of the client, `client_id`.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    app = models.OneToOneField(SharedApp, models.CASCADE, related_name="client")
    client_type = models.CharField(max_length=8, choices=ClientType.choices, default=ClientType.WEB)
    # Compared character by character, never by pattern (O01).
    redirect_uris = ArrayField(models.CharField(max_length=2000), default=list, blank=True)
    sign_out_uris = ArrayField(models.CharField(max_length=2000), default=list, blank=True)
    id_token_algorithm = models.CharField(
        max_length=5, choices=SigningAlgorithm.choices, default=SigningAlgorithm.RS256
    )
    access_token_format = models.CharField(
        max_length=6, choices=AccessTokenFormat.choices, default=AccessTokenFormat.OPAQUE
    )

    def __str__(self) -> str:
        return str(self.id)


class ClientSecret(models.Model):
    """One of at most two secrets: random, so a plain SHA-256 keeps it (architecture 10, O10)."""

    MOST = 2

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(OAuthClient, models.CASCADE, related_name="secrets")
    digest = models.CharField(max_length=64, unique=True)
    # Its first characters, by which people tell two apart.
    hint = models.CharField(max_length=4)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.hint}…"


class SigningKey(models.Model):
    """A key of this tenant's, sealed at rest. Published before and after it signs (S04)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    algorithm = models.CharField(max_length=5, choices=SigningAlgorithm.choices)
    public_jwk = models.JSONField()
    sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    # Empty for the next key, which is published so that every app knows it when its time comes.
    active_from = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["algorithm"],
                condition=Q(active_from__isnull=False, retired_at__isnull=True),
                name="signing_key_one_active",
            ),
            models.UniqueConstraint(
                fields=["algorithm"],
                condition=Q(active_from__isnull=True),
                name="signing_key_one_next",
            ),
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True) | Q(active_from__isnull=False),
                name="signing_key_retires_after_use",
            ),
        )

    def __str__(self) -> str:
        return str(self.id)


class Authorization(models.Model):
    """Somebody signed in at an app: the code they got, and the family of tokens that came of it.

    Ending it ends them all (RFC 9700, 4.14).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(OAuthClient, models.CASCADE, related_name="authorizations")
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="authorizations")
    account_id = models.UUIDField()
    code_digest = models.CharField(max_length=64, unique=True)
    redirect_uri = models.CharField(max_length=2000)
    scope = models.CharField(max_length=200)
    nonce = models.CharField(max_length=500, blank=True)
    code_challenge = models.CharField(max_length=128)
    # How and when the person proved who they are.
    authenticated_at = models.DateTimeField()
    amr = ArrayField(models.CharField(max_length=16), default=list)
    acr = models.CharField(max_length=100, blank=True)
    idp = models.CharField(max_length=300, blank=True)
    # Which browser: its row in the list of sessions, gone when somebody signs out there.
    session_row = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    redeemed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["entry", "client", "-created_at"], name="authorization_newest"),
            models.Index(fields=["created_at"], name="authorization_oldest"),
        )

    def __str__(self) -> str:
        return f"{self.entry_id} at {self.client_id}"


class TokenKind(models.TextChoices):
    ACCESS = "access"
    REFRESH = "refresh"


class Token(models.Model):
    """A token that was given out, by its hash. Without authorization it is the client's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=TokenKind.choices)
    client = models.ForeignKey(OAuthClient, models.CASCADE, related_name="tokens")
    authorization = models.ForeignKey(
        Authorization, models.CASCADE, null=True, blank=True, related_name="tokens"
    )
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    # A refresh token is good once: seen again, it was stolen (O06).
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=["expires_at"], name="token_oldest"),)

    def __str__(self) -> str:
        return f"{self.kind} of {self.client_id}"


class AppVisit(models.Model):
    """Who signed in at which app, and when last."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    app = models.ForeignKey(SharedApp, models.CASCADE, related_name="visits")
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="visits")
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["app", "entry"], name="visit_once"),)
        indexes = (models.Index(fields=["app", "-last_at"], name="visit_newest"),)

    def __str__(self) -> str:
        return f"{self.entry_id} at {self.app_id}"
