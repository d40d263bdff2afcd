"""The language an app wishes for its people (`ui_locales`)."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from tenants import languages


def speak_as_wished(request: HttpRequest, ui_locales: str) -> str:
    """From here on speak the first of these languages that we know, and say which; empty when there
    is none, or the person chose one already."""
    if languages.is_chosen(request):
        return ""
    wishes = (tag.partition("-")[0].lower() for tag in ui_locales.split())
    language = next((wish for wish in wishes if wish in dict(settings.LANGUAGES)), "")
    if language:
        translation.activate(language)
    return language


def remember_wish(response: HttpResponse, language: str) -> HttpResponse:
    """For the pages that follow, if there is a wish."""
    if language:
        languages.remember(response, language)
    return response
