"""The life of a report run."""

from enum import StrEnum
from typing import Final

from payments.kernel.machine import Machine


class RunStatus(StrEnum):
    """How far a report is. A `failed` one is tried again a few times by itself, and by hand in the queue of jobs."""

    REQUESTED = "requested"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELED = "canceled"


R = RunStatus

RUN: Final = Machine(
    R.REQUESTED,
    {
        # from running: the worker that had begun it is gone, and it starts over
        **{(state, "start"): R.RUNNING for state in (R.REQUESTED, R.RUNNING, R.FAILED)},
        (R.RUNNING, "finish"): R.READY,
        (R.RUNNING, "fail"): R.FAILED,
        **{(state, "cancel"): R.CANCELED for state in (R.REQUESTED, R.RUNNING, R.FAILED)},
    },
)
