"""Movements of the ledger that no PSP has a part in: words only, nothing in the database changes."""

from django.db import migrations, models

EVENTS = [
    "captured",
    "capture_reversed",
    "refund_sent",
    "refund_succeeded",
    "refund_failed",
    "refund_bounced",
    "dispute_withdrawn",
    "dispute_reinstated",
    "dispute_lost",
    "dispute_recovered",
    "refund_transferred",
    "transfer_returned",
]


class Migration(migrations.Migration):
    dependencies = [("payments", "0017_what_disputes_need")]
    operations = [
        migrations.AlterField(
            "transfer", "event", models.CharField(choices=[(event, event) for event in EVENTS], max_length=24)
        ),
    ]
