"""The Celery door: one task, which drains a queue, and the sweeper that every worker carries."""

from typing import Any

from celery import shared_task, signals

from payments.kernel import doorbell, drain
from payments.kernel.jobs import Queue

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
    """Take no new jobs; what is at hand is finished or taken over when its lease ends."""
    drain.stop()
    _sweeper.stop(timeout=0)
