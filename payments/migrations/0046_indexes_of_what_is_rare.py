"""Lists of rare states get an index that payments which go well are never in; indexes that say the same twice go.

Built and dropped beside the writers: nothing waits for it but this migration.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

CLIENT = {"db_index": False, "on_delete": models.deletion.PROTECT, "to": "payments.apiclient"}
ORDER = {"db_index": False, "on_delete": models.deletion.PROTECT, "related_name": "lines", "to": "payments.order"}
RARE = {
    "capture": ("pending", "unknown", "failed", "reversed"),
    "order": ("partially_paid", "partially_refunded", "refunded", "canceled", "expired"),
    "paymentattempt": ("unknown", "failed", "voided", "expired", "capture_failed"),
    "paymentintent": ("requires_action", "requires_capture", "reversed", "canceled", "expired"),
}
NAMES = {
    "capture": "capture_rare", "order": "order_rare",
    "paymentattempt": "attempt_rare", "paymentintent": "intent_rare",
}  # fmt: skip


def _without_index(model: str, field: str, facts: dict[str, object], name: str) -> migrations.SeparateDatabaseAndState:
    """The index that Django makes of a foreign key goes: one that begins with the same column is there."""
    column = f"{field}_id"
    return migrations.SeparateDatabaseAndState(
        [
            migrations.RunSQL(
                f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON payments_{model} ({column})",
            )
        ],
        [migrations.AlterField(model, field, models.ForeignKey(**facts))],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0045_service_levels")]
    operations = [
        RemoveIndexConcurrently("order", "order_customer"),
        RemoveIndexConcurrently("paymentintent", "intent_order"),
        RemoveIndexConcurrently("paymentintent", "intent_customer"),
        _without_index("customer", "client", CLIENT, "payments_customer_client_id_5ac5938b"),
        _without_index("order", "client", CLIENT, "payments_order_client_id_5df3e778"),
        _without_index("orderline", "order", ORDER, "payments_orderline_order_id_97856323"),
        _without_index("paymentintent", "client", CLIENT, "payments_paymentintent_client_id_84e21d38"),
        *(
            AddIndexConcurrently(
                model,
                models.Index(fields=["status", "id"], name=NAMES[model], condition=models.Q(status__in=states)),
            )
            for model, states in RARE.items()
        ),
    ]
