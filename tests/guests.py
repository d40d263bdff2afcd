"""Guests who are in, for tests of apps."""

from typing import Any

from invitations.models import DirectoryEntry
from invitations.services import apps
from tenants import schema
from tenants.models import Account
from tests.apps import App
from tests.browserless import accept, to_review
from tests.conftest import Invite, Place


def entry_of(person: Place, account: Account) -> DirectoryEntry:
    with schema.in_tenant(person.tenant):
        return DirectoryEntry.objects.present().get(account=account)


def join(invite: Invite, person: Place, **asked: Any) -> DirectoryEntry:
    """Accept an invitation as the person signed in there."""
    invitation = invite(tenant=person.tenant, **asked)
    assert accept(person, to_review(person, invitation)).status_code in (302, 303)
    with schema.in_tenant(person.tenant):
        return DirectoryEntry.objects.get(pk=invitation.entry_id)


def give(app: App, entry: DirectoryEntry) -> None:
    with schema.in_tenant(app.tenant):
        apps.assign(app.client.app, to=entry, by=None)
