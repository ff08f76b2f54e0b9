"""The lives of reports, files, payouts, differences, closes, and incidents."""

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
        (R.FAILED, "ask_again"): R.REQUESTED,
        (R.RUNNING, "finish"): R.READY,
        (R.RUNNING, "fail"): R.FAILED,
        **{(state, "cancel"): R.CANCELED for state in (R.REQUESTED, R.RUNNING, R.FAILED)},
    },
)


class FileStatus(StrEnum):
    """Where a settlement file is. One that was `refused` has loaded nothing."""

    STORED = "stored"
    LOADED = "loaded"
    REFUSED = "refused"


FILE: Final = Machine(
    FileStatus.STORED,
    {
        (FileStatus.STORED, "load"): FileStatus.LOADED,
        (FileStatus.STORED, "refuse"): FileStatus.REFUSED,
        # what was wrong may have been wrong with us, or with what was loaded before it
        (FileStatus.REFUSED, "read_again"): FileStatus.STORED,
    },
)


class PayoutStatus(StrEnum):
    """Where the money of a payout is: said to leave, on its way, said to have arrived, at the bank, or back."""

    ANNOUNCED = "announced"
    PAID = "paid"
    ARRIVED = "arrived"
    FAILED = "failed"
    CANCELED = "canceled"


PAYOUT: Final = Machine(
    PayoutStatus.ANNOUNCED,
    {
        (PayoutStatus.ANNOUNCED, "pay"): PayoutStatus.PAID,
        **{(s, "arrive"): PayoutStatus.ARRIVED for s in (PayoutStatus.ANNOUNCED, PayoutStatus.PAID)},
        # one that was paid, and even one that the bank has shown, may still come back
        **{(s, "fail"): PayoutStatus.FAILED for s in (PayoutStatus.ANNOUNCED, PayoutStatus.PAID, PayoutStatus.ARRIVED)},
        # a match with the bank that was a mistake
        (PayoutStatus.ARRIVED, "undo_arrival"): PayoutStatus.PAID,
        (PayoutStatus.ANNOUNCED, "cancel"): PayoutStatus.CANCELED,
    },
)


class DiscrepancyStatus(StrEnum):
    """Where a difference is: open, said what it was and waiting for the second person, or settled by a posting,
    accepted as it is, cleared by what came later.
    """

    OPEN = "open"
    PROPOSED = "proposed"
    SETTLED = "settled"
    ACCEPTED = "accepted"
    CLEARED = "cleared"


D = DiscrepancyStatus

DISCREPANCY: Final = Machine(
    D.OPEN,
    {
        (D.OPEN, "propose"): D.PROPOSED,
        (D.PROPOSED, "withdraw"): D.OPEN,
        (D.OPEN, "settle"): D.SETTLED,
        (D.PROPOSED, "settle"): D.SETTLED,
        (D.OPEN, "accept"): D.ACCEPTED,
        (D.PROPOSED, "accept"): D.ACCEPTED,
        **{(state, "clear"): D.CLEARED for state in (D.OPEN, D.PROPOSED)},
    },
)


class CloseStatus(StrEnum):
    """Where the close of a day or month is: it still runs or has ended, is checked, has nothing missing, takes nothing
    more, or was opened again by two people.
    """

    OPEN = "open"
    CHECKING = "checking"
    READY = "ready"
    LOCKED = "locked"
    REOPENED = "reopened"


C = CloseStatus

CLOSE: Final = Machine(
    C.OPEN,
    {
        **{(state, "check"): C.CHECKING for state in (C.OPEN, C.READY, C.REOPENED)},
        (C.CHECKING, "pass"): C.READY,
        (C.READY, "lock"): C.LOCKED,
        (C.LOCKED, "reopen"): C.REOPENED,
    },
)


class IncidentStatus(StrEnum):
    """Whether something is wrong now. One that is over may turn out not to be."""

    OPEN = "open"
    CLOSED = "closed"


INCIDENT: Final = Machine(
    IncidentStatus.OPEN,
    {
        (IncidentStatus.OPEN, "recover"): IncidentStatus.CLOSED,  # it was not found any more for its quiet time
        (IncidentStatus.OPEN, "close"): IncidentStatus.CLOSED,  # a person says that it is over
        (IncidentStatus.OPEN, "merge"): IncidentStatus.CLOSED,  # another one is about the same
        (IncidentStatus.CLOSED, "reopen"): IncidentStatus.OPEN,
    },
)


class DiversionStatus(StrEnum):
    """Where the payments of an incident go: elsewhere, all but a hundredth, all but a tenth, back there, or as held."""

    AWAY = "away"
    PROBING = "probing"
    WIDENING = "widening"
    BACK = "back"
    HELD = "held"


V = DiversionStatus

DIVERSION: Final = Machine(
    V.AWAY,
    {
        (V.AWAY, "probe"): V.PROBING,
        (V.PROBING, "widen"): V.WIDENING,
        (V.WIDENING, "restore"): V.BACK,
        **{(state, "fall_back"): V.AWAY for state in (V.PROBING, V.WIDENING)},
        # it is wrong again, or wider than it was
        **{(state, "move"): V.AWAY for state in (V.BACK, V.AWAY, V.PROBING, V.WIDENING)},
        # nobody else takes them, or the incident is over
        **{(state, "give_back"): V.BACK for state in (V.AWAY, V.PROBING, V.WIDENING, V.HELD)},
        **{(state, "hold"): V.HELD for state in V},
        (V.HELD, "release"): V.AWAY,
    },
)


class Standing(StrEnum):
    """How payments stand, for the public, the best first."""

    WORKING = "working"
    DEGRADED = "degraded"
    DOWN = "not_working"
    UNKNOWN = "unknown"
