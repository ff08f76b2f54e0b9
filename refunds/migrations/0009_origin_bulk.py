"""Refunds may come from a bulk upload; each of those belongs to a row of one.

Not one transaction: new rows obey at once, old ones are checked without keeping writers out, and every step gives up
when it would have to wait behind others, and can be run again.
"""

from django.db import migrations, models

ORIGINS = {
    "api": "A client, by the API",
    "staff": "The back office",
    "duplicate": "By itself: the money came too late",
    "outside": "Made outside, at the PSP",
    "bank": "Finance, by bank transfer",
    "bulk": "A bulk upload of the back office",
}
NAMED = ", ".join(f"'{origin}'" for origin in ORIGINS)
BEFORE = ", ".join(f"'{origin}'" for origin in ORIGINS if origin != "bulk")


def safely(*statements):
    return ["SET lock_timeout = '3s'", *statements, "RESET lock_timeout"]


def origins(named):
    drop = "ALTER TABLE refunds_refund DROP CONSTRAINT IF EXISTS refund_origin"
    return safely(
        f"{drop}, ADD CONSTRAINT refund_origin CHECK (origin IN ({named})) NOT VALID",
        "ALTER TABLE refunds_refund VALIDATE CONSTRAINT refund_origin",
    )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("refunds", "0008_bulk")]

    operations = [
        migrations.RunSQL(
            origins(NAMED),
            origins(BEFORE),
            state_operations=[
                migrations.RemoveConstraint("refund", "refund_origin"),
                migrations.AlterField(
                    "refund", "origin", models.CharField(choices=list(ORIGINS.items()), max_length=10)
                ),
                migrations.AddConstraint(
                    "refund",
                    models.CheckConstraint(condition=models.Q(origin__in=list(ORIGINS)), name="refund_origin"),
                ),
            ],
        ),
        migrations.RunSQL(
            safely(
                "DROP TRIGGER IF EXISTS of_a_batch ON refunds_refund",
                "CREATE CONSTRAINT TRIGGER of_a_batch AFTER INSERT ON refunds_refund DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW WHEN (NEW.origin = 'bulk') EXECUTE FUNCTION refunds_check_bulk_refund()",
            ),
            safely("DROP TRIGGER IF EXISTS of_a_batch ON refunds_refund"),
        ),
    ]
