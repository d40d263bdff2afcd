"""Reading the audit log: the page, the export, and the walk along the chain."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invitations import audit, chain, pages
from invitations.models import AuditAction, AuditEvent, AuditHead, DirectoryEntry, Group, SharedApp
from tenants import schema
from tenants.models import Tenant

PAGE = 50
CHUNK = 500
MOST_PEOPLE = 200

WORDS: dict[str, Any] = {
    AuditAction.GUEST_INVITED: gettext_lazy("Invited"),
    AuditAction.INVITATION_RESENT: gettext_lazy("Sent the invitation again"),
    AuditAction.INVITATION_REVOKED: gettext_lazy("Revoked the invitation"),
    AuditAction.INVITATION_DECLINED: gettext_lazy("Declined the invitation"),
    AuditAction.INVITATION_REPORTED: gettext_lazy("Reported the invitation"),
    AuditAction.INVITATION_COMPLETED: gettext_lazy("Accepted the invitation"),
    AuditAction.INVITATION_REPLAYED: gettext_lazy("Opened a used link again"),
    AuditAction.INVITATION_LINK_SHOWN: gettext_lazy("Copied the invitation link"),
    AuditAction.SENDER_BLOCKED: gettext_lazy("Blocked mail from here"),
    AuditAction.SENDER_UNBLOCKED: gettext_lazy("Allowed mail from here again"),
    AuditAction.STATEMENT_PUBLISHED: gettext_lazy("Published the privacy statement"),
    AuditAction.POLICY_CHANGED: gettext_lazy("Changed the invitation policies"),
    AuditAction.LANDING_PAGE_ADDED: gettext_lazy("Added a landing page"),
    AuditAction.LANDING_PAGE_REMOVED: gettext_lazy("Removed a landing page"),
    AuditAction.INVITATION_CORRECTED: gettext_lazy("Sent the invitation to another address"),
    AuditAction.INVITATION_REMINDED: gettext_lazy("Reminded of the invitation"),
    AuditAction.CORRECTION_ASKED: gettext_lazy("Asked for another address"),
    AuditAction.REDEMPTION_RESET: gettext_lazy("Reset the redemption"),
    AuditAction.SIGN_IN_BLOCKED: gettext_lazy("Blocked the sign-in"),
    AuditAction.SIGN_IN_UNBLOCKED: gettext_lazy("Unblocked the sign-in"),
    AuditAction.ENTRY_DELETED: gettext_lazy("Deleted"),
    AuditAction.ENTRY_RESTORED: gettext_lazy("Restored"),
    AuditAction.ENTRY_PURGED: gettext_lazy("Erased after 30 days"),
    AuditAction.ENTRY_ERASED: gettext_lazy("Erased"),
    AuditAction.ENTRY_LEFT: gettext_lazy("Left the organization"),
    AuditAction.USER_TYPE_CHANGED: gettext_lazy("Converted"),
    AuditAction.SPONSORS_CHANGED: gettext_lazy("Changed the sponsors"),
    AuditAction.ROLES_CHANGED: gettext_lazy("Changed the roles"),
    AuditAction.CONSENT_GIVEN_AGAIN: gettext_lazy("Accepted the new privacy statement"),
    AuditAction.TERMS_ACCEPTED: gettext_lazy("Accepted the terms of use"),
    AuditAction.TERMS_DECLINED: gettext_lazy("Declined the terms of use"),
    AuditAction.TERMS_PUBLISHED: gettext_lazy("Published the terms of use"),
    AuditAction.CONTACT_ADDED: gettext_lazy("Added a contact"),
    AuditAction.CONTACT_REMOVED: gettext_lazy("Removed a contact"),
    AuditAction.INVITATION_PURGED: gettext_lazy("Deleted an old invitation"),
    AuditAction.TENANT_RESTORED: gettext_lazy("Restored from a backup"),
    AuditAction.APP_ADDED: gettext_lazy("Shared an app"),
    AuditAction.APP_CHANGED: gettext_lazy("Changed an app"),
    AuditAction.APP_REMOVED: gettext_lazy("Stopped sharing an app"),
    AuditAction.APP_OWNERS_CHANGED: gettext_lazy("Changed the owners of an app"),
    AuditAction.APP_ASSIGNED: gettext_lazy("Gave access to an app"),
    AuditAction.APP_UNASSIGNED: gettext_lazy("Took access to an app away"),
    AuditAction.APP_SECRET_ADDED: gettext_lazy("Made a secret for an app"),
    AuditAction.APP_SECRET_REMOVED: gettext_lazy("Removed a secret of an app"),
    AuditAction.APP_TOKENS_ENDED: gettext_lazy("Ended sign-ins after a code or token was reused"),
    AuditAction.GROUP_ADDED: gettext_lazy("Added a group"),
    AuditAction.GROUP_CHANGED: gettext_lazy("Changed a group"),
    AuditAction.GROUP_REMOVED: gettext_lazy("Removed a group"),
    AuditAction.GROUP_OWNERS_CHANGED: gettext_lazy("Changed the owners of a group"),
    AuditAction.GROUP_MEMBER_ADDED: gettext_lazy("Added to a group"),
    AuditAction.GROUP_MEMBER_REMOVED: gettext_lazy("Took out of a group"),
    AuditAction.SIGNING_KEYS_ROTATED: gettext_lazy("Rotated the signing keys"),
    AuditAction.AUDIT_EXPORTED: gettext_lazy("Exported the audit log"),
}
DETAILS: dict[str, Any] = {
    "version": gettext_lazy("Version"),
    "hash": gettext_lazy("Hash"),
    "consent": gettext_lazy("Consent"),
    "replaces": gettext_lazy("Replaces invitation"),
    "user_type": gettext_lazy("Kind"),
    "mail": gettext_lazy("By e-mail"),
    "validity_seconds": gettext_lazy("Valid for seconds"),
    "links_in_messages": gettext_lazy("Links in messages"),
    "url": gettext_lazy("Web address"),
    "app": gettext_lazy("App"),
    "apps": gettext_lazy("Apps"),
    "group": gettext_lazy("Group"),
    "groups": gettext_lazy("Groups"),
    "roles": gettext_lazy("Roles"),
    "owners": gettext_lazy("Owners"),
    "sponsors": gettext_lazy("Sponsors"),
    "name": gettext_lazy("Name"),
    "description": gettext_lazy("What it is for"),
    "home_url": gettext_lazy("Home page"),
    "client_type": gettext_lazy("Kind of app"),
    "redirect_uris": gettext_lazy("Redirect URLs"),
    "sign_out_uris": gettext_lazy("Sign-out URLs"),
    "id_token_algorithm": gettext_lazy("Signature of ID tokens"),
    "access_token_format": gettext_lazy("Access tokens"),
    "logo": gettext_lazy("Logo"),
    "secret": gettext_lazy("Secret"),
    "who_may_enter": gettext_lazy("Who may enter"),
    "who_may_invite": gettext_lazy("Who may invite"),
    "reason": gettext_lazy("Reason"),
    "format": gettext_lazy("Format"),
    "rows_to": gettext_lazy("Up to row"),
}


def words_of(action: str) -> str:
    """An action as a person says it; one from another version of Foyer as it is written."""
    if action in WORDS:
        return str(WORDS[action])
    return action.replace(".", " ").replace("_", " ").capitalize()


def actions() -> list[tuple[str, str]]:
    """What can be chosen to filter by."""
    return [(action.value, words_of(action.value)) for action in AuditAction]


@dataclass(frozen=True)
class Filter:
    """Which rows are asked for; empty asks for all."""

    action: str = ""
    person: str = ""
    since: date | None = None
    until: date | None = None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def events(asked: Filter) -> Any:
    """The rows that fit, in no order. `person` finds the first `MOST_PEOPLE` of that name."""
    found: Any = AuditEvent.objects.all()
    if asked.action:
        found = found.filter(action=asked.action)
    if asked.person:
        people = DirectoryEntry.objects.matching(asked.person).order_by("pk").values("pk")
        ids = people[:MOST_PEOPLE]
        found = found.filter(Q(actor_id__in=ids) | Q(entry_id__in=ids))
    if asked.since:
        found = found.filter(at__gte=_midnight(asked.since))
    if asked.until:
        found = found.filter(at__lt=_midnight(asked.until + timedelta(days=1)))
    return found


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
        return f"{label}: {', '.join(self._word(part) for part in _parts(value)) or '–'}"

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


@dataclass(frozen=True)
class Page:
    """One page, newest first; the numbers to ask its neighbours with, 0 for none."""

    rows: list[AuditRow]
    older_than: int
    newer_than: int


def audit_page(asked: Filter, *, before: int = 0, after: int = 0) -> Page:
    """At most `PAGE` rows older than number `before`, or newer than `after`."""
    found = events(asked)
    if after:
        rows = list(found.filter(number__gt=after).order_by("number")[: PAGE + 1])
    else:
        older = found.filter(number__lt=before) if before else found
        rows = list(older.order_by("-number")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if after:
        rows.reverse()
    has_older, has_newer = (True, more) if after else (more, bool(before))
    return Page(
        with_names(rows),
        older_than=rows[-1].number if rows and has_older else 0,
        newer_than=rows[0].number if rows and has_newer else 0,
    )


@transaction.atomic
def note_export(asked: Filter, *, by: DirectoryEntry, form: str) -> int:
    """Write down that rows leave; the number of the newest row that does.

    The person asked for is not written down: the log holds no names.
    """
    last = AuditHead.objects.get().number
    asked_for = {
        "action": asked.action,
        "by_person": bool(asked.person),
        "since": asked.since.isoformat() if asked.since else "",
        "until": asked.until.isoformat() if asked.until else "",
    }
    filters = {name: value for name, value in asked_for.items() if value}
    audit.record(
        AuditAction.AUDIT_EXPORTED, actor=by, format=form, rows_to=last, **_prefixed(filters)
    )
    return last


def _prefixed(filters: dict[str, Any]) -> dict[str, Any]:
    return {f"filter_{name}": value for name, value in filters.items()}


def export_rows(tenant: Tenant, asked: Filter, *, last: int) -> Iterator[AuditRow]:
    """The rows up to number `last`, oldest first, `CHUNK` in memory at a time.

    Runs after the request has left the tenant: every chunk enters it and leaves it again, so that
    nothing else on this connection ever meets a schema that is not its own.
    """
    number = 0
    while True:
        with schema.in_tenant(tenant):
            found = events(asked).filter(number__gt=number, number__lte=last)
            rows = with_names(found.order_by("number")[:CHUNK])
        yield from rows
        if len(rows) < CHUNK:
            return
        number = rows[-1].event.number


def link_of(row: AuditEvent) -> chain.Link:
    """The row as far as the chain goes."""
    return chain.Link(
        number=row.number,
        at=row.at,
        previous_hash=row.previous_hash,
        hash=row.hash,
        body=row.body,
    )


@dataclass(frozen=True)
class Verdict:
    """How the walk along one tenant's chain ended; `flaw` is "" when all is well."""

    rows: int
    head: str
    number: int = 0
    row_id: UUID | None = None
    flaw: str = ""


