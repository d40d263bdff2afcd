"""Tries at passwords and codes, counted by allauth's limits and refused with 429 (A02)."""

import math
import time

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

from tenants.errors import too_many_requests

APP = "allauth.account"
FAILED = "login_failed"


def seconds_left(request: HttpRequest, *, action: str, key: str) -> int:
    """Whole seconds until the fullest limit of `action` lets the next try through, at least 1."""
    waits = [1.0]
    for rate in ratelimit.get_rates(app=APP, action=action):
        kept = ratelimit.get_cache_key(request, app=APP, action=action, rate=rate, key=key)
        tries: list[float] = cache.get(kept, [])
        if len(tries) >= rate.amount:
            waits.append(tries[-1] + rate.duration - time.time())
    return math.ceil(max(waits))


def refuse(request: HttpRequest, *, action: str, key: str) -> ImmediateHttpResponse:
    """The error to raise: allauth's middleware answers it with 429 and `Retry-After`."""
    wait = seconds_left(request, action=action, key=key)
    return ImmediateHttpResponse(too_many_requests(request, retry_after=wait))


def count_try(request: HttpRequest, *, key: str) -> ratelimit.RateLimitUsage:
    """Count one try for `key` and for this network address; take it back when it was right.

    Raises `ImmediateHttpResponse` (429) when either used its amount up. Only the try itself can
    be taken back: somebody's own success never clears what they failed elsewhere.
    """
    usage = ratelimit.consume(request, app=APP, action=FAILED, key=key)
    if usage is None:
        raise refuse(request, action=FAILED, key=key)
    return usage
