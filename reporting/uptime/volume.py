"""Traffic that stops: far fewer people try to pay than usual in this hour of the week, and so nothing fails."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from reporting.uptime import baselines, odds
from reporting.uptime.baselines import Place, places_of
from reporting.uptime.charts import Minute, Watch
from reporting.uptime.observed import ATTEMPTS, Wrong, hour_of_week, in_scope

QUIET: Final = 0.3
"""So much of the usual a holiday brings, or a shop that closes early: what is told is less than that."""
LONGEST: Final = 30
"""Minutes that are looked back upon; those before them tell how busy the day is, if it is less than usual."""
LATEST: Final = 3
"""So many minutes are looked at. The last ones too have less than half of what the day brings, or it is over."""
PAGES: Final = 0.1
"""What chance may page a week besides (`odds.PAGES_A_WEEK`)."""
AT_ONCE: Final = 3


def stopped(watch: Watch) -> list[Wrong]:
    """Where hardly anybody tries to pay any more: everywhere, or else by one method or on one channel.

    The newest minute is left out, which is not over yet. Held against the attempts of the same hour of the week, or a
    day that is quieter than usual; growth and sales say nothing. What few ever use falls silent by chance and is not
    told: some fifty attempts have to be missing.
    """
    minutes = list(watch.minutes)[:-1]
    if len(minutes) < LATEST:
        return []
    usual = [watch.usual.volume(hour_of_week(minute.at)) for minute in minutes]
    lately = [_by_place(minute) for minute in minutes[-LATEST:]]
    quiet = [place for place in sorted(usual[-1]) if _sum(lately, place) <= 0.5 * _sum(usual[-LATEST:], place)]
    seen = [_by_place(minute) for minute in minutes] if quiet else []
    limit = odds.limit(len(usual[-1]), PAGES)
    found: list[Wrong] = []
    for place in quiet:
        missed = _missed([told.get(place, 0.0) for told in usual], [told.get(place, 0.0) for told in seen], limit)
        if missed is not None:
            found.append(_wrong(watch, minutes[-missed[0] :], place, missed))
            if not place:
                break
    return found[:AT_ONCE]


def _sum(told: Sequence[Mapping[Place, float]], place: Place) -> float:
    return sum(one.get(place, 0.0) for one in told)


def _by_place(minute: Minute) -> Mapping[Place, float]:
    found: dict[Place, float] = {}
    for cell, values in minute.cells.items():
        for place in places_of(cell):
            found[place] = found.get(place, 0.0) + values[ATTEMPTS]
    return found


def _missed(usual: Sequence[float], seen: Sequence[float], limit: float) -> tuple[int, float, float] | None:
    """For how many minutes hardly anybody has come, how many attempts were made, and how many the day would have had.

    By the probability of a Poisson count below its mean: at most e^-(mean - seen + seen ln(seen / mean)).
    """
    before = sum(usual[:-LONGEST])
    day = min(1.0, max(QUIET, sum(seen[:-LONGEST]) / before)) if before else 1.0
    if sum(seen[-LATEST:]) > 0.5 * day * sum(usual[-LATEST:]):
        return None
    best, told = limit, None
    expected = came = 0.0
    for number in range(1, min(LONGEST, len(usual)) + 1):
        expected, came = expected + day * usual[-number], came + seen[-number]
        if number < LATEST or came >= QUIET * expected:
            continue
        mean = QUIET * expected
        evidence = mean - came + (came * math.log(came / mean) if came else 0.0)
        if evidence >= best:
            best, told = evidence, (number, came, expected)
    return told


def _wrong(watch: Watch, minutes: Sequence[Minute], place: Place, missed: tuple[int, float, float]) -> Wrong:
    number, came, expected = missed
    scope = {place[0]: place[1]} if place else {}
    words = f"{came:.0f} payments were begun in {number} minutes, in which about {expected:.0f} usually are."
    figures = {"seen": came, "expected": round(expected, 1), "minutes": float(number)}
    return Wrong(
        "volume_drop", scope, "urgent", minutes[0].at, words, _per_minute(watch, scope, came / expected), figures
    )


def _per_minute(watch: Watch, scope: Mapping[str, str], kept: float) -> dict[str, int]:
    """Minor units by currency that would be approved in a minute, and are not asked for."""
    usual, hour = watch.usual, hour_of_week(watch.minutes[-1].at)
    lost: dict[str, float] = {}
    for cell, known in usual.cells.items():
        if in_scope(cell, scope) and known.sums[baselines.ATTEMPTS]:
            expected = usual.expect(cell, hour)
            each = known.sums[baselines.ASKED] / known.sums[baselines.ATTEMPTS] * (1 - expected.bad)
            lost[cell[3]] = lost.get(cell[3], 0.0) + (1 - kept) * expected.per_minute * each
    return {currency: round(minor) for currency, minor in sorted(lost.items()) if minor >= 1}
