"""What stands between somebody in the directory and the app: a newer statement, terms of use."""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from consent.errors import StatementChangedError
from consent.models import ConsentRecord, PrivacyStatement, TermsOfUse, TermsRecord
from consent.statements import current_terms
from invitations import audit
from invitations.models import AuditAction, DirectoryEntry
from tenants.models import Account


@dataclass(frozen=True)
class Outstanding:
    """What is still to be answered, in this order."""

    statement: bool
    terms: TermsOfUse | None

    def __bool__(self) -> bool:
        return self.statement or self.terms is not None


def _asks_again(entry: DirectoryEntry) -> bool:
    """Whether a version that asks everybody came after the newest this person agreed to."""
    agreed = (
        ConsentRecord.objects.filter(entry=entry, withdrawn_at__isnull=True)
        .order_by("-agreed_at")
        .values_list("statement__version", flat=True)
        .first()
    )
    return PrivacyStatement.objects.filter(agree_again=True, version__gt=agreed or 0).exists()


def _accepted(entry: DirectoryEntry, terms: TermsOfUse) -> bool:
    """Whether this version was accepted by this account, and has not run out (CON-08)."""
    records = TermsRecord.objects.filter(
        entry=entry, terms=terms, account_id=cast("UUID", entry.account_id)
    )
    fresh = Q(terms__accept_again_after__isnull=True) | Q(
        accepted_at__gt=Now() - F("terms__accept_again_after")
    )
    return records.filter(fresh).exists()


def outstanding(entry: DirectoryEntry) -> Outstanding:
    """What this accepted entry has to answer before an app opens."""
    terms = current_terms()
    needs_terms = terms is not None and not _accepted(entry, terms)
    return Outstanding(_asks_again(entry), terms if needs_terms else None)


@transaction.atomic
def accept_terms(
    *, entry: DirectoryEntry, account: Account, shown_version: int, language: str
) -> TermsRecord:
    """Record that the terms on the page were opened and accepted.

    Raises `StatementChangedError` when they are not the current ones any more, and
    `DirectoryEntry.DoesNotExist` when the person is not in the directory any more.
    """
    locked = DirectoryEntry.objects.present().select_for_update().get(pk=entry.pk, account=account)
    terms = current_terms()
    if terms is None or terms.version != shown_version or language not in terms.languages:
        raise StatementChangedError
    record = TermsRecord.objects.create(
        entry=locked, terms=terms, language=language, account_id=account.pk
    )
    audit.record(AuditAction.TERMS_ACCEPTED, actor=locked, entry=locked, version=terms.version)
    return record


@transaction.atomic
def decline_terms(*, entry: DirectoryEntry, shown_version: int) -> None:
    """No: the person stays in the directory and is asked again at the next app."""
    audit.record(AuditAction.TERMS_DECLINED, actor=entry, entry=entry, version=shown_version)
