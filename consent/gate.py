"""What stands between somebody in the directory and the app: a newer statement, terms of use."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from consent.errors import StatementChangedError
from consent.models import TermsOfUse, TermsRecord
from consent.standing import asks_again, owes_terms
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


def outstanding(entry: DirectoryEntry) -> Outstanding:
    """What this accepted entry has to answer before an app opens."""
    asked: Any = DirectoryEntry.objects.annotate(again=asks_again(), owes=owes_terms())
    again, owes = asked.values_list("again", "owes").get(pk=entry.pk)
    return Outstanding(again, current_terms() if owes else None)


@transaction.atomic
def accept_terms(
    *, entry: DirectoryEntry, account: Account, shown_version: int, language: str
) -> TermsRecord:
    """Record that the terms on the page were opened and accepted.

    Raises `StatementChangedError` when they are not the current ones any more, and
    `DirectoryEntry.DoesNotExist` when the person is not in the directory any more.
    """
    locked = DirectoryEntry.objects.present().locked().get(pk=entry.pk, account=account)
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
