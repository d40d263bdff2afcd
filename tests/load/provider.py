"""Foyer's provider against django-oauth-toolkit and allauth's own, in one run.

Not part of the suite, whose machine is busy. By itself:

    python -m tests.load.provider

The hot path four times over: authorize (signed in, consent exists), token, userinfo, refresh.
Every contender is a process that calls its own WSGI handler, all at one PostgreSQL that really
writes to disk and one Valkey. They take turns, in another order every round, so that each ratio is
of one moment. The two rivals run in an environment made for this run and thrown away (`--rivals`
keeps one), with Foyer's versions of everything both use.

Fair is: sessions in the database, a pool of persistent connections, DEBUG off, RS256 keys of 2048
bits, PKCE, the client's secret in the body, no consent page, the same claims. Foyer runs its
production settings with all its middleware; the rivals have what Django's new project has. allauth
keeps codes in the cache, so its authorize writes no row.

Each rival runs twice. "As shipped" keeps client secrets by Django's PBKDF2 with a million rounds,
as both do by default; Foyer's secrets are 256 random bits and kept by SHA-256. As that alone would
decide, "light" gives the rivals MD5 for it, which nobody should run: what is left is the provider.

Fails when Foyer is slower, by the median of the paired ratios,
- over the whole path than the faster rival, light or not;
- at authorize or at token than the slower light one.
"""

import argparse
import json
import os
import random
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from config import processes
from config.postgres import Postgres
from config.valkey import Valkey

CHECKOUT = Path(__file__).resolve().parent.parent.parent
HOST = "foyer.example"
STEPS = ("authorize", "token", "userinfo", "refresh")
WHOLE = "whole path"
ONLY_RIVALS = ("django-oauth-toolkit==3.4.1",)
# Of the same version in both environments, extras and all.
SHARED = (
    "django",
    "django-allauth[idp-oidc]",
    "psycopg[binary,pool]",
    "redis",
    "cryptography",
    "pyjwt",
)


@dataclass(frozen=True)
class Entry:
    """One contender; `secrets` is how it keeps its clients'."""

    name: str
    module: str
    settings: str
    secrets: str = "as shipped"

    @property
    def label(self) -> str:
        return self.name if self.name == "Foyer" else f"{self.name}, {self.secrets}"

    @property
    def database(self) -> str:
        return f"bench_{self.module}_{self.secrets.replace(' ', '_')}"


FOYER = Entry("Foyer", "foyer", "config.settings.production")
RIVALS = tuple(
    Entry(name, module, f"tests.load.rivals.{settings}", how)
    for how in ("light", "as shipped")
    for name, module, settings in (
        ("oauth-toolkit", "toolkit", "toolkit_settings"),
        ("allauth", "allauth_idp", "allauth_settings"),
    )
)


