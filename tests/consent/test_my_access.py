"""My access: what is known, leaving, everything as a file, closing the account."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.test.utils import CaptureQueriesContext

from consent.leaving import leave
from consent.models import ConsentRecord
from invitations.errors import LastAdministratorError
from invitations.models import (
    AuditAction,
    AuditEvent,
    Contact,
    DirectoryEntry,
    EntryAlias,
    Invitation,
    Notice,
    NoticeKind,
)
from invitations.services.manage import correct_address
from invitations.services.unwanted import report_invitation
from invitations.states import DeletionReason, InvitationStatus
from tenants import schema
from tenants.mail import blocks
from tenants.models import Account, MailBlock, Membership, Tenant
from tenants.services import suspend_tenant
from tests.browserless import accept, open_link, prove_again, to_review
from tests.conftest import ROOMS, Invite, Place
from tests.rows import checksum, dump

At = Callable[..., Place]


def join(invite: Invite, place: Place, **asked: Any) -> Invitation:
    invitation = invite(tenant=place.tenant, **asked)
    assert accept(place, to_review(place, invitation)).status_code == 303
    return invitation


def both(invite: Invite, at: At, gita: Account, fabrikam: Tenant) -> Place:
    """Gita, guest of both tenants, freshly proved."""
    guest = at(gita)
    join(invite, guest, redirect_url=ROOMS)
    join(invite, Place(fabrikam, guest.client))
    prove_again(guest)
    return guest


def entry_at(tenant: Tenant, address: str = "gita@northwind.example") -> DirectoryEntry:
    with schema.in_tenant(tenant):
        return DirectoryEntry.objects.get(address=address)


# --- leaving -------------------------------------------------------------------------------------------


def test_leaving_ends_access_at_once_and_only_there(
    invite: Invite, at: At, gita: Account, alice: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """D06, N12: the entry is hidden, consent withdrawn, the organization told, the other untouched."""
    guest = both(invite, at, gita, fabrikam)
    neighbour = checksum(fabrikam)
    page = guest.client.get("/organizations/contoso/leave/")
    assert page.status_code == 200
    assert guest.client.post("/organizations/contoso/leave/")["Location"] == "/organizations/"
    entry = entry_at(contoso)
    assert entry.deletion_reason == DeletionReason.LEFT
    assert (entry.account_id, entry.deleted_at is None) == (None, False)
    with schema.in_tenant(contoso):
        assert ConsentRecord.objects.get(entry=entry).withdrawn_at
        assert AuditEvent.objects.filter(action=AuditAction.ENTRY_LEFT).count() == 1
        told = Notice.objects.get(kind=NoticeKind.LEFT)
        assert told.recipient.address == alice.email
    assert checksum(fabrikam) == neighbour
    assert list(Membership.objects.filter(account=gita).values_list("tenant__slug", flat=True)) == [
        "fabrikam"
    ]
    assert guest.get("consent:enter").status_code == 403
    assert guest.client.get("/organizations/contoso/").status_code == 404
    assert guest.client.post("/organizations/contoso/leave/").status_code == 404
    assert "Gita" not in at(alice).get("invitations:guests").content.decode()


def test_everything_replayed_after_leaving_opens_nothing(
    invite: Invite, at: At, gita: Account
) -> None:
    """T05, T08: ticket, handle, review page and direct link."""
    guest = at(gita)
    invitation = invite(redirect_url=ROOMS)
    landing = open_link(invitation, guest)
    review = guest.client.post(landing)["Location"]
    accept(guest, review)
    prove_again(guest)
    guest.client.post("/organizations/contoso/leave/")
    assert guest.client.get(open_link(invitation, guest)).status_code == 410
    assert guest.client.get(landing).status_code == 410
    assert guest.client.get(review).status_code == 410
    assert guest.client.post(review, {"answer": "accept", "statement": "0"}).status_code == 410
    assert guest.get("consent:enter").status_code == 403
    assert guest.get("consent:review_direct")["Location"] == guest.path("consent:enter")


def test_who_left_comes_back_by_a_new_invitation_only(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    guest = at(gita)
    join(invite, guest)
    prove_again(guest)
    guest.client.post("/organizations/contoso/leave/")
    join(invite, guest)
    with schema.in_tenant(contoso):
        assert DirectoryEntry.objects.present().filter(account=gita).count() == 1


def test_somebody_who_is_locked_out_may_leave(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """Blocked by the organization, or the whole organization closed: leaving works all the same."""
    guest = at(gita)
    join(invite, guest)
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(account=gita).update(enabled=False)
    page = guest.client.get("/organizations/contoso/").content.decode()
    assert "has blocked your sign-in" in page
    page = guest.client.get("/organizations/").content.decode()
    assert "No app is open to you here now" in page
    suspend_tenant(contoso)
    assert "closed for now" in guest.client.get("/organizations/").content.decode()
    prove_again(guest)
    assert guest.client.post("/organizations/contoso/leave/").status_code == 302
    assert entry_at(contoso).deletion_reason == DeletionReason.LEFT


def test_the_last_administrator_cannot_leave(at: At, alice: Account, contoso: Tenant) -> None:
    """P06: 409, and nothing changed."""
    admin = at(alice)
    prove_again(admin)
    before = checksum(contoso)
    answer = admin.client.post("/organizations/contoso/leave/")
    assert answer.status_code == 409
    assert "last administrator" in answer.content.decode()
    assert checksum(contoso) == before
    assert admin.client.post("/account/close/").status_code == 409
    assert Account.objects.filter(pk=alice.pk).exists()
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(account=alice)
        with pytest.raises(LastAdministratorError):
            leave(entry=entry, account=alice)


# --- everything about me (D04) -----------------------------------------------------------------------------


def test_everything_about_me_and_nobody_else(
    invite: Invite, at: At, gita: Account, sam: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """D04: that person only, in every tenant; decoys next door and in the same tenant."""
    guest = both(invite, at, gita, fabrikam)
    join(invite, at(sam), email=sam.email, display_name="Decoy Sam")
    invite(tenant=fabrikam, email="decoy@northwind.example", message="for the decoy only")
    answer = guest.client.post("/account/my-data/")
    assert "attachment" in answer["Content-Disposition"]
    text = answer.content.decode()
    data = json.loads(text)
    assert data["account"]["addresses"][0]["email"] == gita.email
    assert [each["organization"] for each in data["organizations"]] == ["Contoso", "Fabrikam"]
    assert data["organizations"][0]["consents"][0]["flow"] == "mail_link"
    assert data["organizations"][0]["audit"]
    assert "sam" not in text.lower()
    assert "decoy" not in text.lower()
    assert guest.client.get("/account/my-data/").status_code == 405


# --- closing the account (D03) ------------------------------------------------------------------------------


def test_closing_the_account_takes_the_person_out_of_every_table(
    invite: Invite,
    at: At,
    contoso: Tenant,
    fabrikam: Tenant,
    mailoutbox: list[Any],
) -> None:
    """D03: a dump holds no name, no address, no message; the audit keeps a pseudonym; “never mail
    me” stays as a hash; the others stay as they were."""
    account = Account.objects.create_user("needle@haystack.example", display_name="Needle Person")
    EmailAddress.objects.create(
        user=account, email="needle@haystack.example", verified=True, primary=True
    )
    guest = at(account)
    invitation = join(invite, guest, email=account.email, display_name="Needle Person")
    with schema.in_tenant(contoso):
        EntryAlias.objects.create(entry=invitation.entry, address="needle@alias.example")
        report_invitation(invitation, reason="Needle was here")
    pending = invite(tenant=fabrikam, email=account.email, message="Dear Needle")
    blocks.block(tenant=None, address=account.email)
    prove_again(guest)
    assert "needle" in dump().lower()
    page = guest.client.post("/account/close/")
    assert "Your account is closed" in page.content.decode()
    assert "needle" not in dump().lower()
    assert MailBlock.objects.filter(tenant=None).count() == 1
    assert blocks.is_blocked(tenant=contoso, address="needle@haystack.example")
    assert not Account.objects.filter(pk=account.pk).exists()
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(pk=invitation.entry_id)
        assert entry.deletion_reason == DeletionReason.ERASED
        assert AuditEvent.objects.filter(entry_id=entry.pk).count() >= 3
        assert DirectoryEntry.objects.present().filter(address="alice@contoso.example").exists()
    with schema.in_tenant(fabrikam):
        assert Invitation.objects.get(pk=pending.pk).status == InvitationStatus.REVOKED
    assert mailoutbox[-1].to == ["needle@haystack.example"]
    assert guest.client.get("/organizations/").status_code == 302
    assert not Session.objects.filter(session_key=guest.client.session.session_key or "x").exists()


def test_an_invitation_that_was_corrected_is_somebody_elses(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """D03, D04: it once went to Gita's mailbox; closing her account neither tells her of who it was
    meant for nor ends it, and her address is gone from it."""
    guest = at(gita)
    join(invite, guest)
    with schema.in_tenant(contoso):
        wrong = invite(email="gita@wingtip.example", display_name="Omar")
        EmailAddress.objects.create(user=gita, email=wrong.address, verified=True)
        right = correct_address(entry=wrong.entry, address="omar@wingtip.example", by=None)
    prove_again(guest)
    told = guest.client.post("/account/my-data/").content.decode()
    assert "gita@northwind.example" in told
    assert "omar" not in told.lower()
    prove_again(guest)
    assert guest.client.post("/account/close/").status_code == 200
    with schema.in_tenant(contoso):
        right.refresh_from_db()
        assert (right.status, right.entry.address) == (
            InvitationStatus.PENDING_ACCEPTANCE,
            "omar@wingtip.example",
        )
        assert right.entry.deleted_at is None
    assert "gita@wingtip" not in dump()


def test_an_invitation_without_address_is_in_the_download(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """D04: kept without one, because a contact has it; it is found by where it was sent."""
    with schema.in_tenant(contoso):
        Contact.objects.create(address=gita.email)
        assert invite(email=gita.email, message="For Gita").entry.address == ""
    guest = at(gita)
    prove_again(guest)
    assert "For Gita" in guest.client.post("/account/my-data/").content.decode()


def test_closing_one_account_leaves_the_others(
    invite: Invite, at: At, gita: Account, sam: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """N12: what is done in one tenant by one person is invisible to everybody else."""
    guest = both(invite, at, gita, fabrikam)
    other = join(invite, at(sam), email=sam.email)
    guest.client.post("/account/close/")
    with schema.in_tenant(contoso):
        assert DirectoryEntry.objects.get(pk=other.entry_id).account_id == sam.pk
    assert Membership.objects.filter(account=sam).count() == 1


def test_my_access_costs_the_same_for_many_organizations(
    invite: Invite,
    at: At,
    gita: Account,
    contoso: Tenant,
    fabrikam: Tenant,
    statements: Callable[[], CaptureQueriesContext],
) -> None:
    guest = at(gita)
    join(invite, guest)
    with statements() as counted:
        assert guest.client.get("/organizations/").status_code == 200
    once = len(counted.sql)  # type: ignore[attr-defined]
    join(invite, Place(fabrikam, guest.client))
    with statements() as counted:
        assert guest.client.get("/organizations/").status_code == 200
    assert len(counted.sql) == once <= 6, counted.sql  # type: ignore[attr-defined]
    with statements() as counted:
        assert guest.client.get("/organizations/contoso/").status_code == 200
    assert len(counted.sql) <= 12, counted.sql  # type: ignore[attr-defined]
