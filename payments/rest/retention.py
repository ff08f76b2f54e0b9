"""Forgetting: idempotency keys, the log of requests and what is known of failed jobs are kept for thirty days."""

from datetime import timedelta
from typing import Final

from django.db import connection

from payments.kernel import jobs, retention

KEPT: Final = timedelta(days=30)
RULE: Final = retention.declare(
    "idempotency_keys",
    "payments_idempotencykey",
    "Keys of requests, with the answers that were given: deleted.",
    lambda: KEPT,
    "DELETE FROM payments_idempotencykey WHERE id IN"
    " (SELECT id FROM payments_idempotencykey WHERE id < %(before)s ORDER BY id LIMIT %(most)s)",
)


@jobs.job("forget_idempotency_keys", jobs.Queue.UPKEEP, every=timedelta(hours=1), lease=timedelta(minutes=5))
def forget_idempotency_keys() -> None:
    """Delete the keys older than thirty days, in small batches; what is left over waits for the next hour."""
    retention.hold_to(RULE)


LOG_DAYS: Final = 30
DAYS_AHEAD: Final = 7


@jobs.job("keep_request_log", jobs.Queue.UPKEEP, every=timedelta(hours=6))
def keep_request_log() -> None:
    """Make the days to come of the log of requests, and drop those that are over for thirty."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT payments_keep_days('payments_apirequest', %s, %s)", [LOG_DAYS, DAYS_AHEAD])


retention.declare(
    "runs_of_jobs",
    "payments_jobrun",
    "What became of jobs that failed: deleted.",
    lambda: KEPT,
    "DELETE FROM payments_jobrun WHERE id IN (SELECT id FROM payments_jobrun WHERE id < %(before)s ORDER BY id"
    " LIMIT %(most)s)",
)