@dataclass
class Runner:
    """A contender's process, and the milliseconds it took: a step's median in every round."""

    entry: Entry
    process: subprocess.Popen[bytes]
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, flows: int) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{flows}\n".encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.entry.label} gave up; see what it wrote above.")
        return dict(json.loads(line))

    def run(self, flows: int) -> None:
        times = self.ask(flows)
        times[WHOLE] = [sum(each) for each in zip(*(times[step] for step in STEPS), strict=True)]
        for name, values in times.items():
            self.rounds.setdefault(name, []).append(statistics.median(values))

    def ratios(self, to: "Runner", step: str) -> list[float]:
        """This one's time by the other's, round by round; below 1 this one is faster."""
        return [a / b for a, b in zip(self.rounds[step], to.rounds[step], strict=True)]


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def rivals_python(folder: Path) -> Path:
    """The rivals' own Python, made in the folder when it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        say("Installing the rivals")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
    exact = [f"{name}=={version(name.partition('[')[0])}" for name in SHARED]
    quiet = ("-q", "--disable-pip-version-check")
    command = [str(python), "-m", "pip", "install", *quiet, *exact, *ONLY_RIVALS]
    subprocess.run(command, check=True)  # noqa: S603
    return python


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """PostgreSQL with its own settings, which wait for the disk, and Valkey; their addresses."""
    with tempfile.TemporaryDirectory(prefix="foyer-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL's user must get to its own folder in there
        postgres = Postgres(folder, password=secrets.token_urlsafe(12))
        stack.callback(postgres.remove)
        postgres.start()
        valkey = Valkey(folder)
        stack.callback(valkey.stop)
        valkey.start()
        yield postgres.url, valkey.url


def environment(entry: Entry, database_url: str, redis_url: str) -> Mapping[str, str]:
    """What a contender is told. psycopg reads the PG names, Foyer its one address."""
    url = urlsplit(database_url)
    told = {
        "DJANGO_SETTINGS_MODULE": entry.settings,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "REDIS_URL": redis_url,
        "SECRETS": entry.secrets,
        "FOYER_HOST": HOST,
        "PGHOST": str(url.hostname),
        "PGPORT": str(url.port),
        "PGUSER": str(url.username),
        "PGPASSWORD": str(url.password),
        "PGDATABASE": entry.database,
        "DATABASE_URL": url._replace(path=f"/{entry.database}").geturl(),
        "FOYER_ORIGIN": f"https://{HOST}",
        "FOYER_TICKET_KEY": secrets.token_urlsafe(64),
        "FOYER_PROXY_COUNT": "0",
        "EMAIL_URL": "smtp://127.0.0.1:1",
    }
    return os.environ | told


@contextmanager
def runners(python: Path) -> Iterator[list[Runner]]:
    """All contenders, warm."""
    with servers() as (database_url, redis_url), ExitStack() as stack:
        found = []
        for entry in (FOYER, *RIVALS):
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{entry.database}"'.encode())
            program = sys.executable if entry is FOYER else str(python)
            module = f"tests.load.rivals.{entry.module}"
            process = processes.start(
                [program, "-m", "tests.load.rivals.worker", module],
                env=environment(entry, database_url, redis_url),
                stdin=subprocess.PIPE,
                output=subprocess.PIPE,
                errors=None,
                cwd=str(CHECKOUT),
            )
            stack.callback(processes.stop, process)
            found.append(Runner(entry, process))
        yield found


def print_costs(runner: Runner, width: int) -> None:
    costs = runner.ask(0)
    cells = [f"{costs[step].get('sql', 0)} ({costs[step]['writing']})" for step in STEPS]
    note = "" if costs["signs_at_refresh"] else "  no ID token at refresh"
    say(f"{runner.entry.label:{width}}" + "".join(f"{cell:>14}" for cell in cells) + note)


def print_times(foyer: Runner, others: list[Runner], width: int) -> None:
    columns = (*STEPS, WHOLE)
    say(f"\n{'Milliseconds, median':{width}}" + "".join(f"{name:>14}" for name in columns))
    for runner in (foyer, *others):
        cells = [statistics.median(runner.rounds[name]) for name in columns]
        say(f"{runner.entry.label:{width}}" + "".join(f"{cell:14.2f}" for cell in cells))
    say(f"\n{'Foyer by rival, paired':{width}}" + "".join(f"{name:>14}" for name in columns))
    for other in others:
        cells = [statistics.median(foyer.ratios(other, name)) for name in columns]
        say(f"{other.entry.label:{width}}" + "".join(f"{cell:13.2f}×" for cell in cells))


def too_slow(foyer: Runner, others: list[Runner]) -> list[str]:
    """Where Foyer is below the floor."""
    by = {name: [statistics.median(foyer.ratios(o, name)) for o in others] for name in (WHOLE,)}
    light = [other for other in others if other.entry.secrets == "light"]
    # The slower of two rivals is the one that Foyer's ratio to is smaller.
    by |= {
        name: [min(statistics.median(foyer.ratios(other, name)) for other in light)]
        for name in ("authorize", "token")
    }
    return [f"{name}: {max(ratios):.2f}×" for name, ratios in by.items() if max(ratios) > 1]


def main() -> None:
    arguments = argparse.ArgumentParser(description="Foyer's provider against two others.")
    arguments.add_argument("--rounds", type=int, default=40)
    arguments.add_argument("--flows", type=int, default=3, help="of every contender in a round")
    arguments.add_argument("--rivals", type=Path, help="an environment to use or make, and to keep")
    chosen = arguments.parse_args()
    thrown_away = Path(tempfile.mkdtemp(prefix="foyer-rivals-"))
    try:
        python = rivals_python(chosen.rivals or thrown_away)
        with runners(python) as found:
            foyer, *others = found
            width = max(len(runner.entry.label) for runner in found) + 2
            head = "Statements (transactions that wrote)"
            say(f"\n{head}\n{'':{width}}" + "".join(f"{name:>14}" for name in STEPS))
            for runner in found:
                print_costs(runner, width)
            draw = random.Random(1)  # noqa: S311  # nosec B311: an order, no secret
            for _ in range(chosen.rounds):
                for runner in draw.sample(found, len(found)):
                    runner.run(chosen.flows)
        print_times(foyer, others, width)
    finally:
        shutil.rmtree(thrown_away, ignore_errors=True)
    below = too_slow(foyer, others)
    say(f"\nSlower than the floor: {', '.join(below)}" if below else "\nNot slower than the floor.")
    sys.exit(1 if below else 0)


if __name__ == "__main__":
    main()
