from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from invitations.chain import ROOT, body_of, seal


def chain_rows(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Rows from before the chain get their place in it, oldest first."""
    number, previous = 0, ROOT
    for row in apps.get_model("invitations", "AuditEvent").objects.order_by("at", "id").iterator():
        number += 1
        row.number, row.previous_hash = number, previous
        row.body = body_of(
            row_id=row.pk,
            action=row.action,
            actor_id=row.actor_id,
            entry_id=row.entry_id,
            invitation_id=row.invitation_id,
            detail=row.detail,
        )
        row.hash = previous = seal(number=number, at=row.at, previous_hash=previous, body=row.body)
        row.save()
    apps.get_model("invitations", "AuditHead").objects.create(number=number, hash=previous)


# Tables are named with the schema of the table the trigger is on, so that nobody's search_path
# decides which tenant's head is moved. SECURITY DEFINER: where the application's role is not the
# owner of its tables, GRANT it SELECT and INSERT on the events, SELECT on the head, and no more.
CHAIN = r"""
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_number bigint;
    last_hash text;
BEGIN
    EXECUTE format(
        'SELECT number, hash FROM %I.invitations_audithead FOR UPDATE', TG_TABLE_SCHEMA
    ) INTO last_number, last_hash;
    IF last_number IS NULL THEN
        RAISE EXCEPTION 'the audit log of % has no head', TG_TABLE_SCHEMA;
    END IF;
    NEW.number := last_number + 1;
    NEW.previous_hash := last_hash;
    NEW.at := clock_timestamp();
    NEW.hash := encode(sha256(convert_to(concat_ws(
        E'\n',
        'foyer-audit-1',
        NEW.number::text,
        to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        NEW.previous_hash,
        NEW.body
    ), 'UTF8')), 'hex');
    EXECUTE format(
        'UPDATE %I.invitations_audithead SET number = $1, hash = $2', TG_TABLE_SCHEMA
    ) USING NEW.number, NEW.hash;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_chain BEFORE INSERT ON invitations_auditevent
FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is added to, never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON invitations_auditevent
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""
UNCHAIN = """
DROP TRIGGER audit_append_only ON invitations_auditevent;
DROP TRIGGER audit_chain ON invitations_auditevent;
DROP FUNCTION audit_refuse();
DROP FUNCTION audit_chain();
"""


class Migration(migrations.Migration):
    dependencies = [("invitations", "0006_what_guests_said")]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("id", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", True)), name="audit_head_one_row"
                    )
                ]
            },
        ),
        migrations.AddField(
            "auditevent",
            "body",
            models.TextField(default="", help_text="What happened, as canonical JSON"),
            preserve_default=False,
        ),
        migrations.AddField(
            "auditevent",
            "number",
            models.BigIntegerField(db_default=0, editable=False, help_text="1, 2, 3 … no gaps"),
        ),
        migrations.AddField(
            "auditevent",
            "previous_hash",
            models.CharField(db_default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            "auditevent", "hash", models.CharField(db_default="", editable=False, max_length=64)
        ),
        migrations.RunPython(chain_rows, migrations.RunPython.noop),
        migrations.AddConstraint(
            "auditevent", models.UniqueConstraint(fields=("number",), name="audit_number_once")
        ),
        migrations.AddConstraint(
            "auditevent",
            models.CheckConstraint(
                condition=models.Q(("body", ""), _negated=True), name="audit_has_body"
            ),
        ),
        migrations.AddIndex(
            "auditevent", models.Index(fields=["entry_id", "-number"], name="audit_about")
        ),
        migrations.AddIndex(
            "auditevent", models.Index(fields=["actor_id", "-number"], name="audit_by")
        ),
        migrations.AlterField(
            "auditevent",
            "action",
            models.CharField(
                max_length=40,
                choices=[
                    ("guest.invited", "Guest Invited"),
                    ("invitation.resent", "Invitation Resent"),
                    ("invitation.revoked", "Invitation Revoked"),
                    ("invitation.declined", "Invitation Declined"),
                    ("invitation.reported", "Invitation Reported"),
                    ("invitation.completed", "Invitation Completed"),
                    ("invitation.replayed", "Invitation Replayed"),
                    ("invitation.link_shown", "Invitation Link Shown"),
                    ("sender.blocked", "Sender Blocked"),
                    ("sender.unblocked", "Sender Unblocked"),
                    ("statement.published", "Statement Published"),
                    ("policy.changed", "Policy Changed"),
                    ("landing_page.added", "Landing Page Added"),
                    ("landing_page.removed", "Landing Page Removed"),
                    ("audit.exported", "Audit Exported"),
                ],
            ),
        ),
        migrations.RunSQL(CHAIN, UNCHAIN),
    ]
