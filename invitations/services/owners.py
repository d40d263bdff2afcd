"""Who answers for an app or group, and may invite to it."""

from typing import Any

from django.db import transaction

from invitations import audit
from invitations.errors import OwnersError
from invitations.models import AuditAction, DirectoryEntry, Group, SharedApp
from invitations.services.offers import hold_person
from tenants.repeating import repeated

MOST_OWNERS = 10


def _locked(thing: SharedApp | Group) -> Any:
    """The app or group, held: two who change its owners take turns, and both changes count."""
    model: Any = type(thing)
    return model.objects.select_for_update(no_key=True).get(pk=thing.pk)


def _record(thing: SharedApp | Group, by: DirectoryEntry | None) -> None:
    is_app = isinstance(thing, SharedApp)
    told: dict[str, Any] = {"app" if is_app else "group": str(thing.pk), "name": thing.name}
    audit.record(
        AuditAction.APP_OWNERS_CHANGED if is_app else AuditAction.GROUP_OWNERS_CHANGED,
        actor=by,
        owners=sorted(str(pk) for pk in thing.owners.values_list("entry_id", flat=True)),
        **told,
    )


@repeated
@transaction.atomic
def add_owner(
    thing: SharedApp | Group, *, owner: DirectoryEntry, by: DirectoryEntry | None
) -> bool:
    """One more person answers for an app or group; False for who does already.

    Raises `OwnersError` beyond ten, or for somebody who is not in.
    """
    hold_person(owner)
    locked = _locked(thing)
    if locked.owners.filter(entry=owner).exists():
        return False
    is_in = DirectoryEntry.objects.inside().filter(pk=owner.pk).exists()
    if not is_in or locked.owners.count() >= MOST_OWNERS:
        raise OwnersError
    locked.owners.create(entry=owner)
    _record(locked, by)
    return True


@repeated
@transaction.atomic
def take_owner(
    thing: SharedApp | Group, *, owner: DirectoryEntry, by: DirectoryEntry | None
) -> None:
    """This person answers for it no more, whatever happened to them since."""
    locked = _locked(thing)
    if locked.owners.filter(entry=owner).delete()[0]:
        _record(locked, by)
