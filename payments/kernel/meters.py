"""What is counted while it happens, for monitoring: never more than so many series, a microsecond or two for each.

Books and reports count from rows and are right to the cent. These figures are for curves and alarms: a process that is
killed between a commit and its count loses that one count.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import prometheus_client
from prometheus_client.metrics import MetricWrapperBase

OTHER: Final = "other"
"""Stands for every value of a label that nobody has named beforehand."""

MOST: Final = 1_500
"""Series of one meter in one process, at most: what comes beyond is counted as other."""

prometheus_client.disable_created_metrics()
REGISTRY: Final = prometheus_client.CollectorRegistry()


class _Meter:
    """One figure, told apart by labels whose values come from code, or from rows that staff keep."""

    def __init__(self, made: MetricWrapperBase, labels: Sequence[str], most: int) -> None:
        self.name: str = made._name
        self._made, self._most = made, most
        self._rest = (OTHER,) * len(labels)
        self._children: dict[tuple[str, ...], MetricWrapperBase] = {}

    def _child(self, values: tuple[str, ...]) -> MetricWrapperBase:
        child = self._children.get(values)
        if child is None:
            if len(self._children) >= self._most:
                values = self._rest
            child = self._children[values] = self._made.labels(*values)
        return child


class Counter(_Meter):
    """Only goes up."""

    def __init__(self, name: str, meaning: str, *labels: str, most: int = MOST) -> None:
        made = prometheus_client.Counter(f"countinghouse_{name}", meaning, labels, registry=REGISTRY)
        super().__init__(made, labels, most)

    def add(self, *values: str, amount: float = 1) -> None:
        """So many more, with these values of the labels."""
        self._child(values).inc(amount)  # type: ignore[attr-defined]  # prometheus_client's children are untyped

    def expect(self, *values: str) -> None:
        """None so far: who sees a series for the first time when it is 1 already does not see that it has grown."""
        self._child(values)


class Gauge(_Meter):
    """Stands somewhere in this process: what all living processes say is added up."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        made = prometheus_client.Gauge(
            f"countinghouse_{name}", meaning, labels, registry=REGISTRY, multiprocess_mode="livesum"
        )
        super().__init__(made, labels, MOST)

    def stands(self, *values: str, at: float) -> None:
        """It stands there now."""
        self._child(values).set(at)  # type: ignore[attr-defined]


class Histogram(_Meter):
    """How long something took, in seconds, in buckets that add up."""

    def __init__(self, name: str, meaning: str, *labels: str, buckets: Sequence[float], most: int = 400) -> None:
        made = prometheus_client.Histogram(
            f"countinghouse_{name}", meaning, labels, registry=REGISTRY, buckets=list(buckets)
        )
        super().__init__(made, labels, most)

    def took(self, *values: str, seconds: float) -> None:
        """It took so long, with these values of the labels."""
        self._child(values).observe(seconds)  # type: ignore[attr-defined]


def known(value: str, among: Collection[str]) -> str:
    """The value where it is one that somebody has named beforehand, else `OTHER`."""
    return value if value in among else OTHER


# --- how fast

_FAST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PSP: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 25)
_SINCE: Final = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 3600)

HTTP: Final = Histogram(
    "http_seconds", "Answering a request, by route template.", "method", "route", "status", buckets=_FAST, most=600
)
OWN: Final = Histogram(
    "http_own_seconds", "The same without what PSPs took; the API alone.", "method", "route", buckets=_FAST
)
PSP: Final = Histogram(
    "psp_seconds", "A call to a PSP, by what came of it.", "account", "kind", "outcome", buckets=_PSP
)
JOBS: Final = Histogram("job_seconds", "A run of a job, by how it ended.", "queue", "job", "outcome", buckets=_FAST)
NOTIFIED: Final = Histogram(
    "notification_seconds", "From a PSP's notification until it was acted upon.", "account", buckets=_SINCE
)
DELIVERED: Final = Histogram("delivery_seconds", "From an event until its client had it.", "tries", buckets=_SINCE)

# --- how often, how much

ATTEMPTS: Final = Counter("attempts", "Attempts to pay that came to this.", "account", "method", "outcome")
ATTEMPTED: Final = Counter("attempted_minor", "Their minor units.", "account", "currency", "outcome")
CAPTURES: Final = Counter("captures", "Captures that came to this.", "account", "outcome")
CAPTURED: Final = Counter("captured_minor", "Minor units that were taken.", "account", "currency")
REFUNDS: Final = Counter("refunds", "Refunds that came to this.", "account", "outcome")
REFUNDED: Final = Counter("refunded_minor", "Minor units that were given back.", "account", "currency")
DISPUTES: Final = Counter("disputes", "Disputes that came to this.", "account", "outcome")
DISPUTED: Final = Counter("disputed_minor", "Minor units of disputes that were opened.", "account", "currency")
NOTIFICATIONS: Final = Counter("notifications", "Notifications of PSPs.", "account", "outcome")
DELIVERIES: Final = Counter("deliveries", "Tries to deliver an event to a client.", "outcome")

# --- how full

POOL: Final = Gauge("pool_connections", "Connections of the web's pools to the database.", "state")
POOL_WAITS: Final = Counter("pool_waits", "Requests that had to wait for a connection.", "outcome")
POOL_WAITED: Final = Counter("pool_wait_seconds", "How long they waited.", "outcome")
PROCESSES: Final = Gauge("processes", "Processes that live, by what they do.", "role")
BUSY: Final = Gauge("web_threads", "Threads of the web servers.", "state")


_elsewhere: ContextVar[list[float] | None] = ContextVar("elsewhere", default=None)


@contextmanager
def waits_told() -> Iterator[list[float]]:
    """Collect how many seconds what happens inside has waited for PSPs; within another one, what that one collects."""
    around = _elsewhere.get()
    if around is not None:
        yield around
        return
    waits: list[float] = []
    token = _elsewhere.set(waits)
    try:
        yield waits
    finally:
        _elsewhere.reset(token)


def waited(seconds: float) -> None:
    """A PSP took so long to answer a request; of no interest where nobody collects."""
    waits = _elsewhere.get()
    if waits is not None:
        waits.append(seconds)


def call_took(account: str, kind: str, outcome: str, began: float) -> None:
    """A call to a PSP is over, which began at that moment of `time.perf_counter`."""
    PSP.took(account, kind, outcome, seconds=time.perf_counter() - began)
