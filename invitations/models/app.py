import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from invitations.models.addresses import https_or_loopback


class WhoMayEnter(models.TextChoices):
    EVERYBODY = "everybody", _("Everybody in the directory")
    ASSIGNED = "assigned", _("Assigned guests and members")


class SharedApp(models.Model):
    """Something guests are let into. Its sign-in is the `OAuthClient` in `consent`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=200, blank=True)
    # Empty for a service, which nobody opens.
    home_url = models.CharField(max_length=2000, blank=True)
    home_origin = models.CharField(max_length=300, blank=True)
    who_may_enter = models.CharField(
        max_length=12, choices=WhoMayEnter.choices, default=WhoMayEnter.ASSIGNED
    )
    who_may_enter_since = models.DateTimeField(db_default=Now())
    # The hash of its logo's bytes, by which its address changes with it; empty shows initials.
    logo_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("name"), name="app_name_once"),
            models.CheckConstraint(
                condition=Q(home_url="") | https_or_loopback("home_url"), name="app_home_is_https"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def initial(self) -> str:
        return self.name[:1].upper()


class AppLogo(models.Model):
    """A logo as we made it of what was uploaded: PNG, at most 192 × 192."""

    app = models.OneToOneField(SharedApp, models.CASCADE, primary_key=True, related_name="logo")
    png = models.BinaryField()

    def __str__(self) -> str:
        return f"logo of {self.app_id}"
