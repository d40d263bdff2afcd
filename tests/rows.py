"""Every row there is, to see what changed and what is left."""

from django.db import connection

from tenants.models import Tenant


def checksum(tenant: Tenant) -> str:
    """Over every row of every table of a tenant's schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1",
            [tenant.schema_name],
        )
        whole = "coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
        parts = [
            f'(SELECT {whole} FROM "{tenant.schema_name}"."{row[0]}" AS t)'  # noqa: S608
            for row in cursor.fetchall()
        ]
        cursor.execute("SELECT " + " || '-' || ".join(parts))
        return str(cursor.fetchone()[0])


def dump() -> str:
    """Every value of every column of every table of the cast, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN ('public', 'contoso', 'fabrikam')"
        )
        parts = []
        for schema_name, table in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{schema_name}"."{table}" AS t')  # noqa: S608
            parts += [row[0] for row in cursor.fetchall()]
    return "\n".join(parts)
