"""*Review permissions*: what the organization will see, and the guest's answer."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from consent.errors import StatementChangedError
from consent.models import PrivacyStatement
from consent.review import agree
from consent.statements import current_statement
from consent.views.after import Destination, destination_from, ends_at, go_on
from invitations import handles, proofs, redemption
from invitations.errors import AlreadyGuestError, TicketInvalidError, WrongAccountError
from invitations.models import Invitation
from invitations.redirects import host_of
from invitations.tickets import Ticket
from invitations.views.redeem import (
    dead_ticket,
    landing_context,
    speak,
    step,
    wrong_account,
)
from tenants import schema
from tenants.adapters import account_of
from tenants.models import Account


@dataclass(frozen=True)
class Way:
    """How this redemption came here: by the ticket a browser holds, or by the direct link."""

    held: handles.Handle | None
    proof: str
    # Where the direct link was going; a mailed link has its own end.
    onward: Destination | None = None

    @classmethod
    def of(cls, request: HttpRequest, handle: str, account: Account | None) -> "Way":
        """Raises `TicketInvalidError` when this browser holds nothing under the handle."""
        if not handle:
            onward = destination_from(request)
            return cls(None, "", onward if onward.is_known else None)
        held = handles.take(request, handle)
        if account is None:
            return cls(held, "")
        proof = proofs.proved_address(request, held.ticket.invitation_id, account=account)
        return cls(held, proof)

    @property
    def ticket(self) -> Ticket | None:
        return self.held.ticket if self.held else None

    @property
    def start(self) -> str:
        """Where this way begins: with another account, or another time."""
        if self.held:
            return step("landing", self.held)
        if self.onward:
            return self.onward.by_way_of("consent:enter")
        return schema.tenant_path(schema.current_tenant(), "consent:enter")

    def end(self, invitation: Invitation) -> Destination:
        """Where the person goes once this is answered: asked again now (C07)."""
        return self.onward or Destination.at(redemption.destination_of(invitation))

    def find(self, account: Account) -> Invitation:
        return redemption.find(self.ticket, account=account, proof=self.proof)


def statement_context(statement: PrivacyStatement | None) -> dict[str, Any]:
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
    request: HttpRequest, way: Way, invitation: Invitation, account: Account, *, changed: bool
) -> HttpResponse:
    context = (
        landing_context(invitation)
        | statement_context(current_statement())
        | {
            "person": account,
            "statement_changed": changed,
            "switch_url": way.start,
            "alias_address": "" if invitation.is_proved else invitation.address,
        }
    )
    status = HTTPStatus.CONFLICT if changed else HTTPStatus.OK
    response = render(request, "consent/review.html", context, status=status)
    # Browsers apply form-action to the redirect after the POST too: this page ends at that one
    # origin (C09).
    return ends_at(response, way.end(invitation))


def shown_version(request: HttpRequest) -> int | None:
    """The version named by the form; None when it was tampered with (T11)."""
    shown = request.POST.get("statement", "")
    return int(shown) if shown.isascii() and shown.isdigit() and len(shown) <= 9 else None


def _cancelled(request: HttpRequest, way: Way, invitation: Invitation) -> HttpResponse:
    refusal = way.onward.refusal if way.onward else ""
    context = landing_context(invitation) | {"resume_url": way.start, "refusal": refusal}
    return render(request, "consent/cancelled.html", context)


def _accept(request: HttpRequest, way: Way, account: Account, shown: int) -> HttpResponse:
    """Straight to the service, which looks for itself: accepting spends no statement twice."""
    try:
        agreed = agree(
            ticket=way.ticket,
            account=account,
            shown_version=shown,
            proof=way.proof,
            language=request.POST.get("language", ""),
        )
    except StatementChangedError:
        invitation = way.find(account)
        speak(request, invitation)
        return _page(request, way, invitation, account, changed=True)
    destination = way.end(agreed.invitation)
    if agreed.terms_required:
        return go_on(agreed.entry, destination)
    return HttpResponseRedirect(destination.path, status=HTTPStatus.SEE_OTHER)


def _review(request: HttpRequest, way: Way, account: Account) -> HttpResponse:
    answer, shown = request.POST.get("answer"), shown_version(request)
    if answer == "accept" and shown is not None:
        return _accept(request, way, account, shown)
    invitation = way.find(account)
    speak(request, invitation)
    if redemption.is_redeemed_by(invitation, account):
        path = way.end(invitation).path
        return HttpResponseRedirect(path, status=HTTPStatus.SEE_OTHER)
    redemption.check_usable(invitation)
    if answer == "cancel":
        return _cancelled(request, way, invitation)
    if request.method == "POST":
        return HttpResponseBadRequest()
    return _page(request, way, invitation, account, changed=False)


def _not_you(request: HttpRequest, way: Way, account: Account) -> HttpResponse:
    if way.held is None:
        raise TicketInvalidError
    invitation = way.find(account)
    speak(request, invitation)
    return wrong_account(request, way.held, invitation, account)


def _already_here(request: HttpRequest, account: Account) -> HttpResponse:
    context = {"organization_name": schema.current_tenant().name, "person": account}
    return render(request, "consent/conflict.html", context, status=HTTPStatus.CONFLICT)


@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, handle: str = "") -> HttpResponse:
    """Show what is asked; the buttons answer it. Only for who proved the invited address.

    Without a handle it is the direct link's, for the one entry that has this address.
    """
    account = account_of(request)
    try:
        way = Way.of(request, handle, account)
        if account is None:
            return redirect(way.start)
        try:
            return _review(request, way, account)
        except WrongAccountError:
            return _not_you(request, way, account)
        except AlreadyGuestError:
            return _already_here(request, account)
    except TicketInvalidError:
        if handle:
            return dead_ticket(request)
        return redirect(destination_from(request).by_way_of("consent:enter"))
