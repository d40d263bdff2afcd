"""An SMTP server for the tests: takes mail on loopback, and answers as it was told."""

import email
import email.policy
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller


@dataclass
class Received:
    """One mail as it came over the wire."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, kind: str) -> str:
        body = self.message.get_body(preferencelist=(kind,))
        assert body is not None
        return str(body.get_content())


@dataclass
class SmtpSink:
    """`answers` is a queue of answers to DATA or RCPT; empty means 250."""

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[Received] = field(default_factory=list)
    rcpt_answers: deque[str] = field(default_factory=deque)
    data_answers: deque[str] = field(default_factory=deque)
    connections: int = 0
    data_delay: float = 0.0

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind((self.host, 0))
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname=self.host, port=self.port, ready_timeout=5)
        self._controller.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._controller.stop()

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.rcpt_answers and (answer := self.rcpt_answers.popleft()) != "250":
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data_delay:
            time.sleep(self.data_delay)
        if self.data_answers and (answer := self.data_answers.popleft()) != "250":
            return answer
        self.mails.append(Received(envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"
