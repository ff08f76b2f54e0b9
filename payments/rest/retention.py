"""Forgetting: idempotency keys are kept for thirty days."""

from datetime import timedelta
from typing import Final

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
