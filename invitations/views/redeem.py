"""The guest's way from the mailed link to the review page. No script, nothing changes on GET."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
)
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from invitations import handles, proofs, redemption, tickets
from invitations.access import entry_of, find_viewer
from invitations.errors import TicketInvalidError
from invitations.messages.layout import zone_label
from invitations.models import Invitation
from invitations.permissions import Permission
from invitations.services.unwanted import ask_correction
from tenants import codes, languages, limits, outside, schema
from tenants.adapters import account_of, sign_in_with_mailbox
from tenants.addresses import unicode_address
from tenants.errors import too_many_requests
from tenants.models import Account
from tenants.words import masked_address


def dead_ticket(request: HttpRequest) -> HttpResponse:
    """One page for every ticket that opens nothing, and a stop to guessing (T01)."""
    if limits.is_exceeded(request, limits.MISSED_TICKETS):
        return too_many_requests(request, retry_after=limits.MISSED_TICKETS.seconds)
    limits.count(request, limits.MISSED_TICKETS)
    return render(
        request,
        "invitations/link_unusable.html",
        {"person": account_of(request)},
        status=HTTPStatus.GONE,
    )


def speak(request: HttpRequest, invitation: Invitation) -> None:
    """From mail to landing page one language, unless the person chose another."""
    if not languages.is_chosen(request):
        translation.activate(invitation.language)


def step(page: str, handle: handles.Handle, *, app: str = "invitations") -> str:
    """The path of a step of this redemption."""
    return schema.tenant_path(schema.current_tenant(), f"{app}:{page}", handle=handle.name)


def take_over(
    request: HttpRequest, ticket: str, *, purpose: tickets.Purpose, page: str
) -> HttpResponse:
    """Take the ticket out of the address bar into the browser's keeping, change nothing (T12, T13)."""
    try:
        tickets.unseal(ticket, realm=schema.current_tenant().ticket_realm, purpose=purpose)
    except TicketInvalidError:
        response = dead_ticket(request)
    else:
        path = schema.tenant_path(
            schema.current_tenant(), f"invitations:{page}", handle=handles.name_for(ticket)
        )
        response = HttpResponseRedirect(path, status=HTTPStatus.SEE_OTHER)
        handles.give(response, ticket)
    # Here alone: on a page with a form it would make browsers send “Origin: null” (C02).
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@require_http_methods(["GET", "HEAD", "OPTIONS"])
def redeem(request: HttpRequest, ticket: str) -> HttpResponse:
    """The mailed link."""
    return take_over(request, ticket, purpose=tickets.Purpose.REDEEM, page="landing")


