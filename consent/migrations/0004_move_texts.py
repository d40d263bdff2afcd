import hashlib
import json

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def move_texts(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Each version's one text becomes the text in the tenant's language."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT language FROM public.tenants_tenant WHERE schema_name = current_schema()"
        )
        found = cursor.fetchone()
    language = found[0] if found else "en"
    text_model = apps.get_model("consent", "PrivacyStatementText")
    for statement in apps.get_model("consent", "PrivacyStatement").objects.all():
        text_model.objects.create(
            publication=statement, language=language, url=statement.url, text=statement.text
        )
        said = [[language, statement.url, statement.text]]
        canonical = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        statement.content_hash = hashlib.sha256(canonical.encode()).hexdigest()
        statement.save(update_fields=["content_hash"])


class Migration(migrations.Migration):
    dependencies = [("consent", "0003_texts_and_terms"), ("tenants", "0001_initial")]

    operations = [migrations.RunPython(move_texts, migrations.RunPython.noop)]
