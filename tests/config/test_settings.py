"""Production refuses to start with settings that would not hold."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings.refusals import problems

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = {
    "SECRET_KEY": hashlib.sha512(b"one").hexdigest(),
    "FOYER_TICKET_KEY": hashlib.sha512(b"two").hexdigest(),
    "FOYER_ORIGIN": "https://foyer.example",
    "FOYER_PROXY_COUNT": "1",
    "DATABASE_URL": "postgresql://foyer@localhost/foyer",
    "REDIS_URL": "redis://localhost:6379/0",
    "EMAIL_URL": "smtp+tls://localhost:587",
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
}


def start(**changed: str | None) -> subprocess.CompletedProcess[str]:
    wanted = {name: value for name, value in (GOOD | changed).items() if value is not None}
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | wanted
    return subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_good_settings_start() -> None:
    done = start()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEBUG", "1", "DEBUG shows strangers"),
        ("SECRET_KEY", None, "SECRET_KEY is not set"),
        ("SECRET_KEY", "django-insecure-" + "x1Y2z3W4" * 8, "SECRET_KEY looks like a default"),
        ("SECRET_KEY", "short", "SECRET_KEY looks like a default"),
        ("FOYER_TICKET_KEY", None, "FOYER_TICKET_KEY is not set"),
        ("FOYER_TICKET_KEY", GOOD["SECRET_KEY"], "must be different keys"),
        ("ALLOWED_HOSTS", "*", "without wildcards"),
        ("ALLOWED_HOSTS", ".example", "without wildcards"),
        ("FOYER_ORIGIN", "http://foyer.example", "begin with https://"),
        ("FOYER_ORIGIN", None, "begin with https://"),
        ("REDIS_URL", None, "set REDIS_URL"),
        ("FOYER_PROXY_COUNT", None, "FOYER_PROXY_COUNT is not set"),
    ],
)
def test_production_refuses_and_says_why(name: str, value: str | None, words: str) -> None:
    """S03: debug, default keys, `*` hosts, a per-process cache, no proxy setting."""
    done = start(**{name: value})
    assert done.returncode != 0
    assert "Foyer does not start like this" in done.stderr
    assert words in done.stderr


def test_a_per_process_cache_is_named() -> None:
    """S03: limits that live in one process do not hold."""
    found = problems(
        debug=False,
        origin=GOOD["FOYER_ORIGIN"],
        hosts=["foyer.example"],
        secret_key=GOOD["SECRET_KEY"],
        ticket_key=GOOD["FOYER_TICKET_KEY"],
        caches={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        proxy_count=0,
    )
    assert len(found) == 1
    assert "one process" in found[0]
