"""Migrating only the schemas that lag: a thousand tenants with nothing to do take a second."""

from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_tenants.migration_executors.base import MigrationExecutor, run_migrations
from django_tenants.migration_executors.standard import StandardExecutor

from tenants import schema as tenant_schema


def _expected() -> set[tuple[str, str]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return {key for key in loader.disk_migrations if key not in loader.replacements}


def _applied_everywhere(schemas: list[str]) -> dict[str, set[tuple[str, str]]]:
    """Which migrations each schema has, in one statement; a schema without a record has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema FROM information_schema.tables"
            " WHERE table_name = 'django_migrations' AND table_schema = ANY(%s)",
            [schemas],
        )
        recorded = [row[0] for row in cursor.fetchall()]
        applied: dict[str, set[tuple[str, str]]] = {schema: set() for schema in schemas}
        for start in range(0, len(recorded), 200):
            part = recorded[start : start + 200]
            quoted = [connection.ops.quote_name(schema) for schema in part]
            # The names come from the catalogue and are quoted by the backend.
            union = " UNION ALL ".join(
                f"SELECT %s, app, name FROM {schema}.django_migrations"  # noqa: S608  # nosec B608
                for schema in quoted
            )
            cursor.execute(union, part)
            for schema, app, name in cursor.fetchall():
                applied[schema].add((app, name))
    return applied


def lagging(schemas: list[str]) -> list[str]:
    """Those of `schemas` that miss a migration known to the code, in the given order."""
    expected = _expected()
    applied = _applied_everywhere(schemas)
    return [schema for schema in schemas if not expected <= applied[schema]]


class LaggingExecutor(StandardExecutor):
    """Runs the plain `migrate_schemas` over all schemas, and leaves out those that are current."""

    codename = "lagging"

    def run_migrations(self, tenants: Any = None) -> None:
        schemas = list(tenants or [])
        named = any(self.args) or any(
            self.options.get(option)
            for option in (
                "app_label",
                "migration_name",
                "plan",
                "fake",
                "prune",
                "check_unapplied",
            )
        )
        todo = schemas if named else lagging(schemas)
        for index, schema in enumerate(todo):
            run_migrations(  # type: ignore[no-untyped-call]
                self.args, self.options, self.codename, schema, idx=index, count=len(todo)
            )
        tenant_schema.leave()


def get_executor(codename: str | None = None) -> type[MigrationExecutor]:
    """What `migrate_schemas` asks for an executor; there is one, whatever the code name."""
    del codename
    return LaggingExecutor
