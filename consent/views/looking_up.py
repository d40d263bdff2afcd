"""The app that a page is about."""

from uuid import UUID

from django.http import Http404

from consent.models import OAuthClient


def client_or_404(app_id: UUID) -> OAuthClient:
    """How this tenant's app signs people in, or the 404 of an id that never existed (N01)."""
    client = OAuthClient.objects.select_related("app").filter(app=app_id).first()
    if client is None:
        raise Http404
    return client
