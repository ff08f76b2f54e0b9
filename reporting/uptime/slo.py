"""What we promise, and how fast a promise's error budget is burning: pure rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Final

from payments.kernel.attention import Severity

PERIOD: Final = timedelta(days=30)
"""The time that an error budget is for."""
LEAST_BAD: Final = 5
"""Fewer bad ones than this in a window page nobody: of 20 requests at night, one is 500 times a budget of 0.01 %."""


@dataclass(frozen=True, slots=True)
class Slo:
    """One promise: this share (`target`) of what it is about is good. `lag` is when that is known for certain.

    `alerts` is false for what happens once a day: that it is late is an incident, and has no rate.
    """

    name: str
    title: str
    promise: str
    target: Fraction
    lag: timedelta = timedelta(minutes=1)
    alerts: bool = True


SLOS: Final[Mapping[str, Slo]] = {
    one.name: one
    for one in (
        Slo("availability", "The API answers", "Requests that are not answered by an error of ours (5xx)",
            Fraction("0.9999")),
        Slo("own_time", "Our own time", "Requests for which we take 50 ms at most, beyond what PSPs take",
            Fraction("0.95")),
        Slo("notifications", "PSPs' notifications", "Notifications that are acted upon within 5 s of their coming",
            Fraction("0.99")),
        Slo("deliveries", "Clients' webhooks", "Events that are sent within 10 s, to endpoints that take them",
            Fraction("0.99")),
        Slo("unknown", "Unknown outcomes", "Payments and refunds whose outcome was not known, and was within 2 min",
            Fraction("0.99"), lag=timedelta(minutes=3)),
        Slo("settlement", "Settlement by noon", "Daily settlement files that are loaded by 12:00 UTC of the next day",
            Fraction("0.99"), alerts=False),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """How many of how many were good."""

    good: int = 0
    total: int = 0

    @property
    def bad(self) -> int:
        """The others."""
        return self.total - self.good

    @property
    def share(self) -> Fraction | None:
        """The good ones' share; None of nothing."""
        return Fraction(self.good, self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Window:
    """A burn rate that pages: as fast as this over the long time, and over the short one still (it has not ended)."""

    long: timedelta
    short: timedelta
    rate: Fraction
    severity: Severity


WINDOWS: Final[Sequence[Window]] = (
    Window(timedelta(hours=1), timedelta(minutes=5), Fraction("14.4"), Severity.URGENT),
    Window(timedelta(hours=6), timedelta(minutes=30), Fraction(6), Severity.URGENT),
    Window(timedelta(days=3), timedelta(hours=6), Fraction(1), Severity.SOON),
)
"""Multi-window, multi-burn-rate alerts of the SRE workbook (Google, chapter 5, table 5-8): 2 % of a month's budget
within an hour, 5 % within six, 10 % within three days."""


def burn(count: Count, target: Fraction) -> Fraction:
    """How many times faster than the budget lasts it goes: 1 uses it up in exactly its period."""
    return Fraction(count.bad, count.total) / (1 - target) if count.total else Fraction(0)


def left(count: Count, target: Fraction) -> Fraction:
    """The share of the error budget that is left after the period's count; below zero where more was used."""
    return 1 - burn(count, target)


def burning(slo: Slo, counted: Callable[[timedelta], Count]) -> Window | None:
    """The gravest window in which the promise burns now; `counted` reads the last so much time."""
    if not slo.alerts:
        return None
    for window in WINDOWS:
        whole = counted(window.long)
        fast = whole.bad >= LEAST_BAD and burn(whole, slo.target) >= window.rate
        if fast and burn(counted(window.short), slo.target) >= window.rate:
            return window
    return None
