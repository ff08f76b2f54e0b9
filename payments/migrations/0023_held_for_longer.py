"""Reservations that are held for longer: the call that asks for it, what is told of it, and since when.

Safe while payments are taken: a column without a default, new rows obey at once and old ones are checked without
keeping writers out; each statement gives up after three seconds and can be run again.
"""

from django.db import migrations, models

KINDS = ["authorize", "complete", "capture", "cancel", "adjust", "refund", "defend", "accept"]
KINDS_BEFORE = [kind for kind in KINDS if kind != "adjust"]
EVENTS = [
    "payment_updated", "capture_updated", "cancel_updated", "adjustment_updated", "refund_updated", "method_updated",
    "dispute_updated", "fraud_warning", "unused"
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


COLUMN = models.DateTimeField(
    blank=True, help_text="When the PSP was last asked to hold the reservation for longer, and did.", null=True
)


def column(change):
    return ["SET lock_timeout = '3s'", f"ALTER TABLE payments_paymentattempt {change}", "RESET lock_timeout"]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("payments", "0022_closed_books")]

    operations = [
        migrations.RunSQL(
            column("ADD COLUMN IF NOT EXISTS extended_at timestamptz"),
            column("DROP COLUMN IF EXISTS extended_at"),
            state_operations=[migrations.AddField("paymentattempt", "extended_at", COLUMN)],
        ),
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
