"""The Celery door: one task, which drains a queue, and the sweeper that every worker carries."""

from typing import Any, Final

import structlog
from celery import shared_task, signals
from django.conf import settings
from django.db import DatabaseError, connection

from payments.kernel import doorbell, drain
from payments.kernel.jobs import Queue

log = structlog.get_logger(__name__)

LAST_JOBS_SECONDS: Final = 20.0
"""Whoever stops a worker gives it 30 seconds."""

_sweeper = drain.Sweeper()


@shared_task(name=doorbell.DRAIN_TASK)
def drain_queue(queue: str) -> None:
    """The doorbell rang: do what is due in this queue."""
    drain.drain(Queue(queue))


@signals.worker_init.connect
def begin_to_sweep(**_: Any) -> None:
    """Sweep from the worker's first moment, also when no broker is there to connect to."""
    if settings.LONE_WORKER:
        _take_over()
    _sweeper.start()


def _take_over() -> None:
    """Nobody waits for the leases of a worker that was killed; without a database they run out by themselves."""
    try:
        log.info("jobs_taken_over", count=drain.take_over())
    except DatabaseError as reason:
        log.warning("jobs_not_taken_over", reason=str(reason))
    finally:
        connection.close()


@signals.worker_shutting_down.connect
def stop_sweeping(**_: Any) -> None:
    """Take no new jobs; Celery waits for those that its own threads have in hand."""
    drain.stop()
    _sweeper.stop(timeout=0)


@signals.worker_shutdown.connect
def finish_sweeping(**_: Any) -> None:
    """Wait for what the sweeper has in hand; what takes longer is taken over when its lease ends."""
    _sweeper.stop(timeout=LAST_JOBS_SECONDS)
