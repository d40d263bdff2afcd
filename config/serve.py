"""`make run`: servers, web, worker and beat in one foreground tree that ends as one."""

import argparse
import http.client
import os
import signal
import subprocess  # nosec B404: starting programs is what this module is for
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from config import embedded, processes
from config.postgres import Postgres
from config.tree import CHECKOUT, KeepsEndingError, Program, Tree, say
from config.valkey import Valkey

READY_WITHIN = 60.0
LIFE_SIGN = 0.2
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FAILED, REFUSED = 1, 2


class RefusedError(RuntimeError):
    """Foyer cannot start like this; the message says why."""


class NotReadyError(RuntimeError):
    """Foyer started and did not get far; what its programs wrote says why."""


FAILURES = (
    embedded.AlreadyRunningError,
    embedded.EmbeddedServerError,
    KeepsEndingError,
    NotReadyError,
)


@dataclass(frozen=True)
class Commands:
    """What runs once before everything else, and what runs then, by name."""

    prepare: list[str]
    programs: Mapping[str, list[str]]


def commands(folder: Path, *, demo: bool) -> Commands:
    """Migrating and saying where to go; web, worker and beat."""
    celery = [sys.executable, "-m", "celery", "-A", "config", "--quiet"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    schedule = ["-s", str(folder / "beat-schedule"), "--pidfile="]
    return Commands(
        prepare=[sys.executable, "-m", "config.prepare", *(["--demo"] if demo else [])],
        programs={
            "web": [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
            "worker": [*celery, "worker", "-c", "2", "-l", "WARNING", *quiet],
            "beat": [*celery, "beat", "-l", "WARNING", *schedule],
        },
    )


def environment(folder: Path, port: int) -> dict[str, str]:
    """What every child of ours knows."""
    env = dict(os.environ)
    env["DJANGO_SETTINGS_MODULE"] = env.get("DJANGO_SETTINGS_MODULE") or "config.settings.local"
    env["FOYER_ORIGIN"] = env.get("FOYER_ORIGIN") or f"http://localhost:{port}"
    env["FOYER_DATA"] = str(folder)
    env["PORT"] = str(port)
    env["PYTHONUNBUFFERED"] = "1"
    # In a container root is all there is; Celery says so at every start.
    env.setdefault("PYTHONWARNINGS", "ignore:You're running the worker")
    return env


def start_servers(tree: Tree, folder: Path, env: dict[str, str]) -> None:
    """PostgreSQL and Valkey, each unless the environment names another."""
    if not env.get("DATABASE_URL"):
        postgres = Postgres(folder, password=embedded.keys()["POSTGRES_PASSWORD"])
        tree.add("postgres", postgres)
        env["DATABASE_URL"] = postgres.url
    if not env.get("REDIS_URL"):
        valkey = Valkey(folder)
        tree.add("valkey", valkey)
        env["REDIS_URL"] = valkey.url
    embedded.note_running(
        embedded.Servers(env["DATABASE_URL"], env["REDIS_URL"], env["FOYER_ORIGIN"])
    )


def prepare(command: list[str], env: dict[str, str]) -> str:
    """Migrate; what to print once the pages answer."""
    running = processes.start(
        command,
        when_orphaned=signal.SIGKILL,
        env=env,
        output=subprocess.PIPE,
        errors=None,
        cwd=str(CHECKOUT),
    )
    try:
        said = running.communicate()[0].decode(errors="replace")
    except KeyboardInterrupt:
        processes.kill_session(running)
        running.wait()
        raise
    if running.returncode:
        raise NotReadyError(f"{said}The database could not be prepared; see above.")
    return said


def is_ready(port: int, origin: str) -> bool:
    """Whether the pages answer. Not whether mail is late: after a pause it is, for some seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live", headers={"Host": urlsplit(origin).netloc})
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_ready(tree: Tree, port: int, origin: str) -> None:
    """Until the pages answer; programs that end meanwhile are started again."""
    deadline = time.monotonic() + READY_WITHIN
    while not is_ready(port, origin):
        tree.heal()
        if time.monotonic() > deadline:
            raise NotReadyError("The pages do not answer; what the programs wrote is above.")
        time.sleep(0.1)


def check_port(port: int, *, patience: float) -> None:
    """Say at once that the port is another's, not after half a minute."""
    deadline = time.monotonic() + patience
    while processes.is_port_taken(port):
        if time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        raise RefusedError(f"Port {port} is taken. Choose another: PORT=8001 make run")


def end_quietly() -> None:
    """While everything ends, nobody needs to ask again."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)


def serve(*, folder: Path, port: int, what: Commands) -> NoReturn:
    """Run everything until a signal comes, as KeyboardInterrupt."""
    env = environment(folder, port)
    origin = env["FOYER_ORIGIN"]
    tree = Tree()
    with ExitStack() as stack:
        stack.enter_context(embedded.only_one(folder))
        # The web of a run that was killed may need a moment to end.
        check_port(port, patience=6.0 if embedded.was_killed() else 0.0)
        stack.callback(tree.stop)
        stack.callback(embedded.forget_running)
        stack.callback(end_quietly)
        start_servers(tree, folder, env)
        where = prepare(what.prepare, env)
        for name, command in what.programs.items():
            tree.add(name, Program(name, command, env))
        wait_until_ready(tree, port, origin)
        say(f"\nFoyer is ready at {origin}/\n{where}Ctrl-C ends it; data stays.\n")
        while True:
            tree.heal()
            time.sleep(LIFE_SIGN)


def wanted_port() -> int:
    port = os.environ.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise RefusedError("PORT must be a number from 1 to 65535.")
    return int(port)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.serve", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="with Contoso, Fabrikam and people")
    parser.add_argument(
        "--end-with-parent", action="store_true", help="end when who started this is killed"
    )
    return parser.parse_args()


def main() -> int:
    """The exit code: 0 when somebody ended it, 1 when it failed, 2 when it could not start."""
    asked = arguments()
    if asked.end_with_parent:
        processes.end_with_parent()
    for ending in ENDINGS:
        if ending != signal.SIGHUP or signal.getsignal(ending) != signal.SIG_IGN:  # nohup
            signal.signal(ending, signal.default_int_handler)
    try:
        folder = embedded.data_folder()
        serve(folder=folder, port=wanted_port(), what=commands(folder, demo=asked.demo))
    except KeyboardInterrupt:
        return 0
    except RefusedError as error:
        say(str(error))
        return REFUSED
    except FAILURES as error:
        say(str(error))
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
