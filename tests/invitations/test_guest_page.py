"""The list and the page of a guest where it gets difficult: members, administrators, clashes."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models.functions import Now

from consent.leaving import leave
from consent.review import agree
from invitations.errors import AddressTakenError, RestoreClashError
from invitations.models import DirectoryEntry, EntryAlias, Invitation, RoleAssignment, Sponsorship
from invitations.permissions import Role
from invitations.services.directory import add_contact, delete_entry, restore_entry
from invitations.services.invite import invite_guest
from invitations.services.manage import correct_address, reset_redemption, revoke_invitation
from invitations.tickets import Ticket
from tenants import schema
from tenants.models import Account, Tenant, UserType
from tests.conftest import Invite, Place, Race, add_second_factor, make_account
from tests.races import race_of

At = Callable[..., Place]
GITA = "gita@northwind.example"


def member(tenant: Tenant, address: str, *roles: Role) -> tuple[Account, DirectoryEntry]:
    """One of the tenant's own people, who has accepted."""
    account = make_account(address)
    add_second_factor(account)
    with schema.in_tenant(tenant):
        entry = DirectoryEntry.objects.create(
            account=account,
            address=address,
            external_user_state="Accepted",
            user_type=UserType.MEMBER,
        )
        for role in roles:
            RoleAssignment.objects.create(entry=entry, role=role)
    return account, entry


def accepted(tenant: Tenant, invitation: Invitation, account: Account) -> DirectoryEntry:
    with schema.in_tenant(tenant):
        ticket = Ticket(invitation.pk, invitation.serial)
        return agree(ticket=ticket, account=account, shown_version=0).entry


def text(answer: Any) -> str:
    return str(answer.content.decode()).replace("<wbr>", "")


def listed(place: Place, query: str = "") -> str:
    return text(place.client.get(f"{place.path('invitations:guests')}?{query}"))


@pytest.mark.parametrize("action", ["correct", "block", "delete"])
def test_who_is_invited_as_administrator_is_out_of_a_user_administrators_reach(
    at: At, contoso: Tenant, invite: Invite, action: str
) -> None:
    """P01: else they would send the invitation to a mailbox of their own, and be administrator."""
    invitation = invite(email="boss@contoso.example", roles=[Role.ADMINISTRATOR])
    account, _ = member(contoso, "uma@contoso.example", Role.USER_ADMINISTRATOR)
    place, kwargs = at(account), {"entry_id": invitation.entry_id, "action": action}
    stolen = {"email": "uma@elsewhere.example"}
    assert place.get("invitations:act", **kwargs).status_code == 403
    assert place.post("invitations:act", stolen, **kwargs).status_code == 403
    with schema.in_tenant(contoso):
        assert Invitation.objects.open().get(entry=invitation.entry_id).pk == invitation.pk


def test_a_user_administrator_revokes_no_administrators_invitation(
    at: At, contoso: Tenant, invite: Invite
) -> None:
    """P01: neither alone nor in a selection; the ways there are not shown either."""
    invitation = invite(email="boss@contoso.example", roles=[Role.ADMINISTRATOR])
    account, _ = member(contoso, "uma@contoso.example", Role.USER_ADMINISTRATOR)
    place, entry_id = at(account), invitation.entry_id
    assert place.post("invitations:revoke", entry_id=entry_id).status_code == 403
    data = {"do": "revoke", "guest": str(entry_id), "sure": "1"}
    place.post("invitations:selection", data)
    with schema.in_tenant(contoso):
        assert Invitation.objects.open().filter(entry=entry_id).exists()
    for page in (listed(place), text(place.get("invitations:guest", entry_id=entry_id))):
        assert "boss@contoso.example" in page
        for way in ("revoke/", "do/correct", "do/block", "do/delete"):
            assert f"{entry_id}/{way}" not in page


def test_an_invited_member_is_sent_a_new_link_and_revoked_like_a_guest(
    at: At, alice: Account, contoso: Tenant, invite: Invite
) -> None:
    invitation = invite(email="mara@contoso.example", user_type=UserType.MEMBER)
    admin, kwargs = at(alice), {"entry_id": invitation.entry_id}
    assert "mara@contoso.example" in listed(admin, "type=members")
    assert admin.post("invitations:link", **kwargs).status_code == 200
    assert admin.post("invitations:resend", **kwargs).status_code == 302
    assert admin.post("invitations:revoke", **kwargs).status_code == 302
    with schema.in_tenant(contoso):
        assert Invitation.objects.filter(entry=invitation.entry_id).count() == 2
        assert not Invitation.objects.open().filter(entry=invitation.entry_id).exists()


def test_inviting_a_member_again_names_the_member(
    at: At, alice: Account, invite: Invite, contoso: Tenant
) -> None:
    """R03: whoever comes second reads that the person is invited, and in which state."""
    asked = {"display_name": "Mara Lind", "user_type": UserType.MEMBER}
    invitation = invite(email="mara@contoso.example", **asked)
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(pk=invitation.entry_id).update(
            invited_at=Now() - timedelta(minutes=1)
        )
    data = {"email": "mara@contoso.example", "language": "en", "validity": "604800"}
    page = text(at(alice).post("invitations:invite", data))
    assert "Mara Lind</strong> – Pending acceptance" in page


def test_the_only_guest_is_restored_from_the_list_after_being_deleted(
    at: At, alice: Account, invite: Invite
) -> None:
    """D06: the empty list still leads to the deleted ones."""
    entry_id, admin = invite().entry_id, at(alice)
    admin.post("invitations:act", entry_id=entry_id, action="delete")
    assert "?state=deleted" in listed(admin)
    deleted = listed(admin, "state=deleted")
    assert GITA in deleted
    assert f"{entry_id}/do/restore/" in deleted
    admin.post("invitations:act", entry_id=entry_id, action="restore")
    assert GITA in listed(admin)


