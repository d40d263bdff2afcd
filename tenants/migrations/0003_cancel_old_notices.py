from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def cancel_old_notices(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Mail of the kind that the digest replaced has nobody left to render it."""
    apps.get_model("tenants", "OutgoingMail").objects.filter(
        kind="undelivered", state__in=["queued", "sending", "waiting", "held"]
    ).update(state="cancelled")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_whole_life")]

    operations = [migrations.RunPython(cancel_old_notices, migrations.RunPython.noop)]
