"""*Invite someone from outside*: what owners of apps and groups do without an administrator."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from invitations import guestlist
from invitations.access import Viewer, require_entry
from invitations.errors import (
    AddressTakenError,
    FieldError,
    InvitingNotAllowedError,
    SharingNotAllowedError,
    TransitionError,
)
from invitations.forms import AddressForm, ShareForm, say, words_for
from invitations.models import DirectoryEntry, TenantPolicy
from invitations.models.assignment import number_of, people_of_app, people_of_group
from invitations.permissions import may_invite
from invitations.rows import GuestRow
from invitations.services import access
from invitations.services.manage import correct_address, resend_invitation
from invitations.services.sharing import own_apps, own_groups
from tenants import schema
from tenants.models import UserType

NEWEST, ALL = 5, 200


def _policy_for(viewer: Viewer) -> TenantPolicy:
    """The policy, when it lets this person invite; a 403 otherwise (P03)."""
    policy = TenantPolicy.objects.get()
    roles = list(viewer.entry.role_assignments.values_list("role", flat=True))
    is_member = viewer.entry.user_type == UserType.MEMBER
    if not may_invite(policy.who_may_invite, roles=roles, is_member=is_member):
        raise PermissionDenied
    return policy


def _own(viewer: Viewer) -> dict[str, Any]:
    """What this person answers for, by the value of its radio button; with its guests counted."""
    having, inside = (
        people_of_app(OuterRef("pk")).guests(),
        people_of_group(OuterRef("pk")).guests(),
    )
    apps = own_apps(viewer.entry).annotate(people=number_of(having))
    groups = own_groups(viewer.entry).annotate(people=number_of(inside))
    found = {f"app:{app.pk}": app for app in apps.order_by("name")}
    return found | {f"group:{group.pk}": group for group in groups.order_by("name")}


def _people(number: int) -> str:
    return ngettext("%(number)s guest now", "%(number)s guests now", number) % {"number": number}


def _row(entry: DirectoryEntry | None) -> GuestRow:
    """Somebody this person may see, or the 404 of an id that never existed (N01)."""
    if entry is None:
        raise Http404
    return GuestRow(entry)


def _share_all(form: ShareForm, viewer: Viewer) -> list[access.Shared]:
    """All of them or none; empty when the form says why not."""
    done: list[access.Shared] = []
    address = ""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            for address in data["to"]:
                asked = {"address": address, "message": data["message"], "by": viewer.entry}
                done.append(access.share(form.chosen, **asked))
    except FieldError as error:
        form.add_error("to", f"{address}: {words_for(error)}")
        return []
    except (InvitingNotAllowedError, SharingNotAllowedError) as error:
        raise PermissionDenied from error
    return done


def _say_shared(request: HttpRequest, done: list[access.Shared], name: str) -> None:
    new, known = [each for each in done if each.is_new], [each for each in done if not each.is_new]
    if new:
        text = ngettext(
            "%(number)s invitation is on its way.",
            "%(number)s invitations are on their way.",
            len(new),
        )
        messages.success(request, text % {"number": len(new)})
    if known:
        text = _("Known here already, now with %(name)s: %(people)s")
        people = ", ".join(each.address for each in known)
        messages.success(request, text % {"name": name, "people": people})


def _expiry(policy: TenantPolicy) -> str:
    """How long the invitations are good for, as a sentence."""
    days, hours = policy.validity.days, int(policy.validity.total_seconds() // 3600)
    if days:
        text = ngettext(
            "Invitations expire after %(number)s day.",
            "Invitations expire after %(number)s days.",
            days,
        )
        return text % {"number": days}
    text = ngettext(
        "Invitations expire after %(number)s hour.",
        "Invitations expire after %(number)s hours.",
        hours,
    )
    return text % {"number": hours}


@require_http_methods(["GET", "HEAD", "POST"])
@require_entry
def share(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Choose one's own app or group, up to five addresses, a message; see one's own guests."""
    policy = _policy_for(viewer)
    own = _own(viewer)
    posted = request.POST if request.method == "POST" else None
    initial = {"thing": request.GET.get("thing", next(iter(own), ""))}
    form = ShareForm(posted, own=own, policy=policy, initial=initial)
    if form.has_error("thing", "invalid_choice"):
        raise PermissionDenied
    if form.is_valid():
        done = _share_all(form, viewer)
        if done:
            _say_shared(request, done, str(form.chosen))
            return redirect("invitations:share")
    shows_all = "all" in request.GET
    rows = guestlist.reached_by(viewer.entry, most=ALL if shows_all else NEWEST)
    context = {
        "person": viewer,
        "form": form,
        "own": [
            {"tag": choice.tag(), "thing": thing, "people": _people(thing.people)}
            for choice, thing in zip(form["thing"], own.values(), strict=True)
        ],
        "expiry": _expiry(policy),
        "privacy_url": schema.tenant_path(schema.current_tenant(), "consent:statement"),
        "rows": [GuestRow(entry) for entry in rows],
        "total": guestlist.count_reached_by(viewer.entry),
        "shows_all": shows_all,
    }
    status = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    return render(request, "invitations/share.html", context, status=status)


