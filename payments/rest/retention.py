"""Forgetting: idempotency keys are kept for thirty days."""

from datetime import timedelta
from typing import Final

from django.db import connection

from payments.kernel import clock, ids, jobs

KEPT: Final = timedelta(days=30)
BATCH: Final = 1_000
BATCHES: Final = 500


@jobs.job("forget_idempotency_keys", jobs.Queue.UPKEEP, every=timedelta(hours=1), lease=timedelta(minutes=5))
def forget_idempotency_keys() -> None:
    """Delete the keys older than thirty days, in small batches; what is left over waits for the next hour."""
    oldest = ids.uuid7(clock.now() - KEPT)
    sql = (
        "DELETE FROM payments_idempotencykey WHERE id IN"
        " (SELECT id FROM payments_idempotencykey WHERE id < %s ORDER BY id LIMIT %s)"
    )
    for _ in range(BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(sql, [oldest, BATCH])
            if cursor.rowcount < BATCH:
                return
