"""Rendering mail inside the tenant it is for, at the moment it leaves."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.utils import formatdate
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext as _

from invitations import notices, redemption
from invitations.models import (
    AppAssignment,
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    GroupMember,
    Invitation,
    Notice,
    NoticeKind,
    SharedApp,
)
from invitations.models.assignment import apps_of_group, with_apps
from invitations.models.offer import is_within_policy, policy_facts
from invitations.redirects import host_of
from tenants import schema
from tenants.addresses import unicode_address
from tenants.mail import blocks
from tenants.models import MailKind, MailState, OutgoingMail, Tenant

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
        "app_names": [name for name in invitation.app_names if name != invitation.destination],
        "destination_host": host_of(invitation.redirect_url),
        "expires_at": invitation.expires_at,
        "zone": zone_label(invitation.expires_at),
        "message": message,
        "message_lines": quoted(message) if message else [],
        "address": invitation.address,
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


def _invitation_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    invitation = (
        with_apps(Invitation.objects.with_clock().with_landing())
        .annotate(**policy_facts())
        .select_related("entry", "invited_by")
        .filter(
            pk=mail.about,
            serial=mail.serial,
            entry__deleted_at__isnull=True,
            entry__enabled=True,
        )
        .first()
    )
    if invitation is None or not invitation.is_live:
        return None
    if not is_within_policy(invitation, invitation.facts):
        return None
    stem = "reminder" if mail.kind == MailKind.REMINDER else "invitation"
    with translation.override(invitation.language):
        context = invitation_context(invitation)
        message = _compose(stem, context, mail=mail, to=invitation.address, tenant=tenant)
    message.extra_headers |= {
        "List-Unsubscribe": f"<{context['block_url']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if invitation.invited_by and invitation.invited_by.address:
        message.reply_to = [invitation.invited_by.address]
    return Letter(message)


def _server_answer(notice: Notice) -> str:
    """What the mail server said when it refused the invitation (F06)."""
    if notice.kind != NoticeKind.UNDELIVERED or notice.invitation is None:
        return ""
    refused = OutgoingMail.objects.filter(
        kind=MailKind.INVITATION,
        about=notice.invitation.pk,
        state=MailState.FAILED,
    ).last()
    return f"{refused.answer_code or ''} {refused.answer}".strip() if refused else ""


def _access_ended_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    """To somebody whose access the organization ended, while the row still knows the address."""
    entry = DirectoryEntry.objects.deleted().filter(pk=mail.about).first()
    if entry is None or not entry.address:
        return None
    with translation.override(entry.language or tenant.language):
        context = {
            "organization_name": tenant.name,
            "organizations_url": schema.absolute_url(schema.public_path("organizations")),
            "foyer_host": settings.FOYER_HOST,
            "lang": translation.get_language(),
            "dir": "rtl" if get_language_bidi() else "ltr",
        }
        return Letter(_compose("access_ended", context, mail=mail, to=entry.address, tenant=tenant))


def _given(about: UUID) -> tuple[DirectoryEntry | None, list[SharedApp], str]:
    """Who was let in, to what, and the name of the group if it came by one."""
    direct = AppAssignment.objects.select_related("app", "entry").filter(pk=about).first()
    if direct:
        return direct.entry, [direct.app], ""
    member = GroupMember.objects.select_related("group", "entry").filter(pk=about).first()
    if member:
        return member.entry, list(apps_of_group(member.group)), member.group.name
    return None, [], ""


def _giver(entry: DirectoryEntry, app: SharedApp) -> str:
    """Who let them in, as the log knows and as far as they are still there; empty for nobody."""
    given = AuditEvent.objects.filter(
        entry_id=entry.pk, action=AuditAction.APP_ASSIGNED, detail__app=str(app.pk)
    )
    actors = given.order_by("-number").values("actor_id")[:1]
    by = DirectoryEntry.objects.present().filter(pk__in=actors).first()
    return str(by) if by else ""


def _access_given_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    """To somebody who is in: another app is open to them, as long as it is."""
    entry, apps, group_name = _given(mail.about)
    if entry is None or entry.deleted_at or not (entry.enabled and entry.is_accepted):
        return None
    if not entry.address or not apps:
        return None
    with translation.override(entry.language or tenant.language):
        context = {
            **ACCENTS,
            "organization_name": tenant.name,
            "app_name": apps[0].name,
            "group_name": group_name,
            "giver": "" if group_name else _giver(entry, apps[0]),
            "apps": [
                {
                    "name": app.name,
                    "description": app.description,
                    "url": schema.absolute_url(app_path(app)),
                }
                for app in apps
            ],
            "organizations_url": schema.absolute_url(schema.public_path("organizations")),
            "foyer_host": settings.FOYER_HOST,
            "lang": translation.get_language(),
            "dir": "rtl" if get_language_bidi() else "ltr",
        }
        return Letter(_compose("access_given", context, mail=mail, to=entry.address, tenant=tenant))


def app_path(app: SharedApp) -> str:
    """The direct link to an app: through the door, then to its home page."""
    return schema.tenant_path(schema.current_tenant(), "consent:open_app", app_id=app.pk)


def _notice_line(notice: Notice) -> dict[str, Any]:
    about, invitation = notice.about, notice.invitation
    address = invitation.address if invitation else about.address
    return {
        "who": about.display_name or unicode_address(address),
        "address": unicode_address(address),
        "what": NoticeKind(notice.kind).label,
        "at": notice.created_at,
        "zone": zone_label(notice.created_at),
        "answer": notice.said or _server_answer(notice),
    }


def _notices_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    """Everything somebody has not been told yet, in one mail."""
    waiting = notices.unmailed(mail.about)
    if not waiting:
        return None
    recipient = waiting[0].recipient
    if recipient.deleted_at or not recipient.enabled:
        return None
    with translation.override(recipient.language or tenant.language):
        lines = [_notice_line(notice) for notice in waiting]
        context = {
            "organization_name": tenant.name,
            "lines": lines,
            "first": lines[0],
            "more": len(lines) - 1,
            "guests_url": schema.absolute_url(schema.tenant_path(tenant, "invitations:guests")),
            "foyer_host": settings.FOYER_HOST,
            "lang": translation.get_language(),
            "dir": "rtl" if get_language_bidi() else "ltr",
        }
        message = _compose("notices", context, mail=mail, to=recipient.address, tenant=tenant)
    return Letter(message, tuple(notice.pk for notice in waiting))


RENDERERS: dict[str, Callable[[OutgoingMail, Tenant], Letter | None]] = {
    MailKind.INVITATION: _invitation_mail,
    MailKind.REMINDER: _invitation_mail,
    MailKind.NOTICES: _notices_mail,
    MailKind.ACCESS_ENDED: _access_ended_mail,
    MailKind.ACCESS_GIVEN: _access_given_mail,
}


def _invited_address(mail: OutgoingMail) -> str:
    invitation = Invitation.objects.filter(pk=mail.about).first()
    return invitation.address if invitation else ""


def _given_address(mail: OutgoingMail) -> str:
    entry, _apps, _group_name = _given(mail.about)
    return entry.address if entry else ""


# Mail that somebody can say “never again” to, and how its reader's address is found.
REFUSABLE: dict[str, Callable[[OutgoingMail], str]] = {
    MailKind.INVITATION: _invited_address,
    MailKind.REMINDER: _invited_address,
    MailKind.ACCESS_GIVEN: _given_address,
}


def is_unwanted(mail: OutgoingMail) -> bool:
    """Whether its reader said “never again”, also since it was promised (M10)."""
    address = REFUSABLE[mail.kind](mail) if mail.kind in REFUSABLE else ""
    return bool(address) and blocks.is_blocked(tenant=mail.tenant, address=address)


def is_overtaking(mail: OutgoingMail) -> bool:
    """Whether an older mail to the same guest is in a worker's hands just now (R07).

    It may carry a ticket that has been replaced meanwhile, and must not arrive after the newer.
    """
    if mail.kind not in {MailKind.INVITATION, MailKind.REMINDER}:
        return False
    entry = Invitation.objects.filter(pk=mail.about).values("entry")
    siblings = Invitation.objects.filter(entry__in=entry).values_list("pk", flat=True)
    in_hand = OutgoingMail.objects.filter(about__in=list(siblings), state=MailState.SENDING)
    return in_hand.filter(pk__lt=mail.pk, due_at__gt=Now()).exists()


def render(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    """The mail as it leaves now, or None when there is nothing to say any more."""
    return RENDERERS[mail.kind](mail, tenant)
