"""*My apps*: what somebody may open in each of their organizations, in one statement."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import BoolOr
from django.db import ProgrammingError, connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, Value, Window
from django.db.models.functions import Lower

from invitations.models import AppOwner, DirectoryEntry, SharedApp
from invitations.models.assignment import apps_open_to
from invitations.pages import Page, page_of
from tenants import schema
from tenants.models import Membership, Tenant, TenantStatus

logger = logging.getLogger(__name__)

TABLE = re.compile(r'\b(FROM|JOIN) "(invitations_\w+)"')
# So many of each organization are shown beside the others; its own page shows the rest.
MOST = 100
COLUMNS = ("at", "open_apps", "owns_one", "is_open", "id", "logo_hash", "name", "description")


@dataclass(frozen=True)
class PanelApp:
    """An app as its people see it."""

    name: str
    description: str
    initial: str
    url: str
    logo_url: str


@dataclass
class Panel:
    """What one organization offers a person; `can_be_read` is False while its tables are not."""

    apps: list[PanelApp] = field(default_factory=list)
    total: int = 0
    owns_one: bool = False
    can_be_read: bool = True

    @property
    def more(self) -> int:
        """How many are open to the person and not among `apps`."""
        return self.total - len(self.apps)


NOTHING = Panel()


def _apps_of(membership: Membership) -> Any:
    """What the entry may open or owns; nothing for who is blocked or gone."""
    entry_id = membership.entry_id
    inside = DirectoryEntry.objects.present().filter(pk=entry_id, enabled=True)
    is_open = Exists(apps_open_to(entry_id).filter(pk=OuterRef("pk")).exclude(home_url=""))
    is_owned = Exists(AppOwner.objects.filter(entry=entry_id, app=OuterRef("pk")))
    answers: dict[str, Any] = {"is_open": is_open, "is_owned": is_owned, "sorting": Lower("name")}
    rows: Any = SharedApp.objects.filter(Exists(inside)).annotate(**answers)
    return rows


def _rows_of(membership: Membership) -> Any:
    """The first `MOST` by name, each with how many there are and whether the person owns one."""
    mine = _apps_of(membership).filter(Q(is_open=True) | Q(is_owned=True))
    counted = mine.annotate(
        at=Value(membership.tenant.schema_name),
        open_apps=Window(Count("pk", filter=Q(is_open=True))),
        owns_one=Window(BoolOr("is_owned")),
    )
    return counted.order_by("-is_open", "sorting").values_list(*COLUMNS)[:MOST]


def _in_schema(sql: str, name: str) -> str:
    """The statement with its tables named in one schema; columns go by the tables' names."""
    quoted = connection.ops.quote_name(name)
    return TABLE.sub(rf'\1 {quoted}."\2"', sql)


def _read(memberships: Sequence[Membership]) -> list[Any]:
    """The rows of all these schemas in one statement; `ProgrammingError` if one is broken."""
    parts, params = list[str](), list[Any]()
    for membership in memberships:
        sql, values = _rows_of(membership).query.sql_with_params()
        parts.append(f"({_in_schema(sql, membership.tenant.schema_name)})")
        params += values
    # The savepoint lets a request that is in a transaction go on after a failure.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), params)
        return list(cursor.fetchall())


def _panels(memberships: Sequence[Membership]) -> dict[str, Panel]:
    tenants = {each.tenant.schema_name: each.tenant for each in memberships}
    found = {name: Panel() for name in tenants}
    for at, total, owns_one, is_open, *about in _read(memberships) if tenants else ():
        panel = found[at]
        panel.total, panel.owns_one = total, owns_one
        if is_open:
            panel.apps.append(_panel_app(tenants[at], *about))
    return found


def _one_by_one(memberships: Sequence[Membership]) -> dict[str, Panel]:
    """A statement for each schema, so that a broken one takes nothing from the others (N06)."""
    found = dict[str, Panel]()
    for membership in memberships:
        name = membership.tenant.schema_name
        try:
            found |= _panels([membership])
        except ProgrammingError:
            logger.exception("the apps of %s cannot be read", name)
            found[name] = Panel(can_be_read=False)
    return found


def panels_of(memberships: Sequence[Membership]) -> dict[str, Panel]:
    """By schema name, for the memberships' active tenants, with `tenant` loaded."""
    active = [each for each in memberships if each.tenant.status == TenantStatus.ACTIVE]
    try:
        return _panels(active)
    except ProgrammingError:
        return _one_by_one(active)


def _panel_app(tenant: Tenant, pk: UUID, logo_hash: str, name: str, description: str) -> PanelApp:
    logo = {"app_id": pk, "version": logo_hash}
    return PanelApp(
        name=name,
        description=description,
        initial=name[:1].upper(),
        url=schema.tenant_path(tenant, "consent:open_app", app_id=pk),
        logo_url=schema.tenant_path(tenant, "consent:app_logo", **logo) if logo_hash else "",
    )


def page_of_apps(membership: Membership, marker: str) -> Page[PanelApp]:
    """Everything that is open to the person in one organization, page by page."""
    tenant = membership.tenant
    with schema.in_tenant(tenant):
        found = _apps_of(membership).filter(is_open=True)
        page = page_of(found, by=("sorting",), marker=marker, size=MOST)
    return page.of(lambda app: _panel_app(tenant, app.pk, app.logo_hash, app.name, app.description))
