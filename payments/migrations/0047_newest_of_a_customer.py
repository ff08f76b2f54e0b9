"""The newest payments and orders of customers are found in one index, without a look at each of them.

It takes the place of the foreign key's own; built beside the writers.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

INDEXES = {
    "paymentintent": ("intent_customer", "payments_paymentintent_customer_id_cdfcf1c4"),
    "order": ("order_customer", "payments_order_customer_id_8d44d52e"),
}
CUSTOMER = {"blank": True, "null": True, "db_index": False, "on_delete": models.PROTECT, "to": "payments.customer"}


def _without_index(model: str, name: str) -> migrations.SeparateDatabaseAndState:
    return migrations.SeparateDatabaseAndState(
        [
            migrations.RunSQL(
                f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON payments_{model} (customer_id)",
            )
        ],
        [migrations.AlterField(model, "customer", models.ForeignKey(**CUSTOMER))],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0046_indexes_of_what_is_rare")]
    operations = [
        *(
            AddIndexConcurrently(model, models.Index(fields=["customer", "id"], name=name))
            for model, (name, _) in INDEXES.items()
        ),
        *(_without_index(model, old) for model, (_, old) in INDEXES.items()),
    ]
