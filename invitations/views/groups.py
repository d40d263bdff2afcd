"""Groups: who is in, who answers for them, which apps they give."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from invitations import grouplist, pages
from invitations.access import Viewer, require
from invitations.forms.access import GroupForm
from invitations.forms.people import WhoForm
from invitations.forms.refusals import answered, outcome
from invitations.models import DirectoryEntry, Group
from invitations.models.assignment import people_of_group
from invitations.permissions import Permission
from invitations.services import groups as services
from invitations.views.looking_up import row_or_404
from invitations.views.owning import add_owner, say_gone, take_owner
from tenants import schema
from tenants.mail import outbox
from tenants.models import MailKind

PEOPLE = "people"


def _group(group_id: UUID) -> Group:
    """This tenant's group, or the 404 of an id that never existed (N01)."""
    group = Group.objects.filter(pk=group_id).first()
    if group is None:
        raise Http404
    return group


def _row(group: Any) -> dict[str, Any]:
    """As the list shows it."""
    return {
        "group": group,
        "people": pages.capped(group.people),
        "apps": pages.capped(group.apps),
    }


@require_safe
@require(Permission.SHARE_APPS)
def groups(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """All groups by name, with how many people and apps each has."""
    page = grouplist.group_page(request.GET.get("at", ""))
    context = {
        "section": "groups",
        "person": viewer,
        "rows": [_row(group) for group in page.rows],
        "links": pages.links(page, reverse("invitations:groups"), asked={}),
        "may_manage": viewer.may(Permission.MANAGE_APPS),
    }
    return render(request, "invitations/groups.html", context)


def _edit(request: HttpRequest, viewer: Viewer, group: Group | None) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    initial = {"name": group.name, "description": group.description} if group else None
    form = GroupForm(posted, initial=initial)

    def perform() -> None:
        nonlocal group
        if group:
            group = services.change_group(group, **form.cleaned_data, by=viewer.entry)
        else:
            group = services.add_group(**form.cleaned_data, by=viewer.entry)

    is_new = group is None
    if posted is not None and answered(form, perform) and group:
        done = _("%(name)s is made.") if is_new else _("%(name)s is changed.")
        messages.success(request, done % {"name": group})
        return redirect("invitations:group", group_id=group.pk)
    context = {"section": "groups", "person": viewer, "form": form, "group": group}
    context["heading"] = _("New group") if is_new else str(group)
    status = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    return render(request, "invitations/group_form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def new_group(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Name it; who is in comes after."""
    return _edit(request, viewer, None)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def edit_group(request: HttpRequest, viewer: Viewer, group_id: UUID) -> HttpResponse:
    """Change what it is called and what it is for."""
    return _edit(request, viewer, _group(group_id))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_APPS)
def remove_group(request: HttpRequest, viewer: Viewer, group_id: UUID) -> HttpResponse:
    """Ask, then dissolve it."""
    group = _group(group_id)
    if request.method == "POST":
        services.remove_group(group, by=viewer.entry)
        messages.success(request, _("%(name)s is dissolved.") % {"name": group.name})
        return redirect("invitations:groups")
    people = people_of_group(group.pk).count()
    context = {"section": "groups", "person": viewer, "group": group, "people": people}
    return render(request, "invitations/group_remove.html", context)


def _owners(group: Group) -> list[DirectoryEntry]:
    return list(DirectoryEntry.objects.filter(groups_owned__group=group).order_by("address"))


def _someone(posted: Any, **of: Any) -> DirectoryEntry:
    """Who a button is about, of this group; 404 for anybody else (N01)."""
    return row_or_404(DirectoryEntry.objects.filter(**of), posted.get("entry", ""))


def _add(group: Group, *, entry: DirectoryEntry, by: DirectoryEntry) -> str:
    if group.members.filter(entry=entry).exists():
        return _("%(who)s is in the group already.") % {"who": entry}
    services.add_to_group(group, entry=entry, by=by)
    about = group.members.filter(entry=entry).values_list("pk", flat=True)
    tenant = schema.current_tenant()
    if outbox.is_promised(tenant=tenant, kind=MailKind.ACCESS_GIVEN, about=about):
        return _("%(who)s is in the group now and is told by e-mail.") % {"who": entry}
    return _("%(who)s is in the group now.") % {"who": entry}


def _take(group: Group, *, entry: DirectoryEntry, by: DirectoryEntry) -> str:
    services.take_from_group(group, entry=entry, by=by)
    return _("%(who)s is not in the group any more.") % {"who": entry}


def _act(posted: Any, viewer: Viewer, group: Group, forms: dict[str, WhoForm]) -> str:
    """What a button of the group's page asks for, in words for what was done; empty when its form
    says why not."""
    asked, by = posted.get("do", ""), viewer.entry
    if asked == "add":
        form = forms["member"]
        return outcome(form, lambda: _add(group, entry=form.find(), by=by))
    if asked == "take":
        return _take(group, entry=_someone(posted, groups__group=group), by=by)
    if not viewer.may(Permission.MANAGE_APPS):
        raise Http404
    if asked == "add_owner":
        form = forms["owner"]
        return outcome(form, lambda: add_owner(group, owner=form.find(), by=by))
    if asked == "take_owner":
        return take_owner(group, owner=_someone(posted, groups_owned__group=group), by=by)
    raise Http404


def _people(group: Group, asked: pages.Asked) -> dict[str, Any]:
    """Who is in, where the list is read and searched."""
    page = grouplist.member_page(group, search=asked.search, marker=asked.marker(PEOPLE))
    number = pages.count(grouplist.members_of(group))
    return {
        "asked": asked,
        "members": page.rows,
        "total": pages.capped(number),
        "may_search": bool(asked.search) or number > pages.PAGE,
        "links": asked.links(page, PEOPLE),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SHARE_APPS)
def group(request: HttpRequest, viewer: Viewer, group_id: UUID) -> HttpResponse:
    """One group: its people, owners and apps, with what can be changed."""
    found = _group(group_id)
    asked_for = pages.Asked.of(
        reverse("invitations:group", kwargs={"group_id": group_id}), request.GET, PEOPLE
    )
    posted = request.POST if request.method == "POST" else None
    asked = posted.get("do", "") if posted else ""
    forms = {
        "member": WhoForm(posted if asked == "add" else None, auto_id="member_%s"),
        "owner": WhoForm(posted if asked == "add_owner" else None, auto_id="owner_%s"),
    }
    status, done = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK, ""
    try:
        done = _act(posted, viewer, found, forms) if posted is not None else ""
    except (Http404, ObjectDoesNotExist):
        found = _group(group_id)
        say_gone(request)
        status = HTTPStatus.NOT_FOUND
    if done:
        messages.success(request, done)
        return redirect(asked_for.url)
    context = {
        "section": "groups",
        "person": viewer,
        "group": found,
        **_people(found, asked_for),
        "owners": _owners(found),
        "apps": found.app_assignments.select_related("app").order_by("app__name"),
        "member_form": forms["member"],
        "owner_form": forms["owner"],
        "may_manage": viewer.may(Permission.MANAGE_APPS),
    }
    return render(request, "invitations/group.html", context, status=status)
