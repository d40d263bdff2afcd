"""What the audit log keeps of apps and groups: enough to say what they were at any time (D02)."""

from collections.abc import Callable
from typing import Any

import pytest

from consent import clients
from consent.clients import Registration
from consent.models import AccessTokenFormat, ClientType, OAuthClient, SigningAlgorithm
from invitations.models import (
    AppLogo,
    AuditAction,
    AuditEvent,
    DirectoryEntry,
    Group,
    SharedApp,
    WhoMayEnter,
)
from invitations.services import apps as services
from invitations.services import groups
from invitations.services.invite import invite_guest
from invitations.services.owners import add_owner
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import CALLBACK, GOODBYE, make_app
from tests.conftest import Place
from tests.portal import insider, png, text
from tests.rows import checksum

At = Callable[..., Place]

ABOUT = {"name", "home_url", "description", "who_may_enter"}
SIGN_IN = {
    "client_type",
    "redirect_uris",
    "sign_out_uris",
    "id_token_algorithm",
    "access_token_format",
}


def replay() -> dict[str, dict[str, Any]]:
    """Every app and group by its id, from the audit log alone."""
    found: dict[str, dict[str, Any]] = {}
    for row in AuditEvent.objects.order_by("number"):
        key = row.detail.get("app") or row.detail.get("group")
        if row.action in {AuditAction.APP_REMOVED, AuditAction.GROUP_REMOVED}:
            del found[key]
        elif row.action in {
            AuditAction.APP_ADDED,
            AuditAction.APP_CHANGED,
            AuditAction.APP_OWNERS_CHANGED,
            AuditAction.GROUP_ADDED,
            AuditAction.GROUP_CHANGED,
            AuditAction.GROUP_OWNERS_CHANGED,
        }:
            found[key] = found.get(key, {}) | row.detail
    return found


def state() -> dict[str, dict[str, Any]]:
    """The same from the tables."""
    found: dict[str, dict[str, Any]] = {}
    for app in SharedApp.objects.select_related("client"):
        found[str(app.pk)] = {name: getattr(app, name) for name in ABOUT} | {
            name: getattr(app.client, name) for name in SIGN_IN
        }
        found[str(app.pk)]["logo"] = app.logo_hash
    for group in Group.objects.all():
        found[str(group.pk)] = {"name": group.name, "description": group.description}
    for model in (SharedApp, Group):
        for thing in model.objects.all():
            owners = thing.owners.values_list("entry_id", flat=True)
            found[str(thing.pk)]["owners"] = sorted(str(pk) for pk in owners)
    return found


def rows_of(act: Callable[[], object]) -> list[str]:
    """What one act wrote down."""
    last = AuditEvent.objects.count()
    act()
    return list(AuditEvent.objects.filter(number__gt=last).values_list("action", flat=True))


def register(**about: Any) -> OAuthClient:
    registration = Registration(redirect_uris=(CALLBACK,), sign_out_uris=(GOODBYE,))
    return clients.register_app(registration=registration, by=None, **about)


def test_replaying_the_log_gives_the_apps_and_groups(
    contoso: Tenant, fabrikam: Tenant, gita: Account
) -> None:
    """D02: every property as it became, one row an act; next door notices nothing."""
    make_app(fabrikam, name="Ledger")
    owner = insider(contoso, gita)
    before = checksum(fabrikam)
    with schema.in_tenant(contoso):
        client = register(name="Drawings", home_url="https://d.example/", description="Plans")
        other = register(name="Ledger").app
        group = groups.add_group(name="Builders", description="Who builds", by=None)
        changed = Registration(
            client_type=ClientType.PUBLIC,
            redirect_uris=(f"{CALLBACK}/2",),
            id_token_algorithm=SigningAlgorithm.ES256,
            access_token_format=AccessTokenFormat.JWT,
        )
        acts: list[Callable[[], object]] = [
            lambda: clients.change_registration(
                client,
                registration=changed,
                by=None,
                name="Plans",
                who_may_enter=WhoMayEnter.EVERYBODY,
            ),
            lambda: services.set_logo(client.app, upload=png(), by=None),
            lambda: services.set_logo(other, upload=None, by=None),
            lambda: groups.change_group(group, name="Roofers", by=None),
            *(
                lambda thing=thing: add_owner(thing, owner=owner, by=None)
                for thing in (client.app, other, group)
            ),
        ]
        assert [len(rows_of(act)) for act in acts] == [1] * len(acts)
        assert AppLogo.objects.count() == 1
        assert replay() == {
            key: told | {"group" if "client_type" not in told else "app": key}
            for key, told in state().items()
        }
        services.remove_app(client.app, by=None)
        groups.remove_group(group, by=None)
        assert set(replay()) == set(state()) == {str(other.pk)}
    assert checksum(fabrikam) == before


@pytest.mark.parametrize("name", ["Drawings", "Builders"])
def test_the_log_names_what_is_gone(
    at: At, alice: Account, gita: Account, contoso: Tenant, name: str
) -> None:
    """By the name it had, with the people it was about."""
    guest = insider(contoso, gita, kind="Guest")
    with schema.in_tenant(contoso):
        admin = DirectoryEntry.objects.get(address=alice.email)
        if name == "Builders":
            group = groups.add_group(name=name, by=admin)
            groups.add_to_group(group, entry=guest, by=admin)
            add_owner(group, owner=guest, by=admin)
            groups.remove_group(group, by=admin)
        else:
            client = register(name=name)
            clients.add_secret(client, by=admin)
            services.assign(client.app, to=guest, by=admin, roles=["editor"])
            add_owner(client.app, owner=guest, by=admin)
            services.remove_app(client.app, by=admin)
        rows = AuditEvent.objects.filter(detail__name=name)
        about = {row.detail.get("app") or row.detail["group"] for row in rows}
    assert len(about) == 1
    page = text(at(alice).get("invitations:audit")).replace("<wbr>", "")
    assert page.count(name) == len(rows)
    assert not about & set(page.split())
    assert f"Owners: {gita.email}" in page


def test_the_log_calls_apps_and_groups_by_name(
    at: At, alice: Account, contoso: Tenant, statements: Any
) -> None:
    """Today's, and for one statement however many rows."""
    app = make_app(contoso, name="Drawings").client.app
    with schema.in_tenant(contoso):
        admin = DirectoryEntry.objects.get(address=alice.email)
        group = groups.add_group(name="Builders", by=None)
        services.assign(app, to=group, by=None)
        groups.change_group(group, name="Roofers", by=None)
        for number in range(5):
            invite_guest(
                email=f"p{number}@northwind.example", invited_by=admin, apps=[app], groups=[group]
            )
    place = at(alice)
    place.get("invitations:audit")
    with statements() as counted:
        page = text(place.get("invitations:audit")).replace("<wbr>", "")
    assert len(counted.sql) <= 7, "\n".join(counted.sql)
    for said, times in (("Apps: Drawings", 5), ("Groups: Roofers", 5), ("Group: Roofers", 3)):
        assert page.count(said) == times
    assert page.count("Name: Builders") == 1
    assert str(app.pk) not in page
