"""Leaving an organization, and closing the personal account in all of them."""

from django.db import transaction
from django.db.models.functions import Now

from consent.models import AppVisit, Authorization, ConsentRecord
from invitations import audit, notices
from invitations.errors import LastAdministratorError
from invitations.models import (
    AuditAction,
    DirectoryEntry,
    NoticeKind,
    RoleAssignment,
)
from invitations.services.administrators import keep_an_administrator
from invitations.services.directory import end_invitations, unbind
from invitations.services.erasure import erase_entry, forget_wrong_mailbox
from invitations.services.offers import forget_access
from invitations.states import DeletionReason, EndReason
from tenants import schema
from tenants.accounts import end_sessions, proved_addresses
from tenants.models import Account, Tenant
from tenants.repeating import repeated


class LastAdministratorOfError(LastAdministratorError):
    """The account is the only administrator of these tenants."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def _withdraw(entry: DirectoryEntry) -> None:
    ConsentRecord.objects.filter(entry=entry, withdrawn_at__isnull=True).update(withdrawn_at=Now())


@repeated
@transaction.atomic
def leave(*, entry: DirectoryEntry, account: Account) -> None:
    """End this account's access at once, and take its consent back (product 3.8, D06).

    The entry is hidden, and purged after 30 days; until then an administrator may invite the
    person back into it. Blocked people may leave too. Raises `LastAdministratorError` (P06) and
    `DirectoryEntry.DoesNotExist` when the account is not, or no more, in the directory.
    """
    locked = DirectoryEntry.objects.present().locked().get(pk=entry.pk, account=account)
    keep_an_administrator(locked)
    notices.tell_administrators(NoticeKind.LEFT, locked)
    end_invitations(locked, EndReason.REMOVED)
    _withdraw(locked)
    RoleAssignment.objects.filter(entry=locked).delete()
    forget_access(locked)
    unbind(locked)
    locked.deleted_at, locked.deletion_reason, locked.enabled = Now(), DeletionReason.LEFT, True
    locked.save()
    audit.record(AuditAction.ENTRY_LEFT, actor=locked, entry=locked)


def forget_sign_ins(entry: DirectoryEntry) -> None:
    """At which apps somebody signed in, and what they were given there."""
    Authorization.objects.filter(entry=entry).delete()
    AppVisit.objects.filter(entry=entry).delete()


def _entries_of(account: Account, addresses: list[str]) -> list[DirectoryEntry]:
    """What this tenant holds about the person, deleted rows too."""
    locked = DirectoryEntry.objects.locked().order_by("pk")
    return list(locked.about(account, addresses))


def _erase_here(account: Account, addresses: list[str]) -> None:
    entries = _entries_of(account, addresses)
    forget_wrong_mailbox(addresses)
    for entry in entries:
        keep_an_administrator(entry)
        end_invitations(entry, EndReason.REMOVED)
        _withdraw(entry)
        forget_sign_ins(entry)
        erase_entry(entry)


@repeated
@transaction.atomic
def delete_account(account: Account) -> None:
    """Close the account and remove the person from every tenant, all or nothing (D03).

    Each tenant is asked for its rows about the person: bound entries and invitations to an
    address the account proved. “Never mail me” stays as a hash.
    Raises `LastAdministratorOfError` naming the tenants that would be left without one.
    """
    addresses = proved_addresses(account)
    alone: list[str] = []
    for tenant in Tenant.objects.order_by("slug"):
        with schema.in_tenant(tenant):
            try:
                _erase_here(account, addresses)
            except LastAdministratorError:
                alone.append(tenant.name)
    if alone:
        raise LastAdministratorOfError(alone)
    end_sessions(account)
    account.delete()