def _again(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """A used ticket: its guest goes on to the app, anybody else gets the dead page (T05)."""
    if redemption.is_redeemed_by(invitation, account_of(request)):
        redemption.note_replay(invitation)
        destination = redemption.destination_of(invitation)
        return HttpResponseRedirect(destination, status=HTTPStatus.SEE_OTHER)
    # Nobody fills the log by opening the same link for ever.
    if not limits.is_exceeded(request, limits.MISSED_TICKETS):
        redemption.note_replay(invitation)
    return dead_ticket(request)


def landing_context(invitation: Invitation) -> dict[str, Any]:
    """What pages about an invitation show; it names no guest before they signed in (T13)."""
    inviter = invitation.invited_by
    tenant = schema.current_tenant()
    return {
        "organization_name": tenant.name,
        "inviter_name": inviter.display_name or inviter.address if inviter else "",
        "inviter_address": unicode_address(inviter.address) if inviter else "",
        "masked_address": masked_address(invitation.address),
        "expires_at": invitation.expires_at,
        "zone": zone_label(invitation.expires_at),
        "destination": invitation.destination,
        "app_names": [name for name in invitation.app_names if name != invitation.destination],
        "privacy_url": schema.tenant_path(tenant, "consent:statement"),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def landing(request: HttpRequest, handle: str) -> HttpResponse:
    """Who invites, to what, until when. *Continue* asks who is there."""
    # Only the button looks who is signed in: opening the page costs two statements.
    account = account_of(request) if request.method == "POST" else None
    try:
        held = handles.take(request, handle)
        invitation = redemption.find(held.ticket, account=account)
    except TicketInvalidError:
        return dead_ticket(request)
    speak(request, invitation)
    if not invitation.is_live:
        return _again(request, invitation)
    if request.method == "POST":
        return _continue(request, held, invitation, account)
    review_path = step("review", held, app="consent")
    context = landing_context(invitation) | {
        "unwanted_url": redemption.link_path(invitation, tickets.Purpose.UNWANTED),
        "password_url": f"{schema.public_path('account_login')}?{urlencode({'next': review_path})}",
        "outside_token": outside.invited_token(invitation.address, review_path),
        "review_path": review_path,
    }
    return render(request, "invitations/landing.html", context)


def _continue(
    request: HttpRequest,
    held: handles.Handle,
    invitation: Invitation,
    account: Account | None,
) -> HttpResponse:
    """With the invited address signed in, to the review; with another, say so; else a code."""
    proof = account and proofs.proved_address(request, invitation.pk, account=account)
    if account and (invitation.is_proved or proof == invitation.address):
        return redirect(step("review", held, app="consent"))
    if account and "switch" not in request.POST:
        return wrong_account(request, held, invitation, account)
    if account:
        get_adapter().logout(request)
    return _send_code(request, held, invitation)


def _purpose(invitation: Invitation) -> str:
    return f"offer:{schema.current_schema()}:{invitation.pk}"


def _send_code(request: HttpRequest, held: handles.Handle, invitation: Invitation) -> HttpResponse:
    """A code to the invited mailbox, whoever holds the link (T10)."""
    codes.send_code(request, purpose=_purpose(invitation), address=invitation.address)
    response = redirect(step("prove", held))
    if not languages.is_chosen(request):
        languages.remember(response, invitation.language)
    return response


def wrong_account(
    request: HttpRequest,
    held: handles.Handle,
    invitation: Invitation,
    account: Account,
    *,
    asked: bool = False,
) -> HttpResponse:
    """The ticket is an invitation, not a proof: name the masked address and the ways out (T10).

    Switch to the invited address, accept as the one that is signed in after a code to the invited
    mailbox (A07), ask the inviter to correct the address, or decline.
    """
    context = landing_context(invitation) | {
        "person": account,
        "continue_url": step("landing", held),
        "other_url": step("other", held),
        "unwanted_url": redemption.link_path(invitation, tickets.Purpose.UNWANTED),
        "asked": asked,
    }
    status = HTTPStatus.OK if asked else HTTPStatus.FORBIDDEN
    return render(request, "invitations/wrong_account.html", context, status=status)


def _held_offer(
    request: HttpRequest, handle: str, account: Account | None
) -> tuple[handles.Handle, Invitation]:
    """What this browser holds under the handle, still alive; raises `TicketInvalidError`."""
    held = handles.take(request, handle)
    invitation = redemption.find(held.ticket, account=account)
    if not invitation.is_live:
        raise TicketInvalidError
    speak(request, invitation)
    return held, invitation


@require_POST
def other(request: HttpRequest, handle: str) -> HttpResponse:
    """A code once more, or a way out of the wrong-account page: prove the invited mailbox beside
    the account that is signed in, or ask for a correction."""
    account = account_of(request)
    try:
        held, invitation = _held_offer(request, handle, account)
    except TicketInvalidError:
        return dead_ticket(request)
    wish = request.POST.get("do")
    if wish == "ask" and account:
        ask_correction(invitation, address=account.email)
        return wrong_account(request, held, invitation, account, asked=True)
    if wish != "prove":
        return HttpResponseBadRequest()
    if account is None:
        return _send_code(request, held, invitation)
    codes.send_code(
        request,
        purpose=_purpose(invitation),
        address=invitation.address,
        template=codes.PROOF_MAIL,
    )
    return redirect(step("prove", held))


def _proved(
    request: HttpRequest,
    held: handles.Handle,
    invitation: Invitation,
    account: Account | None,
    address: str,
) -> HttpResponse:
    """The mailbox is proved: sign in with it, or remember it beside the account that is (A07)."""
    review_path = step("review", held, app="consent")
    if account is None:
        return sign_in_with_mailbox(request, address, redirect_url=review_path)
    proofs.remember(request, invitation.pk, account=account, address=address)
    return redirect(review_path)


@require_http_methods(["GET", "HEAD", "POST"])
def prove(request: HttpRequest, handle: str) -> HttpResponse:
    """Type the code from the invited mailbox. It signs in and makes the account, or lets the
    account that is signed in *accept as* its own address."""
    account = account_of(request)
    try:
        held, invitation = _held_offer(request, handle, account)
    except TicketInvalidError:
        return dead_ticket(request)
    wrong = False
    if request.method == "POST":
        try:
            address = codes.check_code(
                request, purpose=_purpose(invitation), code=request.POST.get("code", "")
            )
            return _proved(request, held, invitation, account, address)
        except codes.CodeError:
            wrong = True
    waiting = codes.address_of(request, purpose=_purpose(invitation))
    if not waiting and not wrong:
        return redirect(step("landing", held))
    context = landing_context(invitation) | {
        "person": account,
        "wrong": wrong,
        "waiting": waiting,
        "again_url": step("other", held),
        "back_url": step("landing", held),
    }
    status = HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK
    return render(request, "invitations/prove.html", context, status=status)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """`/o/<slug>/`: the guest list for those who may see it, the way in for everybody else."""
    account = account_of(request)
    entry = entry_of(account) if account else None
    if account and entry and find_viewer(account).may(Permission.VIEW_GUESTS):
        return redirect("invitations:guests")
    return redirect("consent:enter")
