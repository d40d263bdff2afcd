"""Two who change an app or group at once: real threads, real commits, nothing is lost."""

import hashlib
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist

from invitations.errors import OwnersError
from invitations.models import DirectoryEntry, Group, SharedApp
from invitations.services.apps import add_app, remove_app, set_logo
from invitations.services.groups import add_group, remove_group
from invitations.services.owners import MOST_OWNERS, add_owner, take_owner
from tenants import schema
from tests.conftest import Race
from tests.portal import png
from tests.races import together

ROUNDS = 8


def insiders(race: Race, number: int) -> list[DirectoryEntry]:
    return [
        DirectoryEntry.objects.create(
            account=race.account(f"o{each}@northwind.example"),
            address=f"o{each}@northwind.example",
            external_user_state="Accepted",
        )
        for each in range(number)
    ]


def do(race: Race, act: Any, thing: SharedApp | Group, owner: DirectoryEntry) -> None:
    with schema.in_tenant(race.tenant):
        act(thing, owner=owner, by=None)


def owners(thing: SharedApp | Group) -> set[Any]:
    return set(thing.owners.values_list("entry_id", flat=True))


@pytest.mark.parametrize("make", [add_app, add_group])
def test_owners_changed_at_once_are_all_changed(race: Race, make: Any) -> None:
    """Whoever adds one person does not take away whom another adds, nor bring back who left."""
    with schema.in_tenant(race.tenant):
        thing, people = make(name="Drawings", by=None), insiders(race, 4)
        for _round in range(ROUNDS):
            for gone in people[1:]:
                take_owner(thing, owner=gone, by=None)
            add_owner(thing, owner=people[0], by=None)
            together(
                [
                    partial(do, race, take_owner, thing, people[0]),
                    *(partial(do, race, add_owner, thing, person) for person in people[1:]),
                ]
            )
            assert owners(thing) == {person.pk for person in people[1:]}


def test_ten_owners_are_ten_however_many_come_at_once(race: Race) -> None:
    with schema.in_tenant(race.tenant):
        app, people = add_app(name="Drawings", by=None), insiders(race, MOST_OWNERS + 2)
        for person in people[: MOST_OWNERS - 1]:
            add_owner(app, owner=person, by=None)
        refused: list[DirectoryEntry] = []

        def add(person: DirectoryEntry) -> None:
            try:
                do(race, add_owner, app, person)
            except OwnersError:
                refused.append(person)

        together([partial(add, person) for person in people[MOST_OWNERS - 1 :]])
        assert len(owners(app)) == MOST_OWNERS
        assert len(refused) == 2


@pytest.mark.parametrize(("make", "remove"), [(add_app, remove_app), (add_group, remove_group)])
def test_removing_meets_a_change_of_owners(race: Race, make: Any, remove: Any) -> None:
    """Whichever is first: neither waits for the other in a circle, and it is gone afterwards."""
    with schema.in_tenant(race.tenant):
        (person,) = insiders(race, 1)
        for number in range(ROUNDS):
            thing = make(name=f"Drawings {number}", by=None)

            def own(thing: Any = thing) -> None:
                with suppress(ObjectDoesNotExist):
                    do(race, add_owner, thing, person)

            def end(thing: Any = thing) -> None:
                with schema.in_tenant(race.tenant):
                    remove(type(thing).objects.get(pk=thing.pk), by=None)

            together([own, end])
            assert not type(thing).objects.exists()


def test_two_pictures_at_once_are_one(race: Race) -> None:
    """The hash in the address is that of the bytes that are kept."""
    with schema.in_tenant(race.tenant):
        app = add_app(name="Drawings", by=None)

        def use(side: int) -> None:
            with schema.in_tenant(race.tenant):
                set_logo(SharedApp.objects.get(pk=app.pk), upload=png(side), by=None)

        for _round in range(ROUNDS):
            together([partial(use, side) for side in (20, 30, 40)])
            found = SharedApp.objects.select_related("logo").get(pk=app.pk)
            assert found.logo_hash == hashlib.sha256(bytes(found.logo.png)).hexdigest()
