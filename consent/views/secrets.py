"""The secrets of a shared app: made and shown once, removed."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from consent import clients, shown_once
from consent.errors import SecretNotNeededError, TooManySecretsError
from consent.models import OAuthClient
from consent.views.looking_up import client_or_404
from invitations.access import Viewer, require
from invitations.permissions import Permission
from invitations.views.looking_up import row_or_404


def to_app(viewer: Viewer, app_id: UUID, *, secret: str = "") -> HttpResponse:
    """On to the app's page, which shows a new secret once."""
    response = redirect("consent:app", app_id=app_id)
    if secret:
        shown_once.hand_over(response, secret, app_id=app_id, entry_id=viewer.entry.pk)
    return response


@require_POST
@require(Permission.MANAGE_APPS)
def add_secret(request: HttpRequest, viewer: Viewer, app_id: UUID) -> HttpResponse:
    """A new secret, on the page that comes next and never again (O10)."""
    client, secret = client_or_404(app_id), ""
    try:
        secret = clients.add_secret(client, by=viewer.entry)
    except TooManySecretsError:
        messages.error(request, _("There are two secrets already. Remove the older one first."))
    except SecretNotNeededError:
        messages.error(request, _("This kind of app keeps no secret."))
    except OAuthClient.DoesNotExist as error:
        raise Http404 from error
    return to_app(viewer, app_id, secret=secret)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def remove_secret(
    request: HttpRequest, viewer: Viewer, app_id: UUID, secret_id: UUID
) -> HttpResponse:
    """Ask, as an app that still uses it lets nobody in any more; then it opens nothing."""
    client = client_or_404(app_id)
    row = row_or_404(client.secrets.all(), str(secret_id))
    if request.method == "POST":
        clients.remove_secret(row, by=viewer.entry)
        messages.success(request, _("The secret is removed and opens nothing any more."))
        return redirect("consent:app", app_id=app_id)
    context = {"section": "apps", "person": viewer, "app": client.app, "secret": row}
    context["is_last"] = client.secrets.count() == 1
    return render(request, "consent/secret_remove.html", context)
