"""A01: does the time of an answer tell a known address from an unknown one?

Not part of the suite, whose machine is busy. By itself:

    python -m pytest -n 0 -s tests/load/enumeration.py

200 paired tries for every page that takes an address, in random order, with real mail on loopback
and no limit in the way. Prints the medians and the p-value of a paired permutation test; fails when
the medians differ by more than 10 %.
"""

import random
import statistics
import time

import pytest
from django.core.cache import cache
from django.test import Client

from tenants.models import Account
from tests.smtp import SmtpSink

TRIES = 200
SHUFFLES = 5000
UNKNOWN = "nobody@northwind.example"
PAGES = {
    "/accounts/login/": ("login", {"password": "wrong wrong wrong"}),
    "/accounts/login/code/": ("email", {}),
    "/accounts/password/reset/": ("email", {}),
}


def timed(path: str, field: str, address: str, data: dict[str, str]) -> float:
    """Milliseconds of one post in a fresh browser."""
    cache.clear()
    browser = Client()
    browser.get(path)
    start = time.perf_counter()
    browser.post(path, {field: address, **data})
    return (time.perf_counter() - start) * 1000


def chance(differences: list[float]) -> float:
    """How often a random sign for every pair gives a median as far from nothing (p-value)."""
    draw = random.Random(2)  # noqa: S311  # nosec B311: statistics, no secret
    seen = abs(statistics.median(differences))
    as_far = sum(
        abs(statistics.median(draw.choice((-1, 1)) * each for each in differences)) >= seen
        for _ in range(SHUFFLES)
    )
    return (as_far + 1) / (SHUFFLES + 1)


@pytest.mark.parametrize("path", PAGES)
def test_the_time_of_an_answer_tells_nothing(gita: Account, smtp: SmtpSink, path: str) -> None:
    """A01: medians within 10 % over 200 tries."""
    gita.set_password("four plain words do")
    gita.save()
    field, data = PAGES[path]
    draw = random.Random(1)  # noqa: S311  # nosec B311: the same
    times: dict[str, list[float]] = {gita.email: [], UNKNOWN: []}
    for _ in range(TRIES):
        for address in draw.sample(list(times), 2):
            times[address].append(timed(path, field, address, data))
    known, unknown = (statistics.median(times[address]) for address in (gita.email, UNKNOWN))
    pairs = zip(times[gita.email], times[UNKNOWN], strict=True)
    p = chance([one - other for one, other in pairs])
    print(f"\n{path}: known {known:.1f} ms, unknown {unknown:.1f} ms, p = {p:.3f}")  # noqa: T201
    assert 0.9 <= known / unknown <= 1.1
