"""Payments are found by amount, by card and amount together, and by metadata. Built beside the traffic."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

SAYS_SOMETHING = ~models.Q(metadata={})


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("payments", "0030_attempt_channel")]

    operations = [
        AddIndexConcurrently(
            "paymentintent", models.Index(fields=["amount_minor", "id"], include=["currency"], name="intent_amount")
        ),
        AddIndexConcurrently(
            "paymentattempt",
            models.Index(
                fields=["card_last4", "amount_minor", "id"],
                name="attempt_card_amount",
                condition=~models.Q(card_last4=""),
            ),
        ),
        AddIndexConcurrently(
            "paymentintent",
            GinIndex(OpClass("metadata", name="jsonb_path_ops"), name="intent_metadata", condition=SAYS_SOMETHING),
        ),
        AddIndexConcurrently(
            "order",
            GinIndex(OpClass("metadata", name="jsonb_path_ops"), name="order_metadata", condition=SAYS_SOMETHING),
        ),
    ]
