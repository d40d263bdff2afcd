"""Rendering mail inside the tenant it is for, at the moment it leaves."""

import textwrap
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.utils import formatdate
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext as _

from invitations import redemption
from invitations.models import Invitation
from invitations.redirects import host_of
from tenants import schema
from tenants.addresses import unicode_address
from tenants.models import MailKind, OutgoingMail, Tenant

QUOTE_WIDTH = 70
TEXT_WIDTH = 76
ACCENTS = {
    "accent": "#0e5c57",
    "on_accent": "#ffffff",
    "accent_dark": "#74cdbf",
    "on_accent_dark": "#05211e",
}


def zone_label(at: datetime) -> str:
    """`UTC`, `UTC+1`, `UTC+5:30`: the zone in which times are shown, at that time."""
    minutes = int((timezone.localtime(at).utcoffset() or timedelta()).total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


def from_header(organization: str) -> str:
    """`"Contoso via Foyer" <invitations@…>`: always the operator's own address (M11)."""
    user, _at, domain = settings.FOYER_MAIL_FROM.rpartition("@")
    name = _("%(organization)s via Foyer") % {"organization": organization}
    return str(Address(display_name=name, username=user, domain=domain))


def quoted(message: str) -> list[str]:
    """The personal message as lines of the text part."""
    return [
        line
        for paragraph in message.split("\n")
        for line in (textwrap.wrap(paragraph, QUOTE_WIDTH) or [""])
    ]


def wrapped(text: str) -> str:
    """The text part with its paragraphs in short lines; addresses and quotes stay whole."""
    lines = []
    for line in text.strip().split("\n"):
        if len(line) <= TEXT_WIDTH or line.startswith((">", "http")):
            lines.append(line)
        else:
            lines += textwrap.wrap(line, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def invitation_context(invitation: Invitation) -> dict[str, Any]:
    """What the templates of the invitation mail know."""
    tenant = schema.current_tenant()
    inviter = invitation.invited_by
    link = redemption.link_for(invitation)
    unwanted = redemption.unwanted_link_for(invitation)
    message = invitation.message
    return {
        **ACCENTS,
        "organization_name": tenant.name,
        "domain": tenant.domain,
        "initial": tenant.initial,
        "inviter_name": inviter.display_name or inviter.address if inviter else "",
        "inviter_address": unicode_address(inviter.address) if inviter else "",
        "destination": invitation.destination,
        "destination_host": host_of(invitation.redirect_url),
        "expires_at": invitation.expires_at,
        "zone": zone_label(invitation.expires_at),
        "message": message,
        "message_lines": quoted(message) if message else [],
        "address": invitation.entry.address,
        "accept_url": link,
        "report_url": unwanted,
        "block_url": unwanted,
        "privacy_url": schema.absolute_url(schema.tenant_path(tenant, "consent:statement")),
        "foyer_host": settings.FOYER_HOST,
        "lang": translation.get_language(),
        "dir": "rtl" if get_language_bidi() else "ltr",
    }


def _compose(
    stem: str, context: dict[str, Any], *, mail: OutgoingMail, to: str, tenant: Tenant
) -> EmailMultiAlternatives:
    subject = " ".join(render_to_string(f"mail/{stem}_subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject=subject,
        body=wrapped(render_to_string(f"mail/{stem}.txt", context)),
        from_email=from_header(tenant.name),
        to=[to],
        headers={
            "Message-ID": mail.message_id,
            "Date": formatdate(mail.created_at.timestamp(), usegmt=True),
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string(f"mail/{stem}.html", context), "text/html")
    return message


def _invitation_mail(mail: OutgoingMail, tenant: Tenant) -> EmailMultiAlternatives | None:
    invitation = (
        Invitation.objects.with_clock()
        .with_landing()
        .select_related("entry", "invited_by")
        .filter(pk=mail.about, serial=mail.serial, entry__deleted_at__isnull=True)
        .first()
    )
    if invitation is None or not invitation.is_live:
        return None
    with translation.override(invitation.language):
        context = invitation_context(invitation)
        message = _compose(
            "invitation", context, mail=mail, to=invitation.entry.address, tenant=tenant
        )
    if invitation.invited_by and invitation.invited_by.address:
        message.reply_to = [invitation.invited_by.address]
    return message


def _undelivered_mail(mail: OutgoingMail, tenant: Tenant) -> EmailMultiAlternatives | None:
    invitation = (
        Invitation.objects.select_related("entry", "invited_by").filter(pk=mail.about).first()
    )
    failed = (
        OutgoingMail.objects.filter(kind=MailKind.INVITATION, about=mail.about)
        .order_by("-pk")
        .first()
    )
    if invitation is None or invitation.invited_by is None or failed is None:
        return None
    inviter = invitation.invited_by
    with translation.override(inviter.language or tenant.language):
        context = {
            "organization_name": tenant.name,
            "guest_name": invitation.entry.display_name or invitation.entry.address,
            "address": unicode_address(invitation.entry.address),
            "answer_code": failed.answer_code,
            "answer": failed.answer,
            "guests_url": schema.absolute_url(schema.tenant_path(tenant, "invitations:guests")),
            "foyer_host": settings.FOYER_HOST,
            "lang": translation.get_language(),
            "dir": "rtl" if get_language_bidi() else "ltr",
        }
        return _compose("undelivered", context, mail=mail, to=inviter.address, tenant=tenant)


RENDERERS = {
    MailKind.INVITATION: _invitation_mail,
    MailKind.UNDELIVERED: _undelivered_mail,
}


def render(mail: OutgoingMail, tenant: Tenant) -> EmailMultiAlternatives | None:
    """The mail as it leaves now, or None when there is nothing to say any more."""
    return RENDERERS[MailKind(mail.kind)](mail, tenant)
