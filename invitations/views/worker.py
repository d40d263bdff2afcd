"""*Invite someone from outside*: what owners of apps and groups do without an administrator."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import transaction
from django.db.models import OuterRef
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from invitations import guestlist, pages
from invitations.access import Viewer, require_entry
from invitations.errors import (
    AddressTakenError,
    FieldError,
    InvitingNotAllowedError,
    SharingNotAllowedError,
    TransitionError,
)
from invitations.forms.inviting import ShareForm
from invitations.forms.people import AddressForm
from invitations.forms.refusals import say, words_for
from invitations.models import DirectoryEntry, TenantPolicy
from invitations.models.assignment import apps_of_group, people_of_app, people_of_group
from invitations.rows import GuestRow
from invitations.services import access
from invitations.services.manage import correct_address, resend_invitation
from invitations.services.sharing import is_inviter, own_apps, own_groups
from tenants import schema
from tenants.repeating import repeated

NEWEST = 5


def _own(viewer: Viewer) -> dict[str, Any]:
    """What this person answers for, by the value of its radio button; with its guests counted."""
    having, inside = (
        people_of_app(OuterRef("pk")).guests(),
        people_of_group(OuterRef("pk")).guests(),
    )
    apps = own_apps(viewer.entry).annotate(people=pages.number_of(having))
    gives = ArraySubquery(apps_of_group(OuterRef("pk")).values("name"))
    groups = own_groups(viewer.entry).annotate(people=pages.number_of(inside), gives=gives)
    found = {f"app:{app.pk}": app for app in apps.order_by("name")}
    return found | {f"group:{group.pk}": group for group in groups.order_by("name")}


def _hint(thing: Any) -> str:
    """What a choice is, and how many have it: `Group · gives Drawings · 3 guests now`."""
    people = ngettext("%(number)s guest now", "%(number)s guests now", thing.people)
    told = [thing.description, people % {"number": pages.capped(thing.people)}]
    if (opens := getattr(thing, "gives", None)) is not None:
        gives = _("gives %(apps)s") % {"apps": ", ".join(opens)} if opens else ""
        told = [_("Group"), gives, *told]
    return " · ".join(filter(None, told))


def _row(entry: DirectoryEntry | None) -> GuestRow:
    """Somebody this person may see, or the 404 of an id that never existed (N01)."""
    if entry is None:
        raise Http404
    return GuestRow(entry)


def _share_all(form: ShareForm, viewer: Viewer) -> list[access.Shared]:
    """All of them or none; empty when the form says why not."""
    address = ""
    data = form.cleaned_data

    @repeated
    @transaction.atomic
    def share_each() -> list[access.Shared]:
        # Somebody else may be inviting the same strangers in another order: then once more.
        nonlocal address
        done: list[access.Shared] = []
        access.hold_known(data["to"])
        for address in data["to"]:
            asked = {"address": address, "message": data["message"], "by": viewer.entry}
            done.append(access.share(form.chosen, **asked))
        return done

    try:
        return share_each()
    except FieldError as error:
        form.add_error("to", f"{address}: {words_for(error)}")
        return []
    except (InvitingNotAllowedError, SharingNotAllowedError) as error:
        raise PermissionDenied from error
    except ObjectDoesNotExist as error:
        raise Http404 from error


def _say_shared(
    request: HttpRequest, done: list[access.Shared], name: str, *, has_message: bool
) -> None:
    """What became of each address: the new ones, and those that were known here before."""
    if new := [each for each in done if each.is_new]:
        text = ngettext(
            "%(number)s invitation is on its way.",
            "%(number)s invitations are on their way.",
            len(new),
        )
        messages.success(request, text % {"number": len(new)})
    known = [each for each in done if not each.is_new]
    kept_out = [each for each in known if not each.entry.enabled]
    inside = [each for each in known if each.entry.enabled and each.entry.is_accepted]
    waiting = [each for each in known if each.entry.enabled and not each.entry.is_accepted]
    here = _("Here already, now with %(name)s: %(people)s.")
    if has_message:
        here = _("Here already, now with %(name)s: %(people)s. Your message did not go to them.")
    for tell, people, text in (
        (messages.success, inside, here),
        (
            messages.info,
            waiting,
            _("Invited already, %(name)s comes with it: %(people)s. No new e-mail was sent."),
        ),
        (
            messages.warning,
            kept_out,
            _("%(people)s cannot enter: an administrator has blocked the sign-in."),
        ),
    ):
        if people:
            addresses = ", ".join(each.address for each in people)
            tell(request, text % {"name": name, "people": addresses})


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


def _guests(viewer: Viewer, asked: QueryDict) -> dict[str, Any]:
    """The newest few, or all of them page by page."""
    shows_all, path = (
        "all" in asked,
        schema.tenant_path(schema.current_tenant(), "invitations:share"),
    )
    found = guestlist.reached_by(
        viewer.entry, marker=asked.get("at", ""), size=pages.PAGE if shows_all else NEWEST
    )
    page, total = found.of(GuestRow), guestlist.count_reached_by(viewer.entry)
    return {
        "rows": page.rows,
        "total": pages.capped(total) if total > len(page.rows) else "",
        "shows_all": shows_all,
        "links": pages.links(page, path, asked={"all": "1"}) if shows_all else None,
    }


def _not_invited_to_invite(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    return render(request, "invitations/share_not_allowed.html", {"person": viewer}, status=403)


@require_http_methods(["GET", "HEAD", "POST"])
@require_entry
def share(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Choose one's own app or group, up to five addresses, a message; see one's own guests."""
    policy = TenantPolicy.objects.get()
    if not is_inviter(viewer.entry, policy):
        return _not_invited_to_invite(request, viewer)
    own = _own(viewer)
    posted = request.POST if request.method == "POST" else None
    # Nothing is chosen beforehand where something else might be meant.
    only = next(iter(own)) if len(own) == 1 else ""
    form = ShareForm(
        posted, own=own, policy=policy, initial={"thing": request.GET.get("thing", only)}
    )
    if form.has_error("thing", "invalid_choice"):
        raise PermissionDenied
    if form.is_valid():
        done = _share_all(form, viewer)
        if done:
            has_message = bool(form.cleaned_data["message"].strip())
            _say_shared(request, done, str(form.chosen), has_message=has_message)
            return redirect("invitations:share")
    context = {
        "person": viewer,
        "form": form,
        "own": [
            {"tag": choice.tag(), "thing": thing, "hint": _hint(thing)}
            for choice, thing in zip(form["thing"], own.values(), strict=True)
        ],
        "expiry": _expiry(policy),
        "privacy_url": schema.tenant_path(schema.current_tenant(), "consent:statement"),
        **_guests(viewer, request.GET),
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
    except ObjectDoesNotExist as error:
        raise Http404 from error
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
    form = AddressForm(posted, required=True, initial={"email": row.address})
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
        except (TransitionError, ObjectDoesNotExist) as error:
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
    is_own = row.invitation is not None and row.invitation.invited_by_id == viewer.entry.pk
    revokes = is_own and not row.entry.is_accepted
    if request.method == "POST":
        said = _("%(guest)s has no access by you any more.")
        if revokes:
            said = _("The invitation of %(guest)s is revoked.")
        _perform(
            request,
            said % {"guest": row.entry},
            lambda: access.end_sharing(entry=row.entry, by=viewer.entry),
        )
        return redirect("invitations:share")
    name = row.display_name or row.address
    context = {"person": viewer, "row": row, "name": name, "revokes": revokes}
    return render(request, "invitations/share_end.html", context)
