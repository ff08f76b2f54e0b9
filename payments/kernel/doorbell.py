"""The doorbell: tells workers that a queue has work, from a background thread, and never makes anybody wait.

A ring that is lost costs a few seconds, because every worker also looks by itself.
"""

import os
import threading
import time
from typing import Final

import structlog
from celery import current_app

log = structlog.get_logger(__name__)

COALESCE_SECONDS: Final = 0.01
"""Rings of one queue within this time become one message."""
REST_SECONDS: Final = 0.04
"""Then nothing is sent for so long: a worker that was just told is still at it, and each message costs it more than
looking at its queue does."""
PAUSE_SECONDS: Final = 2.0
"""After a failure nothing is sent for this long; the sweepers serve the queues meanwhile."""

DRAIN_TASK: Final = "payments.drain"


class Doorbell:
    """One background thread that sends one coalesced message per queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._pending: set[str] = set()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0

    def ring(self, queue: str) -> None:
        """Ask for a drain of `queue`; returns at once, whatever Redis does."""
        if time.monotonic() < self._silent_until:
            return
        with self._lock:
            self._pending.add(queue)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="doorbell", daemon=True)
                self._thread.start()
        self._wake.set()

    def _serve(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(COALESCE_SECONDS)
            self._wake.clear()
            with self._lock:
                queues, self._pending = self._pending, set()
            for queue in sorted(queues):
                self._send(queue)
            time.sleep(REST_SECONDS)

    def _send(self, queue: str) -> None:
        try:
            current_app.send_task(DRAIN_TASK, args=[queue], queue=queue, ignore_result=True, retry=False)
        except Exception as error:  # noqa: BLE001  whatever the broker does, the rows are in PostgreSQL
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            log.warning("doorbell_unheard", queue=queue, error=type(error).__name__)


_doorbell = Doorbell()


def _renew() -> None:
    """A forked child has neither the thread nor anybody who could release its lock."""
    global _doorbell
    _doorbell = Doorbell()


os.register_at_fork(after_in_child=_renew)


def ring(queue: str) -> None:
    """Tell the workers, soon and at most once per few milliseconds, that `queue` has work."""
    _doorbell.ring(queue)
