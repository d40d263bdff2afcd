"""Shared apps and groups: what they are, who owns them, who may enter."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from psycopg.errors import UniqueViolation

from invitations import audit
from invitations.errors import FieldError, RedirectUrlError
from invitations.models import (
    AppAssignment,
    AppLogo,
    AuditAction,
    DirectoryEntry,
    Group,
    GroupMember,
    Invitation,
    SharedApp,
    WhoMayEnter,
)
from invitations.models.assignment import apps_of_group, apps_open_to, assignments_of
from invitations.redirects import app_origin_of
from invitations.services.fields import clean_display_name
from invitations.services.logos import clean_logo
from invitations.services.sharing import hold, hold_person, strike
from invitations.states import ExternalUserState
from tenants import schema
from tenants.mail import outbox
from tenants.models import MailKind
from tenants.repeating import repeated
from tenants.words import WordsError, check_name

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 200
NAMED_ONCE = frozenset({"app_name_once", "group_name_once"})


def clean_name(text: str) -> str:
    """A name of an app or group; `FieldError` for `name`."""
    name = clean_display_name(text)
    if not name:
        raise FieldError("name", "empty")
    if len(name) > LONGEST_NAME:
        raise FieldError("name", "long")
    return name


def clean_description(text: str) -> str:
    try:
        return check_name(text, longest=LONGEST_DESCRIPTION, own_domains=frozenset())
    except WordsError as error:
        raise FieldError("description", error.reason) from error


def _clean_home(url: str) -> tuple[str, str]:
    """The address and its origin; both empty for a service that nobody opens."""
    if not url:
        return "", ""
    try:
        return url, app_origin_of(url)
    except RedirectUrlError as error:
        raise FieldError("home_url", "redirect") from error


def _save_named(row: SharedApp | Group) -> None:
    """Save it under its name; `FieldError` for one that another has."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        broken = error.__cause__
        if isinstance(broken, UniqueViolation) and broken.diag.constraint_name in NAMED_ONCE:
            raise FieldError("name", "exists") from error
        raise


