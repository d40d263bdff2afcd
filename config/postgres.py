"""The embedded PostgreSQL: the programs of a wheel, started by a launcher of ours."""

import os
import shutil
import signal
import subprocess  # nosec B404: starting the server is what this module is for
import sys
import tempfile
import time
from pathlib import Path

from config import lodging, processes
from config.embedded import EmbeddedServerError

ROLE = "foyer"
PATIENCE = 30.0
THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
SEEK = "SELECT 1 FROM pg_database WHERE datname = current_user"


class Postgres:
    """One PostgreSQL server on a free port of loopback, with a password."""

    def __init__(self, folder: Path, *, password: str, settings: tuple[str, ...] = ()) -> None:
        home = lodging.find(folder)
        self.place, self._programs, self._account = home.place, home.programs, home.account
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
        if not (self.place / "PG_VERSION").exists():
            self._make()
        self._end_leftover()
        command = [str(self._programs / "postgres"), "-D", str(self.place)]
        command += ["-p", str(self.port), "-h", "127.0.0.1", "-k", ""]
        for setting in self._settings:
            command += ["-c", setting]
        with self._log.open("ab" if self.process else "wb") as log:
            # SIGINT is its fast and clean way down, also when we die without a word.
            self.process = processes.start(
                command,
                when_orphaned=signal.SIGINT,
                account=self._account,
                output=log,
                cwd="/",
            )
        self._wait()

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process, ask=signal.SIGINT, patience=3)

    def remove(self) -> None:
        """Stop, and throw the data away."""
        self.stop()
        shutil.rmtree(self.place, ignore_errors=True)

    def _run(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        uid, gid = self._account or (None, None)
        return subprocess.run(  # noqa: S603  # nosec B603: our own programs, no shell
            [str(self._programs / program), *args],
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            check=False,
            user=uid,
            group=gid,
            extra_groups=[] if self._account else None,
            start_new_session=True,
            env={"PGPASSWORD": self._password, "PGCONNECT_TIMEOUT": "5", "LC_ALL": "C"},
            cwd="/",
            timeout=PATIENCE,
            preexec_fn=processes.die_with_parent(signal.SIGKILL),
        )

    def _make(self) -> None:
        """initdb beside the place, so that one that was cut short is never taken for whole."""
        draft = self.place.with_name(f"{self.place.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write(self._password)
            secret.flush()
            if self._account:
                os.chown(draft, *self._account)
                os.fchown(secret.fileno(), *self._account)
            made = self._run(
                "initdb",
                *("-D", str(draft), "-U", ROLE, "-E", "UTF8", "--locale", "C"),
                *("--pwfile", secret.name, "--auth", "scram-sha-256"),
                *(["--no-sync"] if self._settings == THROW_AWAY else []),
            )
        if made.returncode:
            raise EmbeddedServerError(f"PostgreSQL could not make its data folder: {made.stderr}")
        draft.rename(self.place)

    def _pid_in_file(self) -> int | None:
        try:
            return int((self.place / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def _leftover(self) -> int | None:
        """The server of a start before this one that still has the folder."""
        pid = self._pid_in_file()
        command = Path(f"/proc/{pid}/cmdline")
        if pid is None or not command.exists():
            return None
        return pid if os.fsencode(self.place) in command.read_bytes().split(b"\0") else None

    def _end_leftover(self) -> None:
        for sent in (signal.SIGINT, signal.SIGQUIT):
            pid = self._leftover()
            if pid is None:
                break
            os.kill(pid, sent)
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline and processes.is_alive(pid):
                time.sleep(0.05)
        if sys.platform.startswith("linux") and self._leftover() is None:
            # After a reboot its number may be a stranger's, and PostgreSQL would not start.
            (self.place / "postmaster.pid").unlink(missing_ok=True)

    def _wait(self) -> None:
        """Until the database is there, made when it is not."""
        deadline = time.monotonic() + PATIENCE
        said = ""
        while time.monotonic() < deadline:
            if self.process and self.process.poll() is not None:
                break
            asked = self._ask("psql", "-d", "postgres", "-Atc", SEEK)
            if asked.returncode == 0:
                if not asked.stdout.strip():
                    self._ask("createdb", ROLE)
                return
            said = asked.stderr
            if "authentication failed" in said:
                break
            time.sleep(0.05)
        written = self._log.read_text(errors="replace")[-2000:]
        raise EmbeddedServerError(f"PostgreSQL did not start: {said}\n{written}")

    def _ask(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        return self._run(program, "-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE, *args)
