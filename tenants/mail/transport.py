"""The one door to SMTP: one connection for a chunk of mails, and what the server said of each."""

import re
import smtplib
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

from django.core.mail import EmailMessage, get_connection

PERMANENT = 500
ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")


class Outcome(Enum):
    """What became of one mail."""

    ACCEPTED = "accepted"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True)
class Answer:
    """The server's answer: its code, if it got that far, and its words without any address."""

    outcome: Outcome
    code: int | None = None
    text: str = ""

    @classmethod
    def of(cls, code: int, text: bytes | str) -> Self:
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        plain = " ".join(ADDRESS.sub("…", words).split())[:200]
        outcome = Outcome.REFUSED if code >= PERMANENT else Outcome.LATER
        return cls(outcome, code, plain)


def _answer_to(error: Exception) -> Answer:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        # Exactly one recipient is ever named, so there is exactly one answer.
        code, text = next(iter(error.recipients.values()))
        return Answer.of(code, text)
    # A refused sign-in or sender is the operator's fault, not this mail's: it waits.
    if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPSenderRefused):
        return Answer(Outcome.LATER, error.smtp_code, Answer.of(0, error.smtp_error).text)
    if isinstance(error, smtplib.SMTPResponseException):
        return Answer.of(error.smtp_code, error.smtp_error)
    return Answer(Outcome.LATER, None, type(error).__name__)


class MailServerAwayError(Exception):
    """No connection, or none that we may use: no mail is at fault, all of them wait."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class MailConnection:
    """One connection to the mail server, opened at the first mail and again after it broke."""

    def __init__(self) -> None:
        self._backend = get_connection(fail_silently=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        try:
            self._backend.close()
        except (OSError, smtplib.SMTPException):
            # The server hung up first; what it said of the mails is known already.
            self._backend.connection = None  # type: ignore[attr-defined]

    def _reset(self) -> None:
        """After a refusal the same connection goes on with a clean transaction."""
        session = getattr(self._backend, "connection", None)
        if isinstance(session, smtplib.SMTP):
            session.rset()

    def deliver(self, message: EmailMessage) -> Answer:
        """Hand one mail over and return what the server said of it.

        Raises `MailServerAwayError` when there is no server to hand it to.
        """
        try:
            self._backend.open()
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            raise MailServerAwayError(_answer_to(error)) from error
        try:
            sent = self._backend.send_messages([message])
        except (OSError, smtplib.SMTPException) as error:
            self._after(error)
            return _answer_to(error)
        return Answer(Outcome.ACCEPTED if sent else Outcome.LATER)

    def _after(self, error: Exception) -> None:
        """Go on with the same connection after a refusal, with a new one after anything else."""
        try:
            if isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError):
                self._reset()
            else:
                self._close()
        except (OSError, smtplib.SMTPException):
            self._close()
