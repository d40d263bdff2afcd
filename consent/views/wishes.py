"""The language an app wishes for its people (`ui_locales`)."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation


def speak_as_wished(request: HttpRequest, ui_locales: str) -> str:
    """From here on speak the first of these languages that we know, and say which; empty when there
    is none, or the person chose one already."""
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        return ""
    wishes = (tag.partition("-")[0].lower() for tag in ui_locales.split())
    language = next((wish for wish in wishes if wish in dict(settings.LANGUAGES)), "")
    if language:
        translation.activate(language)
    return language


def remember_wish(response: HttpResponse, language: str) -> HttpResponse:
    """For the pages that follow, if there is a wish."""
    cookie: dict[str, Any] = {
        "max_age": settings.LANGUAGE_COOKIE_AGE,
        "path": settings.LANGUAGE_COOKIE_PATH,
        "secure": settings.LANGUAGE_COOKIE_SECURE,
        "httponly": settings.LANGUAGE_COOKIE_HTTPONLY,
        "samesite": settings.LANGUAGE_COOKIE_SAMESITE,
    }
    if language:
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, **cookie)
    return response
