from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make_policy(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Every tenant has its one row from the start, so that nobody has to ask whether it is there."""
    apps.get_model("invitations", "TenantPolicy").objects.get_or_create(id=True)


class Migration(migrations.Migration):
    dependencies = [("invitations", "0002_relations")]

    operations = [migrations.RunPython(make_policy, migrations.RunPython.noop)]
