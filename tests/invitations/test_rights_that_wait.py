"""Nobody gets more than they have by sending to a mailbox what waits for somebody else."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from invitations.errors import InvitingNotAllowedError
from invitations.models import DirectoryEntry, Invitation, SharedApp, TenantPolicy
from invitations.permissions import Role
from invitations.services import apps, groups
from invitations.services.access import set_access
from invitations.services.directory import convert
from invitations.services.invite import invite_guest
from invitations.services.manage import (
    correct_address,
    resend_invitation,
    reset_redemption,
    revoke_invitation,
)
from invitations.services.owners import add_owner
from invitations.states import InvitationStatus
from tenants import schema
from tenants.models import Account, Tenant, UserType
from tests.browserless import accept, to_review
from tests.conftest import Invite, Place
from tests.portal import insider

At = Callable[..., Place]
MALLORY = "mallory@evil.example"


@pytest.fixture
def ivan(contoso: Tenant, sam: Account) -> DirectoryEntry:
    """A member with the role Guest inviter."""
    return insider(contoso, sam, Role.GUEST_INVITER)


def pending(tenant: Tenant, *roles: Role, kind: UserType = UserType.MEMBER) -> Invitation:
    """Somebody whom Contoso's administrator invited, and who has not come yet."""
    with schema.in_tenant(tenant):
        admin = DirectoryEntry.objects.get(address="alice@contoso.example")
        return invite_guest(
            email="boss@contoso.example", invited_by=admin, roles=roles, user_type=kind
        )


def newest(invitation: Invitation) -> Invitation:
    return Invitation.objects.filter(entry=invitation.entry_id).latest("created_at")


def test_a_guest_inviter_cannot_become_an_administrator(
    at: At, sam: Account, ivan: DirectoryEntry, contoso: Tenant
) -> None:
    """P02, P03: sending a pending administrator's invitation again does not make it one's own,
    to correct or to end by the owners' page."""
    invitation = pending(contoso, Role.ADMINISTRATOR)
    person, here = at(sam), {"entry_id": invitation.entry_id}
    assert person.post("invitations:resend", **here).status_code == 403
    assert person.post("invitations:share_resend", **here).status_code == 404
    correct = person.post("invitations:share_correct", {"email": MALLORY}, **here)
    assert correct.status_code == 404
    assert person.post("invitations:share_end", **here).status_code == 404
    with schema.in_tenant(contoso):
        assert newest(invitation) == invitation
        assert newest(invitation).status == InvitationStatus.PENDING_ACCEPTANCE


def test_no_button_leads_to_a_refusal(at: At, sam: Account, gita: Account, contoso: Tenant) -> None:
    """P03: who may not send somebody's rights elsewhere is not offered to; everything else stays."""
    insider(contoso, sam, Role.USER_ADMINISTRATOR)
    auditor, invitation = insider(contoso, gita, Role.AUDITOR), pending(contoso, Role.AUDITOR)
    with schema.in_tenant(contoso):
        TenantPolicy.objects.update(second_factor_for_administrators=False)
    for entry_id, act in ((auditor.pk, "reset"), (invitation.entry_id, "correct")):
        page = at(sam).get("invitations:guest", entry_id=entry_id).content.decode()
        assert f"/do/{act}/" not in page
        assert "/do/delete/" in page
        answer = at(sam).get("invitations:act", entry_id=entry_id, action=act)
        assert answer.status_code == 403


RIGHTS = [
    (Role.GUEST_INVITER, Role.AUDITOR, False),
    (Role.GUEST_INVITER, Role.USER_ADMINISTRATOR, False),
    (Role.GUEST_INVITER, Role.GUEST_INVITER, True),
    (Role.USER_ADMINISTRATOR, Role.ADMINISTRATOR, False),
    (Role.USER_ADMINISTRATOR, Role.AUDITOR, False),
    (Role.USER_ADMINISTRATOR, Role.GUEST_INVITER, True),
    (Role.ADMINISTRATOR, Role.ADMINISTRATOR, True),
]


@pytest.mark.parametrize(("mover_role", "waiting", "may"), RIGHTS)
def test_rights_go_only_where_somebody_sends_them_who_has_them(
    contoso: Tenant, sam: Account, mover_role: Role, waiting: Role, may: bool
) -> None:
    """P03: correct and resend, whoever asks; the operator may always."""
    mover = insider(contoso, sam, mover_role)
    invitation = pending(contoso, waiting, kind=UserType.GUEST)
    with schema.in_tenant(contoso):
        for act in (resend_invitation, partial(correct_address, address=MALLORY)):
            with nullcontext() if may else pytest.raises(InvitingNotAllowedError):
                act(entry=invitation.entry, by=mover)
        correct_address(entry=invitation.entry, address="boss@other.example", by=None)


@pytest.mark.parametrize("what", ["member", "known"])
def test_who_is_one_of_the_tenants_own_or_known_to_apps_does_not_move(
    at: At, sam: Account, gita: Account, contoso: Tenant, invite: Invite, what: str
) -> None:
    """P02: an owner's invitation that an administrator made a member's, or of somebody who has
    been in before and whom apps know by that entry."""
    mara, guest = insider(contoso, sam, Role.GUEST_INVITER), at(gita)
    with schema.in_tenant(contoso):
        invitation = invite_guest(email=gita.email, invited_by=mara)
    if what == "known":
        assert accept(guest, to_review(guest, invitation)).status_code == 303
        with schema.in_tenant(contoso):
            invitation = reset_redemption(entry=invitation.entry, by=None)
            Invitation.objects.filter(pk=invitation.pk).update(invited_by=mara)
    else:
        with schema.in_tenant(contoso):
            convert(entry=invitation.entry, user_type=UserType.MEMBER, by=None)
    moved = at(sam).post(
        "invitations:share_correct", {"email": MALLORY}, entry_id=invitation.entry_id
    )
    assert moved.status_code == 403
    with schema.in_tenant(contoso):
        assert DirectoryEntry.objects.get(pk=invitation.entry_id).address == gita.email


