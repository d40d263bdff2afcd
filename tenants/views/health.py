"""Is Foyer alive, and may it be sent requests? Neither page names versions (S06)."""

from datetime import timedelta
from http import HTTPStatus

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.mail import outbox


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at."""
    return HttpResponse("alive\n", content_type="text/plain")


def _longest_wait() -> timedelta | None:
    """How long mail has been waiting; None when the database cannot be asked."""
    try:
        return outbox.longest_wait()
    except DatabaseError:
        return None


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Database, cache and mail, each by name; 503 without the first and when mail is late (F12)."""
    waited = _longest_wait()
    cache.set("health", "here", 10)
    database = "away" if waited is None else "ready"
    mail = "late" if waited is not None and waited >= outbox.LATE_AFTER else database
    found = {
        "database": database,
        "cache": "ready" if cache.get("health") == "here" else "away",
        "mail": mail,
        "oldest unsent mail": f"{int((waited or timedelta(0)).total_seconds())} s",
    }
    text = "".join(f"{part}: {state}\n" for part, state in found.items())
    # Without the cache invitations are still taken and mailed, so it does not close the door.
    status = HTTPStatus.OK if mail == "ready" else HTTPStatus.SERVICE_UNAVAILABLE
    return HttpResponse(text, content_type="text/plain", status=status)
