"""The number by which a customer's bank finds a refund: one more column, without touching a row."""

from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("refunds", "0009_origin_bulk")]

    operations = [
        migrations.RunSQL(
            [
                "SET lock_timeout = '3s'",
                "ALTER TABLE refunds_refund ADD COLUMN IF NOT EXISTS acquirer_reference varchar(40) NOT NULL DEFAULT ''",
                "RESET lock_timeout",
            ],
            [
                "SET lock_timeout = '3s'",
                "ALTER TABLE refunds_refund DROP COLUMN IF EXISTS acquirer_reference",
                "RESET lock_timeout",
            ],
            state_operations=[
                migrations.AddField(
                    "refund",
                    "acquirer_reference",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=40,
                        help_text="The ARN, by which the customer's bank finds it.",
                    ),
                )
            ],
        )
    ]
