"""Numbered places where a process may die between two writes: chaos runs and tests make it die there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

POINTS: Final = (
    "confirm.opened",
    "confirm.committed",
    "confirm.answered",
    "confirm.applied",
    "confirm.recorded",
    "failover.opened",
    "failover.committed",
    "failover.answered",
    "failover.applied",
    "failover.recorded",
    "complete.opened",
    "complete.committed",
    "complete.answered",
    "complete.applied",
    "complete.recorded",
    "capture.opened",
    "capture.committed",
    "capture.answered",
    "capture.applied",
    "capture.recorded",
    "cancel.opened",
    "cancel.committed",
    "cancel.answered",
    "cancel.applied",
    "cancel.recorded",
    "adjust.opened",
    "adjust.committed",
    "adjust.answered",
    "adjust.applied",
    "adjust.recorded",
    "refund.opened",
    "refund.committed",
    "refund.answered",
    "refund.applied",
    "refund.recorded",
    "answer.opened",
    "answer.committed",
    "answer.answered",
    "answer.recorded",
    "batch.started",
    "batch.row_made",
    "batch.row_committed",
    "batch.finished",
    "settlement.kept",
    "settlement.read",
    "settlement.staged",
    "settlement.inserted",
    "alert.committed",
    "alert.sent",
    "canary.committed",
    "canary.answered",
)
"""In each use case, also of an answer to a dispute: rows made, committed, answered by the PSP, applied, that committed.

Of a batch of refunds: begun; a row's refund made; both committed; and the end of it, not committed yet.
Of a settlement file: its bytes kept, not recorded; its lines read; staged; and inserted, not committed.
"""


class Crash(BaseException):
    """The process dies here; no handler of ours may catch it."""


_IN_ENVIRONMENT: Final = os.environ.get("COUNTINGHOUSE_CRASH_AT", "")
_armed: ContextVar[str] = ContextVar("crash_at", default=_IN_ENVIRONMENT)


def reach(point: str) -> None:
    """Go on, unless this point is armed. `COUNTINGHOUSE_CRASH_AT` ends the process for real, as `kill -9` would."""
    if _armed.get() == point:
        if point == _IN_ENVIRONMENT:
            os._exit(137)
        raise Crash(point)


@contextmanager
def armed(point: str) -> Iterator[None]:
    """Raise `Crash` at this point, in this context."""
    token = _armed.set(point)
    try:
        yield
    finally:
        _armed.reset(token)
