"""`make run` as a process: it starts, heals, ends, and leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from config import processes

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.xdist_group("serve")
OURS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "FOYER_ORIGIN", "EMAIL_URL")
READY = "Ctrl-C ends it"
# `serve` with other programs, and servers that are somebody else's.
WITH_STAND_INS = """
import sys
from config import serve
serve.commands = lambda folder, port, demo: serve.Commands({prepare!r}, {programs!r})
sys.exit(serve.main())
"""
WEB = (
    "import http.server, os; address = ('127.0.0.1', int(os.environ['PORT']));"
    "http.server.ThreadingHTTPServer(address, type('Web', (http.server.BaseHTTPRequestHandler,), {"
    "'do_GET': lambda self: (self.send_response(200), self.end_headers())})).serve_forever()"
)
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@dataclass
class Running:
    """A started installation."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, words: str, *, times: int = 1, within: float = 60) -> None:
        deadline = time.monotonic() + within
        while self.text().count(words) < times:
            assert time.monotonic() < deadline, self.text()
            assert self.process.poll() is None, self.text()
            time.sleep(0.05)

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def part(self, words: str) -> psutil.Process:
        """The child of `serve` with these words in its command."""
        children = psutil.Process(self.process.pid).children()
        return next(each for each in children if words in " ".join(each.cmdline()))

    def answers(self, path: str = "/health/ready", within: float = 20) -> bool:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://localhost:{self.port}{path}", timeout=2):
                    return True
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        return False

    def end(self, sent: signal.Signals) -> int:
        self.process.send_signal(sent)
        return self.process.wait(10)


Start = Callable[..., Running]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a long path: sockets would not fit."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def start(data: Path, tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def run(code: str = "", *asked: str, port: int = 0, **changed: str) -> Running:
        env = {name: value for name, value in os.environ.items() if name not in OURS}
        port = port or processes.free_port()
        env |= {"PORT": str(port), "FOYER_DATA": str(data), **changed}
        log = tmp_path / f"{len(started)}.log"
        command = python(code) if code else [sys.executable, "-m", "config.serve", *asked]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
            )
        started.append(Running(process, port, log))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGTERM)
    place = data / "postgres.json"
    if place.exists():
        shutil.rmtree(json.loads(place.read_text())["place"])


@pytest.fixture
def start_stand_ins(start: Start) -> Start:
    """Ready in no time: a web that says yes, and what else the test wants."""

    def run(prepare: str = "print('Here.')", **others: str) -> Running:
        programs = {name: python(code) for name, code in ({"web": WEB} | others).items()}
        code = WITH_STAND_INS.format(prepare=python(prepare), programs=programs)
        return start(code, DATABASE_URL="postgresql://elsewhere", REDIS_URL="redis://elsewhere")

    return run


def orphans(family: list[psutil.Process], within: float = 1) -> list[str]:
    """What is still there of a family after a while."""
    _, alive = psutil.wait_procs(family, timeout=within)
    return [each.name() for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def check_access_log(foyer: Running) -> None:
    """Neither tickets nor queries in it (T04), no version in the answer (C08)."""
    address = f"http://localhost:{foyer.port}/o/contoso/redeem/s3cret-ticket?code=s3cret"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=5)
    refused.value.close()
    assert refused.value.headers["Server"] == "foyer"
    foyer.wait("/o/contoso/redeem/… ")
    assert "s3cret" not in foyer.text()


def test_it_starts_heals_ends_and_starts_again(start: Start, data: Path) -> None:
    """Kill -9 of every part; SIGTERM; kill -9 of all; Ctrl-C."""
    first = start()
    first.wait(READY)
    assert re.search(r"Create the first organization: http://localhost:\d+/setup/", first.text())
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "servers.json").stat().st_mode & 0o777 == 0o600
    check_access_log(first)
    for times, words in enumerate(("bin/postgres", "valkey", "gunicorn", "worker", "beat"), 1):
        first.part(words).kill()
        first.wait("starting it again", times=times)
        assert first.answers(), first.text()
    family = first.family()
    assert len(family) > 6
    assert first.end(signal.SIGTERM) == 0
    assert not orphans(family)
    assert not (data / "servers.json").exists()

    again = start(port=first.port)
    again.wait(READY)
    family = again.family()
    again.process.kill()
    again.process.wait()
    third = start(port=first.port)  # at once, while the others are still ending
    third.wait(READY)
    assert not orphans(family, within=10)
    assert third.end(signal.SIGINT) == 0


def test_one_data_folder_serves_one_foyer(start_stand_ins: Start) -> None:
    start_stand_ins().wait(READY)
    second = start_stand_ins()
    assert second.process.wait(20) == 1
    assert "runs already" in second.text()


def test_a_taken_port_is_said_at_once(start: Start) -> None:
    with socket.create_server(("127.0.0.1", processes.free_port())) as other:
        foyer = start(port=other.getsockname()[1])
        assert foyer.process.wait(20) == 2
    assert "is taken" in foyer.text()


def test_the_sample_app_needs_the_port_after_it(start: Start) -> None:
    with socket.create_server(("127.0.0.1", processes.free_port())) as other:
        taken = other.getsockname()[1]
        foyer = start("", "--demo", port=taken - 1)
        assert foyer.process.wait(20) == 2
    assert f"Port {taken} is taken. Project room" in foyer.text()
    assert "make demo" in foyer.text()


@pytest.mark.parametrize(
    ("port", "asked"), [("http", ()), ("70000", ()), ("-1", ()), ("65535", ("--demo",))]
)
def test_an_odd_port_is_refused(start: Start, port: str, asked: tuple[str, ...]) -> None:
    foyer = start("", *asked, PORT=port)
    assert foyer.process.wait(20) == 2
    assert "must be a number" in foyer.text()


def test_kill_9_leaves_no_orphan(start_stand_ins: Start) -> None:
    foyer = start_stand_ins(other="import time; time.sleep(99)")
    foyer.wait(READY)
    family = foyer.family()
    foyer.process.kill()
    foyer.process.wait()
    assert not orphans(family, within=5)


def test_a_program_that_does_not_listen_is_killed_in_time(start_stand_ins: Start) -> None:
    foyer = start_stand_ins(deaf=DEAF)
    foyer.wait(READY)
    family = foyer.family()
    assert foyer.end(signal.SIGTERM) == 0
    assert not orphans(family)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_preparing_can_be_ended(start_stand_ins: Start, sent: signal.Signals) -> None:
    foyer = start_stand_ins(prepare=DEAF)
    while not foyer.family():
        time.sleep(0.05)
    family = foyer.family()
    assert foyer.end(sent) == 0
    assert not orphans(family)


def test_a_migration_that_fails_ends_it_with_its_words(start_stand_ins: Start) -> None:
    foyer = start_stand_ins(prepare="import sys; sys.exit('column is gone')")
    assert foyer.process.wait(20) == 1
    assert "column is gone" in foyer.text()
    assert "could not be prepared" in foyer.text()


def test_what_keeps_ending_ends_all(start_stand_ins: Start) -> None:
    foyer = start_stand_ins(hopeless="print('no disk')")
    family = foyer.family()
    assert foyer.process.wait(30) == 1
    assert "hopeless keeps ending" in foyer.text()
    assert "hopeless| no disk" in foyer.text()
    assert not orphans(family)
