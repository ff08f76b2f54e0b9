"""Payments that are begun and not finished: customers who do not come back from confirming, or PSPs that never say."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from reporting.uptime import odds, scoping
from reporting.uptime.charts import Minute, Watch
from reporting.uptime.observed import (
    ASKED,
    ATTEMPTS,
    TRIALS,
    WAITING,
    Cell,
    Measure,
    Vector,
    Wrong,
    by_currency,
    in_scope,
)

YOUNG: Final = timedelta(minutes=5)
"""Who has to confirm a payment needs some minutes: what began later says nothing yet."""
OLD: Final = timedelta(minutes=20)
"""What began earlier is looked at no more: it may be over."""
ALLOWED, ALLOWED_BESIDES = 1.5, 0.03
"""So much more than is usual after a quarter of an hour may still wait earlier than that."""
LEAST_POINTS: Final = 0.12
LEAST: Final = 20
SLICES: Final = 50
PAGES: Final = 0.1
"""What chance may page a week besides (`odds.PAGES_A_WEEK`)."""

_UNFINISHED: Final = Measure("unfinished", 0, 1)


def unfinished(watch: Watch) -> list[Wrong]:
    """The narrowest place in which far more payments than usual are neither approved nor declined after minutes.

    3-D Secure that hangs, an app that does not open, a bank's page that is away: nobody is declined, so no approval
    rate falls before they have run out, hours later.
    """
    last = watch.minutes[-1].at
    minutes = [minute for minute in watch.minutes if last - OLD < minute.at <= last - YOUNG]
    cells = _cells(minutes)
    if sum(waiting - allowed for _, waiting, allowed in cells.values() if waiting > allowed) < LEAST_POINTS * LEAST:
        return []
    found = scoping.narrowest(cells, _UNFINISHED)
    if found is None or found.trials < LEAST or found.excess < LEAST_POINTS * found.trials:
        return []
    if found.evidence < odds.limit(SLICES, PAGES) or _is_over(minutes, found.scope):
        return []
    return [_wrong(minutes, found)]


def _cells(minutes: Sequence[Minute]) -> dict[Cell, Vector]:
    found: dict[Cell, Vector] = {}
    for minute in minutes:
        for cell, values in minute.cells.items():
            trials = values[TRIALS]
            sums = found.setdefault(cell, [0.0, 0.0, 0.0])
            sums[0] += trials
            sums[1] += values[WAITING]
            sums[2] += min(trials, ALLOWED * values[WAITING + 1] + ALLOWED_BESIDES * trials)
    return found


def _is_over(minutes: Sequence[Minute], scope: Mapping[str, str]) -> bool:
    """Whether of the newest of these minutes no more waits than is allowed."""
    inside = [values for cell, values in _cells(minutes[-3:]).items() if in_scope(cell, scope)]
    return sum(values[1] for values in inside) <= sum(values[2] for values in inside)


def _wrong(minutes: Sequence[Minute], found: scoping.Slice) -> Wrong:
    """Since the first minute of these in which more waits than is allowed."""
    ill = [minute for minute in minutes if not _is_over([minute], found.scope)]
    lost: dict[Cell, float] = {}
    attempts = waiting = 0.0
    for minute in ill:
        for cell, values in minute.cells.items():
            if in_scope(cell, found.scope) and values[TRIALS]:
                excess = (values[WAITING] - values[WAITING + 1]) / values[TRIALS]
                lost[cell[:4]] = lost.get(cell[:4], 0.0) + excess * values[ASKED] / len(ill)
                attempts += values[ATTEMPTS]
                waiting += values[WAITING] / values[TRIALS] * values[ATTEMPTS]
    words = f"{100 * waiting / attempts:.0f} of 100 payments are begun and not finished: they still wait after minutes."
    figures = {"attempts": attempts, "seen": round(waiting), "minutes": float(len(ill)),
               "expected": round(found.expected / found.trials * attempts, 1)}  # fmt: skip
    return Wrong("unfinished", found.scope, "urgent", ill[0].at, words, by_currency(lost), figures, lost)
