"""Administrators show a second factor before the portal opens, where the tenant asks for it."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator

from invitations.models import DirectoryEntry, RoleAssignment, TenantPolicy
from invitations.permissions import Role
from tenants import schema
from tenants.models import Account, Tenant
from tests.conftest import Invite, Place, add_second_factor

At = Callable[..., Place]
PAGES = ["invitations:guests", "invitations:invite", "invitations:policies", "consent:privacy"]


@pytest.fixture
def second_admin(contoso: Tenant, gita: Account) -> Account:
    """An administrator who has only a mailbox."""
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.create(
            account=gita, address=gita.email, external_user_state="Accepted", user_type="Member"
        )
        RoleAssignment.objects.create(entry=entry, role=Role.ADMINISTRATOR)
    return gita


@pytest.mark.parametrize("page", PAGES)
def test_the_portal_waits_for_the_second_factor(at: At, second_admin: Account, page: str) -> None:
    """By GET and by POST; the set-up page leads back to where the person wanted to go."""
    admin = at(second_admin)
    answers = [admin.get(page)]
    if page != "invitations:guests":
        answers.append(admin.post(page, {"email": "x@tailspin.example"}))
    for answer in answers:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/account/second-factor/?next=%2Fo%2Fcontoso%2F")
    shown = admin.client.get(answers[0]["Location"]).content.decode()
    assert f'href="{admin.path(page)}"' in shown
    add_second_factor(second_admin)
    assert admin.get(page).status_code == 200


def test_recovery_codes_alone_are_no_second_factor(at: At, second_admin: Account) -> None:
    Authenticator.objects.create(
        user=second_admin, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"}
    )
    assert at(second_admin).get("invitations:guests").status_code == 302


def test_a_tenant_may_do_without(at: At, second_admin: Account, contoso: Tenant) -> None:
    with schema.in_tenant(contoso):
        TenantPolicy.objects.update(second_factor_for_administrators=False)
    assert at(second_admin).get("invitations:guests").status_code == 200


def test_guest_inviters_are_not_asked(
    at: At, sam: Account, invite: Invite, contoso: Tenant
) -> None:
    with schema.in_tenant(contoso):
        entry = DirectoryEntry.objects.create(
            account=sam, address=sam.email, external_user_state="Accepted", user_type="Member"
        )
        RoleAssignment.objects.create(entry=entry, role=Role.GUEST_INVITER)
    assert at(sam).get("invitations:guests").status_code == 200


def test_the_way_back_stays_here(at: At, second_admin: Account) -> None:
    """C07: an address elsewhere is not linked to."""
    client = at(second_admin).client
    page = client.get("/account/second-factor/?next=https://evil.example/").content.decode()
    assert 'href="https://evil' not in page
    assert 'href="/organizations/">Go on' in page
