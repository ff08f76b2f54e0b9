"""Four digits and the end of a reference are found in indexes alone, without a look at each row; an account's attempts
are walked through without a look at the others.

Each takes the place of one that told less; built beside the writers.
"""

from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Reverse, Upper

OF_ACCOUNTS = "payments_paymentattempt_account_id_91e292ff"
OF_ORDERS = "payments_paymentintent_order_id_257d356b"
HAS_CARD = ~models.Q(card_last4="")
ORDER = models.ForeignKey(
    "payments.order", models.PROTECT, blank=True, null=True, db_index=False, related_name="intents"
)
ACCOUNT = models.ForeignKey("payments.provideraccount", models.PROTECT, db_index=False)


def _without_index(model: str, column: str, name: str, field: models.Field) -> migrations.SeparateDatabaseAndState:
    return migrations.SeparateDatabaseAndState(
        [
            migrations.RunSQL(
                f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON payments_{model} ({column}_id)",
            )
        ],
        [migrations.AlterField(model, column, field)],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0054_calls_not_approved")]
    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                OpClass(Reverse(Upper("reference")), name="text_pattern_ops"),
                include=["reference", "id"],
                name="order_end",
            ),
        ),
        RemoveIndexConcurrently("order", "order_reference_end"),
        AddIndexConcurrently(
            "paymentattempt",
            models.Index(fields=["card_last4", "id"], include=["intent"], name="attempt_last4", condition=HAS_CARD),
        ),
        RemoveIndexConcurrently("paymentattempt", "attempt_card_last4"),
        AddIndexConcurrently(
            "paymentattempt",
            models.Index(
                fields=["card_last4", "amount_minor", "id"],
                include=["intent"],
                name="attempt_last4_amount",
                condition=HAS_CARD,
            ),
        ),
        RemoveIndexConcurrently("paymentattempt", "attempt_card_amount"),
        AddIndexConcurrently("paymentintent", models.Index(fields=["order", "id"], name="intent_order")),
        _without_index("paymentintent", "order", OF_ORDERS, ORDER),
        AddIndexConcurrently("paymentattempt", models.Index(fields=["account", "id"], name="attempt_account")),
        _without_index("paymentattempt", "account", OF_ACCOUNTS, ACCOUNT),
    ]
