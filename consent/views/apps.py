"""Shared apps in the portal: what they are, how they sign people in, who may enter."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import applist, clients, shown_once
from consent.app_forms import AppForm, AssignForm, LogoForm
from consent.errors import SecretNotNeededError, TooManySecretsError
from consent.models import ClientSecret, ClientType, OAuthClient
from invitations import pages
from invitations.access import Viewer, require
from invitations.forms import WhoForm, answered, outcome
from invitations.models import AppAssignment, DirectoryEntry, Group, SharedApp, WhoMayEnter
from invitations.models.assignment import people_of_group
from invitations.permissions import Permission
from invitations.services import apps as services
from invitations.views.owning import add_owner, say_gone, take_owner
from tenants import schema
from tenants.mail import outbox
from tenants.models import MailKind

PEOPLE, VISITS = "people", "visits"


def _client(app_id: UUID) -> OAuthClient:
    """How this tenant's app signs people in, or the 404 of an id that never existed (N01)."""
    client = OAuthClient.objects.select_related("app").filter(app=app_id).first()
    if client is None:
        raise Http404
    return client


def logo_path(app: Any) -> str:
    """Where its picture is; empty when it has none."""
    if not app.logo_hash:
        return ""
    tenant = schema.current_tenant()
    return schema.tenant_path(tenant, "consent:app_logo", app_id=app.pk, version=app.logo_hash)


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


def _to_app(viewer: Viewer, app_id: UUID, *, secret: str = "") -> HttpResponse:
    """On to the app's page, which shows a new secret once."""
    response = redirect("consent:app", app_id=app_id)
    if secret:
        shown_once.hand_over(response, secret, app_id=app_id, entry_id=viewer.entry.pk)
    return response


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
        return _to_app(viewer, client.app_id, secret=secret)
    context = {"section": "apps", "person": viewer, "form": form}
    return render(request, "consent/app_form.html", context, status=_status(request))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def edit_app(request: HttpRequest, viewer: Viewer, app_id: UUID) -> HttpResponse:
    """Change what people see of it and how it signs them in."""
    client = _client(app_id)
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
    client = _client(app_id)
    app = client.app
    if request.method == "POST":
        name = app.name
        clients.stop_sharing(client, by=viewer.entry)
        messages.success(request, _("%(name)s is not shared any more.") % {"name": name})
        return redirect("consent:apps")
    context = {"section": "apps", "person": viewer, "app": app}
    return render(request, "consent/app_remove.html", context)


def _owners(app: SharedApp) -> list[DirectoryEntry]:
    return list(DirectoryEntry.objects.filter(apps_owned__app=app).order_by("address"))


def _named(model: Any, pk: str, **of: Any) -> Any:
    """The row that a button is about, of this app; 404 for anything else (N01)."""
    try:
        found = model.objects.filter(pk=UUID(pk), **of).first()
    except ValueError as error:
        raise Http404 from error
    if found is None:
        raise Http404
    return found


def _given(request: HttpRequest, app: SharedApp) -> AppAssignment:
    found: AppAssignment = _named(AppAssignment, request.POST.get("assignment", ""), app=app)
    return found


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
        owner = _named(DirectoryEntry, posted.get("entry", ""), apps_owned__app=app)
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
    client = _client(app_id)
    if request.method != "POST":
        return _shown(request, viewer, client)
    forms = _forms(request)
    try:
        if group := _group_at_stake(request, client.app):
            return _ask_about(request, viewer, client.app, group)
        done = _act(request, viewer, client.app, forms)
    except Http404:
        say_gone(request)
        return _page(request, viewer, client, status=HTTPStatus.NOT_FOUND)
    if done:
        messages.success(request, done)
        return redirect(_asked(request, client.app).url)
    return _page(request, viewer, client, forms=forms, status=HTTPStatus.BAD_REQUEST)


@require_POST
@require(Permission.MANAGE_APPS)
def add_secret(request: HttpRequest, viewer: Viewer, app_id: UUID) -> HttpResponse:
    """A new secret, on the page that comes next and never again (O10)."""
    client, secret = _client(app_id), ""
    try:
        secret = clients.add_secret(client, by=viewer.entry)
    except TooManySecretsError:
        messages.error(request, _("There are two secrets already. Remove the older one first."))
    except SecretNotNeededError:
        messages.error(request, _("This kind of app keeps no secret."))
    except OAuthClient.DoesNotExist as error:
        raise Http404 from error
    return _to_app(viewer, app_id, secret=secret)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def remove_secret(
    request: HttpRequest, viewer: Viewer, app_id: UUID, secret_id: UUID
) -> HttpResponse:
    """Ask, as an app that still uses it lets nobody in any more; then it opens nothing."""
    client = _client(app_id)
    row = _named(ClientSecret, str(secret_id), client=client)
    if request.method == "POST":
        clients.remove_secret(row, by=viewer.entry)
        messages.success(request, _("The secret is removed and opens nothing any more."))
        return redirect("consent:app", app_id=app_id)
    context = {"section": "apps", "person": viewer, "app": client.app, "secret": row}
    context["is_last"] = client.secrets.count() == 1
    return render(request, "consent/secret_remove.html", context)
