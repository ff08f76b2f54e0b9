"""What acting on a notification has written, and who had it acted upon once more.

Safe while payments are taken: the column is nullable without a default, so nothing is rewritten and the release before
this one goes on inserting rows without it; it gives up after three seconds and can be run again.
"""

import django.db.models.deletion
from django.db import migrations, models

import payments.kernel.clock
import payments.kernel.ids


class Migration(migrations.Migration):

    dependencies = [("payments", "0028_who_buys_is_encrypted")]

    operations = [
        migrations.RunSQL(
            [
                "SET LOCAL lock_timeout = '3s'",
                "ALTER TABLE payments_inboundevent ADD COLUMN IF NOT EXISTS effects jsonb NULL",
            ],
            ["ALTER TABLE payments_inboundevent DROP COLUMN IF EXISTS effects"],
            state_operations=[
                migrations.AddField(
                    "inboundevent",
                    "effects",
                    models.JSONField(
                        help_text="What acting on it has written (`kernel.effects`).", null=True
                    ),
                )
            ],
        ),
        migrations.CreateModel(
            name="InboundReplay",
            fields=[
                ("id", payments.kernel.ids.IdField("inr", primary_key=True, serialize=False)),
                ("because", models.CharField(max_length=200)),
                ("by", models.CharField(max_length=120)),
                ("asked_at", models.DateTimeField(default=payments.kernel.clock.now)),
                ("done_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="What the notification was afterwards.",
                        max_length=10,
                    ),
                ),
                (
                    "note",
                    models.TextField(blank=True, default="", help_text="Why it was not processed."),
                ),
                ("effects", models.JSONField(default=list)),
                (
                    "inbound",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replays",
                        to="payments.inboundevent",
                    ),
                ),
            ],
        ),
    ]
