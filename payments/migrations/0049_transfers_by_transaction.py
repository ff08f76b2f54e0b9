"""What is to be sealed is found by its transaction: an index that is built beside the traffic and grows at its end only."""

from typing import ClassVar

from django.db import migrations, models

DROP = "DROP INDEX CONCURRENTLY IF EXISTS ledger_transfer_xid"  # one that a failed build has left is not valid
BUILD = "CREATE INDEX CONCURRENTLY ledger_transfer_xid ON payments_transfer (xid)"


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("payments", "0048_ledger_seal")]
    operations: ClassVar = [
        migrations.RunSQL(
            [DROP, BUILD],
            DROP,
            state_operations=[
                migrations.AddIndex("transfer", models.Index(fields=["xid"], name="ledger_transfer_xid")),
            ],
        ),
    ]
