"""Shared apps: what they are, who may enter."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from invitations import audit
from invitations.errors import FieldError, RedirectUrlError
from invitations.models import (
    AppAssignment,
    AppLogo,
    AuditAction,
    DirectoryEntry,
    Group,
    Invitation,
    SharedApp,
    WhoMayEnter,
)
from invitations.redirects import app_origin_of
from invitations.services.logos import clean_logo
from invitations.services.naming import clean_description, clean_name, save_named
from invitations.services.offers import hold, hold_person, strike
from invitations.services.telling import gains_any, newcomers_to, tell
from tenants.repeating import repeated


def _clean_home(url: str) -> tuple[str, str]:
    """The address and its origin; both empty for a service that nobody opens."""
    if not url:
        return "", ""
    try:
        return url, app_origin_of(url)
    except RedirectUrlError as error:
        raise FieldError("home_url", "redirect") from error


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
    save_named(app)
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
    save_named(locked)
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
    newcomers = newcomers_to(app, to) if isinstance(to, Group) else []
    gains = person is not None and gains_any(person, SharedApp.objects.filter(pk=app.pk))
    now = {"roles": _clean_roles(roles)}
    assignment, made = AppAssignment.objects.update_or_create(
        app=app, **whom, defaults=now, create_defaults=now | {"given_with": given_with}
    )
    if made:
        tell(*([assignment.pk] if gains else newcomers))
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
