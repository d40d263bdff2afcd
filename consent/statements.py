"""The tenant's privacy statement and terms of use: versions, published and superseded."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Subquery

from consent.models import (
    PrivacyStatement,
    PrivacyStatementText,
    TermsOfUse,
    TermsOfUseText,
)
from consent.published import Texts, clean_texts, content_hash
from invitations import audit
from invitations.errors import FieldError
from invitations.models import AuditAction, DirectoryEntry, TenantPolicy

SHORTEST_AGAIN = timedelta(days=1)
LONGEST_AGAIN = timedelta(days=3650)


def current_statement() -> PrivacyStatement | None:
    """The newest version with its texts, None while the tenant has published none."""
    newest: PrivacyStatement | None = PrivacyStatement.objects.newest_first().first()
    return newest


def current_terms() -> TermsOfUse | None:
    """The newest version with its texts, None while none are required."""
    newest: TermsOfUse | None = TermsOfUse.objects.newest_first().first()
    return newest if newest and newest.required else None


@dataclass(frozen=True)
class Asked:
    """What somebody who accepts now answers to: `version` 0 is no statement."""

    statement_id: UUID | None
    version: int
    terms_required: bool


def asked_now() -> Asked:
    """Both documents in one statement, from the one row that is always there."""
    statements = PrivacyStatement.objects.order_by("-version")
    terms = TermsOfUse.objects.order_by("-version")
    statement_id, version, required = TenantPolicy.objects.values_list(
        Subquery(statements.values("pk")[:1]),
        Subquery(statements.values("version")[:1]),
        Subquery(terms.values("required")[:1]),
    ).get()
    return Asked(statement_id, version or 0, bool(required))


@transaction.atomic
def publish_statement(
    *, texts: Texts, by: DirectoryEntry | None, agree_again: bool = False
) -> PrivacyStatement:
    """Make a new version; who agreed to an older one keeps what they agreed to.

    `texts` says it by language (`published.Said`). With `agree_again` everybody is asked anew
    before the next app opens. Publishing what is current already gives that version back, unless
    it asks again. Raises `FieldError`.
    """
    said = clean_texts(texts)
    digest = content_hash(said)
    # Two who publish at once take turns at the one row that is always there.
    TenantPolicy.objects.select_for_update().get()
    newest = current_statement()
    if newest and newest.content_hash == digest and not agree_again:
        return newest
    statement = PrivacyStatement.objects.create(
        version=newest.version + 1 if newest else 1,
        content_hash=digest,
        published_by=by,
        agree_again=agree_again,
    )
    PrivacyStatementText.objects.bulk_create(
        PrivacyStatementText(publication=statement, language=language, url=one.url, text=one.text)
        for language, one in said.items()
    )
    audit.record(
        AuditAction.STATEMENT_PUBLISHED,
        actor=by,
        version=statement.version,
        hash=digest,
        agree_again=agree_again,
    )
    return statement


@transaction.atomic
def publish_terms(
    *,
    texts: Texts,
    by: DirectoryEntry | None,
    required: bool = True,
    accept_again_after: timedelta | None = None,
) -> TermsOfUse:
    """Make a new version of the terms of use; everybody is asked to accept it.

    `accept_again_after` (1 day to 10 years) lets an acceptance run out. A version that is not
    `required` ends the asking. Publishing what is current already gives that version back: a
    button that is pressed twice asks nobody twice. Raises `FieldError`.
    """
    said = clean_texts(texts)
    digest = content_hash(said)
    if accept_again_after and not SHORTEST_AGAIN <= accept_again_after <= LONGEST_AGAIN:
        raise FieldError("again", "bounds")
    TenantPolicy.objects.select_for_update().get()
    newest: TermsOfUse | None = TermsOfUse.objects.order_by("-version").first()
    asked = (digest, required, accept_again_after)
    if newest and (newest.content_hash, newest.required, newest.accept_again_after) == asked:
        return newest
    terms = TermsOfUse.objects.create(
        version=newest.version + 1 if newest else 1,
        content_hash=digest,
        published_by=by,
        required=required,
        accept_again_after=accept_again_after,
    )
    TermsOfUseText.objects.bulk_create(
        TermsOfUseText(publication=terms, language=language, url=one.url, text=one.text)
        for language, one in said.items()
    )
    audit.record(
        AuditAction.TERMS_PUBLISHED,
        actor=by,
        version=terms.version,
        hash=terms.content_hash,
        required=required,
    )
    return terms