def test_a_messenger_does_not_become_the_inviter(
    at: At, sam: Account, ivan: DirectoryEntry, contoso: Tenant
) -> None:
    """P03: a guest inviter may send a colleague's invitation again, and neither end nor correct
    it; where its inviter may invite no more, it is theirs."""
    invitation = pending(contoso, kind=UserType.GUEST)
    person, here = at(sam), {"entry_id": invitation.entry_id}
    assert person.post("invitations:resend", **here).status_code == 302
    with schema.in_tenant(contoso):
        assert newest(invitation).invited_by == invitation.invited_by
        assert newest(invitation) != invitation
    assert person.post("invitations:share_end", **here).status_code == 404
    with schema.in_tenant(contoso):
        DirectoryEntry.objects.filter(address="alice@contoso.example").update(enabled=False)
    assert person.post("invitations:resend", **here).status_code == 302
    with schema.in_tenant(contoso):
        assert newest(invitation).invited_by == ivan


@pytest.mark.parametrize("given", ["share", "set_access", "group"])
def test_another_owners_app_stays_with_the_person_it_was_given_to(
    at: At, sam: Account, gita: Account, contoso: Tenant, given: str
) -> None:
    """P04: what somebody else gave to a pending guest does not move to a mailbox of one's choice;
    the page says whom to ask, and what is one's own alone still moves."""
    olga, pete = insider(contoso, sam), insider(contoso, gita)
    with schema.in_tenant(contoso):
        mine, secret = (apps.add_app(name=name, by=None) for name in ("Mine", "Secret"))
        add_owner(mine, owner=olga, by=None)
        add_owner(secret, owner=pete, by=None)
    person, there = at(sam), at(gita)
    asked = {"thing": f"app:{mine.pk}", "to": "nice@partner.example", "message": ""}
    assert person.post("invitations:share", asked).status_code == 302
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.get(address="nice@partner.example")
    here: dict[str, Any] = {"entry_id": entry.pk}
    moved = person.post("invitations:share_correct", {"email": "nicer@partner.example"}, **here)
    assert moved.status_code == 302
    give(given, contoso, entry, mine, secret)
    if given == "share":
        shared = asked | {"thing": f"app:{secret.pk}", "to": "nicer@partner.example"}
        assert there.post("invitations:share", shared).status_code == 302
    refused = person.post("invitations:share_correct", {"email": MALLORY}, **here)
    assert refused.status_code == 400
    assert "ask an administrator" in refused.content.decode()
    with schema.in_tenant(contoso):
        assert DirectoryEntry.objects.get(pk=entry.pk).address == "nicer@partner.example"


def give(
    how: str, tenant: Tenant, entry: DirectoryEntry, mine: SharedApp, secret: SharedApp
) -> None:
    """By an administrator, alone or with a group; `share` is the other owner's own page."""
    with schema.in_tenant(tenant):
        if how == "set_access":
            set_access(entry=entry, apps=[mine, secret], groups=[], by=None)
        elif how == "group":
            group = groups.add_group(name="Insiders", by=None)
            apps.assign(secret, to=group, by=None)
            groups.add_to_group(group, entry=entry, by=None)


def test_a_reset_goes_only_where_the_tenant_invites(
    at: At, alice: Account, gita: Account, invite: Invite, contoso: Tenant
) -> None:
    """P03: nobody is locked out by a success that leads nowhere."""
    guest, invitation = at(gita), invite()
    assert accept(guest, to_review(guest, invitation)).status_code == 303
    with schema.in_tenant(contoso):
        TenantPolicy.objects.update(domain_rule="allow", domains=["northwind.example"])

    def reset_to(address: str) -> int:
        told = {"email": address}
        answer = at(alice).post(
            "invitations:act", told, entry_id=invitation.entry_id, action="reset"
        )
        return int(answer.status_code)

    assert reset_to("gita@elsewhere.example") == 400
    with schema.in_tenant(contoso):
        assert DirectoryEntry.objects.get(pk=invitation.entry_id).is_accepted
    assert reset_to("gita.nair@northwind.example") == 302
    with schema.in_tenant(contoso):
        assert not DirectoryEntry.objects.get(pk=invitation.entry_id).is_accepted


def test_inviting_anew_makes_no_waiting_administrator_ones_own(
    at: At, sam: Account, ivan: DirectoryEntry, contoso: Tenant
) -> None:
    """P02, P03: the invitation is over and the roles wait still; the form is no other way than
    sending it again, with the name of one's choice and the right to end it."""
    invitation = pending(contoso, Role.ADMINISTRATOR)
    with schema.in_tenant(contoso):
        revoke_invitation(entry=invitation.entry, by=None)
    data = {"email": invitation.address, "name": "Mallory", "language": "en", "validity": "3600"}
    answer = at(sam).post("invitations:invite", data | {"send_mail": "on"})
    assert answer.status_code == 403
    with schema.in_tenant(contoso):
        assert newest(invitation) == invitation
        assert DirectoryEntry.objects.get(pk=invitation.entry_id).display_name == ""
