"""The default mode's data folder: its keys, its one user at a time, and where its servers answer."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tenants.private_files import write_private

CHECKOUT = Path(__file__).resolve().parent.parent
LOCK_PATIENCE = 1.0


class EmbeddedServerError(RuntimeError):
    """A server did not start; the message ends with what it wrote itself."""


class AlreadyRunningError(RuntimeError):
    """Another `make run` uses this data folder."""


@dataclass(frozen=True)
class Servers:
    """Where the servers of this data folder answer, and Foyer itself."""

    database_url: str
    redis_url: str
    origin: str = ""


def data_folder() -> Path:
    """`FOYER_DATA`, or `.data` in the checkout; made when it is not there, for us alone."""
    folder = Path(os.environ.get("FOYER_DATA") or CHECKOUT / ".data").resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def keys() -> dict[str, str]:
    """SECRET_KEY and FOYER_TICKET_KEY of the environment, else of the data folder, else new.

    With them the password of the embedded PostgreSQL, which is the data folder's alone.
    """
    path = data_folder() / "keys.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    settable = ("SECRET_KEY", "FOYER_TICKET_KEY")
    wanted = (*settable, "POSTGRES_PASSWORD")
    made = {name: kept.get(name) or secrets.token_urlsafe(48) for name in wanted}
    if made != kept:
        write_private(path, json.dumps(made))
    return made | {name: os.environ[name] for name in settable if os.environ.get(name)}


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder; `AlreadyRunningError` when somebody else does."""
    with (folder / "lock").open("w") as lock:
        deadline = time.monotonic() + LOCK_PATIENCE
        while not _hold(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise AlreadyRunningError(f"Foyer runs already with the data in {folder}")
            time.sleep(0.1)  # perhaps somebody only asked whether it is held
        yield


def _hold(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(folder: Path) -> bool:
    """Whether a `make run` lives; the kernel frees a lock with its holder, however that ended."""
    path = folder / "lock"
    if not path.exists():
        return False
    with path.open() as lock:
        return not _hold(lock.fileno(), fcntl.LOCK_SH)


def note_running(servers: Servers) -> None:
    """Let `manage.py`, run by hand, find the servers while we hold the data folder."""
    write_private(data_folder() / "servers.json", json.dumps(asdict(servers)))


def forget_running() -> None:
    """The servers are about to end."""
    (data_folder() / "servers.json").unlink(missing_ok=True)


def was_killed() -> bool:
    """Whether the run before this one, which holds the data folder now, had no time to end."""
    return (data_folder() / "servers.json").exists()


def running_servers() -> Servers | None:
    """The servers that `make run` started for this data folder, None when it does not run."""
    note = data_folder() / "servers.json"
    if not note.exists() or not _is_held(note.parent):
        return None
    return Servers(**json.loads(note.read_text()))
