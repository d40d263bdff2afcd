"""Log lines without secrets (T04) and without line breaks of strangers (I08)."""

import logging
import re

from typing_extensions import override

TICKET = re.compile(r"(/(?:redeem|unwanted|setup|sign-in)/)(?!at/)[^\s/?\"']+")


def without_tickets(text: str) -> str:
    """`/o/contoso/redeem/…` for `/o/contoso/redeem/<ticket>`."""
    return TICKET.sub(lambda match: f"{match[1]}…", text)


class SecretsFilter(logging.Filter):
    """Takes tickets out of paths before anything is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = without_tickets(record.getMessage())
        record.args = ()
        return True


class OneLineFormatter(logging.Formatter):
    """Time, level, logger, message; what looks like a line break in a message is escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)

    @override
    def formatException(self, ei: object) -> str:
        return without_tickets(super().formatException(ei))  # type: ignore[arg-type]
