"""A column that nothing has ever filled goes, and what keeps the others as they came goes on without it.

Short: one lock on a small table, which only files that are fetched wait for. Workers of the release before this one that
meet it are refused, and their jobs come again; it gives up after two seconds and can be run again.
"""

from importlib import import_module
from typing import ClassVar

from django.db import migrations, models

before = import_module("reporting.migrations.0005_settlement_stays")
TABLE = "reporting_settlementfile"
LET_GO = "SET LOCAL lock_timeout = '2s'; DROP TRIGGER what_stays ON reporting_settlementfile"


def what_stays(columns: str) -> str:
    """The trigger that keeps these columns of a file."""
    return str(before.stays(TABLE, columns, before.FILE_KEPT).sql).split(";")[1]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reporting", "0019_payouts_arrive_short")]
    operations: ClassVar = [
        migrations.RunSQL(LET_GO, what_stays(before.FILE)),
        migrations.RunSQL(
            f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS payout_key",
            f"ALTER TABLE {TABLE} ADD COLUMN payout_key varchar(80) NOT NULL DEFAULT ''",
            state_operations=[migrations.RemoveField("settlementfile", "payout_key")],
        ),
        migrations.RunSQL(what_stays(before.FILE.replace(" payout_key,", "")), LET_GO),
    ]
