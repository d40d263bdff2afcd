"""What administrators decide about somebody in the directory, after the invitation."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from invitations import audit
from invitations.errors import (
    FieldError,
    NotOneselfError,
    RestoreClashError,
    RestoreTooLateError,
    SponsorsError,
    TransitionError,
)
from invitations.models import (
    AuditAction,
    Contact,
    DirectoryEntry,
    Invitation,
    RoleAssignment,
    Sponsorship,
)
from invitations.permissions import Role
from invitations.services import fields
from invitations.services.administrators import keep_an_administrator
from invitations.services.invite import conflict_of
from invitations.services.offers import take_back
from invitations.states import (
    DeletionReason,
    EndReason,
    ExternalUserState,
    InvitationStatus,
)
from tenants import schema
from tenants.mail import outbox
from tenants.models import MailKind, Membership, UserType

KEPT_FOR = timedelta(days=30)


def find_by_address(text: str) -> DirectoryEntry:
    """Who has this address here, as theirs or as another one; `FieldError` for nobody."""
    address = fields.clean_address(text)
    known = Q(address=address) | Q(aliases__address=address)
    entry = DirectoryEntry.objects.present().filter(known).first()
    if entry is None:
        raise FieldError("email", "nobody")
    return entry


def lock_entry(entry: DirectoryEntry) -> DirectoryEntry:
    """The present entry under a lock; `DirectoryEntry.DoesNotExist` when it is gone meanwhile."""
    return DirectoryEntry.objects.present().locked().get(pk=entry.pk)


def check_not_oneself(entry: DirectoryEntry, by: DirectoryEntry | None) -> None:
    """Raise `NotOneselfError` when somebody acts on their own entry; None is the operator."""
    if by is not None and by.pk == entry.pk:
        raise NotOneselfError


def end_invitations(entry: DirectoryEntry, reason: EndReason) -> None:
    """Revoke what is open for a locked entry: its tickets are dead from now on, and what it brought
    along goes with it; whoever sends it again after a restore gives it again."""
    for invitation in Invitation.objects.open().select_for_update(no_key=True).filter(entry=entry):
        invitation.move_to(InvitationStatus.REVOKED, reason=reason)
        take_back(invitation)


def unbind(entry: DirectoryEntry) -> None:
    """Take the account off a locked entry and off the public index; not saved."""
    Membership.objects.filter(entry_id=entry.pk, tenant=schema.current_tenant()).delete()
    entry.account = None
    entry.external_user_state = ExternalUserState.PENDING_ACCEPTANCE
    entry.state_changed_at = entry.sign_in_valid_from = Now()


@transaction.atomic
def block_sign_in(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> None:
    """Nobody enters as this entry from the next request on (P05); also its tickets open nothing.

    Raises `NotOneselfError`, `LastAdministratorError` (P06), `TransitionError` when it is blocked.
    """
    locked = lock_entry(entry)
    check_not_oneself(locked, by)
    keep_an_administrator(locked)
    if not locked.enabled:
        raise TransitionError("blocked already")
    locked.enabled, locked.sign_in_valid_from = False, Now()
    locked.save(update_fields=["enabled", "sign_in_valid_from"])
    audit.record(AuditAction.SIGN_IN_BLOCKED, actor=by, entry=locked)


@transaction.atomic
def unblock_sign_in(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> None:
    """Take the block back; raises `TransitionError` when there is none."""
    locked = lock_entry(entry)
    if locked.enabled:
        raise TransitionError("not blocked")
    locked.enabled = True
    locked.save(update_fields=["enabled"])
    audit.record(AuditAction.SIGN_IN_UNBLOCKED, actor=by, entry=locked)


@transaction.atomic
def delete_entry(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> None:
    """Take somebody out; restorable for 30 days, then erased. A guest who had access is told.

    Raises `NotOneselfError` and `LastAdministratorError` (P06).
    """
    locked = lock_entry(entry)
    check_not_oneself(locked, by)
    keep_an_administrator(locked)
    end_invitations(locked, EndReason.REMOVED)
    Membership.objects.filter(entry_id=locked.pk, tenant=schema.current_tenant()).delete()
    locked.deleted_at, locked.deletion_reason = Now(), DeletionReason.REMOVED
    locked.sign_in_valid_from = Now()
    locked.save(update_fields=["deleted_at", "deletion_reason", "sign_in_valid_from"])
    if locked.is_accepted:
        outbox.promise_mail(
            tenant=schema.current_tenant(), kind=MailKind.ACCESS_ENDED, about=locked.pk
        )
        outbox.wake()
    audit.record(AuditAction.ENTRY_DELETED, actor=by, entry=locked)


def _restorable(entry: DirectoryEntry) -> DirectoryEntry:
    kept = DirectoryEntry.objects.deleted().locked().filter(pk=entry.pk)
    if not kept.exists():
        raise TransitionError("not deleted")
    found = kept.filter(deleted_at__gt=Now() - KEPT_FOR).first()
    if found is None:
        raise RestoreTooLateError
    return found


@transaction.atomic
def restore_entry(*, entry: DirectoryEntry, by: DirectoryEntry | None) -> DirectoryEntry:
    """Bring a deleted entry back within 30 days (D06).

    Who was removed is in again as before. Who left, or never came, is kept without account and
    needs a new invitation: nobody is a guest without having agreed. Raises `TransitionError`,
    `RestoreTooLateError`, and `RestoreClashError` when the address is taken meanwhile, be it by a
    contact or as another address of somebody.
    """
    locked = _restorable(entry)
    if locked.address and conflict_of(locked.address):
        raise RestoreClashError
    locked.deleted_at, locked.deletion_reason = None, ""
    try:
        with transaction.atomic():
            locked.save(update_fields=["deleted_at", "deletion_reason"])
    except IntegrityError as error:
        raise RestoreClashError from error
    if locked.account_id and locked.is_accepted:
        Membership.objects.update_or_create(
            account_id=locked.account_id,
            tenant=schema.current_tenant(),
            defaults={"entry_id": locked.pk, "user_type": locked.user_type},
        )
    audit.record(AuditAction.ENTRY_RESTORED, actor=by, entry=locked, accepted=locked.is_accepted)
    return locked


@transaction.atomic
def convert(*, entry: DirectoryEntry, user_type: UserType, by: DirectoryEntry | None) -> None:
    """Guest becomes Member or the other way round; id, account and roles stay.

    Raises `LastAdministratorError` (P06) for a guest to be, `TransitionError` for no change.
    """
    locked = lock_entry(entry)
    if locked.user_type == user_type:
        raise TransitionError("nothing to convert")
    if user_type == UserType.GUEST:
        keep_an_administrator(locked)
    locked.user_type = user_type
    locked.save(update_fields=["user_type"])
    Membership.objects.filter(entry_id=locked.pk, tenant=schema.current_tenant()).update(
        user_type=user_type
    )
    audit.record(AuditAction.USER_TYPE_CHANGED, actor=by, entry=locked, user_type=user_type.value)


@transaction.atomic
def set_sponsors(
    *, entry: DirectoryEntry, sponsors: Iterable[DirectoryEntry], by: DirectoryEntry | None
) -> None:
    """Who answers for this person: at most five who are in, not the person itself.

    Raises `SponsorsError`.
    """
    locked = lock_entry(entry)
    chosen = {sponsor.pk for sponsor in sponsors}
    fit = DirectoryEntry.objects.inside().filter(pk__in=chosen)
    if len(chosen) > Sponsorship.MOST or locked.pk in chosen or fit.count() != len(chosen):
        raise SponsorsError
    Sponsorship.objects.filter(entry=locked).exclude(sponsor__in=chosen).delete()
    Sponsorship.objects.bulk_create(
        [Sponsorship(entry=locked, sponsor_id=pk) for pk in chosen], ignore_conflicts=True
    )
    audit.record(
        AuditAction.SPONSORS_CHANGED,
        actor=by,
        entry=locked,
        sponsors=sorted(str(pk) for pk in chosen),
    )


@transaction.atomic
def set_roles(*, entry: DirectoryEntry, roles: Iterable[Role], by: DirectoryEntry | None) -> None:
    """Exactly these roles from the next request on (P05); raises `LastAdministratorError` (P06)."""
    locked = lock_entry(entry)
    chosen = set(roles)
    if Role.ADMINISTRATOR not in chosen:
        keep_an_administrator(locked)
    RoleAssignment.objects.filter(entry=locked).exclude(role__in=chosen).delete()
    RoleAssignment.objects.bulk_create(
        [RoleAssignment(entry=locked, role=role) for role in chosen], ignore_conflicts=True
    )
    audit.record(
        AuditAction.ROLES_CHANGED,
        actor=by,
        entry=locked,
        roles=sorted(role.value for role in chosen),
    )


@transaction.atomic
def add_contact(*, address: str, display_name: str, by: DirectoryEntry | None) -> Contact:
    """An address that is no person's sign-in; raises `FieldError`, also when a person has it."""
    canonical = fields.clean_address(address)
    name = fields.clean_display_name(display_name)
    if DirectoryEntry.objects.present().filter(address=canonical).exists():
        raise FieldError("email", "person")
    contact, made = Contact.objects.get_or_create(
        address=canonical, defaults={"display_name": name}
    )
    if not made:
        raise FieldError("email", "exists")
    audit.record(AuditAction.CONTACT_ADDED, actor=by, contact=str(contact.pk))
    return contact


@transaction.atomic
def remove_contact(contact: Contact, *, by: DirectoryEntry | None) -> None:
    """Take it out; entries that were kept without address because of it stay so."""
    if Contact.objects.filter(pk=contact.pk).delete()[0]:
        audit.record(AuditAction.CONTACT_REMOVED, actor=by, contact=str(contact.pk))
