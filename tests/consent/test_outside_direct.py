"""The direct link with an account from elsewhere: no mail, no code, no password."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from allauth.account.models import EmailAddress

from consent.models import ConsentRecord
from invitations.services.manage import revoke_invitation
from tenants import schema
from tenants.models import Account, Tenant
from tenants.services import suspend_tenant
from tests.apps import App, answer_of, make_app, onward, payload_of
from tests.browserless import accept
from tests.conftest import Invite, Place
from tests.openid_provider import NEW, OpenIDProvider
from tests.outside import go

At = Callable[..., Place]
UNINVITED = "made by invitation"


def come(person: Place, app: App, provider: OpenIDProvider) -> Any:
    """From the app to the sign-in page, out to the provider, and back; what is shown there."""
    door = onward(person, app.authorize(person))
    assert door.status_code == 200
    found = re.search(r'name="next" value="([^"]+)"', door.content.decode())
    assert found
    return go(person.client, provider, next=unescape(found[1]))


def test_an_invited_newcomer_enters_an_app_with_an_outside_account(
    woodgrove: OpenIDProvider, invite: Invite, at: At, rooms: App
) -> None:
    """A05, A06, C09: app, sign-in there, Review permissions, app; the app learns which provider."""
    invitation = invite(email=NEW)
    person = at()
    page = onward(person, come(person, rooms, woodgrove))
    assert "Review permissions" in page.content.decode()
    path = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    code = answer_of(onward(person, accept(person, path)))["code"]
    claims = payload_of(rooms.redeem(code).json()["id_token"])
    assert (claims["sub"], claims["email"]) == (str(invitation.entry_id), NEW)
    assert (claims["email_verified"], claims["idp"], claims["acct"]) == (True, "woodgrove", 1)
    with schema.in_tenant(rooms.tenant):
        assert ConsentRecord.objects.filter(entry_id=invitation.entry_id).exists()
    assert not Account.objects.get(email=NEW).has_usable_password()


@pytest.mark.parametrize("said", ["false", "absent", "another"])
def test_what_the_provider_did_not_prove_makes_no_account(
    woodgrove: OpenIDProvider, invite: Invite, at: At, rooms: App, said: str
) -> None:
    """A05, A06: the address must be verified there, and be the invited one."""
    invite(email=NEW)
    if said == "another":
        woodgrove.claims["email"] = "somebody@woodgrove.example"
    else:
        woodgrove.claims["email_verified"] = False if said == "false" else None
    assert come(at(), rooms, woodgrove).status_code == 403
    assert not Account.objects.filter(email__endswith="@woodgrove.example").exists()


def test_only_the_organization_that_awaits_them_makes_an_account(
    woodgrove: OpenIDProvider,
    invite: Invite,
    at: At,
    rooms: App,
    contoso: Tenant,
    fabrikam: Tenant,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """N01, T08: not the one next door, not one that took the invitation back, not a suspended
    one; nor does any other page of the one that awaits them."""
    invitation = invite(email=NEW)
    next_door = make_app(fabrikam)
    assert UNINVITED in come(at(tenant=fabrikam), next_door, woodgrove).content.decode()
    enter = at().path("consent:enter")
    others = (
        f"{enter}code/",
        f"{enter}x",
        enter.rstrip("/"),
        "/organizations/",
        "/o/nobody/enter/",
    )
    for path in others:
        assert go(at().client, woodgrove, next=path).status_code == 403
    with schema.in_tenant(contoso):
        revoke_invitation(entry=invitation.entry, by=None)
    assert UNINVITED in come(at(), rooms, woodgrove).content.decode()
    invite(email=NEW)
    with django_capture_on_commit_callbacks(execute=True):
        suspend_tenant(contoso)
    assert go(at().client, woodgrove, next=enter).status_code == 403
    assert not Account.objects.filter(email=NEW).exists()


def test_an_account_that_proved_the_address_is_not_linked_by_being_invited(
    woodgrove: OpenIDProvider, invite: Invite, at: At, rooms: App, gita: Account
) -> None:
    """A06: first a sign-in to that account."""
    woodgrove.claims["email"] = gita.email
    invite(email=gita.email)
    page = come(at(), rooms, woodgrove)
    assert page.status_code == 403
    assert not gita.socialaccount_set.exists()
    assert EmailAddress.objects.filter(email=gita.email).count() == 1
