"""`make run` as a process: it starts, heals, ends, and leaves nothing behind."""

import os
import re
import shutil
import signal
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

from config import embedded, processes

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.xdist_group("serve")
OURS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "FOYER_ORIGIN", "EMAIL_URL")


@dataclass
class Running:
    """A started installation."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, words: str, within: float = 40) -> None:
        deadline = time.monotonic() + within
        while words not in self.text():
            assert time.monotonic() < deadline, self.text()
            assert self.process.poll() is None, self.text()
            time.sleep(0.05)

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def part(self, words: str) -> psutil.Process:
        """The oldest process of the tree with these words in its command."""
        found = [each for each in self.family() if words in " ".join(each.cmdline())]
        return min(found, key=lambda each: (each.create_time(), each.pid))

    def answers(self, within: float = 20) -> bool:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                address = f"http://localhost:{self.port}/health/ready"
                with urllib.request.urlopen(address, timeout=2) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        return False


Start = Callable[[], Running]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a long path: sockets would not fit."""
    folder = tmp_path_factory.mktemp("data") / ("long" * 30)
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(embedded._place_for(folder, embedded._account()), ignore_errors=True)


@pytest.fixture
def start(data: Path, tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def run() -> Running:
        env = {name: value for name, value in os.environ.items() if name not in OURS}
        port = processes.free_port()
        env |= {"PORT": str(port), "FOYER_DATA": str(data)}
        log = tmp_path / f"{len(started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "config.serve"],
                cwd=ROOT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(Running(process, port, log))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGTERM)
            each.process.wait(20)


def gone(family: list[psutil.Process], within: float) -> list[psutil.Process]:
    """Those of the family that are still there after a while."""
    _, alive = psutil.wait_procs(family, timeout=within)
    return [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def test_it_heals_ends_and_starts_again(start: Start, data: Path) -> None:
    """Kill -9 of web, worker and broker; SIGTERM; kill -9 of all; a second start; one at a time."""
    first = start()
    first.wait("Ctrl-C ends it")
    assert re.search(r"Create the first organization: http://localhost:\d+/setup/", first.text())
    mode = data.stat().st_mode & 0o777
    assert mode == 0o700

    for words in ("valkey-server", "gunicorn", "celery --quiet worker", "worker"):
        victim = first.part(words if words != "celery --quiet worker" else "--quiet worker")
        victim.kill()
        first.wait("starting it again")
        time.sleep(0.5)
        assert first.answers(), first.text()

    second = start()
    assert second.process.wait(20) == 1
    assert "runs already" in second.text()

    family = first.family()
    assert len(family) > 6
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(10) == 0
    assert not gone(family, 1)

    began = time.monotonic()
    third = start()
    third.wait("Ctrl-C ends it")
    took = time.monotonic() - began
    # A start takes about four seconds alone; this machine is busy with other tests.
    assert took < 30
    family = third.family()
    third.process.kill()
    third.process.wait()
    assert not gone(family, 10), [each.cmdline() for each in gone(family, 0)]

    fourth = start()
    fourth.wait("Ctrl-C ends it")
    assert fourth.answers()
    fourth.process.send_signal(signal.SIGINT)
    assert fourth.process.wait(10) == 0


def test_a_taken_port_is_said_at_once(start: Start) -> None:
    first = start()
    first.wait("Ctrl-C ends it")
    env = os.environ | {"PORT": str(first.port)}
    done = subprocess.run(
        [sys.executable, "-m", "config.serve"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is taken" in done.stdout
