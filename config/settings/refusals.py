"""What production does not start with, each with the sentence its operator reads (S03)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured

SHORTEST_KEY = 50
GIVEAWAYS = ("insecure", "changeme", "change-me", "only-for-tests", "secret-key")


def _key_problem(name: str, key: str) -> str | None:
    if not key:
        return f"{name} is not set."
    if len(key) < SHORTEST_KEY or len(set(key)) < 12 or any(word in key for word in GIVEAWAYS):
        return f"{name} looks like a default or is too short: {SHORTEST_KEY} random characters."
    return None


def _cache_problems(caches: Mapping[str, Mapping[str, Any]]) -> list[str]:
    per_process = [
        alias
        for alias, cache in caches.items()
        if "locmem" in cache["BACKEND"] or "dummy" in cache["BACKEND"] or not cache.get("LOCATION")
    ]
    return [
        f"The cache “{alias}” lives in one process, so limits would not hold: set REDIS_URL."
        for alias in per_process
    ]


def problems(
    *,
    debug: bool,
    origin: str,
    hosts: Sequence[str],
    secret_key: str,
    ticket_key: str,
    caches: Mapping[str, Mapping[str, Any]],
    proxy_count: int | None,
) -> list[str]:
    """Every reason not to start, as sentences; empty when there is none."""
    keys = [_key_problem("SECRET_KEY", secret_key), _key_problem("FOYER_TICKET_KEY", ticket_key)]
    found = [problem for problem in keys if problem]
    if secret_key and secret_key == ticket_key:
        found.append("SECRET_KEY and FOYER_TICKET_KEY must be different keys.")
    if debug:
        found.append("DEBUG shows strangers the inside: leave it off.")
    if not origin.startswith("https://"):
        found.append("FOYER_ORIGIN must be the public address of Foyer and begin with https://.")
    if not hosts or any("*" in host or host.startswith(".") for host in hosts):
        found.append("ALLOWED_HOSTS must name the one host of FOYER_ORIGIN, without wildcards.")
    if proxy_count is None:
        found.append(
            "FOYER_PROXY_COUNT is not set: how many proxies of yours stand in front (0 for none)?"
        )
    return found + _cache_problems(caches)


def refuse_unsafe(
    *,
    debug: bool,
    origin: str,
    hosts: Sequence[str],
    secret_key: str,
    ticket_key: str,
    caches: Mapping[str, Mapping[str, Any]],
    proxy_count: int | None,
) -> None:
    """Raise `ImproperlyConfigured` naming every problem at once."""
    found = problems(
        debug=debug,
        origin=origin,
        hosts=hosts,
        secret_key=secret_key,
        ticket_key=ticket_key,
        caches=caches,
        proxy_count=proxy_count,
    )
    if found:
        raise ImproperlyConfigured("Foyer does not start like this:\n- " + "\n- ".join(found))
