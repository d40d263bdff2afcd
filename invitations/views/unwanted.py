"""Declining, reporting and blocking: by signed link, without an account, never by GET."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from invitations import handles, tickets
from invitations.errors import TicketInvalidError
from invitations.models import Invitation
from invitations.services import unwanted as services
from invitations.states import InvitationStatus
from invitations.views.redeem import dead_ticket, landing_context, speak, take_over
from tenants import limits, schema
from tenants.errors import too_many_requests
from tenants.mail import blocks


def _find(request: HttpRequest, handle: str) -> Invitation:
    """The invitation, also when it has ended: who never wants mail again may say so later, too."""
    return _find_by(handles.take(request, handle, purpose=tickets.Purpose.UNWANTED).ticket)


def _find_by(ticket: tickets.Ticket) -> Invitation:
    found = (
        Invitation.objects.with_clock()
        .with_landing()
        .select_related("entry", "invited_by")
        .filter(pk=ticket.invitation_id)
        .exclude(address="")
        .first()
    )
    if found is None:
        raise TicketInvalidError
    return found


def _do(asked: str, invitation: Invitation, reason: str) -> bool:
    """Carry out one answer; False for one that is not possible, or not on the page."""
    if asked == "decline":
        return services.decline_invitation(invitation)
    if asked == "report":
        services.report_invitation(invitation, reason=reason)
    elif asked == "block":
        services.block_sender(invitation)
    elif asked == "unblock":
        services.unblock_sender(invitation)
    else:
        return False
    return True


def _one_click(request: HttpRequest, ticket: str) -> HttpResponse:
    """RFC 8058: a mail program says “never again” without cookies or pages (M10)."""
    try:
        asked = tickets.unseal(
            ticket, realm=schema.current_tenant().ticket_realm, purpose=tickets.Purpose.UNWANTED
        )
        invitation = _find_by(asked)
    except TicketInvalidError:
        return dead_ticket(request)
    if not blocks.is_blocked(tenant=schema.current_tenant(), address=invitation.address):
        services.block_sender(invitation)
    return HttpResponse("OK", content_type="text/plain")


# The sealed ticket is what authorizes the mail program, which has no cookie to forge with.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "OPTIONS", "POST"])
def unwanted(request: HttpRequest, ticket: str) -> HttpResponse:
    """The other mailed link: a page for people, one click for mail programs."""
    if request.method == "POST":
        if request.POST.get("List-Unsubscribe") != "One-Click":
            return HttpResponseBadRequest()
        return _one_click(request, ticket)
    return take_over(request, ticket, purpose=tickets.Purpose.UNWANTED, page="unwanted_choices")


@require_http_methods(["GET", "HEAD", "POST"])
def choices(request: HttpRequest, handle: str) -> HttpResponse:
    """*I did not expect this invitation*: what can be answered, and answering it."""
    try:
        invitation = _find(request, handle)
    except TicketInvalidError:
        return dead_ticket(request)
    speak(request, invitation)
    context = landing_context(invitation)
    if request.method == "POST":
        if limits.is_exceeded(request, limits.UNWANTED_REPORTS):
            return too_many_requests(request, retry_after=limits.UNWANTED_REPORTS.seconds)
        limits.count(request, limits.UNWANTED_REPORTS)
        asked = request.POST.get("do", "")
        if _do(asked, invitation, request.POST.get("reason", "")):
            context |= {"done": asked}
            return render(request, "invitations/unwanted_done.html", context)
    tenant = schema.current_tenant()
    context |= {
        "open": invitation.is_live and invitation.status != InvitationStatus.DECLINED,
        "blocked": blocks.is_blocked(tenant=tenant, address=invitation.address),
    }
    return render(request, "invitations/unwanted.html", context)
