"""What the whole journey of a new guest costs the database."""

import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from invitations.models import Invitation
from tenants.models import Account
from tests.browserless import code_in, open_link
from tests.conftest import Invite, Place, Race

WRITES = re.compile(r"(INSERT|UPDATE|DELETE)\b")


def commits(queries: list[str]) -> int:
    """Transactions that wrote: blocks with a write in them, and writes on their own."""
    total, inside, wrote = 0, False, False
    for sql in queries:
        if sql.startswith("BEGIN"):
            inside, wrote = True, False
        elif sql.startswith(("COMMIT", "ROLLBACK")):
            total += wrote
            inside = False
        elif WRITES.match(sql):
            wrote = True
            total += not inside
    return total


def test_the_code_journey_of_a_new_guest_is_cheap(
    race: Race, mailoutbox: list[Any], settings: Any
) -> None:
    """At most 30 statements and 4 commits from the mailed link to the app."""
    settings.FOYER_MAILBOX = None
    invitation = race.invitation("cheap@northwind.example")
    guest = Place(race.tenant, Client())
    open_link(invitation, guest)  # the tenant is in the process's cache from now on
    guest = Place(race.tenant, Client())
    with CaptureQueriesContext(connection) as counted:
        landing = open_link(invitation, guest)
        assert guest.client.get(landing).status_code == 200
        confirm = guest.client.post(landing)["Location"]
        assert guest.client.get(confirm).status_code == 200
        code = code_in(mailoutbox[-1])
        review = guest.client.post(confirm, {"code": code})["Location"]
        assert guest.client.get(review).status_code == 200
        data = {"answer": "accept", "statement": "0"}
        assert guest.client.post(review, data).status_code == 303
    race.accounts.append(Account.objects.get(email="cheap@northwind.example"))
    queries = [query["sql"] for query in counted.captured_queries]
    ends = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "SET search_path")
    spent = [sql for sql in queries if not sql.startswith(ends)]
    assert len(spent) <= 30, "\n".join(sql[:120] for sql in spent)
    assert commits(queries) <= 4, "\n".join(
        sql[:100] for sql in queries if WRITES.match(sql) or sql.startswith(("BEGIN", "COMMIT"))
    )


def test_the_counter_counts(invite: Invite) -> None:
    """The yardstick itself: a block of writes is one, a lone write is one, reading is none."""
    assert commits(["BEGIN", "INSERT", "UPDATE", "COMMIT", "SELECT", "DELETE"]) == 2
    assert commits(["BEGIN", "SELECT", "COMMIT"]) == 0
    assert isinstance(invite(), Invitation)
