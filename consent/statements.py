"""The tenant's privacy statement: versions that are published and superseded, never edited."""

import hashlib

from django.db import transaction

from consent.models import PrivacyStatement
from invitations import audit
from invitations.errors import FieldError, RedirectUrlError
from invitations.models import AuditAction, DirectoryEntry, TenantPolicy
from invitations.redirects import origin_of

LONGEST_TEXT = 50_000
LONGEST_URL = 255


def current_statement() -> PrivacyStatement | None:
    """The newest version, None while the tenant has published none."""
    return PrivacyStatement.objects.order_by("-version").first()


def content_hash(*, url: str, text: str) -> str:
    """SHA-256 in hex over both, with a byte between that stands in neither."""
    return hashlib.sha256(f"{url}\0{text}".encode()).hexdigest()


def _clean(url: str, text: str) -> tuple[str, str]:
    text = text.replace("\r\n", "\n").strip()
    if not url and not text:
        raise FieldError("url", "empty")
    if "\0" in text or len(text) > LONGEST_TEXT:
        raise FieldError("text", "long")
    if url:
        try:
            origin_of(url)
        except RedirectUrlError as error:
            raise FieldError("url", "redirect") from error
    if len(url) > LONGEST_URL:
        raise FieldError("url", "long")
    return url, text


@transaction.atomic
def publish_statement(*, url: str, text: str, by: DirectoryEntry | None) -> PrivacyStatement:
    """Make a new version; who agreed to an older one keeps what they agreed to.

    `url` is https and at most 255 characters, `text` plain text of at most 50,000; one of them
    must be there. Publishing what is current already gives that version back. Raises `FieldError`.
    """
    url, text = _clean(url, text)
    digest = content_hash(url=url, text=text)
    # Two who publish at once take turns at the one row that is always there.
    TenantPolicy.objects.select_for_update().get()
    newest = current_statement()
    if newest and newest.content_hash == digest:
        return newest
    statement = PrivacyStatement.objects.create(
        version=newest.version + 1 if newest else 1,
        url=url,
        text=text,
        content_hash=digest,
        published_by=by,
    )
    audit.record(AuditAction.STATEMENT_PUBLISHED, actor=by, version=statement.version, hash=digest)
    return statement
