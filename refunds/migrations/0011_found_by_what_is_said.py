"""Refunds and disputes are found by amount, refunds by the number that banks give them. Built beside the traffic."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("refunds", "0010_acquirer_reference")]

    operations = [
        AddIndexConcurrently("refund", models.Index(fields=["amount_minor", "id"], name="refund_amount")),
        AddIndexConcurrently(
            "refund",
            models.Index(
                fields=["acquirer_reference"],
                name="refund_acquirer_reference",
                condition=~models.Q(acquirer_reference=""),
            ),
        ),
        AddIndexConcurrently("dispute", models.Index(fields=["amount_minor", "id"], name="dispute_amount")),
    ]
