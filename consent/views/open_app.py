"""The direct link to a shared app, and its logo."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from consent.views.after import Destination, go_on
from consent.views.authorize import not_assigned
from invitations.access import entry_of
from invitations.models import AppLogo, SharedApp
from invitations.models.assignment import apps_open_to
from tenants import schema
from tenants.adapters import account_of

LOGO_SECONDS = 365 * 24 * 3600


@require_safe
def open_app(request: HttpRequest, app_id: UUID) -> HttpResponse:
    """`/o/<slug>/open/<app>/`: sign in, redeem what is open, review, and on to the app.

    Strangers see the same door whether there is such an app or not (N01).
    """
    account = account_of(request)
    app = SharedApp.objects.exclude(home_url="").filter(pk=app_id).first()
    path = schema.tenant_path(schema.current_tenant(), "consent:open_app", app_id=app_id)
    entry = entry_of(account) if account else None
    if account is None or entry is None:
        return redirect(Destination(path, opens=str(app_id)).by_way_of("consent:enter"))
    if app is None:
        raise Http404
    if not apps_open_to(entry.pk).filter(pk=app.pk).exists():
        return not_assigned(request, account)
    return go_on(entry, Destination.at(app.home_url))


def logo_path(app: Any) -> str:
    """Where its picture is; empty when it has none."""
    if not app.logo_hash:
        return ""
    tenant = schema.current_tenant()
    return schema.tenant_path(tenant, "consent:app_logo", app_id=app.pk, version=app.logo_hash)


@require_safe
def logo(request: HttpRequest, app_id: UUID, version: str) -> HttpResponse:
    """The picture we made of what was uploaded; its address changes with it."""
    found = AppLogo.objects.filter(app=app_id, app__logo_hash=version).first()
    if found is None:
        raise Http404
    response = HttpResponse(bytes(found.png), content_type="image/png")
    response["Cache-Control"] = f"public, max-age={LOGO_SECONDS}, immutable"
    return response
