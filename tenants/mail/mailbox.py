"""The local mailbox: where mail lands while no mail server is configured (`make run` only)."""

import email
import email.policy
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage as ParsedMessage
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

NAME = re.compile(r"[0-9]{20}-[0-9a-f]{8}")


class MailboxBackend(BaseEmailBackend):
    """Writes each mail into a file of the data folder, as it would go over the wire."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f")
            path = folder / f"{stamp}-{uuid.uuid4().hex[:8]}.eml"
            # Under another name first, so that the page never reads half a mail.
            draft = path.with_suffix(".part")
            draft.write_bytes(message.message().as_bytes())
            draft.chmod(0o600)
            draft.rename(path)
        return len(email_messages)


def is_open() -> bool:
    """Whether this installation has a mailbox instead of a mail server."""
    return bool(settings.FOYER_LOCAL and settings.FOYER_MAILBOX)


def _folder() -> Path:
    return Path(str(settings.FOYER_MAILBOX))


@dataclass(frozen=True)
class Mail:
    """One mail of the mailbox, for its pages."""

    id: str
    raw: bytes
    parsed: ParsedMessage

    @property
    def at(self) -> datetime:
        return datetime.strptime(self.id[:20], "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)

    @property
    def subject(self) -> str:
        return str(self.parsed["Subject"] or "")

    @property
    def sender(self) -> str:
        return str(self.parsed["From"] or "")

    @property
    def recipient(self) -> str:
        return str(self.parsed["To"] or "")

    @property
    def headers(self) -> list[tuple[str, Any]]:
        return list(self.parsed.items())

    def part(self, kind: str) -> str:
        """The decoded `plain` or `html` part, empty when there is none."""
        body = self.parsed.get_body(preferencelist=(kind,))
        return str(body.get_content()) if body else ""


def _read(path: Path) -> Mail:
    raw = path.read_bytes()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    return Mail(path.stem, raw, parsed)


def newest_mails(limit: int = 100) -> list[Mail]:
    """The newest mails, newest first."""
    if not _folder().is_dir():
        return []
    return [_read(path) for path in sorted(_folder().glob("*.eml"), reverse=True)[:limit]]


def find_mail(name: str) -> Mail | None:
    """One mail by its id, None when there is no such."""
    path = _folder() / f"{name}.eml"
    return _read(path) if NAME.fullmatch(name) and path.is_file() else None
