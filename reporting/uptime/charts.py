"""Looking every minute without crying wolf: sums of evidence, for each slice and each thing that can go wrong.

A chart climbs with what speaks for "worse" and falls with what speaks for "as usual", never below nothing. Minutes
whose counts have changed since are counted anew, with all that came after them.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add
from typing import Final, NamedTuple, TypeVar

from reporting.uptime import odds
from reporting.uptime.baselines import Baselines
from reporting.uptime.observed import (
    APPROVAL,
    AVAILABILITY,
    OTHERS,
    REASONS,
    SPEED,
    Cell,
    Cells,
    Measure,
    Vector,
    hour_of_week,
    vector,
)

MINUTE: Final = timedelta(minutes=1)
KEPT: Final = 60
"""Minutes that are remembered: what is found is told from them."""
REOPENED: Final = 20
"""Minutes whose counts may still change; what comes later than that changes what is usual, and no alarm."""
FORGOTTEN: Final = 10
"""Minutes without any attempt, after which nothing is known of a slice: its charts begin anew."""
CAP: Final = 1.3
"""How far above the limit a chart climbs: the higher, the longer it takes to come back when all is well again."""


Worse = Callable[[float], float]
"""From the usual share, the one that speaks for "worse"."""


class Design(NamedTuple):
    """One chart: of what, and which share it is held against. It pages `ahead` nats below the limit of the others."""

    measure: Measure
    worse: Worse
    ahead: float = 0.0


def _down(usual: float) -> float:
    """Seven of ten that are usually approved are not."""
    return 1 - 0.3 * (1 - usual)


def _drop(usual: float) -> float:
    """Five points, which are to be found within ten minutes."""
    return usual + 0.05


AHEAD: Final = 3.5
"""Five points less of everything, an account or a method: these few charts may page by chance 33 times as often."""

_MAIN: Final = (
    Design(APPROVAL, _drop),
    Design(APPROVAL, lambda usual: usual + 0.20),
    Design(APPROVAL, _down),
    Design(AVAILABILITY, lambda usual: usual + 0.04),
    Design(AVAILABILITY, lambda usual: usual + 0.50),
)
_COARSE: Final = (Design(APPROVAL, _drop, AHEAD), *_MAIN[1:])
_SPEED: Final = (Design(SPEED, lambda usual: usual + 0.25), Design(SPEED, lambda usual: usual + 0.06))
"""The latter is where 95 of 100 answers take longer than is slow: 1.6 times as long as 95 of 100 usually do."""
_REASONS: Final = tuple(Design(reason, lambda usual: max(usual + 0.04, 2 * usual)) for reason in REASONS)
LEAST_USUAL: Final = 0.01
"""Shares that are rarer are taken for this one: one decline of a rare kind is no shift."""


class Slices(NamedTuple):
    """The slices of one set of dimensions (their places in a cell), and the charts of each."""

    places: tuple[int, ...]
    designs: tuple[Design, ...]


WATCHED: Final = (
    Slices((), _COARSE + _SPEED + _REASONS),
    Slices((0,), _COARSE + _SPEED + _REASONS),
    Slices((1,), _COARSE + _REASONS),
    Slices((2,), _MAIN + _REASONS),
    Slices((3,), _MAIN),
    Slices((0, 1), _MAIN + _SPEED),
    Slices((0, 2), _MAIN),
    Slices((1, 2), _MAIN),
    Slices((4,), _MAIN),
)
"""The last one alone tells channels apart: everything before it is added up from sums without them."""

ISSUERS: Final = (Slices((5,), _MAIN[1:3]),)
"""Of sums by issuer. An issuer is one of many: what is a drop of five points there is less of everything."""
ISSUERS_PAGES: Final = 0.1
"""What they may page by chance a week besides (`odds.PAGES_A_WEEK`)."""

Series = tuple[int, tuple[str, ...]]
"""The number of a set of dimensions, and a value of each."""
State = tuple[list[float], list[int], list[int]]
"""How high every chart stands, since which minute above nothing, and in which minute it last saw anything."""


@dataclass(slots=True)
class Minute:
    """One minute: counts beside what was expected, by cell and by slice; and every chart as it stood before it."""

    at: datetime
    cells: dict[Cell, Vector]
    sums: dict[Series, Vector]
    before: State | None = None


class Alarm(NamedTuple):
    """A chart that has reached the limit: it left nothing at `since`, and has not come back since then.

    `held`: it had reached the limit a minute earlier.
    """

    measure: Measure
    series: Series
    since: datetime
    level: float
    held: bool


class Watch:
    """The charts of all slices, minute by minute. `usual` may learn meanwhile; what has been seen stays as it was.

    `newest` is how much of the newest minute is over, 0 to 1: what is lost in a minute is not divided by more.
    """

    def __init__(self, usual: Baselines, watched: Sequence[Slices] = WATCHED, pages: float = odds.PAGES_A_WEEK) -> None:
        self.usual, self.watched, self._pages = usual, watched, pages
        self.minutes: deque[Minute] = deque(maxlen=KEPT)
        self.newest = 1.0
        self._first = 0  # the number of the oldest minute that is remembered
        self._index: dict[Series, int] = {}
        self._named: list[tuple[Series, Design]] = []
        self._levels: list[float] = []
        self._since: list[int] = []
        self._touched: list[int] = []
        self._between: dict[datetime, dict[Cell, Vector]] = {}
        self._weight = 0.0

    @property
    def limit(self) -> float:
        """The level at which a chart pages, less what it is ahead."""
        return odds.limit(self._weight, self._pages)

    def put(self, seen: Mapping[datetime, Cells]) -> None:
        """Take in minutes: new ones, and earlier ones whose counts have changed, unless they are too old."""
        changed: int | None = None
        for at in sorted(seen):
            number = self._place(at)
            if number is None:
                continue
            minute = self._minute(at, seen[at])
            if number < self._first + len(self.minutes):
                minute.before = self.minutes[number - self._first].before
                self.minutes[number - self._first] = minute
            else:
                self._append(minute)
            changed = number if changed is None else min(changed, number)
        self._between = {}
        if changed is not None:
            self._run_from(max(changed, self._first))

    def alarms(self) -> list[Alarm]:
        """Every chart that stands at its limit or above, and of which something was seen lately; the highest first."""
        limit, last = self.limit, self._first + len(self.minutes) - 1
        if not self._levels or max(self._levels) < limit - AHEAD:
            return []
        before = self.minutes[-1].before
        earlier = before[0] if before else []
        return sorted(
            (
                Alarm(
                    self._named[n][1].measure,
                    self._named[n][0],
                    self._at(self._since[n]),
                    level,
                    held=n < len(earlier) and earlier[n] >= limit - self._named[n][1].ahead,
                )
                for n, level in enumerate(self._levels)
                if level >= limit - self._named[n][1].ahead and last - self._touched[n] <= FORGOTTEN // 2
            ),
            key=lambda alarm: -alarm.level,
        )

    def between(self, since: datetime) -> Mapping[Cell, Vector]:
        """Counts beside what was expected, by cell, of the minutes from `since` on."""
        found = self._between.get(since)
        if found is None:
            found = self._between[since] = {}
            for minute in self.minutes:
                if minute.at >= since:
                    for cell, values in minute.cells.items():
                        _add(found, cell, values)
        return found

    def _place(self, at: datetime) -> int | None:
        """The number of a minute: those that were left out in between are appended as empty ones; None: too old."""
        if not self.minutes:
            return self._first
        last = self.minutes[-1].at
        if (at - last) > KEPT * MINUTE:
            self._first += len(self.minutes)
            self.minutes.clear()
            self._begin_anew()
            return self._first
        while self.minutes[-1].at + MINUTE < at:
            self._append(Minute(self.minutes[-1].at + MINUTE, {}, {}))
            self._run_from(self._first + len(self.minutes) - 1)
        behind = int((last - at) / MINUTE)
        if behind >= min(REOPENED, len(self.minutes)):
            return None
        return self._first + len(self.minutes) - 1 - int((self.minutes[-1].at - at) / MINUTE)

    def _append(self, minute: Minute) -> None:
        if len(self.minutes) == KEPT:
            self._first += 1
        self.minutes.append(minute)

    def _begin_anew(self) -> None:
        self._levels = [0.0] * len(self._levels)

    def _minute(self, at: datetime, cells: Cells) -> Minute:
        hour, expect = hour_of_week(at), self.usual.expect
        vectors = {cell: vector(counts, expect(cell, hour)) for cell, counts in cells.items()}
        return Minute(at, vectors, _slices(vectors) if self.watched is WATCHED else _issuers(vectors))

    def _run_from(self, number: int) -> None:
        """Let every chart take its steps from this minute on, from where it stood before."""
        for place in range(number - self._first, len(self.minutes)):
            minute = self.minutes[place]
            if minute.before is not None and place == number - self._first:
                self._restore(minute.before)
            minute.before = (self._levels[:], self._since[:], self._touched[:])
            self._steps(self._first + place, minute.sums)

    def _restore(self, before: State) -> None:
        """Let the charts stand as they did; those that there were not yet stand at nothing."""
        more = len(self._levels) - len(before[0])
        self._levels = before[0] + [0.0] * more
        self._since, self._touched = before[1] + [0] * more, before[2] + [0] * more

    def _steps(self, number: int, sums: Mapping[Series, Vector]) -> None:
        cap = CAP * self.limit
        for series, told in sums.items():
            first = self._index.get(series)
            if first is None:
                first = self._chart(series)
            for place, (measure, worse, _) in enumerate(self.watched[series[0]].designs, first):
                trials, bad, expected = told[measure.trials], told[measure.bad], told[measure.bad + 1]
                if trials and (bad > expected or self._levels[place]):
                    self._levels[place] = min(cap, self._step(place, number, (trials, bad, expected), worse))

    def _step(self, place: int, number: int, told: tuple[float, float, float], worse: Worse) -> float:
        """Where one chart stands after this minute."""
        trials, bad, expected = told
        level = self._levels[place] if number - self._touched[place] <= FORGOTTEN else 0.0
        self._touched[place] = number
        if level == 0.0:
            if bad <= expected:
                return 0.0
            self._since[place] = number
        usual = max(odds.share(expected, trials), LEAST_USUAL)
        return max(0.0, level + odds.step(trials, bad, usual, min(odds.MOST, worse(usual))))

    def _chart(self, series: Series) -> int:
        designs = self.watched[series[0]].designs
        first = self._index[series] = len(self._levels)
        self._named += [(series, design) for design in designs]
        self._weight += sum(math.exp(design.ahead) for design in designs)
        self._levels += [0.0] * len(designs)
        self._since += [0] * len(designs)
        self._touched += [0] * len(designs)
        return first

    def _at(self, number: int) -> datetime:
        return self.minutes[max(0, number - self._first)].at


K = TypeVar("K")
_CHANNELS: Final = len(WATCHED) - 1
_series_of: dict[tuple[str, ...], tuple[Series, ...]] = {}
"""Of a cell without its channel: found once, because there are few and minutes are many."""


def _slices(cells: Mapping[Cell, Vector]) -> dict[Series, Vector]:
    """The sums of every slice that is watched, of one minute."""
    found: dict[Series, Vector] = {}
    without: dict[tuple[str, ...], Vector] = {}
    for cell, values in cells.items():
        _add(without, cell[:4], values)
        _add(found, (_CHANNELS, cell[4:]), values)
    for narrow, values in without.items():
        for series in _series(narrow):
            _add(found, series, values)
    return found


def _issuers(cells: Mapping[Cell, Vector]) -> dict[Series, Vector]:
    """The same of sums by issuer: those that are known by a name."""
    found: dict[Series, Vector] = {}
    for cell, values in cells.items():
        if cell[5] != OTHERS:
            _add(found, (0, cell[5:]), values)
    return found


def _series(narrow: tuple[str, ...]) -> tuple[Series, ...]:
    found = _series_of.get(narrow)
    if found is None:
        found = _series_of[narrow] = tuple(
            (number, tuple(narrow[place] for place in slices.places)) for number, slices in enumerate(WATCHED[:-1])
        )
    return found


def _add(into: dict[K, Vector], key: K, values: Vector) -> None:
    sums = into.get(key)
    into[key] = values if sums is None else list(map(add, sums, values))