def _perform(request: HttpRequest, done: str, act: Callable[[], object]) -> None:
    try:
        act()
    except FieldError as error:
        messages.error(request, words_for(error))
    except (InvitingNotAllowedError, SharingNotAllowedError) as error:
        raise PermissionDenied from error
    except TransitionError:
        messages.error(request, _("This is not possible any more: something changed meanwhile."))
    else:
        messages.success(request, done)


@require_POST
@require_entry
def resend(request: HttpRequest, viewer: Viewer, entry_id: UUID) -> HttpResponse:
    """A new link for the same offer; the old one is dead."""
    row = _row(guestlist.find_invited_by(viewer.entry, entry_id))
    said = _("%(guest)s gets a new link. The old one does not work any more.")
    _perform(
        request,
        said % {"guest": row.entry},
        lambda: resend_invitation(entry=row.entry, by=viewer.entry),
    )
    return redirect("invitations:share")


@require_http_methods(["GET", "HEAD", "POST"])
@require_entry
def correct(request: HttpRequest, viewer: Viewer, entry_id: UUID) -> HttpResponse:
    """The same offer to another mailbox."""
    row = _row(guestlist.find_invited_by(viewer.entry, entry_id))
    if not row.can_correct:
        raise Http404
    posted = request.POST if request.method == "POST" else None
    form = AddressForm(posted, required=True)
    if form.is_valid():
        try:
            correct_address(entry=row.entry, **form.asked(), by=viewer.entry)
        except FieldError as error:
            say(form, error)
        except AddressTakenError:
            form.add_error("email", _("Somebody else in the directory has this address."))
        except SharingNotAllowedError:
            form.add_error("email", _("They were given more than yours: ask an administrator."))
        except InvitingNotAllowedError as error:
            raise PermissionDenied from error
        except TransitionError as error:
            raise Http404 from error
        else:
            messages.success(request, _("A new link goes to the corrected address."))
            return redirect("invitations:share")
    context = {"person": viewer, "form": form, "row": row}
    status = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    return render(request, "invitations/share_correct.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@require_entry
def end(request: HttpRequest, viewer: Viewer, entry_id: UUID) -> HttpResponse:
    """Ask, then take back one's own invitation, or one's own apps from anybody else's guest."""
    row = _row(guestlist.find_reached_by(viewer.entry, entry_id))
    if request.method == "POST":
        said = _("%(guest)s has no access by you any more.")
        _perform(
            request,
            said % {"guest": row.entry},
            lambda: access.end_sharing(entry=row.entry, by=viewer.entry),
        )
        return redirect("invitations:share")
    return render(request, "invitations/share_end.html", {"person": viewer, "row": row})
