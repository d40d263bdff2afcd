"""`make run`: servers, web, worker and beat in one foreground tree that ends as one."""

import http.client
import os
import signal
import subprocess  # nosec B404: starting servers is what this module is for
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Protocol
from urllib.parse import urlsplit

from config import embedded, processes

CHECKOUT = Path(__file__).resolve().parent.parent
RESTARTS, WITHIN_SECONDS = 5, 60.0
READY_WITHIN = 60.0
LIFE_SIGN = 0.2


class Server(Protocol):
    """What can be started, has a process, and can be stopped."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...
    def stop(self) -> None: ...


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
    """One whole line to who watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Tree:
    """Everything that runs, restarted when a part dies, ended together."""

    def __init__(self) -> None:
        self._parts: dict[str, Server] = {}
        self._deaths: dict[str, deque[float]] = {}
        self.ending = threading.Event()

    def add(self, name: str, part: Server) -> None:
        part.start()
        self._parts[name] = part
        self._deaths[name] = deque(maxlen=RESTARTS)

    def end(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        self.ending.set()

    def watch(self) -> int:
        """Until a signal, or a part that keeps dying; the exit code."""
        while not self.ending.wait(LIFE_SIGN):
            for name, part in self._parts.items():
                if (
                    part.process
                    and part.process.poll() is not None
                    and not self._revive(name, part)
                ):
                    return 1
        return 0

    def _revive(self, name: str, part: Server) -> bool:
        deaths = self._deaths[name]
        now = time.monotonic()
        if len(deaths) == RESTARTS and now - deaths[0] < WITHIN_SECONDS:
            say(f"foyer  | {name} keeps ending: giving up. What it wrote is above.")
            return False
        deaths.append(now)
        code = part.process.returncode if part.process else "?"
        say(f"foyer  | {name} ended ({code}): starting it again")
        # A program that was killed may have left children; they go with it.
        if part.process:
            processes.kill_session(part.process)
        part.start()
        return True

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


def environment(port: int) -> dict[str, str]:
    """What every child of ours knows."""
    env = dict(os.environ)
    env.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    env.setdefault("FOYER_ORIGIN", f"http://localhost:{port}")
    env["PORT"] = str(port)
    env["PYTHONUNBUFFERED"] = "1"
    # In a container root is all there is; Celery says so at every start.
    env.setdefault("PYTHONWARNINGS", "ignore:You're running the worker")
    env["PYTHONPATH"] = str(CHECKOUT)
    return env


def start_servers(tree: Tree, folder: Path, env: dict[str, str]) -> None:
    """PostgreSQL and Valkey, each unless the environment names another."""
    if not env.get("DATABASE_URL"):
        postgres = embedded.Postgres(folder, password=embedded.keys()["POSTGRES_PASSWORD"])
        tree.add("postgres", postgres)
        env["DATABASE_URL"] = postgres.url
    if not env.get("REDIS_URL"):
        valkey = embedded.Valkey(folder)
        tree.add("valkey", valkey)
        env["REDIS_URL"] = valkey.url
    embedded.note_running(embedded.Servers(env["DATABASE_URL"], env["REDIS_URL"]))


def prepare(env: dict[str, str], *, demo: bool) -> str:
    """Migrate; what to print once the pages answer."""
    command = [sys.executable, "-m", "config.prepare", *(["--demo"] if demo else [])]
    done = subprocess.run(  # noqa: S603  # nosec B603: our own command, no shell
        command, env=env, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise embedded.EmbeddedServerError("The database could not be prepared; see above.")
    return done.stdout


def programs(folder: Path, env: dict[str, str]) -> list[Program]:
    """Web, worker and beat."""
    celery = [sys.executable, "-m", "celery", "-A", "config", "--quiet"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    schedule = ["-s", str(folder / "beat-schedule"), "--pidfile="]
    return [
        Program(
            "web",
            [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
            env,
        ),
        Program("worker", [*celery, "worker", "-c", "2", "-l", "WARNING", *quiet], env),
        Program("beat", [*celery, "beat", "-l", "WARNING", *schedule], env),
    ]


def wait_until_ready(port: int, origin: str, *, ending: Callable[[], bool]) -> bool:
    """Until the readiness page answers 200; False when it never did."""
    deadline = time.monotonic() + READY_WITHIN
    headers = {"Host": urlsplit(origin).netloc}
    while time.monotonic() < deadline and not ending():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health/ready", headers=headers)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    return False


def serve(*, port: int, demo: bool) -> int:
    """Run everything until a signal comes; the exit code."""
    folder = embedded.data_folder()
    env = environment(port)
    tree = Tree()
    for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, tree.end)
    with ExitStack() as stack:
        stack.enter_context(embedded.only_one(folder))
        stack.callback(tree.stop)
        start_servers(tree, folder, env)
        where = prepare(env, demo=demo)
        for program in programs(folder, env):
            tree.add(program.name, program)
        if wait_until_ready(port, env["FOYER_ORIGIN"], ending=tree.ending.is_set):
            say(f"\nFoyer is ready at {env['FOYER_ORIGIN']}/\n{where}Ctrl-C ends it; data stays.\n")
        elif not tree.ending.is_set():
            say("foyer  | The pages do not answer; what the programs wrote is above.")
            return 1
        return tree.watch()


def main() -> int:
    try:
        port = int(os.environ.get("PORT") or 8000)
    except ValueError:
        say("PORT must be a number.")
        return 2
    if processes.is_port_taken(port):
        say(f"Port {port} is taken. Choose another: PORT=8001 make run")
        return 2
    try:
        return serve(port=port, demo="--demo" in sys.argv[1:])
    except (embedded.EmbeddedServerError, embedded.AlreadyRunningError) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
