"""The invitation, and the reminder of it."""

from typing import Any

from django.utils import translation

from invitations import redemption
from invitations.messages.layout import ACCENTS, Letter, common_context, compose, quoted, zone_label
from invitations.models import Invitation
from invitations.models.assignment import with_apps
from invitations.models.offer import is_within_policy, policy_facts
from invitations.redirects import host_of
from tenants import schema
from tenants.addresses import unicode_address
from tenants.models import MailKind, OutgoingMail, Tenant


def invitation_context(invitation: Invitation) -> dict[str, Any]:
    """What the templates of the invitation mail know."""
    tenant = schema.current_tenant()
    inviter = invitation.invited_by
    link = redemption.link_for(invitation)
    unwanted = redemption.unwanted_link_for(invitation)
    message = invitation.message
    return {
        **ACCENTS,
        **common_context(tenant),
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
    }


def invitation_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    """To whoever is invited, as long as they are and the policy lets their inviter (P03)."""
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
        message = compose(stem, context, mail=mail, to=invitation.address, tenant=tenant)
    message.extra_headers |= {
        "List-Unsubscribe": f"<{context['block_url']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if invitation.invited_by and invitation.invited_by.address:
        message.reply_to = [invitation.invited_by.address]
    return Letter(message)
