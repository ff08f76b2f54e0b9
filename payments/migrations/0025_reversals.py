"""Payments that are undone as a whole: the call that asks for it, and what is told of it.

Safe while payments are taken: new rows obey at once and old ones are checked without
keeping writers out; each statement gives up after three seconds and can be run again.
"""

from django.db import migrations, models

KINDS = ["authorize", "complete", "capture", "cancel", "adjust", "reverse", "refund", "defend", "accept"]
KINDS_BEFORE = [kind for kind in KINDS if kind != "reverse"]
EVENTS = [
    "payment_updated", "capture_updated", "cancel_updated", "adjustment_updated", "reversal_updated",
    "refund_updated", "method_updated", "dispute_updated", "fraud_warning", "unused"
]  # fmt: skip


def check(values):
    listed = ", ".join(f"'{value}'" for value in values)
    return [
        "SET lock_timeout = '3s'",
        "ALTER TABLE payments_providercall DROP CONSTRAINT IF EXISTS call_kind,"
        f" ADD CONSTRAINT call_kind CHECK (kind IN ({listed})) NOT VALID",
        "ALTER TABLE payments_providercall VALIDATE CONSTRAINT call_kind",
        "RESET lock_timeout",
    ]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0024_close_late")]

    operations = [
        migrations.RunSQL(
            check(KINDS),
            check(KINDS_BEFORE),
            state_operations=[
                migrations.RemoveConstraint("providercall", "call_kind"),
                migrations.AlterField(
                    "providercall",
                    "kind",
                    models.CharField(choices=[(kind, kind.capitalize()) for kind in KINDS], max_length=12),
                ),
                migrations.AddConstraint(
                    "providercall", models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="call_kind")
                ),
            ],
        ),
        migrations.AlterField(
            "inboundevent", "kind", models.CharField(choices=[(kind, kind) for kind in EVENTS], max_length=24)
        ),
    ]
