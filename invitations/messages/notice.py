"""What somebody has not been told yet, in one mail."""

from typing import Any

from django.utils import translation

from invitations import notices
from invitations.messages.layout import Letter, common_context, compose, zone_label
from invitations.models import Notice, NoticeKind
from tenants import schema
from tenants.addresses import unicode_address
from tenants.models import MailKind, MailState, OutgoingMail, Tenant


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


def notices_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
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
            **common_context(tenant),
            "lines": lines,
            "first": lines[0],
            "more": len(lines) - 1,
            "guests_url": schema.absolute_url(schema.tenant_path(tenant, "invitations:guests")),
        }
        message = compose("notices", context, mail=mail, to=recipient.address, tenant=tenant)
    return Letter(message, tuple(notice.pk for notice in waiting))
