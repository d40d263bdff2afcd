"""The embedded servers: their own user, their own folders, nobody else's rights."""

import json
import multiprocessing
import os
import pwd
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config import embedded, lodging, processes
from config.postgres import THROW_AWAY, Postgres
from config.valkey import Valkey
from tenants.private_files import write_private

IS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
PASSWORD = "secret"
only_root = pytest.mark.skipif(not IS_ROOT, reason="needs root to become another user")
aside = multiprocessing.get_context("fork")

Make = Callable[..., Postgres]


def rights(path: Path) -> list[tuple[str, int]]:
    return [(str(each), each.stat().st_mode) for each in [path, *path.parents]]


def is_gone(pid: int, within: float = 8) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Only its owner may enter, as with a checkout in root's home; and a long path."""
    path = tmp_path / ("x" * 100)
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Everybody may pass through it."""
    path = Path(tempfile.mkdtemp(prefix="foyer-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def postgres() -> Iterator[Make]:
    """Servers that are gone after the test, with what they kept."""
    made: list[Postgres] = []

    def make(folder: Path, *, password: str = PASSWORD, sync: bool = False) -> Postgres:
        settings = () if sync else THROW_AWAY
        made.append(Postgres(folder, password=password, settings=settings))
        return made[-1]

    yield make
    for server in made:
        server.remove()


def keep(server: Postgres, value: int) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def kept(server: Postgres) -> int:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT n FROM kept").fetchone()
    assert row
    return int(row[0])


def test_data_stays_and_a_killed_server_comes_back(folder: Path, postgres: Make) -> None:
    before = rights(folder)
    first = postgres(folder, sync=True)
    first.start()
    keep(first, 41)
    assert first.process
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    first.start()  # as the tree does it: the address stays
    assert kept(first) == 41
    first.stop()
    second = postgres(folder)
    second.start()
    assert kept(second) == 41
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(second.url.replace(PASSWORD, "guess"))
    assert rights(folder) == before


def test_a_server_that_was_left_over_is_ended_first(open_folder: Path, postgres: Make) -> None:
    first = postgres(open_folder)
    first.start()
    keep(first, 7)
    second = postgres(open_folder)
    second.start()
    assert first.process
    assert first.process.wait(5) == 0
    assert kept(second) == 7


def test_a_strangers_process_in_the_pid_file_is_left_alone(
    open_folder: Path, postgres: Make
) -> None:
    """After a reboot the number of the server that was killed may be anybody's."""
    server = postgres(open_folder)
    server.start()
    server.stop()
    facts = server.place.stat()
    stranger = processes.start(
        ["sleep", "60"], account=(facts.st_uid, facts.st_gid) if IS_ROOT else None
    )
    note = server.place / "postmaster.pid"
    note.write_text(f"{stranger.pid}\n{server.place}\n1700000000\n5432\n\n127.0.0.1\n0 0\nready\n")
    server.start()
    assert stranger.poll() is None
    processes.stop(stranger)


def start_and_wait(folder: Path, told: Path) -> None:
    server = Postgres(folder, password=PASSWORD, settings=THROW_AWAY)
    server.start()
    valkey = Valkey(folder)
    valkey.start()
    assert server.process
    assert valkey.process
    write_private(told, json.dumps([server.process.pid, valkey.process.pid]))
    signal.pause()


def test_kill_9_of_who_started_them_leaves_no_orphan(open_folder: Path, postgres: Make) -> None:
    told = open_folder / "pids"
    parent = aside.Process(target=start_and_wait, args=(open_folder, told))
    parent.start()
    while not told.exists():
        assert parent.is_alive()
        time.sleep(0.05)
    parent.kill()
    parent.join()
    assert all(is_gone(pid) for pid in json.loads(told.read_text()))
    again = postgres(open_folder)
    again.start()


@only_root
def test_root_runs_it_as_somebody_else_beside_a_closed_folder(folder: Path, postgres: Make) -> None:
    server = postgres(folder)
    server.start()
    assert server.process
    assert psutil.Process(server.process.pid).uids().real != 0
    assert not server.place.is_relative_to(folder)
    assert server.place.stat().st_mode & 0o777 == 0o700


