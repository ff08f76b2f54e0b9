"""Rows of money keep their history here too: one short transaction for each table."""

from typing import ClassVar

from django.db import migrations

KEPT = {
    "reporting_payout": "po",
    "reporting_discrepancy": "disc",
    "reporting_close": "cls",
}


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("reporting", "0016_lens_of_answers"), ("payments", "0040_history_of_rows")]
    operations: ClassVar = [
        migrations.RunSQL(
            f"SET LOCAL lock_timeout = '2s'; SELECT payments_keep_history_of('{table}', '{prefix}')",
            f"DROP TRIGGER IF EXISTS history_changed ON {table}; DROP TRIGGER IF EXISTS history_deleted ON {table};"
            f" DROP TRIGGER IF EXISTS history_emptied ON {table}",
        )
        for table, prefix in KEPT.items()
    ]
