"""The tenant's web admin: guests and what happens to their invitations."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from invitations import guestlist, pages, redemption
from invitations.access import Viewer, require
from invitations.errors import (
    FieldError,
    GuestAlreadyInvitedError,
    InvitingNotAllowedError,
    SharingNotAllowedError,
    TransitionError,
)
from invitations.forms.inviting import InviteForm
from invitations.forms.refusals import NOT_ALLOWED, say, words_for
from invitations.messages.layout import from_header
from invitations.models import Group, Invitation, SharedApp, TenantPolicy
from invitations.permissions import Permission
from invitations.rows import GuestRow
from invitations.services.invite import invite_guest
from invitations.services.manage import note_link_shown, resend_invitation, revoke_invitation
from invitations.services.sharing import is_inviter, own_apps, own_groups
from invitations.states import NoAddress
from tenants import schema
from tenants.addresses import unicode_address
from tenants.models import UserType
from tenants.words import mixes_lookalikes


def _guest(entry_id: UUID) -> GuestRow:
    """Who has this id in this tenant, or the 404 of an id that never existed (N01)."""
    entry = guestlist.find_guest(entry_id)
    if entry is None:
        raise Http404
    return GuestRow(entry)


def _page_url(**asked: str) -> str:
    return pages.url_of(schema.tenant_path(schema.current_tenant(), "invitations:guests"), asked)


def _tabs(counts: dict[str, int], current: str, members: str) -> list[dict[str, Any]]:
    labels = {"": _("All")} | {key: str(label) for key, label in guestlist.STATES.items()}
    return [
        {
            "key": key,
            "label": label,
            "count_label": pages.capped(counts[key]),
            "url": _page_url(type=members, state=key),
            "is_current": key == current,
        }
        for key, label in labels.items()
    ]


def _attention(counts: dict[str, int]) -> dict[str, Any] | None:
    expiring, undelivered = counts["expiring"], counts["not_delivered"]
    if not expiring and not undelivered:
        return None
    url = _page_url(state=guestlist.ATTENTION)
    return {"expiring": expiring, "undelivered": undelivered, "url": url}


@require_safe
@require(Permission.VIEW_GUESTS)
def guests(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The list: states with counts, search, newest invitation first."""
    state = request.GET.get("state", "")
    if state not in {"", guestlist.ATTENTION, *guestlist.STATES}:
        raise Http404
    query = pages.search_text(request.GET.get("q", ""))
    kind = UserType.MEMBER if request.GET.get("type") == "members" else UserType.GUEST
    members = "members" if kind == UserType.MEMBER else ""
    page = guestlist.guest_page(
        state=state, search=query, marker=request.GET.get("at", ""), user_type=kind
    )
    counts = guestlist.count_guests(kind)
    asked = {"type": members, "state": state, "q": query}
    context = {
        "section": "guests",
        "person": viewer,
        "may_invite": viewer.may(Permission.INVITE_GUESTS),
        "may_manage": viewer.may(Permission.MANAGE_INVITATIONS),
        "may_manage_guests": viewer.may(Permission.MANAGE_GUESTS),
        "may_manage_roles": viewer.may(Permission.MANAGE_ROLES),
        "guests": [GuestRow(entry) for entry in page.rows],
        "counts": _tabs(counts, state, members),
        "members": members,
        "guests_url": _page_url(),
        "members_url": _page_url(type="members"),
        "state": state,
        "query": query,
        "total_label": pages.capped(counts[""]),
        "links": pages.links(page, _page_url(), asked=asked),
        "attention": _attention(counts),
        "invite_url": schema.tenant_path(schema.current_tenant(), "invitations:invite"),
        # Deleted guests are reached from the list's tabs alone: they can be restored.
        "is_empty": not counts[""] and not counts["deleted"],
    }
    return render(request, "invitations/guests.html", context)


def _preview(viewer: Viewer, destination: str) -> dict[str, str]:
    """What the guest will read, for the aside of the form."""
    tenant = schema.current_tenant()
    named = {"organization_name": tenant.name, "destination": destination}
    sender, _at, address = from_header(tenant.name).rpartition("<")
    return {
        "from_name": sender.strip(' "'),
        "from_address": address.rstrip(">"),
        "subject": render_to_string("mail/invitation_subject.txt", named).strip(),
        "inviter": viewer.display_name or viewer.email,
    }


def _warn(request: HttpRequest, invitation: Invitation) -> None:
    """Things that are allowed and that a person should look at twice (M04, M05)."""
    entry = invitation.entry
    if mixes_lookalikes(entry.display_name):
        text = _("The name “%(name)s” mixes letters of scripts that look alike.")
        messages.warning(request, text % {"name": entry.display_name})
    if entry.no_address:
        text = _(
            "%(why)s. This entry is kept without an address: only the link in the e-mail finds it."
        )
        messages.warning(request, text % {"why": NoAddress(entry.no_address).label})
    readable = unicode_address(entry.address)
    if readable != entry.address:
        text = _("The address reads %(readable)s and is written %(address)s.")
        messages.warning(request, text % {"readable": readable, "address": entry.address})


