"""One act for several guests of the list."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from invitations import guestlist
from invitations.access import Viewer, require
from invitations.errors import InvitationError
from invitations.permissions import Permission
from invitations.rows import GuestRow
from invitations.services import directory
from invitations.services.manage import resend_invitation, revoke_invitation

BULK: dict[str, tuple[Permission, Callable[..., object], Callable[[GuestRow], bool]]] = {
    "resend": (Permission.INVITE_GUESTS, resend_invitation, lambda row: row.can_resend),
    "revoke": (Permission.MANAGE_INVITATIONS, revoke_invitation, lambda row: row.can_revoke),
    "block": (Permission.MANAGE_GUESTS, directory.block_sign_in, lambda row: row.can_block),
    "unblock": (Permission.MANAGE_GUESTS, directory.unblock_sign_in, lambda row: row.can_unblock),
    "delete": (Permission.MANAGE_GUESTS, directory.delete_entry, lambda row: row.can_delete),
}


def _selected(request: HttpRequest) -> list[GuestRow]:
    try:
        chosen = [UUID(each) for each in request.POST.getlist("guest")]
    except ValueError as error:
        raise Http404 from error
    return [GuestRow(entry) for entry in guestlist.find_selected(chosen)]


@require_POST
@require(Permission.VIEW_GUESTS)
def selection(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """One act for several guests: first who it hits and who not, then each on its own."""
    asked = request.POST.get("do", "")
    if asked not in BULK:
        raise Http404
    permission, perform, fits = BULK[asked]
    if not viewer.may(permission):
        raise PermissionDenied
    rows = _selected(request)
    guarded = viewer.may(Permission.MANAGE_ROLES)
    hit = [row for row in rows if fits(row) and (guarded or not row.is_administrator)]
    left_out = [row for row in rows if row not in hit]
    if "sure" not in request.POST:
        context = {
            "section": "guests",
            "person": viewer,
            "do": asked,
            "hit": hit,
            "left_out": left_out,
        }
        return render(request, "invitations/selection.html", context)
    done, failed = 0, 0
    for row in hit:
        try:
            perform(entry=row.entry, by=viewer.entry)
            done += 1
        except (InvitationError, ObjectDoesNotExist):
            failed += 1
    if done:
        text = ngettext("Done for %(number)s person.", "Done for %(number)s people.", done)
        messages.success(request, text % {"number": done})
    if failed:
        text = ngettext(
            "Not possible for %(number)s person.", "Not possible for %(number)s people.", failed
        )
        messages.error(request, text % {"number": failed})
    return redirect("invitations:guests")
