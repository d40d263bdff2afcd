"""What a hundred thousand people cost those who look at them, and those who pass among them.

Not part of the suite, whose machine is busy. By itself:

    python -m pytest -n 0 -s tests/load/lists.py

The same pages of two organizations in one run, in turn: in the large one 100,000 guests were each
given an app, are in a group that has another, and opened the app once; in the small one 100. Prints
the medians and their ratio; fails when the large one takes more than three times as long, or more
than ten times where every row may have to be searched.
"""

import statistics
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection

from consent.models import AppVisit
from invitations.models import AppAssignment, DirectoryEntry, GroupMember, WhoMayEnter
from invitations.services import apps as services
from invitations.services.owners import add_owner
from invitations.states import ExternalUserState
from tenants import schema
from tenants.models import Account, Tenant
from tests.apps import App, make_app
from tests.conftest import Place
from tests.portal import make_group

ROUNDS = 20
MANY, FEW = 100_000, 100
BROWSING, SEARCHING = 3, 10
BATCH = 10_000


@dataclass
class Filled:
    """An organization, one of its administrators, an app, and what they open, by names."""

    person: Place
    app: App
    paths: dict[str, str]


def fill(person: Place, account: Account, number: int) -> Filled:
    """So many guests, each with an app, in a group, and with a visit."""
    tenant = person.tenant
    rooms = make_app(tenant, who_may_enter=WhoMayEnter.ASSIGNED)
    plans = make_app(tenant, name="Plans", who_may_enter=WhoMayEnter.ASSIGNED)
    group = make_group(tenant)
    with schema.in_tenant(tenant):
        admin = DirectoryEntry.objects.get(account=account)
        people = DirectoryEntry.objects.bulk_create(
            (
                DirectoryEntry(
                    address=f"p{each:06}@northwind.example",
                    display_name=f"P {each}",
                    account_id=uuid.uuid4(),
                    external_user_state=ExternalUserState.ACCEPTED,
                )
                for each in range(number)
            ),
            batch_size=BATCH,
        )
        app, everybody = rooms.client.app, [admin, *people]
        AppAssignment.objects.bulk_create(
            (AppAssignment(app=app, entry=each) for each in everybody), batch_size=BATCH
        )
        GroupMember.objects.bulk_create(
            (GroupMember(group=group, entry=each) for each in everybody), batch_size=BATCH
        )
        AppVisit.objects.bulk_create(
            (AppVisit(app=app, entry=each) for each in everybody), batch_size=BATCH
        )
        services.assign(plans.client.app, to=group, by=None)
        add_owner(app, owner=admin, by=None)
        add_owner(group, owner=admin, by=None)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    guests = person.path("invitations:guests")
    app_path = person.path("consent:app", app_id=app.pk)
    group_path = person.path("invitations:group", group_id=group.pk)
    paths = {
        "guests": guests,
        "guests who declined": f"{guests}?state=declined",
        "a guest": person.path("invitations:guest", entry_id=people[-1].pk),
        "apps": person.path("consent:apps"),
        "an app's people": app_path,
        "groups": person.path("invitations:groups"),
        "a group's people": group_path,
        "whom an owner reaches": person.path("invitations:share"),
        "my access": "/organizations/",
        "search guests": f"{guests}?q=p000099",
        "search guests for nobody": f"{guests}?q=nobody",
        "search an app's people": f"{app_path}?q=p000099",
        "search an app's people for nobody": f"{app_path}?q=nobody",
        "search a group's people": f"{group_path}?q=p000099",
    }
    return Filled(person, rooms, paths)


def timed(act: Callable[[], Any]) -> float:
    """Its milliseconds."""
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000


def acts_of(filled: Filled) -> dict[str, Callable[[], Any]]:
    """What is measured, by names."""

    def opened(path: str) -> None:
        assert filled.person.client.get(path).status_code == 200

    def signed_in() -> None:
        filled.app.tokens(filled.person)

    pages = {name: partial(opened, path) for name, path in filled.paths.items()}
    return {"sign in at the app": signed_in, **pages}


def test_a_hundred_thousand_cost_hardly_more_than_a_hundred(
    contoso: Tenant, fabrikam: Tenant, alice: Account, frank: Account, at: Callable[..., Place]
) -> None:
    large = acts_of(fill(at(alice), alice, MANY))
    small = acts_of(fill(at(frank, tenant=fabrikam), frank, FEW))
    too_much = []
    for name in large:
        pairs = [(timed(large[name]), timed(small[name])) for _ in range(ROUNDS)]
        many, few = (statistics.median(each) for each in zip(*pairs, strict=True))
        limit = SEARCHING if name.startswith("search") else BROWSING
        line = f"{name}: {many:.1f} ms / {few:.1f} ms = {many / few:.2f} (limit {limit})"
        print(line)  # noqa: T201
        if many > limit * few:
            too_much.append(line)
    assert not too_much, too_much
