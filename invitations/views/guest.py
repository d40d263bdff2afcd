"""One guest or member: everything about them, and every act with its confirmation page."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from invitations import guestlist, pages
from invitations.access import Viewer, require
from invitations.actions import ACTIONS, Action
from invitations.auditlog.listing import timeline
from invitations.errors import (
    AddressTakenError,
    FieldError,
    InvitationError,
    InvitingNotAllowedError,
    LastAdministratorError,
    NotOneselfError,
    RestoreClashError,
    RestoreTooLateError,
    SharingNotAllowedError,
    SponsorsError,
    TransitionError,
)
from invitations.forms.access import AccessForm
from invitations.forms.people import AddressForm, RolesForm, SponsorsForm
from invitations.forms.refusals import say
from invitations.models import DirectoryEntry, Group, Invitation, SharedApp
from invitations.models.assignment import given_to
from invitations.permissions import Permission
from invitations.rows import GuestRow

INVITATIONS, TIMELINE = "invitations", "timeline"

REFUSALS: dict[type[InvitationError], Any] = {
    NotOneselfError: lambda: _("Somebody else has to do this: it is about yourself."),
    LastAdministratorError: lambda: _(
        "This is the last administrator. Make somebody else an administrator first."
    ),
    RestoreTooLateError: lambda: _("The 30 days are over: the entry cannot be restored."),
    RestoreClashError: lambda: _("Somebody else in the directory has this address meanwhile."),
    AddressTakenError: lambda: _("Somebody else in the directory has this address."),
    SponsorsError: lambda: _("Choose at most five people who are in, not the person itself."),
    TransitionError: lambda: _("This is not possible any more: something changed meanwhile."),
}


def _row(entry_id: UUID) -> GuestRow:
    """Whoever has this id here, or the 404 of an id that never existed (N01)."""
    entry = guestlist.find_entry(entry_id)
    if entry is None:
        raise Http404
    return GuestRow(entry)


def _name(row: GuestRow) -> str:
    return row.display_name or row.address


def _invitations(entry: DirectoryEntry, marker: str) -> pages.Page[Invitation]:
    sent = Invitation.objects.with_clock().filter(entry=entry).select_related("invited_by")
    return pages.page_of(sent, by=("-created_at", "-id"), marker=marker)


def _history(entry: DirectoryEntry, asked: pages.Asked) -> dict[str, Any]:
    """Their invitations and their time line, each with pages of its own."""
    invitations = _invitations(entry, asked.marker(INVITATIONS))
    events = timeline(entry, asked.marker(TIMELINE))
    return {
        "invitations": invitations.rows,
        "invitation_links": asked.links(invitations, INVITATIONS),
        "events": events.rows,
        "event_links": asked.links(events, TIMELINE),
    }


def _apps(entry: DirectoryEntry) -> list[dict[str, Any]]:
    """What this person has, and by which group; apps that are open to everybody are not listed."""
    given = given_to(entry.pk).select_related("app", "group").order_by("app__name")
    return [{"app": each.app, "group": each.group, "roles": each.roles} for each in given]


@require_safe
@require(Permission.VIEW_GUESTS)
def guest(request: HttpRequest, viewer: Viewer, entry_id: UUID) -> HttpResponse:
    """State, addresses, sponsors, roles, invitations and the time line; acts as links."""
    row = _row(entry_id)
    path = reverse("invitations:guest", kwargs={"entry_id": entry_id})
    may = [action for action in ACTIONS.values() if action.is_for(viewer, row)]
    context = {
        "section": "guests",
        "members": row.is_member,
        "person": viewer,
        "row": row,
        "name": _name(row),
        "apps": _apps(row.entry),
        "groups": Group.objects.filter(members__entry=row.entry).order_by("name"),
        "aliases": [alias.address for alias in row.entry.aliases.all()],
        "sponsors": list(row.entry.sponsors.all()),
        **_history(row.entry, pages.Asked.of(path, request.GET, INVITATIONS, TIMELINE)),
        "acts": [(row.act_url(action.name), action) for action in may],
        "may_invite": viewer.may(Permission.INVITE_GUESTS),
        "may_share": viewer.may(Permission.SHARE_APPS),
        "may_manage": viewer.may(Permission.MANAGE_INVITATIONS),
        "may_revoke": viewer.may(Permission.MANAGE_INVITATIONS)
        and (viewer.may(Permission.MANAGE_ROLES) or not row.is_administrator),
    }
    return render(request, "invitations/guest.html", context)


def _access_form(entry: DirectoryEntry, posted: Any) -> AccessForm:
    given = {
        "apps": list(SharedApp.objects.filter(assignments__entry=entry)),
        "groups": list(Group.objects.filter(members__entry=entry)),
    }
    form = AccessForm(posted, initial=given)
    form.offer(apps=SharedApp.objects.all(), groups=Group.objects.all())
    return form


def _form(action: Action, row: GuestRow, posted: Any) -> forms.Form | None:
    if action.name in {"correct", "reset"}:
        return AddressForm(posted, required=action.name == "correct")
    if action.name == "sponsors":
        return SponsorsForm(posted, entry=row.entry)
    if action.name == "apps":
        return _access_form(row.entry, posted)
    if action.name == "roles":
        return RolesForm(posted, roles=row.entry.roles)
    return None


def _perform(
    action: Action, row: GuestRow, form: Any, viewer: Viewer, refuse: Callable[[str], None]
) -> bool:
    """Do it; False with the reason said when it cannot be done."""
    if form is not None and not form.is_valid():
        return False
    try:
        action.perform(entry=row.entry, by=viewer.entry, **(form.asked() if form else {}))
    except FieldError as error:
        say(form, error)
    except ObjectDoesNotExist as error:
        raise Http404 from error
    except (InvitingNotAllowedError, SharingNotAllowedError) as error:
        raise PermissionDenied from error
    except InvitationError as error:
        refuse(str(REFUSALS[type(error)]()) if type(error) in REFUSALS else str(error))
    else:
        return True
    return False


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.VIEW_GUESTS)
def act(request: HttpRequest, viewer: Viewer, entry_id: UUID, action: str) -> HttpResponse:
    """Say what it means, ask; the button does it."""
    chosen, row = ACTIONS.get(action), _row(entry_id)
    if chosen is None:
        raise Http404
    if not chosen.is_allowed(viewer, row.entry):
        raise PermissionDenied
    posted = request.POST if request.method == "POST" else None
    form, named, refusals = _form(chosen, row, posted), {"name": _name(row)}, list[str]()
    if posted is not None and _perform(chosen, row, form, viewer, refusals.append):
        messages.success(request, str(chosen.done) % named)
        return redirect("invitations:guest", entry_id=entry_id)
    context = {
        "section": "guests",
        "members": row.is_member,
        "person": viewer,
        "row": row,
        "action": chosen,
        "question": str(chosen.question) % named,
        "form": form,
        "refusal": next(iter(refusals), ""),
        "fits": chosen.fits(row),
    }
    conflict = HTTPStatus.CONFLICT if refusals else HTTPStatus.BAD_REQUEST
    status = conflict if posted is not None else HTTPStatus.OK
    return render(request, "invitations/act.html", context, status=status)
