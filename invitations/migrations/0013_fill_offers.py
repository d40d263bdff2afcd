from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _fill(offers: Any, column: str, given: Any) -> None:
    offers.objects.bulk_create(
        offers(invitation_id=invitation, **{column: thing}) for invitation, thing in given
    )


def fill_offers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What came along with an invitation is what it offered; what was taken back before this
    version is not known any more."""
    invitations: Any = apps.get_model("invitations", "Invitation")
    assignments = apps.get_model("invitations", "AppAssignment").objects
    members = apps.get_model("invitations", "GroupMember").objects
    came = {"given_with__isnull": False}
    apps_given = assignments.filter(**came).values_list("given_with_id", "app_id")
    groups_given = members.filter(**came).values_list("given_with_id", "group_id")
    _fill(invitations.apps.through, "sharedapp_id", apps_given)
    _fill(invitations.groups.through, "group_id", groups_given)


class Migration(migrations.Migration):
    dependencies = [("invitations", "0012_what_offers_name")]

    operations = [migrations.RunPython(fill_offers, migrations.RunPython.noop)]
