from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery


def fill_address(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """An invitation knows its mailbox itself from now on: entries may have none."""
    entries = apps.get_model("invitations", "DirectoryEntry").objects.filter(pk=OuterRef("entry"))
    apps.get_model("invitations", "Invitation").objects.update(
        address=Subquery(entries.values("address")[:1])
    )


class Migration(migrations.Migration):
    dependencies = [("invitations", "0004_whole_life")]

    operations = [migrations.RunPython(fill_address, migrations.RunPython.noop)]
