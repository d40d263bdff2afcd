"""N01 for every address with an id in it: what is next door is what never existed."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.urls import URLPattern

from consent.urls import urlpatterns as of_consent
from invitations.actions import ACTIONS
from invitations.models import DirectoryEntry
from invitations.services import apps as services
from invitations.services.owners import add_owner
from invitations.urls import urlpatterns as of_invitations
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import make_app
from tests.conftest import Invite, Place
from tests.consent.test_next_door import bare
from tests.portal import make_group, png
from tests.rows import checksum

At = Callable[..., Place]
ROUTES: list[tuple[str, URLPattern]] = [
    (f"{app}:{route.name}", route)
    for app, routes in (("invitations", of_invitations), ("consent", of_consent))
    for route in routes
]
IDS = {"app_id", "entry_id", "group_id", "secret_id"}
# What else stands in addresses, and is no id: kinds of things, numbers counted in each tenant, and
# what a browser holds by itself (`test_redeem`, `test_other_ways`).
OTHERS = {"action", "version", "handle", "ticket"}
BUTTONS = {"sure": "1", "email": "x@northwind.example", "do": "add"}
WITH_ID = [(name, route) for name, route in ROUTES if IDS & set(route.pattern.converters)]


def test_no_address_holds_something_unheard_of() -> None:
    """Whoever adds an id to an address adds its decoy here."""
    for name, route in ROUTES:
        assert set(route.pattern.converters) <= IDS | OTHERS, name


@pytest.fixture
def decoys(fabrikam: Tenant, invite: Invite) -> dict[str, Any]:
    """Fabrikam's app with a picture and a secret, its group, and whom it invited."""
    app, group = make_app(fabrikam, name="Ledger"), make_group(fabrikam)
    guest = invite(tenant=fabrikam, email="decoy@northwind.example").entry
    with schema.in_tenant(fabrikam):
        shared = app.client.app
        services.set_logo(shared, upload=png(), by=None)
        services.assign(shared, to=guest, by=None)
        secret = app.client.secrets.get().pk
    ids = {"app_id": shared.pk, "entry_id": guest.pk, "group_id": group.pk, "secret_id": secret}
    return ids | {"version": shared.logo_hash}


@pytest.mark.parametrize(("name", "route"), WITH_ID, ids=[name for name, _route in WITH_ID])
def test_the_id_of_next_door(
    at: At,
    alice: Account,
    contoso: Tenant,
    fabrikam: Tenant,
    decoys: dict[str, Any],
    name: str,
    route: URLPattern,
) -> None:
    """N01: the same answer to an administrator who owns things here, by GET and by POST, with every
    act and button, also where a part of the address is this tenant's own."""
    own = make_app(contoso)
    with schema.in_tenant(contoso):
        add_owner(own.client.app, owner=DirectoryEntry.objects.get(account=alice), by=None)
    before = checksum(contoso), checksum(fabrikam)
    admin, converters = at(alice), set(route.pattern.converters)
    here = {"app_id": own.client.app_id} if "secret_id" in converters else {}
    never = {key: uuid4() for key in decoys if key in IDS}
    for action in ACTIONS if "action" in converters else ("",):
        fixed = ({"action": action} if action else {}) | here
        fixed |= {key: decoys[key] for key in converters - IDS - {"action"}}
        for posted in (None, {}, BUTTONS):
            told = []
            for ids in (decoys, never):
                cache.clear()
                asked = {key: ids[key] for key in converters & IDS} | fixed
                path = admin.path(name, **asked)
                if posted is None:
                    answer = admin.client.get(path)
                else:
                    answer = admin.client.post(path, posted)
                status, page = bare(answer, "")
                for pk in asked.values():
                    page = page.replace(str(pk), "ID")
                told.append((status, page))
            assert told[0] == told[1]
            assert told[0][0] in (404, 405), name
    assert (checksum(contoso), checksum(fabrikam)) == before
