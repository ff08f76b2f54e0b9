"""How far each PSP was asked for what no webhook has brought, and by which way a notification came.

Safe while payments are taken, in the same way as 0007: the column has its default in the catalogue and keeps it,
because the release before this one goes on inserting rows without it.
"""

import django.db.models.deletion
from django.db import migrations, models

import payments.kernel.clock
import payments.kernel.ids

CAME_BY = [
    ("webhook", "The PSP's webhook"),
    ("sweep", "The hourly look at the PSP's list"),
    ("resync", "A look at the PSP's list by hand"),
]


class Migration(migrations.Migration):

    dependencies = [("payments", "0008_routing")]

    operations = [
        migrations.RunSQL(
            [
                "SET LOCAL lock_timeout = '3s'",
                "ALTER TABLE payments_inboundevent"
                " ADD COLUMN IF NOT EXISTS came_by varchar(8) NOT NULL DEFAULT 'webhook'",
            ],
            ["ALTER TABLE payments_inboundevent DROP COLUMN IF EXISTS came_by"],
            state_operations=[
                migrations.AddField(
                    "inboundevent", "came_by", models.CharField(choices=CAME_BY, default="webhook", max_length=8)
                )
            ],
        ),
        migrations.CreateModel(
            name="EventSweep",
            fields=[
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(default=payments.kernel.clock.now, editable=False)),
                ("id", payments.kernel.ids.IdField("sweep", primary_key=True, serialize=False)),
                ("swept_until", models.DateTimeField(help_text="All that happened before this is in.")),
                ("looked_at", models.DateTimeField(null=True)),
                (
                    "missed",
                    models.PositiveBigIntegerField(
                        default=0, help_text="How many events no webhook had brought, so far."
                    ),
                ),
                ("problem", models.TextField(blank=True, default="", help_text="Why the last look failed.")),
                (
                    "provider_account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, to="payments.provideraccount"
                    ),
                ),
            ],
        ),
    ]
