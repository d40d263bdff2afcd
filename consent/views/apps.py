"""Shared apps in the portal: the list, and what each is and how it signs people in."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from consent import applist, clients
from consent.app_forms import AppForm
from consent.models import OAuthClient
from consent.views.looking_up import client_or_404
from consent.views.open_app import logo_path
from consent.views.secrets import to_app
from invitations import pages
from invitations.access import Viewer, require
from invitations.forms.refusals import answered
from invitations.permissions import Permission


@require_safe
@require(Permission.SHARE_APPS)
def apps(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """All shared apps by name, with when somebody last signed in."""
    page = applist.app_page(request.GET.get("at", ""))
    context = {
        "section": "apps",
        "person": viewer,
        "rows": [{"app": app, "logo": logo_path(app)} for app in page.rows],
        "links": pages.links(page, reverse("consent:apps"), asked={}),
        "may_manage": viewer.may(Permission.MANAGE_APPS),
    }
    return render(request, "consent/apps.html", context)


def _status(request: HttpRequest) -> HTTPStatus:
    return HTTPStatus.BAD_REQUEST if request.method == "POST" else HTTPStatus.OK


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def new_app(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Register an app; an app that keeps secrets gets its first one, shown once (O10)."""
    form = AppForm(request.POST if request.method == "POST" else None)
    made: list[tuple[OAuthClient, str]] = []

    def perform() -> None:
        made.append(
            clients.share_app(registration=form.registration(), by=viewer.entry, **form.about())
        )

    if answered(form, perform):
        client, secret = made[0]
        messages.success(request, _("%(name)s is shared.") % {"name": client.app})
        return to_app(viewer, client.app_id, secret=secret)
    context = {"section": "apps", "person": viewer, "form": form}
    return render(request, "consent/app_form.html", context, status=_status(request))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def edit_app(request: HttpRequest, viewer: Viewer, app_id: UUID) -> HttpResponse:
    """Change what people see of it and how it signs them in."""
    client = client_or_404(app_id)
    form = AppForm.of(client, request.POST if request.method == "POST" else None)

    def perform() -> None:
        clients.change_registration(
            client, registration=form.registration(), by=viewer.entry, **form.about()
        )

    if answered(form, perform):
        messages.success(request, _("%(name)s is changed.") % {"name": form.about()["name"]})
        return redirect("consent:app", app_id=app_id)
    context = {"section": "apps", "person": viewer, "form": form, "app": client.app}
    return render(request, "consent/app_form.html", context, status=_status(request))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def remove_app(request: HttpRequest, viewer: Viewer, app_id: UUID) -> HttpResponse:
    """Ask, then share it no longer."""
    client = client_or_404(app_id)
    app = client.app
    if request.method == "POST":
        name = app.name
        clients.stop_sharing(client, by=viewer.entry)
        messages.success(request, _("%(name)s is not shared any more.") % {"name": name})
        return redirect("consent:apps")
    context = {"section": "apps", "person": viewer, "app": app}
    return render(request, "consent/app_remove.html", context)