def _told_of(app: SharedApp, sign_in: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an app is from now on, as the audit log keeps it: replayed, it is the app (D02)."""
    about = {
        "app": str(app.pk),
        "name": app.name,
        "home_url": app.home_url,
        "description": app.description,
        "who_may_enter": str(app.who_may_enter),
    }
    return about | dict(sign_in or {})


def _told_of_group(group: Group) -> dict[str, Any]:
    return {"group": str(group.pk), "name": group.name, "description": group.description}


@transaction.atomic
def add_app(
    *,
    name: str,
    by: DirectoryEntry | None,
    home_url: str = "",
    description: str = "",
    who_may_enter: WhoMayEnter = WhoMayEnter.ASSIGNED,
    sign_in: Mapping[str, Any] | None = None,
) -> SharedApp:
    """Share an app; raises `FieldError` for `name`, `description`, `home_url`.

    `sign_in` is how it signs people in, where somebody registers that along with it: it is
    written down in the same row.
    """
    url, origin = _clean_home(home_url)
    app = SharedApp(
        name=clean_name(name),
        description=clean_description(description),
        home_url=url,
        home_origin=origin,
        who_may_enter=who_may_enter,
    )
    _save_named(app)
    audit.record(AuditAction.APP_ADDED, actor=by, **_told_of(app, sign_in))
    return app


@transaction.atomic
def change_app(
    app: SharedApp,
    *,
    name: str,
    by: DirectoryEntry | None,
    home_url: str = "",
    description: str = "",
    who_may_enter: WhoMayEnter = WhoMayEnter.ASSIGNED,
    sign_in: Mapping[str, Any] | None = None,
) -> SharedApp:
    """Change what people see of it, and who may enter; raises `FieldError`. `sign_in` is as above.

    Who loses access by it is refused at the next request: every token is checked where it is used.
    """
    locked = SharedApp.objects.select_for_update(no_key=True).get(pk=app.pk)
    url, origin = _clean_home(home_url)
    locked.name, locked.description = clean_name(name), clean_description(description)
    locked.home_url, locked.home_origin = url, origin
    if locked.who_may_enter != who_may_enter:
        locked.who_may_enter, locked.who_may_enter_since = who_may_enter, Now()
    _save_named(locked)
    audit.record(AuditAction.APP_CHANGED, actor=by, **_told_of(locked, sign_in))
    return locked


@transaction.atomic
def remove_app(app: SharedApp, *, by: DirectoryEntry | None) -> None:
    """Share it no longer: its client, secrets and tokens go with it."""
    # Held first, so that nobody adds an owner or a guest to it while what hangs on it goes.
    locked = SharedApp.objects.select_for_update().filter(pk=app.pk).first()
    if locked is None:
        return
    locked.delete()
    audit.record(AuditAction.APP_REMOVED, actor=by, app=str(app.pk), name=app.name)


@transaction.atomic
def set_logo(app: SharedApp, *, upload: bytes | None, by: DirectoryEntry | None) -> None:
    """Show this picture instead of the initial, None for the initial; raises `FieldError`."""
    png = clean_logo(upload) if upload else b""
    app.refresh_from_db(from_queryset=SharedApp.objects.select_for_update(no_key=True))
    AppLogo.objects.filter(app=app).delete()
    if png:
        AppLogo.objects.create(app=app, png=png)
    app.logo_hash = hashlib.sha256(png).hexdigest() if png else ""
    app.save(update_fields=["logo_hash"])
    audit.record(
        AuditAction.APP_CHANGED, actor=by, app=str(app.pk), name=app.name, logo=app.logo_hash
    )


def _clean_roles(roles: Iterable[str]) -> list[str]:
    """The app's own words for what somebody may do there: no blanks, at most 64 characters."""
    found = sorted({role.strip() for role in roles if role.strip()})
    if len(found) > 10 or any(len(role) > 64 or not role.isprintable() for role in found):
        raise FieldError("roles", "role")
    return found


def _tell(*given: UUID) -> None:
    """Promise "access given" about these assignments to people, or memberships of groups."""
    if not given:
        return
    tenant = schema.current_tenant()
    outbox.promise_mails(tenant=tenant, kind=MailKind.ACCESS_GIVEN, about=given)
    outbox.wake()


def _can_be_told(entry: DirectoryEntry) -> bool:
    return entry.is_accepted and bool(entry.address)


def _newcomers(app: SharedApp, group: Group) -> list[UUID]:
    """Whose membership of the group opens the app to them, of those who are in the directory.

    Asked before the group has it: who could enter before is told nothing.
    """
    if not app.home_url or app.who_may_enter == WhoMayEnter.EVERYBODY:
        return []
    inside = GroupMember.objects.filter(
        ~Exists(assignments_of(OuterRef("entry_id"), app.pk)),
        group=group,
        entry__deleted_at__isnull=True,
        entry__external_user_state=ExternalUserState.ACCEPTED,
    ).exclude(entry__address="")
    return list(inside.values_list("pk", flat=True))


def _gains(entry: DirectoryEntry, apps: QuerySet[SharedApp]) -> bool:
    """Whether one of these apps is new to somebody who can be told, and can be opened."""
    if not _can_be_told(entry):
        return False
    return apps.exclude(home_url="").exclude(pk__in=apps_open_to(entry.pk).values("pk")).exists()


@repeated
@transaction.atomic
def assign(
    app: SharedApp,
    *,
    to: DirectoryEntry | Group,
    by: DirectoryEntry | None,
    roles: Iterable[str] = (),
    given_with: Invitation | None = None,
) -> AppAssignment:
    """Let a person or group into an app. Whoever is in the directory is mailed about it, unless
    it was open to them before, or is a service that nobody opens.

    Assigning again replaces the roles. `given_with` is an open invitation that it goes with when
    that is revoked. Raises `FieldError` for `roles`.
    """
    person = to if isinstance(to, DirectoryEntry) else None
    whom: dict[str, Any] = {"entry": to} if person else {"group": to}
    if person:
        hold_person(person)
    hold([app] if isinstance(to, DirectoryEntry) else [app, to])
    newcomers = _newcomers(app, to) if isinstance(to, Group) else []
    gains = person is not None and _gains(person, SharedApp.objects.filter(pk=app.pk))
    now = {"roles": _clean_roles(roles)}
    assignment, made = AppAssignment.objects.update_or_create(
        app=app, **whom, defaults=now, create_defaults=now | {"given_with": given_with}
    )
    if made:
        _tell(*([assignment.pk] if gains else newcomers))
    audit.record(
        AuditAction.APP_ASSIGNED,
        actor=by,
        entry=person,
        app=str(app.pk),
        name=app.name,
        group=None if person else str(to.pk),
        roles=assignment.roles,
    )
    return assignment


@repeated
@transaction.atomic
def unassign(assignment: AppAssignment, *, by: DirectoryEntry | None) -> None:
    """Take an app away from a person or group; what it was given for them is dead, and stays so
    when it is assigned again (O07). Nothing happens, and nothing is told, when it is taken already.
    """
    if assignment.entry:
        hold_person(assignment.entry)
    hold([], if_there=[each for each in (assignment.app, assignment.group) if each])
    if not AppAssignment.objects.filter(pk=assignment.pk).delete()[0]:
        return
    if assignment.entry:
        strike(assignment.entry, apps=[assignment.app])
    audit.record(
        AuditAction.APP_UNASSIGNED,
        actor=by,
        entry=assignment.entry,
        app=str(assignment.app_id),
        name=assignment.app.name,
        group=str(assignment.group_id) if assignment.group_id else None,
    )


@transaction.atomic
def add_group(*, name: str, by: DirectoryEntry | None, description: str = "") -> Group:
    """A group to give apps to; raises `FieldError` for `name` and `description`."""
    group = Group(name=clean_name(name), description=clean_description(description))
    _save_named(group)
    audit.record(AuditAction.GROUP_ADDED, actor=by, **_told_of_group(group))
    return group


@transaction.atomic
def change_group(
    group: Group, *, name: str, by: DirectoryEntry | None, description: str = ""
) -> None:
    """Raises `FieldError` for `name` and `description`."""
    locked = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
    locked.name, locked.description = clean_name(name), clean_description(description)
    _save_named(locked)
    audit.record(AuditAction.GROUP_CHANGED, actor=by, **_told_of_group(locked))


@repeated
@transaction.atomic
def remove_group(group: Group, *, by: DirectoryEntry | None) -> None:
    """Dissolve it: who had apps only by it has them no more."""
    locked = Group.objects.select_for_update().filter(pk=group.pk).first()
    if locked is None:
        return
    locked.delete()
    audit.record(AuditAction.GROUP_REMOVED, actor=by, group=str(group.pk), name=group.name)


@repeated
@transaction.atomic
def add_to_group(
    group: Group,
    *,
    entry: DirectoryEntry,
    by: DirectoryEntry | None,
    given_with: Invitation | None = None,
) -> None:
    """Take somebody in, with the apps of the group; nothing happens to who is in already.

    Whoever is in the directory is mailed about it when one of the apps is new to them.
    `given_with` is as above.
    """
    hold_person(entry)
    hold([group])
    gains = _gains(entry, apps_of_group(group))
    member, made = GroupMember.objects.get_or_create(
        group=group, entry=entry, defaults={"given_with": given_with}
    )
    if made:
        if gains:
            _tell(member.pk)
        told: dict[str, Any] = {"group": str(group.pk), "name": group.name}
        audit.record(AuditAction.GROUP_MEMBER_ADDED, actor=by, entry=entry, **told)


@repeated
@transaction.atomic
def take_from_group(group: Group, *, entry: DirectoryEntry, by: DirectoryEntry | None) -> None:
    """Take somebody out, with the apps that the group gave them."""
    hold_person(entry)
    hold([], if_there=[group])
    if GroupMember.objects.filter(group=group, entry=entry).delete()[0]:
        strike(entry, groups=[group])
        told: dict[str, Any] = {"group": str(group.pk), "name": group.name}
        audit.record(AuditAction.GROUP_MEMBER_REMOVED, actor=by, entry=entry, **told)
