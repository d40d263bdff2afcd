from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from invitations.errors import (
    FieldError,
    GuestAlreadyAcceptedError,
    GuestAlreadyInvitedError,
    InvitingNotAllowedError,
    TransitionError,
)
from invitations.models import AuditAction, AuditEvent, DirectoryEntry, Invitation
from invitations.services.invite import invite_guest
from invitations.services.manage import resend_invitation, revoke_invitation
from invitations.services.settings import change_policy
from invitations.services.unwanted import decline_invitation
from invitations.states import EndReason, InvitationStatus
from tenants import schema
from tenants.models import MailState, OutgoingMail, Tenant
from tests.conftest import ROOMS, Invite


def test_one_transaction_writes_entry_invitation_audit_and_promised_mail(
    invite: Invite, contoso: Tenant, fabrikam: Tenant
) -> None:
    invite(tenant=fabrikam)
    invitation = invite(display_name="Gita Nair", redirect_url=ROOMS)
    with schema.in_tenant(contoso):
        event = AuditEvent.objects.get(invitation_id=invitation.pk)
        assert event.action == AuditAction.GUEST_INVITED
        assert "gita" not in str(event.detail).lower()
    mail = OutgoingMail.objects.get(about=invitation.pk)
    assert (mail.tenant, mail.state, mail.serial) == (contoso, MailState.QUEUED, 1)


def test_an_error_on_the_way_leaves_nothing_behind(invite: Invite, contoso: Tenant) -> None:
    """D02 in small: all four rows, or none of them."""
    with schema.in_tenant(contoso):
        before = DirectoryEntry.objects.count()
        with pytest.raises(FieldError), transaction.atomic():
            invite(redirect_url="https://evil.example/")
        assert DirectoryEntry.objects.count() == before
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"email": "not an address"}, "email"),
        ({"email": "a@x.example, b@x.example"}, "email"),
        ({"display_name": "Gita\r\nBcc: x@y.example"}, "name"),
        ({"display_name": "www.evil.example"}, "name"),
        ({"message": "see https://evil.example"}, "message"),
        ({"message": "bell\x07"}, "message"),
        ({"message": "x" * 501}, "message"),
        ({"redirect_url": "https://rooms.fabrikam.example/"}, "landing"),
        ({"redirect_url": "//rooms.contoso.example/"}, "landing"),
        ({"language": "tlh"}, "language"),
        ({"validity": timedelta(minutes=59)}, "validity"),
        ({"validity": timedelta(days=30, seconds=1)}, "validity"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    invite: Invite, asked: dict[str, Any], field: str
) -> None:
    """M01, M03, M07, C07, T06: the field is named, nothing is dropped silently."""
    with pytest.raises(FieldError) as refused:
        invite(**asked)
    assert refused.value.field == field


def test_the_default_validity_is_seven_days_and_the_tenant_may_set_another(
    invite: Invite, contoso: Tenant
) -> None:
    """T06: by the database's clock."""

    def length(invitation: Invitation) -> timedelta:
        invitation.refresh_from_db()
        return invitation.expires_at - invitation.created_at

    with schema.in_tenant(contoso):
        assert abs(length(invite()) - timedelta(days=7)) < timedelta(seconds=1)
        change_policy(validity=timedelta(hours=1), links_in_messages=False, by=None)
        other = invite(email="sam@tailspin.example")
        assert abs(length(other) - timedelta(hours=1)) < timedelta(seconds=1)


def test_the_database_keeps_the_bounds_of_the_policy(contoso: Tenant) -> None:
    """T06: 1 hour to 30 days, whoever writes the row."""
    with schema.in_tenant(contoso), connection.cursor() as cursor:
        for seconds in (3599, 30 * 86400 + 1):
            with pytest.raises(IntegrityError), transaction.atomic():
                cursor.execute(
                    "UPDATE invitations_tenantpolicy SET validity = %s * interval '1 second'",
                    [seconds],
                )


def test_an_open_invitation_is_not_made_twice(invite: Invite, contoso: Tenant) -> None:
    first = invite()
    with schema.in_tenant(contoso):
        with pytest.raises(GuestAlreadyInvitedError) as refused:
            invite(email="GITA@northwind.example ")
        assert refused.value.entry_id == first.entry_id
        assert Invitation.objects.open().filter(entry=first.entry).count() == 1


def test_the_database_allows_one_open_invitation_an_entry(invite: Invite, contoso: Tenant) -> None:
    invitation = invite()
    with schema.in_tenant(contoso), pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(entry=invitation.entry, language="en", expires_at=Now())


@pytest.mark.parametrize("ending", ["expired", "declined", "revoked"])
def test_an_ended_invitation_never_blocks_a_new_one(
    invite: Invite, contoso: Tenant, ending: str
) -> None:
    """T07: invite again after each ending: a new invitation and a new mail."""
    old = invite()
    with schema.in_tenant(contoso):
        if ending == "expired":
            Invitation.objects.filter(pk=old.pk).update(expires_at=Now())
        elif ending == "declined":
            decline_invitation(old)
        else:
            revoke_invitation(entry=old.entry, by=None)
        new = invite()
        old.refresh_from_db()
        assert new.entry_id == old.entry_id
        assert old.status != InvitationStatus.PENDING_ACCEPTANCE
        assert old.end_reason in EndReason.values
    assert OutgoingMail.objects.filter(about=new.pk, state=MailState.QUEUED).count() == 1


def test_a_person_who_accepted_is_not_invited_again(invite: Invite) -> None:
    with pytest.raises(GuestAlreadyAcceptedError):
        invite(email="alice@contoso.example")


def test_somebody_without_the_role_invites_nobody(invite: Invite, contoso: Tenant) -> None:
    stranger = invite(email="sam@tailspin.example").entry
    with schema.in_tenant(contoso), pytest.raises(InvitingNotAllowedError):
        invite_guest(email="gita@northwind.example", invited_by=stranger)


def test_revoking_twice_is_refused_by_name(invite: Invite, contoso: Tenant) -> None:
    invitation = invite()
    with schema.in_tenant(contoso):
        revoke_invitation(entry=invitation.entry, by=None)
        with pytest.raises(TransitionError):
            revoke_invitation(entry=invitation.entry, by=None)


def test_resending_keeps_landing_page_message_and_language(invite: Invite, contoso: Tenant) -> None:
    first = invite(redirect_url=ROOMS, message="As agreed.", language="nl")
    with schema.in_tenant(contoso):
        second = resend_invitation(entry=first.entry, by=None)
        first.refresh_from_db()
        assert first.end_reason == EndReason.REPLACED
        assert (second.redirect_url, second.message, second.language) == (ROOMS, "As agreed.", "nl")
        assert second.invited_by_id == first.invited_by_id