@only_root
def test_a_moved_folder_keeps_its_data_and_a_copied_or_new_one_has_its_own(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    old, moved, copied = tmp_path / "old", tmp_path / "moved", tmp_path / "copied"
    old.mkdir()
    place = lodging.find(old).place
    assert lodging.find(old).place == place
    shutil.copytree(old, copied)
    assert lodging.find(copied).place != place
    old.rename(moved)
    assert lodging.find(moved).place == place
    old.mkdir()
    assert lodging.find(old).place not in {place, lodging.find(copied).place}


@only_root
def test_programs_that_nobody_can_reach_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an environment that was installed under a strict umask."""
    wheel = tmp_path / "closed" / lodging.WHEEL
    (wheel / "pginstall" / "bin").mkdir(parents=True)
    server = wheel / "pginstall" / "bin" / "postgres"
    server.touch(mode=0o700)
    wheel.parent.chmod(0o700)
    home = tmp_path / "home"
    monkeypatch.setattr(lodging, "_wheel", lambda: wheel)
    monkeypatch.setattr(lodging, "ROOTS_HOME", home)
    programs = lodging.find(tmp_path / "closed").programs
    assert programs.is_relative_to(home)
    assert (programs / "postgres").stat().st_mode & 0o777 == 0o755
    assert wheel.parent.stat().st_mode & 0o777 == 0o700
    assert server.stat().st_mode & 0o777 == 0o700


def run_as_nobody(folder: Path, wheel: Path) -> None:
    os.setgroups([])
    os.setgid(NOBODY.pw_gid)
    os.setuid(NOBODY.pw_uid)
    lodging._wheel = lambda: wheel
    server = Postgres(folder, password=PASSWORD, settings=THROW_AWAY)
    server.start()
    keep(server, 3)
    assert server.place == folder / "postgres"
    server.stop()


@only_root
def test_an_ordinary_user_needs_no_other_user(open_folder: Path) -> None:
    os.chown(open_folder, NOBODY.pw_uid, NOBODY.pw_gid)
    programs = lodging._programs((NOBODY.pw_uid, NOBODY.pw_gid))
    user = aside.Process(target=run_as_nobody, args=(open_folder, programs.parent.parent))
    user.start()
    user.join(30)
    assert user.exitcode == 0
    assert (open_folder / "postgres" / "PG_VERSION").read_text().strip() == "18"


def test_a_wrong_password_is_said_and_not_waited_for(open_folder: Path, postgres: Make) -> None:
    first = postgres(open_folder)
    first.start()
    first.stop()
    with pytest.raises(embedded.EmbeddedServerError, match="authentication failed"):
        postgres(open_folder, password="another").start()


def test_two_valkeys_do_not_disturb_each_other(tmp_path: Path) -> None:
    servers = [Valkey(tmp_path), Valkey(tmp_path)]
    for server in servers:
        server.start()
    clients = [redis.Redis.from_url(server.url) for server in servers]
    clients[0].set("x", "1")
    assert clients[1].get("x") is None
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(host="127.0.0.1", port=servers[0].port).get("x")
    for client, server in zip(clients, servers, strict=True):
        client.close()
        server.stop()


def test_keys_are_made_once_and_for_us_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOYER_DATA", str(tmp_path))
    monkeypatch.delenv("SECRET_KEY", raising=False)
    made = embedded.keys()
    assert made == embedded.keys()
    assert len({*made.values()}) == 3
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    monkeypatch.setenv("POSTGRES_PASSWORD", "of some other server")
    assert embedded.keys() == made | {"SECRET_KEY": "from the environment"}


def test_servers_are_found_as_long_as_the_folder_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOYER_DATA", str(tmp_path))
    servers = embedded.Servers("postgresql://x", "redis://y", "http://localhost:1")
    assert embedded.running_servers() is None
    with embedded.only_one(tmp_path):
        embedded.note_running(servers)
        assert embedded.running_servers() == servers
        assert (tmp_path / "servers.json").stat().st_mode & 0o777 == 0o600
        with pytest.raises(embedded.AlreadyRunningError), embedded.only_one(tmp_path):
            pass
    assert embedded.running_servers() is None
    assert embedded.was_killed()
