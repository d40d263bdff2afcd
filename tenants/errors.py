"""Answers when something is wrong: outward short and alike, inward named."""

import sys
from http import HTTPStatus

from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

RETRY_AFTER_SECONDS = 5
LIMIT_SECONDS = 60  # the window of allauth's limits on posts
UNDEFINED_TABLE = "42P01"


class FoyerError(Exception):
    """The base of what our own rules refuse."""


def _is_away(error: BaseException | None) -> bool:
    """The database is away for a moment (F09), or this tenant's schema lacks a table (N06)."""
    if isinstance(error, ProgrammingError):
        return getattr(error.__cause__, "sqlstate", None) == UNDEFINED_TABLE
    return isinstance(error, OperationalError | InterfaceError)


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`, and 503 with Retry-After for what repairs itself."""
    if _is_away(sys.exc_info()[1]):
        body = render_to_string("503.html")
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return HttpResponse(body, status=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
    return HttpResponse(render_to_string("500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler400`. An unknown Host ends here too, where nothing may be built from the request."""
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    return HttpResponse(
        render_to_string("400.html", {"reason": reason}), status=HTTPStatus.BAD_REQUEST
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A post without a valid token or from a foreign Origin (C02)."""
    return render(request, "403_csrf.html", {"reason": reason}, status=HTTPStatus.FORBIDDEN)


def too_many_requests(request: HttpRequest, *, retry_after: int) -> HttpResponse:
    """429 with `Retry-After` in whole seconds."""
    response = render(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(retry_after)
    return response


def rate_limited(request: HttpRequest) -> HttpResponse:
    """`handler429`: one of allauth's limits by the minute."""
    return too_many_requests(request, retry_after=LIMIT_SECONDS)
