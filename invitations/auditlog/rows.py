"""Rows of the audit log with the names that their ids have today."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.translation import gettext as _

from invitations.auditlog.words import CHOICES, DETAILS, words_of
from invitations.models import AuditAction, AuditEvent, DirectoryEntry, Group, SharedApp


def pseudonym(pk: UUID) -> str:
    """Who is not in the directory any more, told apart without being named (D03)."""
    return _("Former guest %(mark)s") % {"mark": pk.hex[:4]}


# Where a detail holds the ids of people, and of apps and groups.
PEOPLE = ("owners", "sponsors")
THINGS = ("app", "apps", "group", "groups")


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class AuditRow:
    """A row with the names that its ids have today; `names` are those that its detail holds."""

    event: AuditEvent
    actor: str
    about: str
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return words_of(self.event.action)

    @property
    def detail(self) -> str:
        """`Version: 3 · Hash: 9f…`"""
        told = self._shown()
        return " · ".join(self._told(name, value) for name, value in told.items())

    @property
    def things(self) -> str:
        """Which apps and groups it was about, by the name of today or of then, if there is one."""
        then, now = self.event.detail, self._shown()
        parts = [part for name in THINGS if then.get(name) for part in _parts(now[name])]
        ids = {part for name in THINGS if then.get(name) for part in _parts(then[name])}
        called = (self.names.get(str(part)) or ("" if part in ids else part) for part in parts)
        return ", ".join(name for name in called if name)

    def _shown(self) -> dict[str, Any]:
        """An app or group that is gone is called as it was then; one name is said once."""
        told = dict(self.event.detail)
        key = next((key for key in ("app", "group") if told.get(key)), "")
        called = self.names.get(str(told.get(key))) or told.get("name")
        if not key or not called:
            return told
        if told.get("name") == called:
            del told["name"]
        return told | {key: called}

    def _told(self, name: str, value: Any) -> str:
        label = DETAILS.get(name) or name.replace("_", " ").capitalize()
        chosen = CHOICES.get(name, {})
        said = [str(chosen.get(str(part), self._word(part))) for part in _parts(value)]
        return f"{label}: {', '.join(said) or '–'}"

    def _word(self, value: Any) -> str:
        if value is True or value is False:
            return _("yes") if value else _("no")
        return "–" if value in (None, "") else self.names.get(str(value), str(value))


def _ids(rows: Iterable[AuditEvent], keys: Iterable[str]) -> set[UUID]:
    """The ids that the details of these rows hold under these keys."""
    found = set()
    for row in rows:
        for key in keys:
            held = row.detail.get(key) or []
            for pk in held if isinstance(held, list) else [held]:
                with suppress(ValueError):
                    found.add(UUID(pk))
    return found


def _names_of(ids: set[UUID]) -> dict[str, str]:
    """What people, apps and groups are called today, by id, in one statement; not who is erased
    and what is gone."""
    if not ids:
        return {}
    called: Any = Coalesce(NullIf("display_name", Value("")), "address")
    people: Any = DirectoryEntry.objects.filter(pk__in=ids).values_list("pk", called)
    apps, groups = (model.objects.filter(pk__in=ids) for model in (SharedApp, Group))
    found = people.union(apps.values_list("pk", "name"), groups.values_list("pk", "name"))
    return {str(pk): name for pk, name in found if name}


def with_names(found: Iterable[AuditEvent]) -> list[AuditRow]:
    """The rows with names beside them, in one statement for all names."""
    rows = list(found)
    people = {pk for row in rows for pk in (row.actor_id, row.entry_id) if pk} | _ids(rows, PEOPLE)
    names = _names_of(people | _ids(rows, THINGS))

    def name_of(pk: UUID | None, nobody: str) -> str:
        return (names.get(str(pk)) or pseudonym(pk)) if pk else nobody

    held = {str(pk): name_of(pk, "") for pk in people} | names
    return [
        AuditRow(row, name_of(row.actor_id, _actorless(row)), name_of(row.entry_id, ""), held)
        for row in rows
    ]


# Nobody decides these: time is up, or a token was used twice.
BY_ITSELF = frozenset(
    {
        AuditAction.INVITATION_REMINDED,
        AuditAction.INVITATION_PURGED,
        AuditAction.ENTRY_PURGED,
        AuditAction.APP_TOKENS_ENDED,
    }
)


def _actorless(row: AuditEvent) -> str:
    """Without an actor it was the operator, time, or whoever held the link of the invitation."""
    if row.action in BY_ITSELF or row.detail.get("never_redeemed"):
        return "Foyer"
    if row.detail.get("asked_by_guest"):
        return _("Somebody who signed in")
    held = {
        AuditAction.CORRECTION_ASKED,
        AuditAction.INVITATION_DECLINED,
        AuditAction.INVITATION_REPORTED,
        AuditAction.INVITATION_REPLAYED,
        AuditAction.SENDER_BLOCKED,
        AuditAction.SENDER_UNBLOCKED,
    }
    return _("Holder of the link") if row.action in held else _("Operator")