def _flaw_of_columns(row: AuditEvent) -> str:
    """Whether the columns that pages read say what the hashed text says."""
    try:
        told = chain.body_of(
            row_id=row.pk,
            action=row.action,
            actor_id=row.actor_id,
            entry_id=row.entry_id,
            invitation_id=row.invitation_id,
            detail=row.detail,
        )
    except chain.UnfitDetailError:
        told = ""
    return "" if told == row.body else "content: its columns differ from its body"


def verify(*, expected: dict[int, str] | None = None) -> Verdict:
    """Walk the current tenant's chain in constant memory, up to the first broken row.

    `expected` are hashes kept elsewhere, by number.
    """
    kept = dict(expected or {})
    first_head = AuditHead.objects.first()
    head_number, head_hash = (first_head.number, first_head.hash) if first_head else (0, "")
    # The head is read in the statement that reads the rows: what is written meanwhile is in both
    # or in neither.
    heads: dict[str, Any] = {
        "head_number": Subquery(AuditHead.objects.values("number")[:1]),
        "head_hash": Subquery(AuditHead.objects.values("hash")[:1]),
    }
    rows: Any = AuditEvent.objects.annotate(**heads).order_by(F("number"), F("id"))
    number, previous = 0, chain.ROOT
    for row in rows.iterator(chunk_size=2000):
        head_number, head_hash = row.head_number or 0, row.head_hash or ""
        flaw = chain.flaw_after(link_of(row), number=number, previous_hash=previous)
        flaw = flaw or _flaw_of_columns(row)
        if not flaw and kept.pop(row.number, row.hash) != row.hash:
            flaw = "rewritten: its hash is not the one that was kept"
        if flaw:
            return Verdict(number, previous, row.number, row.pk, flaw)
        number, previous = row.number, row.hash
    flaw = ""
    if not head_hash:
        flaw = "head: it is missing"
    elif (head_number, head_hash) != (number, previous):
        flaw = f"tail: the head says {head_number} rows, there are {number}"
    elif kept:
        flaw = f"tail: row {min(kept)} was kept elsewhere and is not here"
    return Verdict(number, previous, number + 1 if flaw else 0, None, flaw)


def timeline(entry: DirectoryEntry, marker: str) -> pages.Page[AuditRow]:
    """A page of the rows about somebody, newest first, with names beside them."""
    about = AuditEvent.objects.filter(entry_id=entry.pk)
    page = pages.page_of(about, by=("-number",), marker=marker)
    return pages.Page(with_names(page.rows), page.next_marker, page.previous_marker)
