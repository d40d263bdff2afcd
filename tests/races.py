"""Two at once: real threads, real connections."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection

from invitations.models import DirectoryEntry
from tenants import schema
from tenants.errors import FoyerError
from tenants.models import Tenant
from tests.conftest import Race

ROUNDS = 25


def together(actions: list[Callable[[], None]]) -> None:
    """Run every action in a thread and a connection of its own, at the same moment."""
    barrier = threading.Barrier(len(actions))
    failures: list[BaseException] = []

    def run(action: Callable[[], None]) -> None:
        try:
            barrier.wait(10)
            action()
        # Told by the main thread, which alone can fail the test.
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures, failures


def attempt(tenant: Tenant, outcomes: dict[str, str], name: str, act: Callable[[], Any]) -> None:
    """Do it in the tenant; what came of it under the name, refusals by their class."""
    with schema.in_tenant(tenant):
        try:
            act()
            outcomes[name] = "done"
        except (FoyerError, DirectoryEntry.DoesNotExist) as error:
            outcomes[name] = type(error).__name__


def race_of(race: Race, **acts: Callable[[], Any]) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    together([partial(attempt, race.tenant, outcomes, name, act) for name, act in acts.items()])
    return outcomes
