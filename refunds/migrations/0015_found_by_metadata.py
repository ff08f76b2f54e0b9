"""Refunds are found by metadata, as payments and orders are: an index that is built beside the traffic."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations, models

DROP = "DROP INDEX CONCURRENTLY IF EXISTS refund_metadata"  # one that a failed build has left is not valid
BUILD = (
    "CREATE INDEX CONCURRENTLY refund_metadata ON refunds_refund USING gin (metadata jsonb_path_ops)"
    " WHERE (NOT (metadata = '{}'::jsonb))"
)
INDEX = GinIndex(
    OpClass("metadata", name="jsonb_path_ops"), name="refund_metadata", condition=~models.Q(metadata={})
)


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("refunds", "0014_history_of_rows")]
    operations: ClassVar = [
        migrations.RunSQL([DROP, BUILD], DROP, state_operations=[migrations.AddIndex("refund", INDEX)]),
    ]
