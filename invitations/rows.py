"""A guest as a row of the list: words for states, and what may be done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from invitations.guestlist import STATES
from invitations.models import DirectoryEntry, Invitation
from invitations.models.offer import is_within_policy
from invitations.permissions import Role
from invitations.redirects import host_of
from invitations.states import DeletionReason, EndReason, NoAddress
from tenants import schema
from tenants.addresses import unicode_address
from tenants.models import MailState, UserType

TOGETHER = timedelta(seconds=10)


def short_date(at: datetime) -> str:
    """`3 Nov 2026`, in the zone and language in which times are shown."""
    return date_format(timezone.localtime(at), "SHORT_DATE_FORMAT")


def time_left(until: datetime) -> str:
    """`Expires in 9 days`, in the largest unit that fits."""
    # To the nearest hour: what was just sent for seven days has seven, not six.
    left = until - timezone.now() + timedelta(minutes=30)
    if left.days > 0:
        return ngettext("Expires in %(number)s day", "Expires in %(number)s days", left.days) % {
            "number": left.days
        }
    hours = max(int(left.total_seconds() // 3600), 1)
    return ngettext("Expires in %(number)s hour", "Expires in %(number)s hours", hours) % {
        "number": hours
    }


@dataclass(frozen=True)
class GuestRow:
    """What the list, and the pages about one guest, show of an entry."""

    entry: DirectoryEntry

    @property
    def id(self) -> Any:
        return self.entry.pk

    @property
    def invitation(self) -> Invitation | None:
        return self.entry.invitation

    @property
    def is_member(self) -> bool:
        return self.entry.user_type == UserType.MEMBER

    @property
    def display_name(self) -> str:
        return self.entry.display_name

    @property
    def address(self) -> str:
        """The entry's, else where its invitation went: an entry may have none (3.4 b)."""
        return self.entry.address or (self.invitation.address if self.invitation else "")

    @property
    def readable_address(self) -> str:
        """With the domain in its own script; empty when that is the address itself (M05)."""
        readable = unicode_address(self.address)
        return "" if readable == self.address else readable

    @property
    def state(self) -> str:
        return str(self.entry.state)

    @property
    def state_label(self) -> str:
        return str(STATES[self.state])

    @property
    def _mail(self) -> dict[str, Any]:
        return getattr(self.entry, "mail", None) or {}

    @property
    def state_note(self) -> str:
        invitation = self.invitation
        if self.state == "deleted" and self.entry.deleted_at:
            why = str(DeletionReason(self.entry.deletion_reason).label)
            return f"{why}, {short_date(self.entry.deleted_at)}"
        if self.state == "accepted":
            return _("Since %(date)s") % {"date": short_date(self.entry.state_changed_at)}
        if invitation is None or self.state == "blocked":
            return ""
        if self.state == "pending":
            return time_left(invitation.expires_at)
        if self.state == "not_delivered":
            return " ".join(
                str(part)
                for part in (self._mail.get("answer_code"), self._mail.get("answer"))
                if part
            )
        return self._ending(invitation)

    @property
    def policy_note(self) -> str:
        """Why the link of an open invitation is dead all the same (P03); empty where it is not."""
        invitation, facts = self.invitation, self.entry.facts
        if invitation is None or facts is None or self.state not in {"pending", "not_delivered"}:
            return ""
        if is_within_policy(invitation, facts):
            return ""
        return _(
            "Not within the invitation policy: it cannot be accepted until the policy allows it, or "
            "somebody who may invite sends it again."
        )

    def _ending(self, invitation: Invitation) -> str:
        at = invitation.ended_at or invitation.expires_at
        if invitation.end_reason == EndReason.REPLACED:
            return _("Replaced on %(date)s") % {"date": short_date(at)}
        return _("On %(date)s") % {"date": short_date(at)}

    @property
    def mail_label(self) -> str:
        if self.invitation and not self.invitation.send_mail:
            return _("No mail: link passed on")
        if self.state == "not_delivered" or not self._mail:
            return ""
        label = str(MailState(self._mail["state"]).label)
        if self._mail["state"] == MailState.WAITING:
            at = parse_datetime(self._mail["due_at"])
            next_try = date_format(timezone.localtime(at), "H:i") if at else ""
            code = self._mail.get("answer_code") or ""
            return _("Mail waiting (%(code)s), next try %(time)s") % {
                "code": code or self._mail.get("answer") or "–",
                "time": next_try,
            }
        return label

    @property
    def destination(self) -> str:
        """What opens after accepting; empty for My access."""
        host = host_of(self.invitation.redirect_url) if self.invitation else ""
        return self.entry.landing_name or host

    @property
    def opens(self) -> str:
        """The apps somebody has, else where the invitation leads; empty for My access."""
        return ", ".join(getattr(self.entry, "app_names", None) or []) or self.destination

    @property
    def invited_at(self) -> datetime:
        return self.entry.invited_at

    @property
    def invited_by(self) -> str:
        inviter = self.invitation.invited_by if self.invitation else None
        return str(inviter) if inviter else ""

    @property
    def can_resend(self) -> bool:
        return self.state in {"pending", "not_delivered", "expired"}

    @property
    def can_revoke(self) -> bool:
        return self.state in {"pending", "not_delivered", "expired", "declined"}

    @property
    def can_copy_link(self) -> bool:
        return self.state in {"pending", "not_delivered"}

    @property
    def can_invite_again(self) -> bool:
        return self.state in {"revoked", "declined"}

    @property
    def can_correct(self) -> bool:
        return bool(self.invitation) and self.state not in {"accepted", "deleted", "blocked"}

    @property
    def can_reset(self) -> bool:
        return self.state == "accepted"

    @property
    def can_block(self) -> bool:
        return self.state not in {"blocked", "deleted"}

    @property
    def can_unblock(self) -> bool:
        return self.state == "blocked"

    @property
    def can_delete(self) -> bool:
        return self.state != "deleted"

    @property
    def can_restore(self) -> bool:
        return self.state == "deleted"

    @property
    def role_labels(self) -> list[str]:
        return [str(Role(role).label) for role in self.entry.roles]

    @property
    def was_just_invited(self) -> bool:
        """Open, and made within the time in which two people press the same button (R03)."""
        fresh = timezone.now() - self.entry.invited_at < TOGETHER
        return fresh and self.state == "pending"

    @property
    def shared(self) -> str:
        """What the owner who looks has given, by name; of their own things only."""
        given = [*getattr(self.entry, "shared_apps", ()), *getattr(self.entry, "shared_groups", ())]
        return ", ".join(given)

    @property
    def is_administrator(self) -> bool:
        return Role.ADMINISTRATOR in self.entry.roles

    @property
    def no_address_note(self) -> str:
        """Why this entry has no address of its own, for the administrator (product 3.4 b)."""
        return str(NoAddress(self.entry.no_address).label) if self.entry.no_address else ""

    @property
    def url(self) -> str:
        return self._url("guest")

    def act_url(self, action: str) -> str:
        return schema.tenant_path(
            schema.current_tenant(), "invitations:act", entry_id=self.entry.pk, action=action
        )

    @property
    def correct_url(self) -> str:
        return self.act_url("correct")

    @property
    def apps_url(self) -> str:
        return self.act_url("apps")

    @property
    def reset_url(self) -> str:
        return self.act_url("reset")

    @property
    def block_url(self) -> str:
        return self.act_url("block")

    @property
    def unblock_url(self) -> str:
        return self.act_url("unblock")

    @property
    def delete_url(self) -> str:
        return self.act_url("delete")

    @property
    def restore_url(self) -> str:
        return self.act_url("restore")

    def _url(self, page: str) -> str:
        return schema.tenant_path(
            schema.current_tenant(), f"invitations:{page}", entry_id=self.entry.pk
        )

    @property
    def resend_url(self) -> str:
        return self._url("resend")

    @property
    def revoke_url(self) -> str:
        return self._url("revoke")

    @property
    def link_url(self) -> str:
        return self._url("link")
