"""Declining, reporting and blocking: by signed link, without an account, never by GET."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from invitations import handles, tickets
from invitations.errors import TicketInvalidError
from invitations.models import Invitation
from invitations.services import unwanted as services
from invitations.views.redeem import dead_ticket, landing_context, speak, take_over
from tenants import limits, schema
from tenants.errors import too_many_requests
from tenants.mail import blocks


def _find(request: HttpRequest, handle: str) -> Invitation:
    """The invitation, also when it has ended: who never wants mail again may say so later, too."""
    held = handles.take(request, handle, purpose=tickets.Purpose.UNWANTED)
    found = (
        Invitation.objects.with_clock()
        .with_landing()
        .select_related("entry", "invited_by")
        .filter(pk=held.ticket.invitation_id)
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


@require_http_methods(["GET", "HEAD", "OPTIONS"])
def unwanted(request: HttpRequest, ticket: str) -> HttpResponse:
    """The other mailed link."""
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
        "open": invitation.is_live,
        "blocked": blocks.is_blocked(tenant=tenant, address=invitation.address),
    }
    return render(request, "invitations/unwanted.html", context)
