"""A matter may rest until a moment, with a reason.

Safe while payments are taken: columns with their default in the catalogue, kept because the release before this one
goes on inserting rows without them; it gives up after three seconds and can be run again.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("payments", "0038_runs_of_jobs")]

    operations = [
        migrations.RunSQL(
            [
                "SET LOCAL lock_timeout = '3s'",
                "ALTER TABLE payments_attentionitem"
                " ADD COLUMN IF NOT EXISTS snoozed_until timestamptz NULL,"
                " ADD COLUMN IF NOT EXISTS snoozed_because varchar(200) NOT NULL DEFAULT '',"
                " ADD COLUMN IF NOT EXISTS snoozed_by varchar(80) NOT NULL DEFAULT ''",
            ],
            [
                "ALTER TABLE payments_attentionitem DROP COLUMN IF EXISTS snoozed_until,"
                " DROP COLUMN IF EXISTS snoozed_because, DROP COLUMN IF EXISTS snoozed_by"
            ],
            state_operations=[
                migrations.AddField(
                    "attentionitem",
                    "snoozed_until",
                    models.DateTimeField(
                        blank=True, help_text="It rests until then, and comes back by itself.", null=True
                    ),
                ),
                migrations.AddField(
                    "attentionitem",
                    "snoozed_because",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                migrations.AddField(
                    "attentionitem",
                    "snoozed_by",
                    models.CharField(blank=True, default="", max_length=80),
                ),
            ],
        ),
    ]
