import uuid
from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from invitations.domains import DomainRule
from invitations.permissions import WhoMayInvite

SHORTEST_VALIDITY = timedelta(hours=1)
LONGEST_VALIDITY = timedelta(days=30)
SHORTEST_KEEPING = timedelta(days=7)
LONGEST_KEEPING = timedelta(days=730)


class TenantPolicy(models.Model):
    """What the tenant's administrators decided. One row, made with the tenant."""

    id = models.BooleanField(primary_key=True, default=True)
    validity = models.DurationField(default=timedelta(days=7))
    links_in_messages = models.BooleanField(default=False)
    second_factor_for_administrators = models.BooleanField(default=True)
    remind = models.BooleanField(default=False)
    who_may_invite = models.CharField(
        max_length=16, choices=WhoMayInvite.choices, default=WhoMayInvite.MEMBERS
    )
    # An allow-list or a deny-list, never both (`invitations.domains`).
    domain_rule = models.CharField(max_length=8, choices=DomainRule.choices, default=DomainRule.ANY)
    domains = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    # How long an entry is kept that nobody ever redeemed; None for ever.
    keep_unredeemed = models.DurationField(null=True, blank=True, default=timedelta(days=90))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=True), name="policy_one_row"),
            models.CheckConstraint(
                condition=Q(validity__gte=SHORTEST_VALIDITY, validity__lte=LONGEST_VALIDITY),
                name="policy_validity_in_bounds",
            ),
            models.CheckConstraint(
                condition=Q(keep_unredeemed__isnull=True)
                | Q(keep_unredeemed__gte=SHORTEST_KEEPING, keep_unredeemed__lte=LONGEST_KEEPING),
                name="policy_keeping_in_bounds",
            ),
        )

    def __str__(self) -> str:
        return "policy"


class LandingPage(models.Model):
    """A page guests may be sent to; its origin is registered by its being here (C07)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    url = models.CharField(max_length=2000)
    origin = models.CharField(max_length=300)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["url"], name="landing_page_once"),
            models.CheckConstraint(
                condition=Q(url__startswith="https://", origin__startswith="https://"),
                name="landing_page_is_https",
            ),
        )

    def __str__(self) -> str:
        return self.name
