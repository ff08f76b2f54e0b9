"""The Celery door: one task, which drains a queue, and the sweeper that every worker carries."""

from typing import Any, Final

from celery import shared_task, signals

from payments.kernel import doorbell, drain
from payments.kernel.jobs import Queue

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
    _sweeper.start()


@signals.worker_shutting_down.connect
def stop_sweeping(**_: Any) -> None:
    """Take no new jobs; Celery waits for those that its own threads have in hand."""
    drain.stop()
    _sweeper.stop(timeout=0)


@signals.worker_shutdown.connect
def finish_sweeping(**_: Any) -> None:
    """Wait for what the sweeper has in hand; what takes longer is taken over when its lease ends."""
    _sweeper.stop(timeout=LAST_JOBS_SECONDS)
