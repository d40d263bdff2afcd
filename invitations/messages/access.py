"""To whom an app is open now, and to whom nothing is any more."""

from uuid import UUID

from django.utils import translation

from invitations.messages.layout import ACCENTS, Letter, common_context, compose
from invitations.models import (
    AppAssignment,
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    GroupMember,
    SharedApp,
)
from invitations.models.assignment import apps_of_group
from tenants import schema
from tenants.models import OutgoingMail, Tenant


def access_ended_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    """To somebody whose access the organization ended, while the row still knows the address."""
    entry = DirectoryEntry.objects.deleted().filter(pk=mail.about).first()
    if entry is None or not entry.address:
        return None
    with translation.override(entry.language or tenant.language):
        context = {
            **common_context(tenant),
            "organizations_url": schema.absolute_url(schema.public_path("organizations")),
        }
        return Letter(compose("access_ended", context, mail=mail, to=entry.address, tenant=tenant))


def what_was_given(about: UUID) -> tuple[DirectoryEntry | None, list[SharedApp], str]:
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


def access_given_mail(mail: OutgoingMail, tenant: Tenant) -> Letter | None:
    """To somebody who is in: another app is open to them, as long as it is."""
    entry, apps, group_name = what_was_given(mail.about)
    if entry is None or entry.deleted_at or not (entry.enabled and entry.is_accepted):
        return None
    if not entry.address or not apps:
        return None
    with translation.override(entry.language or tenant.language):
        context = {
            **ACCENTS,
            **common_context(tenant),
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
        }
        return Letter(compose("access_given", context, mail=mail, to=entry.address, tenant=tenant))


def app_path(app: SharedApp) -> str:
    """The direct link to an app: through the door, then to its home page."""
    return schema.tenant_path(schema.current_tenant(), "consent:open_app", app_id=app.pk)
