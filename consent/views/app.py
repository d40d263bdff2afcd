"""One shared app: how it signs in, its people, owners, picture and last visits."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent import applist, shown_once
from consent.app_forms import AssignForm, LogoForm
from consent.models import ClientSecret, ClientType, OAuthClient
from consent.views.looking_up import client_or_404
from consent.views.open_app import logo_path
from invitations import pages
from invitations.access import Viewer, require
from invitations.forms.people import WhoForm
from invitations.forms.refusals import outcome
from invitations.models import AppAssignment, DirectoryEntry, Group, SharedApp, WhoMayEnter
from invitations.models.assignment import people_of_group
from invitations.permissions import Permission
from invitations.services import apps as services
from invitations.views.looking_up import row_or_404
from invitations.views.owning import add_owner, say_gone, take_owner
from tenants import schema
from tenants.mail import outbox
from tenants.models import MailKind

PEOPLE, VISITS = "people", "visits"


def _owners(app: SharedApp) -> list[DirectoryEntry]:
    return list(DirectoryEntry.objects.filter(apps_owned__app=app).order_by("address"))


def _given(request: HttpRequest, app: SharedApp) -> AppAssignment:
    return row_or_404(AppAssignment.objects.filter(app=app), request.POST.get("assignment", ""))


def _group_at_stake(request: HttpRequest, app: SharedApp) -> Group | None:
    """The group whose people would all lose the app by this button: asked about first."""
    if request.POST.get("do") != "unassign" or "sure" in request.POST:
        return None
    return _given(request, app).group


def _forms(request: HttpRequest) -> dict[str, Any]:
    """The forms of an app's page; the one whose button was pressed is bound."""
    asked = request.POST.get("do", "")

    def posted(name: str) -> Any:
        return request.POST if asked == name else None

    return {
        "assign": AssignForm(posted("assign"), auto_id="assign_%s"),
        "add_owner": WhoForm(posted("add_owner"), auto_id="owner_%s"),
        "logo": LogoForm(posted("logo"), request.FILES if asked == "logo" else None),
    }


def _set_logo(app: SharedApp, *, upload: bytes | None, by: DirectoryEntry) -> str:
    services.set_logo(app, upload=upload, by=by)
    return _("The picture is shown from now on.") if upload else _("The picture is removed.")


def _manage(asked: str, posted: Any, viewer: Viewer, app: SharedApp, forms: dict[str, Any]) -> str:
    """What only who manages apps may do, like `_act`."""
    by = viewer.entry
    if asked == "add_owner":
        form = forms[asked]
        return outcome(form, lambda: add_owner(app, owner=form.find(), by=by))
    if asked == "take_owner":
        owners = DirectoryEntry.objects.filter(apps_owned__app=app)
        owner = row_or_404(owners, posted.get("entry", ""))
        return take_owner(app, owner=owner, by=by)
    if asked == "logo":
        form = forms[asked]
        return outcome(form, lambda: _set_logo(app, upload=form.upload(), by=by))
    if asked == "no_logo":
        return _set_logo(app, upload=None, by=by)
    raise Http404


def _assign(
    app: SharedApp, *, to: DirectoryEntry | Group, roles: list[str], by: DirectoryEntry
) -> str:
    whom = {"group": to} if isinstance(to, Group) else {"entry": to}
    was_given = AppAssignment.objects.filter(app=app, **whom).exists()
    given = services.assign(app, to=to, roles=roles, by=by)
    named = {"who": to, "app": app}
    if was_given:
        return _("%(who)s has %(app)s already. The roles are as you entered them.") % named
    tenant = schema.current_tenant()
    if outbox.is_promised(tenant=tenant, kind=MailKind.ACCESS_GIVEN, about=[given.pk]):
        return _("%(who)s now has %(app)s and is told by e-mail.") % named
    return _("%(who)s now has %(app)s.") % named


def _unassign(given: AppAssignment, *, by: DirectoryEntry) -> str:
    services.unassign(given, by=by)
    return _("%(who)s is removed from %(app)s.") % {
        "who": given.entry or given.group,
        "app": given.app,
    }


