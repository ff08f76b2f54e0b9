"""What of a payment is in dispute or lost to one: nobody gives that money back a second time.

Safe while payments are taken: no statement rewrites a table or holds a lock for longer than it takes to write the
catalogue, and each gives up after three seconds and can be run again. The column keeps its default, because the
release before this one goes on inserting rows without it.
"""

from django.db import migrations, models
from django.db.models import F, Q

TABLE = "payments_paymentintent"
DISPUTED = models.BigIntegerField(default=0)
NOT_NEGATIVE = models.CheckConstraint(name="intent_disputed_not_negative", condition=Q(amount_disputed_minor__gte=0))
WITHIN = models.CheckConstraint(
    name="intent_refunds_within_captured",
    condition=Q(over_returned=True)
    | Q(
        amount_captured_minor__gte=F("amount_refunding_minor")
        + F("amount_refunded_minor")
        + F("amount_disputed_minor")
    ),
)
GONE = "amount_refunding_minor + amount_refunded_minor"


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def constraint(name, condition):
    """New rows obey at once, old ones are checked without keeping writers out."""
    return safely(
        f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID",
        f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT {name}",
    )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0014_measured_methods")]

    operations = [
        migrations.RunSQL(
            safely(f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS amount_disputed_minor bigint NOT NULL DEFAULT 0"),
            safely(f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS amount_disputed_minor"),
            state_operations=[migrations.AddField("paymentintent", "amount_disputed_minor", DISPUTED)],
        ),
        migrations.RunSQL(
            constraint("intent_disputed_not_negative", "amount_disputed_minor >= 0"),
            safely(f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS intent_disputed_not_negative"),
            state_operations=[migrations.AddConstraint("paymentintent", NOT_NEGATIVE)],
        ),
        migrations.RunSQL(
            constraint(
                "intent_refunds_within_captured",
                f"over_returned OR amount_captured_minor >= {GONE} + amount_disputed_minor",
            ),
            constraint("intent_refunds_within_captured", f"over_returned OR amount_captured_minor >= {GONE}"),
            state_operations=[
                migrations.RemoveConstraint("paymentintent", "intent_refunds_within_captured"),
                migrations.AddConstraint("paymentintent", WITHIN),
            ],
        ),
    ]