def test_who_left_is_restored_and_invited_again_from_their_page(
    at: At, alice: Account, contoso: Tenant, invite: Invite, gita: Account
) -> None:
    """D06: back without access; the page offers the invitation that is needed."""
    entry = accepted(contoso, invite(), gita)
    with schema.in_tenant(contoso):
        leave(entry=entry, account=gita)
    admin = at(alice)
    admin.post("invitations:act", entry_id=entry.pk, action="restore")
    assert "Invite again" in text(admin.get("invitations:guest", entry_id=entry.pk))
    admin.post("invitations:resend", entry_id=entry.pk)
    with schema.in_tenant(contoso):
        assert Invitation.objects.open().filter(entry=entry).count() == 1
        assert not DirectoryEntry.objects.filter(account=gita).exists()


def test_the_heading_of_the_members_does_not_call_them_outsiders(at: At, alice: Account) -> None:
    assert "from outside" not in listed(at(alice), "type=members")


def test_a_reset_to_another_address_of_the_same_person_is_no_clash(
    contoso: Tenant, invite: Invite, gita: Account
) -> None:
    """The alias becomes the address; inviting it finds this entry, not a second one."""
    entry, alias = accepted(contoso, invite(), gita), "gita.nair@northwind.example"
    with schema.in_tenant(contoso):
        EntryAlias.objects.create(entry=entry, address=alias)
        reset_redemption(entry=entry, by=None, address=alias)
        entry.refresh_from_db()
        assert (entry.address, entry.no_address) == (alias, "")
        revoke_invitation(entry=entry, by=None)
        assert invite_guest(email=alias, invited_by=None).entry_id == entry.pk


def test_inviting_again_and_again_never_makes_a_sixth_sponsor(
    contoso: Tenant, invite: Invite
) -> None:
    entry = invite().entry
    for number in range(Sponsorship.MOST + 1):
        _, inviter = member(contoso, f"inviter{number}@contoso.example", Role.GUEST_INVITER)
        with schema.in_tenant(contoso):
            revoke_invitation(entry=entry, by=None)
            invite_guest(email=GITA, invited_by=inviter)
    with schema.in_tenant(contoso):
        assert Sponsorship.objects.filter(entry=entry).count() == Sponsorship.MOST


@pytest.mark.parametrize("taken_by", ["contact", "alias"])
def test_an_address_that_went_to_somebody_else_is_not_restored_over_it(
    contoso: Tenant, invite: Invite, taken_by: str
) -> None:
    """D06: refused with a reason; nobody ends up with an address twice."""
    entry = invite().entry
    _, other = member(contoso, "mara@contoso.example")
    with schema.in_tenant(contoso):
        delete_entry(entry=entry, by=None)
        if taken_by == "contact":
            add_contact(address=GITA, display_name="", by=None)
        else:
            EntryAlias.objects.create(entry=other, address=GITA)
        with pytest.raises(RestoreClashError):
            restore_entry(entry=entry, by=None)
        entry.refresh_from_db()
        assert entry.deleted_at


@pytest.mark.parametrize(
    "data", [{}, {"email": "a\0@b.example"}, {"roles": "x"}, {"sponsors": "\0"}]
)
def test_no_form_breaks_the_server(
    at: At, alice: Account, invite: Invite, data: dict[str, str]
) -> None:
    """P02: every act with fields that are missing, foreign or broken."""
    entry_id, admin = invite().entry_id, at(alice)
    acts = ["correct", "reset", "unblock", "restore", "sponsors", "roles", "nothing"]
    acts += ["make_member", "make_guest"]
    for action in acts:
        answer = admin.post("invitations:act", data, entry_id=entry_id, action=action)
        assert answer.status_code < 500, action
    for more in ({}, {"do": "resend"}, {"do": "resend", "guest": "x"}, {"do": "nothing"}):
        assert admin.post("invitations:selection", data | more).status_code < 500
    for more in ({}, {"add": "1"}, {"remove": "x"}):
        assert admin.post("invitations:contacts", data | more).status_code < 500


def test_of_two_corrections_to_one_address_one_is_refused(race: Race) -> None:
    """R03: the database's constraint becomes a named error, not a 500."""
    for number in range(10):
        target = f"target{number}@northwind.example"
        one, two = (race.invitation(f"{name}{number}@northwind.example") for name in "ab")
        outcomes = race_of(
            race,
            one=partial(correct_address, entry=one.entry, address=target, by=None),
            two=partial(correct_address, entry=two.entry, address=target, by=None),
        )
        assert sorted(outcomes.values()) == [AddressTakenError.__name__, "done"], outcomes


def test_a_correction_meets_an_invitation_of_the_same_address(race: Race) -> None:
    """R03: one entry has the address, one open invitation goes there."""
    for number in range(10):
        target = f"target{number}@northwind.example"
        wrong = race.invitation(f"wrong{number}@northwind.example")
        outcomes = race_of(
            race,
            correct=partial(correct_address, entry=wrong.entry, address=target, by=None),
            invite=partial(invite_guest, email=target, invited_by=None),
        )
        assert "done" in outcomes.values(), outcomes
        with schema.in_tenant(race.tenant):
            assert DirectoryEntry.objects.present().filter(address=target).count() == 1
            assert Invitation.objects.open().filter(address=target).count() == 1