def _act(request: HttpRequest, viewer: Viewer, app: SharedApp, forms: dict[str, Any]) -> str:
    """What a button of the page asks for, in words for what was done; empty when its form says
    why not."""
    asked, by = request.POST.get("do", ""), viewer.entry
    if asked == "assign":
        form = forms[asked]
        return outcome(form, lambda: _assign(app, by=by, **form.asked()))
    if asked == "unassign":
        return _unassign(_given(request, app), by=by)
    if not viewer.may(Permission.MANAGE_APPS):
        raise Http404
    return _manage(asked, request.POST, viewer, app, forms)


def _asked(request: HttpRequest, app: SharedApp) -> pages.Asked:
    path = reverse("consent:app", kwargs={"app_id": app.pk})
    return pages.Asked.of(path, request.GET, PEOPLE, VISITS)


def _people(app: SharedApp, asked: pages.Asked) -> dict[str, Any]:
    """Who is given the app, where the list is read and searched."""
    page = applist.assignment_page(app, search=asked.search, marker=asked.marker(PEOPLE))
    number = pages.count(applist.assignments_to(app))
    return {
        "given": page.rows,
        "total": pages.capped(number),
        "may_search": bool(asked.search) or number > pages.PAGE,
        "links": asked.links(page, PEOPLE),
    }


def _page(request: HttpRequest, viewer: Viewer, client: OAuthClient, **more: Any) -> HttpResponse:
    app, tenant = client.app, schema.current_tenant()
    asked = _asked(request, app)
    visits = applist.visit_page(app, asked.marker(VISITS))

    def absolute(name: str, **arguments: Any) -> str:
        return schema.absolute_url(schema.tenant_path(tenant, name, **arguments))

    context = {
        "section": "apps",
        "person": viewer,
        "app": app,
        "client": client,
        "logo_url": logo_path(app),
        "is_open": app.who_may_enter == WhoMayEnter.EVERYBODY,
        "keeps_secrets": client.client_type != ClientType.PUBLIC,
        "secrets": client.secrets.order_by("created_at"),
        "most_secrets": ClientSecret.MOST,
        "direct_link": absolute("consent:open_app", app_id=app.pk) if app.home_url else "",
        "discovery_url": absolute("consent:discovery"),
        "asked": asked,
        **_people(app, asked),
        "owners": _owners(app),
        "visits": visits.rows,
        "visit_links": asked.links(visits, VISITS),
        "may_manage": viewer.may(Permission.MANAGE_APPS),
        "forms": more.pop("forms", None) or _forms(request),
        **more,
    }
    return render(request, "consent/app.html", context, status=more.get("status", HTTPStatus.OK))


def _ask_about(request: HttpRequest, viewer: Viewer, app: SharedApp, group: Group) -> HttpResponse:
    context = {"section": "apps", "person": viewer, "app": app, "group": group}
    context |= {
        "people": people_of_group(group.pk).count(),
        "assignment": request.POST["assignment"],
    }
    return render(request, "consent/group_unassign.html", context)


def _shown(request: HttpRequest, viewer: Viewer, client: OAuthClient) -> HttpResponse:
    """The page, with the secret that was made just now, if there is one."""
    if request.method != "GET" or shown_once.COOKIE not in request.COOKIES:
        return _page(request, viewer, client)
    secret = shown_once.read(request, app_id=client.app_id, entry_id=viewer.entry.pk)
    response = _page(request, viewer, client, new_secret=secret)
    response["Cache-Control"] = "no-store"
    shown_once.forget(response, app_id=client.app_id)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SHARE_APPS)
def app(request: HttpRequest, viewer: Viewer, app_id: UUID) -> HttpResponse:
    """One app: how it signs in, its direct link, its people, owners, picture and last visits."""
    client = client_or_404(app_id)
    if request.method != "POST":
        return _shown(request, viewer, client)
    forms = _forms(request)
    try:
        if group := _group_at_stake(request, client.app):
            return _ask_about(request, viewer, client.app, group)
        done = _act(request, viewer, client.app, forms)
    except (Http404, ObjectDoesNotExist):
        client = client_or_404(app_id)
        say_gone(request)
        return _page(request, viewer, client, status=HTTPStatus.NOT_FOUND)
    if done:
        messages.success(request, done)
        return redirect(_asked(request, client.app).url)
    return _page(request, viewer, client, forms=forms, status=HTTPStatus.BAD_REQUEST)
