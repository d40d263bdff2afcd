"""The embedded servers: their own user, their own folders, nobody else's rights."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded, processes

IS_ROOT = os.geteuid() == 0


def value_in(server: embedded.Postgres) -> int:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT n FROM kept").fetchone()
    return row[0] if row else 0


def rights(path: Path) -> list[tuple[str, int]]:
    return [(str(each), each.stat().st_mode) for each in [path, *path.parents]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Only its owner may enter, as with a checkout in root's home; and a long path."""
    path = tmp_path / ("x" * 100)
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(embedded._place_for(path, embedded._account()), ignore_errors=True)


def test_data_stays_and_a_killed_server_comes_back(folder: Path) -> None:
    before = rights(folder)
    first = embedded.Postgres(folder, password="secret")
    first.start()
    with psycopg.connect(first.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 AS n")
        connection.execute("CREATE EXTENSION pg_trgm")
    assert first.process
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second = embedded.Postgres(folder, password="secret")
    second.start()
    assert value_in(second) == 41
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(second.url.replace("secret", "guess"))
    second.stop()
    assert rights(folder) == before


def test_a_server_that_was_left_over_is_ended_first(folder: Path) -> None:
    first = embedded.Postgres(folder, password="secret", settings=embedded.THROW_AWAY)
    first.start()
    second = embedded.Postgres(folder, password="secret", settings=embedded.THROW_AWAY)
    second.start()
    assert first.process
    assert first.process.wait(5) == 0
    second.stop()


def test_two_folders_do_not_disturb_each_other(tmp_path: Path) -> None:
    servers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        servers.append(embedded.Valkey(tmp_path / name))
        servers[-1].start()
    clients = [redis.Redis.from_url(server.url) for server in servers]
    clients[0].set("x", "1")
    assert clients[1].get("x") is None
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(host="127.0.0.1", port=servers[0].port).get("x")
    for client, server in zip(clients, servers, strict=True):
        client.close()
        server.stop()


@pytest.mark.skipif(not IS_ROOT, reason="needs root to become another user")
def test_an_ordinary_user_needs_no_other_user(tmp_path: Path) -> None:
    """The same module, run by `nobody` in a copy it can reach."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]);"
        "from pathlib import Path; from config import embedded;"
        "folder = Path(sys.argv[2]); server = embedded.Postgres(folder, password='x');"
        "server.start(); server.stop(); print((folder / 'postgres' / 'PG_VERSION').read_text())"
    )
    home = Path("/var/tmp") / f"foyer-user-{os.getpid()}"  # noqa: S108
    checks = [embedded._wheel(), embedded.CHECKOUT / "config" / "x"]
    checks.append(Path(sys.executable).resolve())
    if not all(embedded.may_reach(path, 65534, 65534) for path in checks):
        pytest.skip("the checkout lies where only root may enter: nobody cannot run its Python")
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code, str(embedded.CHECKOUT), str(home)],
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "18"
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)  # noqa: S603, S607


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
    assert embedded.keys()["SECRET_KEY"] == "from the environment"


def test_servers_of_a_process_that_is_gone_do_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOYER_DATA", str(tmp_path))
    assert embedded.running_servers() is None
    embedded.note_running(embedded.Servers("postgresql://x", "redis://y"))
    assert embedded.running_servers() == embedded.Servers("postgresql://x", "redis://y")
    monkeypatch.setattr(processes, "is_alive", lambda _pid: False)
    assert embedded.running_servers() is None
