"""Who has issued the card that was tried: sums by minute tell issuers apart.

Safe while payments are taken: the catalogue is written, no row is. The column keeps its default, because the release
before this one goes on inserting rows without it.
"""

from django.db import migrations, models

FIELD = models.CharField(
    blank=True, default="", help_text="Who has issued the card: its name, else six digits.", max_length=40
)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0049_transfers_by_transaction")]

    operations = [
        migrations.RunSQL(
            [
                "SET lock_timeout = '3s'",
                "ALTER TABLE payments_paymentattempt ADD COLUMN IF NOT EXISTS issuer varchar(40) NOT NULL DEFAULT ''",
                "RESET lock_timeout",
            ],
            [
                "SET lock_timeout = '3s'",
                "ALTER TABLE payments_paymentattempt DROP COLUMN IF EXISTS issuer",
                "RESET lock_timeout",
            ],
            state_operations=[migrations.AddField("paymentattempt", "issuer", FIELD)],
        ),
    ]
