"""Processes that run as one: what dies is started again, and all end together."""

import subprocess  # nosec B404: starting programs is what this module is for
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from config import processes

CHECKOUT = Path(__file__).resolve().parent.parent
RESTARTS, WITHIN_SECONDS = 5, 60.0


class Server(Protocol):
    """What can be started, has a process, and can be stopped."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...
    def stop(self) -> None: ...


class KeepsEndingError(RuntimeError):
    """A part ended so often that starting it again helps nobody."""


class Program:
    """One of our own programs; its lines are printed with its name before them."""

    def __init__(self, name: str, command: list[str], env: dict[str, str]) -> None:
        self.name = name
        self._command = command
        self._env = env
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = processes.start(
            self._command, env=self._env, output=subprocess.PIPE, cwd=str(CHECKOUT)
        )
        threading.Thread(target=self._print, args=(self.process,), daemon=True).start()

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process)

    def _print(self, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout or ():
            say(f"{self.name:<7}| {line.decode(errors='replace').rstrip()}")


def say(text: str) -> None:
    """One whole line to who watches; when nobody does any more, Foyer runs on."""
    with suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Tree:
    """Everything that runs, in the order it was started."""

    def __init__(self) -> None:
        self._parts: dict[str, Server] = {}
        self._deaths: dict[str, deque[float]] = {}

    def add(self, name: str, part: Server) -> None:
        """Start a part and keep it running."""
        self._parts[name] = part
        self._deaths[name] = deque(maxlen=RESTARTS)
        part.start()

    def heal(self) -> None:
        """Start again what ended; `KeepsEndingError` when that does not help."""
        for name, part in self._parts.items():
            if part.process and part.process.poll() is not None:
                self._revive(name, part, part.process)

    def _revive(self, name: str, part: Server, ended: subprocess.Popen[bytes]) -> None:
        deaths = self._deaths[name]
        now = time.monotonic()
        if len(deaths) == RESTARTS and now - deaths[0] < WITHIN_SECONDS:
            raise KeepsEndingError(f"{name} keeps ending: giving up. What it wrote is above.")
        deaths.append(now)
        say(f"foyer  | {name} ended ({ended.returncode}): starting it again")
        # A program that was killed may have left children; they go with it.
        processes.kill_session(ended)
        part.start()

    def stop(self) -> None:
        """Our programs side by side, then the servers they need, the newest first."""
        programs = [part for part in self._parts.values() if isinstance(part, Program)]
        threads = [threading.Thread(target=program.stop) for program in programs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for part in reversed(self._parts.values()):
            if not isinstance(part, Program):
                part.stop()
