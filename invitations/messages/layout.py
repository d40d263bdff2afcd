"""What all mail has in common: sender, headers, lines, colours."""

import textwrap
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.utils import formatdate
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from tenants.models import OutgoingMail, Tenant

QUOTE_WIDTH = 70
TEXT_WIDTH = 76
ACCENTS = {
    "accent": "#0e5c57",
    "on_accent": "#ffffff",
    "accent_dark": "#74cdbf",
    "on_accent_dark": "#05211e",
}


@dataclass(frozen=True)
class Letter:
    """A mail ready to leave, and the notices it tells of."""

    message: EmailMultiAlternatives
    notice_ids: tuple[UUID, ...] = ()


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


def common_context(tenant: Tenant) -> dict[str, Any]:
    """What every template knows, in the language that is active."""
    return {
        "organization_name": tenant.name,
        "foyer_host": settings.FOYER_HOST,
        "lang": translation.get_language(),
        "dir": "rtl" if translation.get_language_bidi() else "ltr",
    }


def compose(
    stem: str, context: dict[str, Any], *, mail: OutgoingMail, to: str, tenant: Tenant
) -> EmailMultiAlternatives:
    """The mail of the templates `mail/<stem>…`, in the language that is active; its Message-ID and
    date are those of its row, so that a second try is the same mail (F03)."""
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
