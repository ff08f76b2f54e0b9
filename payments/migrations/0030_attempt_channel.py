"""Where a customer pays: the site, or one of the apps. Sums by minute tell them apart.

Safe while payments are taken: the catalogue is written, no row is. The column keeps its default, because the release
before this one goes on inserting rows without it.
"""

from django.db import migrations, models

FIELD = models.CharField(blank=True, default="", help_text="web, ios or android, where it is said.", max_length=8)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0029_replayed_notifications")]

    operations = [
        migrations.RunSQL(
            [
                "SET lock_timeout = '3s'",
                "ALTER TABLE payments_paymentattempt ADD COLUMN IF NOT EXISTS channel varchar(8) NOT NULL DEFAULT ''",
                "RESET lock_timeout",
            ],
            [
                "SET lock_timeout = '3s'",
                "ALTER TABLE payments_paymentattempt DROP COLUMN IF EXISTS channel",
                "RESET lock_timeout",
            ],
            state_operations=[migrations.AddField("paymentattempt", "channel", FIELD)],
        ),
    ]
