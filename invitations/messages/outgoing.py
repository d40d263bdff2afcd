"""Rendering mail inside the tenant it is for, at the moment it leaves, if it still should."""

from collections.abc import Callable

from django.db.models.functions import Now

from invitations.messages.access import access_ended_mail, access_given_mail, what_was_given
from invitations.messages.invitation import invitation_mail
from invitations.messages.layout import Letter
from invitations.messages.notice import notices_mail
from invitations.models import Invitation
from tenants.mail import blocks
from tenants.models import MailKind, MailState, OutgoingMail, Tenant

RENDERERS: dict[str, Callable[[OutgoingMail, Tenant], Letter | None]] = {
    MailKind.INVITATION: invitation_mail,
    MailKind.REMINDER: invitation_mail,
    MailKind.NOTICES: notices_mail,
    MailKind.ACCESS_ENDED: access_ended_mail,
    MailKind.ACCESS_GIVEN: access_given_mail,
}


def _invited_address(mail: OutgoingMail) -> str:
    invitation = Invitation.objects.filter(pk=mail.about).first()
    return invitation.address if invitation else ""


def _given_address(mail: OutgoingMail) -> str:
    entry, _apps, _group_name = what_was_given(mail.about)
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
