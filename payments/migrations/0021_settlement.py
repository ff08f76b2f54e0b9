"""Movements of settlement in the ledger (words only), and the day from which an account's settlement is ours."""

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
    "fee_charged",
    "fee_taxed",
    "dispute_fee_charged",
    "converted",
    "reserve_held",
    "payout_announced",
    "payout_returned",
    "payout_arrived",
    "payout_sent_back",
    "suspended",
    "difference_settled",
    "revalued",
]


class Migration(migrations.Migration):
    dependencies = [("payments", "0020_bulk")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '3s'", migrations.RunSQL.noop),
        migrations.AlterField(
            "transfer", "event", models.CharField(choices=[(event, event) for event in EVENTS], max_length=24)
        ),
        migrations.AddField(
            "provideraccount",
            "settles_from",
            models.DateField(
                blank=True,
                help_text="Settlement of before this day is set aside: it was booked elsewhere.",
                null=True,
            ),
        ),
    ]
