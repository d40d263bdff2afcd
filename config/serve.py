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
HIGHEST_PORT, OTHER_PORT = 65535, 8080


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
    """What runs once before everything else, and what runs then, by name.

    `room_port` is the sample app's, 0 when it does not run.
    """

    prepare: list[str]
    programs: Mapping[str, list[str]]
    room_port: int = 0


def room_program(port: int) -> list[str]:
    """The sample app: one process, because its sessions are good for that one."""
    how = ["--workers", "1", "--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
    where = ["--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    return [sys.executable, "-m", "gunicorn", *how, *where, "config.project_room"]


def commands(folder: Path, port: int, *, demo: bool) -> Commands:
    """Migrating and saying where to go; web, worker and beat, and in the demonstration an app."""
    celery = [sys.executable, "-m", "celery", "-A", "config", "--quiet"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    schedule = ["-s", str(folder / "beat-schedule"), "--pidfile="]
    prepare = [sys.executable, "-m", "config.prepare"]
    programs = {
        "web": [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
        "worker": [*celery, "worker", "-c", "2", "-l", "WARNING", *quiet],
        "beat": [*celery, "beat", "-l", "WARNING", *schedule],
    }
    if not demo:
        return Commands(prepare, programs)
    room_port = port + 1
    return Commands(
        [*prepare, "--demo", f"http://localhost:{room_port}"],
        programs | {"room": room_program(room_port)},
        room_port,
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


@dataclass(frozen=True)
class Page:
    """A page that answers when everything is ready."""

    port: int
    host: str
    path: str


def pages(port: int, origin: str, room_port: int) -> list[Page]:
    """Of the web and of the sample app. Not whether mail is late: after a pause it is, for some
    seconds."""
    web = Page(port, urlsplit(origin).netloc, "/health/live")
    return [web, Page(room_port, f"localhost:{room_port}", "/")] if room_port else [web]


def is_ready(page: Page) -> bool:
    """Whether the page answers."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    try:
        connection.request("GET", page.path, headers={"Host": page.host})
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_ready(tree: Tree, wanted: list[Page]) -> None:
    """Until the pages answer; programs that end meanwhile are started again."""
    deadline = time.monotonic() + READY_WITHIN
    while not all(is_ready(page) for page in wanted):
        tree.heal()
        if time.monotonic() > deadline:
            raise NotReadyError("The pages do not answer; what the programs wrote is above.")
        time.sleep(0.1)


def check_port(port: int, *, advice: str, patience: float) -> None:
    """Say at once that the port is another's, not after half a minute."""
    deadline = time.monotonic() + patience
    while processes.is_port_taken(port):
        if time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        raise RefusedError(f"Port {port} is taken. {advice}")


def check_ports(port: int, room_port: int) -> None:
    """The web's, and the one after it for the sample app."""
    # The web of a run that was killed may need a moment to end.
    patience = 6.0 if embedded.was_killed() else 0.0
    advice = f"Choose another: PORT={OTHER_PORT} make {'demo' if room_port else 'run'}"
    check_port(port, advice=advice, patience=patience)
    if room_port:
        why = f"Project room, the demonstration's app, answers at the port after {port}."
        check_port(room_port, advice=f"{why} {advice}", patience=patience)


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
        check_ports(port, what.room_port)
        stack.callback(tree.stop)
        stack.callback(embedded.forget_running)
        stack.callback(end_quietly)
        start_servers(tree, folder, env)
        where = prepare(what.prepare, env)
        for name, command in what.programs.items():
            tree.add(name, Program(name, command, env))
        wait_until_ready(tree, pages(port, origin, what.room_port))
        say(f"\nFoyer is ready at {origin}/\n{where}Ctrl-C ends it; data stays.\n")
        while True:
            tree.heal()
            time.sleep(LIFE_SIGN)


def wanted_port(*, demo: bool) -> int:
    """`PORT`; the demonstration needs the one after it, too."""
    port, highest = os.environ.get("PORT") or "8000", HIGHEST_PORT - demo
    if not port.isdecimal() or not 0 < int(port) <= highest:
        raise RefusedError(f"PORT must be a number from 1 to {highest}.")
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
        port = wanted_port(demo=asked.demo)
        serve(folder=folder, port=port, what=commands(folder, port, demo=asked.demo))
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
