import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower, Now

from invitations.permissions import Role
from invitations.states import CreationType, DeletionReason, ExternalUserState, NoAddress
from tenants.models import Account, UserType


class DirectoryQuerySet(models.QuerySet["DirectoryEntry"]):
    def present(self) -> "DirectoryQuerySet":
        """Not deleted."""
        return self.filter(deleted_at__isnull=True)

    def deleted(self) -> "DirectoryQuerySet":
        """Soft-deleted: to be restored within 30 days, then purged. Erased ones never come back."""
        return self.filter(deleted_at__isnull=False).exclude(deletion_reason=DeletionReason.ERASED)

    def inside(self) -> "DirectoryQuerySet":
        """Who may enter: accepted, not blocked, not deleted."""
        return self.present().filter(enabled=True, external_user_state=ExternalUserState.ACCEPTED)

    def locked(self, *of: str) -> "DirectoryQuerySet":
        """Held until the transaction ends. Others may go on naming them, as inviter or sponsor:
        that is looked at when their transaction ends, which holds the audit's head by then, so
        whoever has this lock and waits for the head would wait in a circle."""
        return self.select_for_update(no_key=True, of=of)

    def guests(self) -> "DirectoryQuerySet":
        return self.filter(user_type=UserType.GUEST)

    def about(self, account: Account, addresses: Collection[str]) -> "DirectoryQuerySet":
        """All that is held about the person with this account, who proved these canonical
        addresses: what is theirs, and what is nobody's yet and meant for one of them."""
        known = Q(address__in=addresses) | Q(aliases__address__in=addresses)
        # The newest invitation: the one before may have gone to a wrong mailbox, theirs.
        known |= Q(address="", invitation__address__in=addresses)
        theirs = self.model.objects.filter(Q(account=account) | Q(known, account__isnull=True))
        return self.filter(pk__in=theirs.values("pk"))

    def matching(self, text: str) -> "DirectoryQuerySet":
        """Whose name or address contains the text, whatever its case."""
        return self.filter(search__contains=text.lower())


class DirectoryEntry(models.Model):
    """One person in this tenant's directory, guest or member, from the invitation on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_type = models.CharField(max_length=8, choices=UserType.choices, default=UserType.GUEST)
    display_name = models.CharField(max_length=100, blank=True)
    # Canonical (`tenants.addresses`). Empty where it would clash with another object (3.4 b).
    address = models.CharField(max_length=254, blank=True)
    no_address = models.CharField(max_length=8, choices=NoAddress.choices, blank=True)
    # No constraint towards public: a thousand tenants would hang thousands of triggers on it.
    account = models.ForeignKey(
        Account,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="+",
    )
    external_user_state = models.CharField(
        max_length=20,
        choices=ExternalUserState.choices,
        default=ExternalUserState.PENDING_ACCEPTANCE,
    )
    state_changed_at = models.DateTimeField(db_default=Now())
    creation_type = models.CharField(
        max_length=12, choices=CreationType.choices, default=CreationType.INVITATION
    )
    enabled = models.BooleanField(default=True)
    language = models.CharField(max_length=10, blank=True)
    # The newest invitation, so that a list needs one join instead of a look-up a row.
    invitation = models.OneToOneField(
        "invitations.Invitation",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    invited_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    # Whatever an app was given before is void (Graph's `signInSessionsValidFromDateTime`): moved
    # on by blocking, deleting, leaving, resetting and taking an app away (O07).
    sign_in_valid_from = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)
    deletion_reason = models.CharField(max_length=16, choices=DeletionReason.choices, blank=True)
    sponsors = models.ManyToManyField(
        "self", through="Sponsorship", symmetrical=False, related_name="sponsored"
    )
    search = models.GeneratedField(
        expression=Lower(Concat("display_name", Value(" "), "address")),
        output_field=models.TextField(),
        db_persist=True,
    )

    # Answered along with the look-up by `access` and `guestlist`.
    roles: Sequence[str] = ()
    state = ""
    landing_name: str | None = None
    mail: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] | None = None

    objects: ClassVar[DirectoryQuerySet] = DirectoryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["address"],
                condition=Q(deleted_at__isnull=True) & ~Q(address=""),
                name="entry_one_an_address",
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(deleted_at__isnull=True, account__isnull=False),
                name="entry_one_an_account",
            ),
            models.CheckConstraint(
                condition=Q(external_user_state=ExternalUserState.PENDING_ACCEPTANCE)
                | Q(account__isnull=False),
                name="entry_accepted_has_account",
            ),
        )
        indexes = (
            models.Index(fields=["-invited_at", "-id"], name="entry_newest_first"),
            # The few among many accepted ones: lists and counts by state begin here.
            models.Index(
                fields=["-invited_at", "-id"],
                condition=Q(
                    deleted_at__isnull=True,
                    external_user_state=ExternalUserState.PENDING_ACCEPTANCE,
                ),
                name="entry_waits",
            ),
            models.Index(
                fields=["-invited_at", "-id"],
                condition=Q(deleted_at__isnull=True, enabled=False),
                name="entry_blocked",
            ),
            models.Index(
                fields=["-invited_at", "-id"],
                condition=Q(deleted_at__isnull=False),
                name="entry_deleted",
            ),
            GinIndex(OpClass("search", name="gin_trgm_ops"), name="entry_search"),
        )

    def __str__(self) -> str:
        return self.display_name or self.address

    @property
    def is_accepted(self) -> bool:
        return self.external_user_state == ExternalUserState.ACCEPTED


class EntryAlias(models.Model):
    """Another address that somebody of the directory proved to be theirs (product 3.4 c)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="aliases")
    address = models.CharField(max_length=254, unique=True)
    since = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.address


class Contact(models.Model):
    """An address of the directory that is no person's sign-in, such as a shared mailbox."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.CharField(max_length=254, unique=True)
    display_name = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return self.display_name or self.address


class Sponsorship(models.Model):
    """Who answers for a guest; at most five."""

    MOST = 5

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="sponsorships")
    sponsor = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="sponsoring")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["entry", "sponsor"], name="sponsor_once_an_entry"),
            models.CheckConstraint(
                condition=~Q(entry=models.F("sponsor")), name="sponsor_is_somebody_else"
            ),
        )

    def __str__(self) -> str:
        return f"{self.sponsor_id} for {self.entry_id}"


class RoleAssignment(models.Model):
    """A role somebody has in this tenant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(DirectoryEntry, models.CASCADE, related_name="role_assignments")
    role = models.CharField(max_length=24, choices=Role.choices)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["entry", "role"], name="role_once_an_entry"),
        )

    def __str__(self) -> str:
        return f"{self.role} for {self.entry_id}"
