"""The language that somebody chose, or that was chosen for them."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def is_chosen(request: HttpRequest) -> bool:
    """Whether this browser remembers one: then nothing else decides."""
    return settings.LANGUAGE_COOKIE_NAME in request.COOKIES


def remember(response: HttpResponse, language: str) -> None:
    """Speak it on the pages that follow, too."""
    cookie: dict[str, Any] = {
        "max_age": settings.LANGUAGE_COOKIE_AGE,
        "path": settings.LANGUAGE_COOKIE_PATH,
        "secure": settings.LANGUAGE_COOKIE_SECURE,
        "httponly": settings.LANGUAGE_COOKIE_HTTPONLY,
        "samesite": settings.LANGUAGE_COOKIE_SAMESITE,
    }
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, **cookie)
