"""What the audit log tells of, as a person says it."""

from typing import Any

from django.utils.translation import gettext_lazy

from invitations.models import AuditAction, WhoMayEnter
from invitations.permissions import WhoMayInvite
from invitations.states import DeletionReason, EndReason
from tenants.models import UserType

WORDS: dict[str, Any] = {
    AuditAction.GUEST_INVITED: gettext_lazy("Invited"),
    AuditAction.INVITATION_RESENT: gettext_lazy("Sent the invitation again"),
    AuditAction.INVITATION_REVOKED: gettext_lazy("Revoked the invitation"),
    AuditAction.INVITATION_DECLINED: gettext_lazy("Declined the invitation"),
    AuditAction.INVITATION_REPORTED: gettext_lazy("Reported the invitation"),
    AuditAction.INVITATION_COMPLETED: gettext_lazy("Accepted the invitation"),
    AuditAction.INVITATION_REPLAYED: gettext_lazy("Opened a used link again"),
    AuditAction.INVITATION_LINK_SHOWN: gettext_lazy("Copied the invitation link"),
    AuditAction.SENDER_BLOCKED: gettext_lazy("Blocked mail from here"),
    AuditAction.SENDER_UNBLOCKED: gettext_lazy("Allowed mail from here again"),
    AuditAction.STATEMENT_PUBLISHED: gettext_lazy("Published the privacy statement"),
    AuditAction.POLICY_CHANGED: gettext_lazy("Changed the invitation policies"),
    AuditAction.LANDING_PAGE_ADDED: gettext_lazy("Added a landing page"),
    AuditAction.LANDING_PAGE_REMOVED: gettext_lazy("Removed a landing page"),
    AuditAction.INVITATION_CORRECTED: gettext_lazy("Sent the invitation to another address"),
    AuditAction.INVITATION_REMINDED: gettext_lazy("Reminded of the invitation"),
    AuditAction.CORRECTION_ASKED: gettext_lazy("Asked for another address"),
    AuditAction.REDEMPTION_RESET: gettext_lazy("Reset the redemption"),
    AuditAction.SIGN_IN_BLOCKED: gettext_lazy("Blocked the sign-in"),
    AuditAction.SIGN_IN_UNBLOCKED: gettext_lazy("Unblocked the sign-in"),
    AuditAction.ENTRY_DELETED: gettext_lazy("Deleted"),
    AuditAction.ENTRY_RESTORED: gettext_lazy("Restored"),
    AuditAction.ENTRY_PURGED: gettext_lazy("Erased after 30 days"),
    AuditAction.ENTRY_ERASED: gettext_lazy("Erased"),
    AuditAction.ENTRY_LEFT: gettext_lazy("Left the organization"),
    AuditAction.USER_TYPE_CHANGED: gettext_lazy("Converted"),
    AuditAction.SPONSORS_CHANGED: gettext_lazy("Changed the sponsors"),
    AuditAction.ROLES_CHANGED: gettext_lazy("Changed the roles"),
    AuditAction.CONSENT_GIVEN_AGAIN: gettext_lazy("Accepted the new privacy statement"),
    AuditAction.TERMS_ACCEPTED: gettext_lazy("Accepted the terms of use"),
    AuditAction.TERMS_DECLINED: gettext_lazy("Declined the terms of use"),
    AuditAction.TERMS_PUBLISHED: gettext_lazy("Published the terms of use"),
    AuditAction.CONTACT_ADDED: gettext_lazy("Added a contact"),
    AuditAction.CONTACT_REMOVED: gettext_lazy("Removed a contact"),
    AuditAction.INVITATION_PURGED: gettext_lazy("Deleted an old invitation"),
    AuditAction.TENANT_RESTORED: gettext_lazy("Restored from a backup"),
    AuditAction.APP_ADDED: gettext_lazy("Shared an app"),
    AuditAction.APP_CHANGED: gettext_lazy("Changed an app"),
    AuditAction.APP_REMOVED: gettext_lazy("Stopped sharing an app"),
    AuditAction.APP_OWNERS_CHANGED: gettext_lazy("Changed the owners of an app"),
    AuditAction.APP_ASSIGNED: gettext_lazy("Gave access to an app"),
    AuditAction.APP_UNASSIGNED: gettext_lazy("Took access to an app away"),
    AuditAction.APP_SECRET_ADDED: gettext_lazy("Made a secret for an app"),
    AuditAction.APP_SECRET_REMOVED: gettext_lazy("Removed a secret of an app"),
    AuditAction.APP_TOKENS_ENDED: gettext_lazy("Ended sign-ins after a code or token was reused"),
    AuditAction.GROUP_ADDED: gettext_lazy("Added a group"),
    AuditAction.GROUP_CHANGED: gettext_lazy("Changed a group"),
    AuditAction.GROUP_REMOVED: gettext_lazy("Removed a group"),
    AuditAction.GROUP_OWNERS_CHANGED: gettext_lazy("Changed the owners of a group"),
    AuditAction.GROUP_MEMBER_ADDED: gettext_lazy("Added to a group"),
    AuditAction.GROUP_MEMBER_REMOVED: gettext_lazy("Took out of a group"),
    AuditAction.SIGNING_KEYS_ROTATED: gettext_lazy("Rotated the signing keys"),
    AuditAction.AUDIT_EXPORTED: gettext_lazy("Exported the audit log"),
}
DETAILS: dict[str, Any] = {
    "version": gettext_lazy("Version"),
    "hash": gettext_lazy("Hash"),
    "consent": gettext_lazy("Consent"),
    "replaces": gettext_lazy("Replaces invitation"),
    "user_type": gettext_lazy("Kind"),
    "mail": gettext_lazy("By e-mail"),
    "validity_seconds": gettext_lazy("Valid for seconds"),
    "links_in_messages": gettext_lazy("Links in messages"),
    "url": gettext_lazy("Web address"),
    "app": gettext_lazy("App"),
    "apps": gettext_lazy("Apps"),
    "group": gettext_lazy("Group"),
    "groups": gettext_lazy("Groups"),
    "roles": gettext_lazy("Roles"),
    "owners": gettext_lazy("Owners"),
    "sponsors": gettext_lazy("Sponsors"),
    "name": gettext_lazy("Name"),
    "description": gettext_lazy("What it is for"),
    "home_url": gettext_lazy("Home page"),
    "client_type": gettext_lazy("Kind of app"),
    "redirect_uris": gettext_lazy("Redirect URLs"),
    "sign_out_uris": gettext_lazy("Sign-out URLs"),
    "id_token_algorithm": gettext_lazy("Signature of ID tokens"),
    "access_token_format": gettext_lazy("Access tokens"),
    "logo": gettext_lazy("Logo"),
    "secret": gettext_lazy("Secret"),
    "who_may_enter": gettext_lazy("Who may enter"),
    "who_may_invite": gettext_lazy("Who may invite"),
    "reason": gettext_lazy("Reason"),
    "format": gettext_lazy("Format"),
    "rows_to": gettext_lazy("Up to row"),
}
# What the log keeps as it is stored, a page says as the forms do.
CHOICES: dict[str, dict[str, Any]] = {
    "user_type": dict(UserType.choices),
    "who_may_enter": dict(WhoMayEnter.choices),
    "who_may_invite": dict(WhoMayInvite.choices),
    "reason": dict(EndReason.choices) | dict(DeletionReason.choices),
}


def words_of(action: str) -> str:
    """An action as a person says it; one from another version of Foyer as it is written."""
    if action in WORDS:
        return str(WORDS[action])
    return action.replace(".", " ").replace("_", " ").capitalize()


def actions() -> list[tuple[str, str]]:
    """What can be chosen to filter by."""
    return [(action.value, words_of(action.value)) for action in AuditAction]
