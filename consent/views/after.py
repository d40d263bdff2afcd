"""From an answer to the app, with what is still outstanding in between."""

from http import HTTPStatus
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from consent.gate import outstanding
from invitations.models import DirectoryEntry
from tenants import schema

SALT = "foyer.destination"
LIFETIME_SECONDS = 3600


def _sealed(destination: str) -> str:
    return signing.dumps([schema.current_schema(), destination], salt=SALT)


def destination_from(request: HttpRequest) -> str:
    """Where the person was going before we asked; the directory's entrance when nobody says.

    Only what we sealed for this tenant is believed (C07).
    """
    fallback = schema.tenant_path(schema.current_tenant(), "consent:enter")
    try:
        schema_name, destination = signing.loads(
            request.GET.get("to", ""), salt=SALT, max_age=LIFETIME_SECONDS
        )
    except (signing.BadSignature, ValueError):
        return fallback
    return str(destination) if schema_name == schema.current_schema() else fallback


def go_on(entry: DirectoryEntry, destination: str) -> HttpResponse:
    """To the destination, or first to what this person has to answer."""
    left = outstanding(entry)
    if left:
        page = "consent:again" if left.statement else "consent:accept_terms"
        path = schema.tenant_path(schema.current_tenant(), page)
        destination = f"{path}?{urlencode({'to': _sealed(destination)})}"
    return HttpResponseRedirect(destination, status=HTTPStatus.SEE_OTHER)
