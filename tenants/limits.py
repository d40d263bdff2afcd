"""How often something may happen from one network address."""

from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest


@dataclass(frozen=True)
class Limit:
    """At most `amount` times in a window of `seconds`, counted from the first."""

    name: str
    amount: int
    seconds: int


MISSED_TICKETS = Limit("missed-tickets", 30, 60)
UNWANTED_REPORTS = Limit("unwanted-reports", 10, 60)


def _key(request: HttpRequest, limit: Limit) -> str:
    return f"limit:{limit.name}:{get_adapter().get_client_ip(request)}"


def count(request: HttpRequest, limit: Limit) -> None:
    """Count one more."""
    key = _key(request, limit)
    if cache.add(key, 1, timeout=limit.seconds):
        return
    try:
        cache.incr(key)
    except ValueError:
        # The window ended between the two.
        cache.add(key, 1, timeout=limit.seconds)


def is_exceeded(request: HttpRequest, limit: Limit) -> bool:
    """Whether this address used its amount up. While the cache is away nobody is refused."""
    return int(cache.get(_key(request, limit), 0)) >= limit.amount
