"""*My apps*: what somebody may open in each of their organizations, in one statement."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, Value

from invitations.models import AppOwner, DirectoryEntry, SharedApp
from invitations.models.assignment import apps_open_to
from tenants import schema
from tenants.models import Membership, TenantStatus

TABLE = re.compile(r'\b(FROM|JOIN) "(invitations_\w+)"')
MOST = 50


@dataclass(frozen=True)
class PanelApp:
    """An app as its people see it."""

    is_open: bool
    is_owned: bool
    name: str
    description: str
    initial: str
    url: str
    logo_url: str


def _apps_of(membership: Membership) -> Any:
    """What the entry may open or owns; nothing for who is blocked or gone."""
    entry_id = membership.entry_id
    inside = DirectoryEntry.objects.present().filter(pk=entry_id, enabled=True)
    is_open = Exists(apps_open_to(entry_id).filter(pk=OuterRef("pk")).exclude(home_url=""))
    is_owned = Exists(AppOwner.objects.filter(entry=entry_id, app=OuterRef("pk")))
    answers: dict[str, Any] = {"is_open": is_open, "is_owned": is_owned}
    answers["at"] = Value(membership.tenant.schema_name)
    rows: Any = SharedApp.objects.filter(Exists(inside)).annotate(**answers)
    mine = rows.filter(Q(is_open=True) | Q(is_owned=True)).order_by("name")
    return mine.values_list("at", "id", "logo_hash", "is_open", "is_owned", "name", "description")[
        :MOST
    ]


def _in_schema(sql: str, name: str) -> str:
    """The statement with its tables named in one schema; columns go by the tables' names."""
    quoted = connection.ops.quote_name(name)
    return TABLE.sub(rf'\1 {quoted}."\2"', sql)


def apps_by_schema(memberships: Iterable[Membership]) -> dict[str, list[PanelApp]]:
    """By schema name, for the memberships' active tenants, with `tenant` loaded."""
    tenants = {}
    parts, params = list[str](), list[Any]()
    for membership in memberships:
        if membership.tenant.status != TenantStatus.ACTIVE:
            continue
        tenants[membership.tenant.schema_name] = membership.tenant
        sql, values = _apps_of(membership).query.sql_with_params()
        parts.append(f"({_in_schema(sql, membership.tenant.schema_name)})")
        params += values
    found: dict[str, list[PanelApp]] = defaultdict(list)
    if not parts:
        return found
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), params)
        rows = cursor.fetchall()
    for at, *row in rows:
        found[at].append(_panel_app(tenants[at], *row))
    return found


def _panel_app(tenant: Any, pk: UUID, logo_hash: str, *said: Any) -> PanelApp:
    is_open, is_owned, name, description = said
    logo = {"app_id": pk, "version": logo_hash}
    return PanelApp(
        is_open=is_open,
        is_owned=is_owned,
        name=name,
        description=description,
        initial=name[:1].upper(),
        url=schema.tenant_path(tenant, "consent:open_app", app_id=pk),
        logo_url=schema.tenant_path(tenant, "consent:app_logo", **logo) if logo_hash else "",
    )
