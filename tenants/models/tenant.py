import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django_tenants.models import TenantMixin

from tenants.models.account import Account


class TenantStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")


class UserType(models.TextChoices):
    """Graph's `userType`: how a person relates to the tenant, not what they may do."""

    GUEST = "Guest", _("Guest")
    MEMBER = "Member", _("Member")


class Tenant(TenantMixin):
    """An organization with a directory. Its slug is also the name of its schema."""

    # Making and dropping a schema are acts of their own, never a side effect of a save.
    auto_create_schema = False
    auto_drop_schema = False

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=64)
    status = models.CharField(
        max_length=12, choices=TenantStatus.choices, default=TenantStatus.ACTIVE
    )
    language = models.CharField(max_length=10, default="en")
    # Takes part in every seal; raised after a restore, so that older tickets are dead (D05).
    ticket_epoch = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(slug=models.F("schema_name")), name="tenant_slug_names_schema"
            ),
            models.CheckConstraint(
                condition=~models.Q(schema_name="public"), name="tenant_is_never_public"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @cached_property
    def primary_domain(self) -> "Domain | None":
        # `primary_domains` is there when the registry read the tenant.
        found = getattr(self, "primary_domains", None)
        return next(iter(self.domains.filter(is_primary=True) if found is None else found), None)

    @property
    def domain(self) -> str:
        return self.primary_domain.domain if self.primary_domain else ""

    @property
    def domain_verified(self) -> bool:
        return bool(self.primary_domain and self.primary_domain.verified_at)

    @property
    def ticket_realm(self) -> str:
        """What takes part in the seal of every ticket: this tenant, since its last restore."""
        restored = f"#{self.ticket_epoch}" if self.ticket_epoch > 1 else ""
        return f"{self.schema_name}{restored}"

    @property
    def initial(self) -> str:
        return self.name[:1].upper()


class Domain(models.Model):
    """A mail domain an organization claims; it counts once an operator verified it."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253)
    is_primary = models.BooleanField(default=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "domain"], name="domain_once_a_tenant"),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(is_primary=True),
                name="domain_one_primary_a_tenant",
            ),
            # Claims may clash, proofs may not.
            models.UniqueConstraint(
                fields=["domain"],
                condition=models.Q(verified_at__isnull=False),
                name="domain_verified_once",
            ),
        )

    def __str__(self) -> str:
        return self.domain


class Membership(models.Model):
    """Where an account belongs: the public index over the directories of all tenants."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="memberships")
    entry_id = models.UUIDField()
    user_type = models.CharField(max_length=8, choices=UserType.choices)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "tenant"], name="membership_once_a_tenant"),
        )

    def __str__(self) -> str:
        return f"{self.account_id} in {self.tenant_id}"
