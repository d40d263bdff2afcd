"""*Review permissions*: what the organization will see, and the guest's answer."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from consent.errors import StatementChangedError
from consent.models import PrivacyStatement
from consent.review import agree
from consent.statements import current_statement
from invitations import handles, redemption
from invitations.errors import AlreadyGuestError, TicketInvalidError, WrongAccountError
from invitations.models import Invitation
from invitations.redirects import host_of
from invitations.views.redeem import (
    dead_ticket,
    landing_context,
    speak,
    step,
    wrong_account,
)
from tenants import schema
from tenants.adapters import account_of
from tenants.csp import add_sources
from tenants.models import Account


def _statement_context(statement: PrivacyStatement | None) -> dict[str, Any]:
    """Where this very version is read: at its own address, or on our page of its text."""
    if statement is None:
        return {"statement": None, "statement_version": 0}
    page = schema.tenant_path(
        schema.current_tenant(), "consent:statement_version", version=statement.version
    )
    said = statement.in_language()
    return {
        "statement": statement,
        "statement_version": statement.version,
        "statement_language": said["language"],
        "statement_url": f"{page}?language={said['language']}" if said["text"] else said["url"],
        "statement_host": host_of(said["url"]),
    }


def _page(
    request: HttpRequest,
    held: handles.Handle,
    invitation: Invitation,
    account: Account,
    *,
    changed: bool = False,
) -> HttpResponse:
    context = (
        landing_context(invitation)
        | _statement_context(current_statement())
        | {
            "person": account,
            "statement_changed": changed,
            "switch_url": step("landing", held),
        }
    )
    status = HTTPStatus.CONFLICT if changed else HTTPStatus.OK
    response = render(request, "consent/review.html", context, status=status)
    # Browsers apply form-action to the redirect after the POST too: this page ends at that one
    # origin (C09).
    if invitation.redirect_url and invitation.may_land:
        add_sources(response, {"form-action": [invitation.redirect_origin]})
    return response


def _shown_version(request: HttpRequest) -> int | None:
    """The version named by the form; None when it was tampered with (T11)."""
    shown = request.POST.get("statement", "")
    return int(shown) if shown.isascii() and shown.isdigit() and len(shown) <= 9 else None


def _cancelled(request: HttpRequest, held: handles.Handle, invitation: Invitation) -> HttpResponse:
    context = landing_context(invitation) | {"resume_url": step("landing", held)}
    return render(request, "consent/cancelled.html", context)


def _accept(
    request: HttpRequest, held: handles.Handle, account: Account, shown: int
) -> HttpResponse:
    """Straight to the service, which looks for itself: accepting spends no statement twice."""
    try:
        completed = agree(ticket=held.ticket, account=account, shown_version=shown)
    except StatementChangedError:
        invitation = redemption.find(held.ticket, account=account)
        speak(request, invitation)
        return _page(request, held, invitation, account, changed=True)
    destination = redemption.destination_of(completed)
    return HttpResponseRedirect(destination, status=HTTPStatus.SEE_OTHER)


def _review(request: HttpRequest, held: handles.Handle, account: Account) -> HttpResponse:
    answer, shown = request.POST.get("answer"), _shown_version(request)
    if answer == "accept" and shown is not None:
        return _accept(request, held, account, shown)
    invitation = redemption.find(held.ticket, account=account)
    speak(request, invitation)
    if redemption.is_redeemed_by(invitation, account):
        destination = redemption.destination_of(invitation)
        return HttpResponseRedirect(destination, status=HTTPStatus.SEE_OTHER)
    redemption.check_usable(invitation)
    if answer == "cancel":
        return _cancelled(request, held, invitation)
    if request.method == "POST":
        return HttpResponseBadRequest()
    return _page(request, held, invitation, account)


def _not_you(request: HttpRequest, held: handles.Handle, account: Account) -> HttpResponse:
    invitation = redemption.find(held.ticket, account=account)
    speak(request, invitation)
    return wrong_account(request, held, invitation, account)


def _already_here(request: HttpRequest, account: Account) -> HttpResponse:
    context = {"organization_name": schema.current_tenant().name, "person": account}
    return render(request, "consent/conflict.html", context, status=HTTPStatus.CONFLICT)


@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, handle: str) -> HttpResponse:
    """Show what is asked; the buttons answer it. Only for who proved the invited address."""
    account = account_of(request)
    try:
        held = handles.take(request, handle)
        if account is None:
            return redirect(step("landing", held))
        try:
            return _review(request, held, account)
        except WrongAccountError:
            return _not_you(request, held, account)
        except AlreadyGuestError:
            return _already_here(request, account)
    except TicketInvalidError:
        return dead_ticket(request)
