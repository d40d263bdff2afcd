import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import models
from django.db.models import BooleanField, Case, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from invitations.models.addresses import https_or_loopback
from invitations.models.app import SharedApp
from invitations.models.directory import DirectoryEntry
from invitations.models.policy import LandingPage
from invitations.redirects import host_of
from invitations.states import OPEN, EndReason, InvitationStatus, check_transition


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> "InvitationQuerySet":
        """Not ended; whether their time is over is another question."""
        return self.filter(status__in=OPEN)

    def with_landing(self) -> "InvitationQuerySet":
        """With `landing_name`: what the tenant calls the page or app the guest is sent to."""
        page = LandingPage.objects.filter(url=OuterRef("redirect_url")).values("name")[:1]
        # A service has no home page: it is not where a guest without a landing page arrives.
        apps = SharedApp.objects.exclude(home_url="")
        app = apps.filter(home_url=OuterRef("redirect_url")).values("name")[:1]
        answers: dict[str, Any] = {"landing_name": Coalesce(Subquery(page), Subquery(app))}
        return self.annotate(**answers)

    def with_clock(self) -> "InvitationQuerySet":
        """With `is_live`: open, and not expired by the database's clock (T06, F11)."""
        live = Q(status__in=OPEN, expires_at__gt=Now())
        answer = Case(
            When(live, then=Value(True)), default=Value(False), output_field=BooleanField()
        )
        answers: dict[str, Any] = {"is_live": answer}
        return self.annotate(**answers)


class Invitation(models.Model):
    """An offer to one person: open until it is completed, declined, revoked or its time is over."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="invitations")
    status = models.CharField(
        max_length=20,
        choices=InvitationStatus.choices,
        default=InvitationStatus.PENDING_ACCEPTANCE,
    )
    serial = models.PositiveSmallIntegerField(default=1)
    # Who pressed the button; empty when the operator did, on the command line.
    invited_by = models.ForeignKey(
        DirectoryEntry, models.SET_NULL, null=True, blank=True, related_name="invitations_sent"
    )
    # The mailbox the ticket goes to; proof is asked for this one. Empty once erased.
    address = models.CharField(max_length=254, blank=True, default="")
    redirect_url = models.CharField(max_length=2000, blank=True)
    redirect_origin = models.CharField(max_length=300, blank=True)
    # What is offered: given along while it is open, taken back when it is revoked, and given again
    # when it is sent again. `given_with` of what is given says what goes with it.
    apps = models.ManyToManyField(SharedApp, related_name="offers")
    groups = models.ManyToManyField("invitations.Group", related_name="offers")
    message = models.CharField(max_length=500, blank=True)
    language = models.CharField(max_length=10)
    send_mail = models.BooleanField(default=True)
    expires_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=12, choices=EndReason.choices, blank=True)

    # Answered by `with_clock` and by `redemption.find` along with the look-up.
    is_live = False
    is_proved = False
    is_alias = False
    is_here_already = False
    may_land = False
    landing_name: str | None = None
    app_names: Sequence[str] = ()
    facts: Mapping[str, Any]

    objects: ClassVar[InvitationQuerySet] = InvitationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(status__in=sorted(OPEN)),
                name="invitation_one_open_an_entry",
            ),
            models.CheckConstraint(
                condition=Q(redirect_url="") | https_or_loopback("redirect_url"),
                name="invitation_redirect_is_https",
            ),
        )
        indexes = (models.Index(fields=["entry", "-created_at"], name="invitation_newest"),)

    def __str__(self) -> str:
        return f"invitation {self.id}"

    @property
    def destination(self) -> str:
        """The landing page as people know it: its name, else its host; empty for My access."""
        return self.landing_name or host_of(self.redirect_url)

    def move_to(self, target: InvitationStatus, *, reason: EndReason | None = None) -> None:
        """Move this invitation on; raises `TransitionError` when it has ended before.

        Revoking raises the serial, so that every ticket given out so far is dead.
        """
        check_transition(InvitationStatus(self.status), target)
        self.status = target
        self.end_reason = reason or ""
        self.ended_at = Now()
        if target == InvitationStatus.REVOKED:
            self.serial += 1
        self.save(update_fields=["status", "end_reason", "ended_at", "serial"])
