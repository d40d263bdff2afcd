"""Taking a person out of a tenant's tables; ids stay, so that the audit log still verifies."""

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce, Now

from invitations import audit
from invitations.models import (
    AuditAction,
    DirectoryEntry,
    EntryAlias,
    Invitation,
    Notice,
    RoleAssignment,
    Sponsorship,
)
from invitations.services.offers import forget_access
from invitations.states import DeletionReason, ExternalUserState
from tenants.models import Membership, OutgoingMail


def forget_wrong_mailbox(addresses: Collection[str]) -> None:
    """Somebody else's invitation went to one of these canonical addresses before it was corrected:
    whose they were is not kept."""
    sent = Invitation.objects.filter(address__in=addresses).exclude(entry__address__in=addresses)
    # The newest is no wrong one: a reset would go there.
    newest = DirectoryEntry.objects.filter(invitation=OuterRef("pk"))
    sent.exclude(Exists(newest)).update(address="")


def erase_entry(entry: DirectoryEntry, *, action: AuditAction = AuditAction.ENTRY_ERASED) -> None:
    """Remove name, addresses and messages of a locked entry, in the caller's transaction (D03).

    The row stays under its id, deleted for good, as the pseudonym that consents and the audit
    log point to. `action` says in the audit log why.
    """
    invitations = Invitation.objects.filter(entry=entry)
    abouts = [entry.pk, *invitations.values_list("pk", flat=True)]
    OutgoingMail.objects.filter(about__in=abouts).update(answer="")
    Notice.objects.filter(Q(about=entry) | Q(recipient=entry)).delete()
    invitations.update(address="", message="")
    EntryAlias.objects.filter(entry=entry).delete()
    Sponsorship.objects.filter(Q(entry=entry) | Q(sponsor=entry)).delete()
    RoleAssignment.objects.filter(entry=entry).delete()
    forget_access(entry)
    Membership.objects.filter(entry_id=entry.pk).delete()
    DirectoryEntry.objects.filter(pk=entry.pk).update(
        display_name="",
        address="",
        account=None,
        external_user_state=ExternalUserState.PENDING_ACCEPTANCE,
        enabled=False,
        deleted_at=Coalesce("deleted_at", Now()),
        deletion_reason=DeletionReason.ERASED,
    )
    # Who closed their account did it themselves; what is purged, time did.
    by = entry if action == AuditAction.ENTRY_ERASED else None
    audit.record(action, actor=by, entry=entry)