def _shareable(viewer: Viewer) -> dict[str, QuerySet[Any]]:
    """The apps and groups that this person may give away (P04)."""
    if viewer.may(Permission.SHARE_APPS):
        return {"apps": SharedApp.objects.all(), "groups": Group.objects.all()}
    return {"apps": own_apps(viewer.entry), "groups": own_groups(viewer.entry)}


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.INVITE_GUESTS)
def invite(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """*Invite a guest*: one form, one service, back to the list with the new row."""
    tenant = schema.current_tenant()
    policy = TenantPolicy.objects.get()
    posted = request.POST if request.method == "POST" else None
    form = InviteForm(
        posted,
        policy=policy,
        language=tenant.language,
        initial={"apps": request.GET.getlist("app"), "groups": request.GET.getlist("group")},
    )
    form.offer(**_shareable(viewer))
    existing, status = None, HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    if form.shares_strange():
        raise PermissionDenied
    if form.is_valid():
        try:
            invitation = invite_guest(invited_by=viewer.entry, **form.asked())
        except FieldError as error:
            say(form, error)
        except GuestAlreadyInvitedError as error:
            found = guestlist.find_guest(error.entry_id)
            existing = GuestRow(found) if found else None
            if existing and existing.was_just_invited:
                return _invited_together(request, existing)
            form.add_error("email", _("This person is in the directory already"))
        except InvitingNotAllowedError:
            form.add_error(None, str(NOT_ALLOWED))
            status = HTTPStatus.FORBIDDEN
        except SharingNotAllowedError as error:
            raise PermissionDenied from error
        except ObjectDoesNotExist as error:
            raise Http404 from error
        else:
            return _invited(request, invitation)
    context = {
        "section": "guests",
        "person": viewer,
        "form": form,
        "existing": existing,
        "is_inviter": is_inviter(viewer.entry, policy),
        "may_share": viewer.may(Permission.SHARE_APPS),
        "preview": _preview(viewer, form.destination()),
    }
    return render(request, "invitations/invite.html", context, status=status)


def _invited_together(request: HttpRequest, row: GuestRow) -> HttpResponse:
    """Somebody else pressed the button a moment before: one invitation, both succeeded (R03)."""
    text = _("%(guest)s was invited a moment ago by %(name)s. One invitation is on its way.")
    messages.success(request, text % {"guest": row.entry, "name": row.invited_by or "–"})
    return redirect("invitations:guests")


def _invited(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    _warn(request, invitation)
    if not invitation.send_mail:
        text = _("%(guest)s is invited. No e-mail is sent: pass the link on yourself.")
        messages.success(request, text % {"guest": invitation.entry})
        return redirect("invitations:link", entry_id=invitation.entry_id)
    text = _("%(guest)s is invited. The e-mail leaves within seconds.")
    messages.success(request, text % {"guest": invitation.entry})
    return redirect("invitations:guests")


@require_POST
@require(Permission.INVITE_GUESTS)
def resend(request: HttpRequest, viewer: Viewer, entry_id: UUID) -> HttpResponse:
    """A new link for the same offer; the old one is dead."""
    row = _guest(entry_id)
    try:
        resend_invitation(entry=row.entry, by=viewer.entry)
    except FieldError as error:
        messages.error(request, words_for(error))
    except (InvitingNotAllowedError, SharingNotAllowedError) as error:
        raise PermissionDenied from error
    except ObjectDoesNotExist as error:
        raise Http404 from error
    except TransitionError:
        text = _("%(guest)s has accepted already: there is nothing to send.")
        if not row.entry.is_accepted:
            text = _("This is not possible any more: something changed meanwhile.")
        messages.error(request, text % {"guest": row.entry})
    else:
        text = _("%(guest)s gets a new link. The old one does not work any more.")
        messages.success(request, text % {"guest": row.entry})
    return redirect("invitations:guests")


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_INVITATIONS)
def revoke(request: HttpRequest, viewer: Viewer, entry_id: UUID) -> HttpResponse:
    """Ask, then end the invitation."""
    row = _guest(entry_id)
    if row.is_administrator and not viewer.may(Permission.MANAGE_ROLES):
        raise PermissionDenied
    context = {"section": "guests", "person": viewer, "row": row}
    if request.method != "POST":
        return render(request, "invitations/revoke.html", context)
    try:
        revoke_invitation(entry=row.entry, by=viewer.entry)
    except ObjectDoesNotExist as error:
        raise Http404 from error
    except TransitionError:
        text = _("The invitation of %(guest)s is over already.")
        messages.error(request, text % {"guest": row.entry})
    else:
        text = _("The invitation of %(guest)s is revoked.")
        messages.success(request, text % {"guest": row.entry})
    return redirect("invitations:guests")


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_INVITATIONS)
def link(request: HttpRequest, viewer: Viewer, entry_id: UUID) -> HttpResponse:
    """The link to pass on: asked for by a button, because showing it is written down."""
    row = _guest(entry_id)
    shown = ""
    if request.method == "POST" and row.can_copy_link and row.invitation:
        note_link_shown(row.invitation, by=viewer.entry)
        shown = redemption.link_for(row.invitation)
    context = {"section": "guests", "person": viewer, "row": row, "link": shown}
    return render(request, "invitations/link.html", context)
