"""Is Foyer alive, and may it be sent requests? Neither page names versions (S06)."""

from http import HTTPStatus

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at."""
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The database and the cache answer, each said by name."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except DatabaseError:
        database = False
    cache.set("health", "here", 10)
    found = {"database": database, "cache": cache.get("health") == "here"}
    text = "".join(f"{part}: {'ready' if well else 'away'}\n" for part, well in found.items())
    # Without the cache invitations are still taken and mailed, so it does not close the door.
    status = HTTPStatus.OK if database else HTTPStatus.SERVICE_UNAVAILABLE
    return HttpResponse(text, content_type="text/plain", status=status)
