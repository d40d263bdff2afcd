"""What people see of apps and groups under My access."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from invitations.models import DirectoryEntry, WhoMayEnter
from invitations.services import apps as services
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Membership, Tenant, UserType
from tests.apps import make_app
from tests.browserless import prove_again
from tests.conftest import Place
from tests.portal import insider, text

At = Callable[..., Place]


def test_my_access_shows_what_i_may_open_in_each_organization(
    at: At, gita: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """N02: of each organization only what is open to me, and nothing where I am blocked."""
    here = insider(contoso, gita, kind="Guest")
    there = insider(fabrikam, gita, kind="Guest")
    make_app(contoso, name="Open to all")
    mine = make_app(contoso, name="Mine", who_may_enter=WhoMayEnter.ASSIGNED)
    make_app(contoso, name="Not mine", who_may_enter=WhoMayEnter.ASSIGNED)
    make_app(fabrikam, name="Ledger")
    with schema.in_tenant(contoso):
        services.assign(mine.client.app, to=here, by=None)
        services.add_app(name="No pages", by=None, who_may_enter=WhoMayEnter.EVERYBODY)
    person = at(gita)
    page = text(person.client.get("/organizations/"))
    names = ("Open to all", "Mine", "Not mine", "No pages", "Ledger")
    assert [name for name in names if f">{name}<" in page] == ["Open to all", "Mine", "Ledger"]
    assert person.path("consent:open_app", app_id=mine.client.app_id) in page
    assert "Mine" in text(person.client.get("/organizations/contoso/"))
    with schema.in_tenant(fabrikam):
        DirectoryEntry.objects.filter(pk=there.pk).update(enabled=False)
    assert ">Ledger<" not in text(person.client.get("/organizations/"))


def test_owners_find_the_page_to_invite_from(at: At, gita: Account, contoso: Tenant) -> None:
    entry = insider(contoso, gita)
    app = make_app(contoso, who_may_enter=WhoMayEnter.ASSIGNED)
    person = at(gita)
    share = person.path("invitations:share")
    assert share not in text(person.client.get("/organizations/"))
    with schema.in_tenant(contoso):
        add_owner(app.client.app, owner=entry, by=None)
    page = text(person.client.get("/organizations/"))
    assert share in page
    assert ">Project room<" not in page


def test_my_access_costs_the_same_with_more_organizations_and_apps(
    at: At, gita: Account, contoso: Tenant, fabrikam: Tenant, statements: Any
) -> None:
    insider(contoso, gita, kind="Guest")
    person = at(gita)

    def cost() -> int:
        with statements() as counted:
            assert person.client.get("/organizations/").status_code == 200
        return len(counted.sql)

    before = cost()
    insider(fabrikam, gita, kind=UserType.GUEST)
    for number in range(5):
        make_app(contoso, name=f"App {number}")
        make_app(fabrikam, name=f"App {number}")
    assert cost() == before <= 6


def break_apps(tenant: Tenant) -> None:
    """Take the table of shared apps away, as a restore that went wrong would."""
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{tenant.schema_name}".invitations_sharedapp RENAME TO gone')


def test_a_broken_organization_takes_nothing_from_the_others(
    at: At, gita: Account, contoso: Tenant, fabrikam: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """N06: its place says so; the apps next door are there, and so are the ways out of both."""
    insider(contoso, gita, kind="Guest")
    insider(fabrikam, gita, kind="Guest")
    make_app(contoso, name="Drawings")
    make_app(fabrikam, name="Ledger")
    person = at(gita)
    prove_again(person)
    break_apps(contoso)
    answer = person.client.get("/organizations/")
    assert answer.status_code == 200
    assert ">Ledger<" in text(answer)
    assert "The apps of Contoso cannot be shown at the moment" in text(answer)
    assert "The apps of Fabrikam" not in text(answer)
    assert "the apps of contoso cannot be read" in caplog.text
    healthy = text(person.client.get("/organizations/fabrikam/"))
    assert ">Ledger<" in healthy
    assert "cannot be shown" not in healthy
    assert "cannot be shown" in text(person.client.get("/organizations/contoso/"))
    for slug in ("fabrikam", "contoso"):
        leave = f"/organizations/{slug}/leave/"
        assert leave in text(person.client.get(f"/organizations/{slug}/"))
        assert person.client.get(leave).status_code == 200
        assert person.client.post(leave)["Location"] == "/organizations/"
    assert not Membership.objects.filter(account=gita).exists()
