"""What is usual: shares of every cell, weighted towards what is recent, leaning on coarser sums where it is thin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from reporting.uptime import odds
from reporting.uptime.observed import Cell, Cells, Counts, Expected, hour_of_week

HALF_LIFE: Final = timedelta(days=10)
"""After this long, what was seen of a cell counts half."""
HALF_LIFE_OF_HOURS: Final = timedelta(days=28)
"""The same of an hour of the week, of which there is one a week."""
LEANING: Final = 60.0
"""Attempts that a cell has to bring before it is believed as much as what it leans on."""
LEANING_OF_HOURS: Final = 40.0
"""The same of an hour of the week, in attempts that were not approved."""
KNOWN: Final = 200.0
"""Attempts of an account, method and country from which on they are judged; without them the account's experience with
the method and the country's with it count together (`KNOWN_OF_PARENTS` each)."""
KNOWN_OF_PARENTS: Final = 1000.0
ANSWERS_KNOWN: Final = 500.0
ILL: Final = 12.0
"""Evidence (nats) from which on an hour is taken for ill."""
WEIGHT_OF_ILL: Final = 0.25
"""An ill hour teaches less: an outage must not become usual, but a change that stays does within some days."""
UNAVAILABLE: Final = 0.01
"""What is expected to have no answer before anything is known: PSPs promise less."""
SLOWER: Final = 5
"""An answer is slow when it takes half as long again (1.1^5) as 95 of 100 usually do."""

SPREAD_KNOWN: Final = 100.0
"""Hours of cells that have to be seen until what they say of the spread is believed as much as `SPREAD`."""
SPREAD: Final = 1.3
WIDEST: Final = 3.0
FEW: Final = 3.0
MANY: Final = 30.0
"""Cells in which so many bad attempts an hour are expected tell of the spread: in larger ones rates drift besides."""
ODD: Final = 9.0
"""Hours that are odder than this say nothing of what is usual."""

ATTEMPTS, BAD, NO_ANSWER, FIRST_REASON, ASKED, REFUSED, REFUSED_MINOR = 0, 1, 2, 3, 8, 9, 10
WIDTH: Final = 11

Group = tuple[str, str]
"""Account and method."""


@dataclass(slots=True)
class Usual:
    """Decayed sums of one cell or group, as of `at`."""

    at: datetime
    sums: list[float]

    def add(self, at: datetime, values: Iterable[float], weight: float, half_life: timedelta) -> None:
        """Let the past fade, and add what is new."""
        kept = 0.5 ** max(0.0, (at - self.at) / half_life)
        self.sums = [old * kept + weight * new for old, new in zip(self.sums, values, strict=True)]
        self.at = max(at, self.at)


@dataclass(slots=True)
class Baselines:
    """All that is usual. `cells` holds sums of each cell; `hours` those of each group and hour of the week: weeks,
    attempts, not approved, and how many of these the cells alone would have let expect. `sketches` holds answers by
    bucket, `webhooks` notifications and approved attempts of each account, `spreads` chi-square and hours."""

    cells: dict[Cell, Usual] = field(default_factory=dict)
    hours: dict[tuple[str, str, int], Usual] = field(default_factory=dict)
    sketches: dict[Group, Usual] = field(default_factory=dict)
    webhooks: dict[str, Usual] = field(default_factory=dict)
    spreads: dict[str, Usual] = field(default_factory=dict)
    _parents: dict[tuple[str, ...], list[float]] = field(default_factory=dict)
    _rates: dict[Cell, tuple[float, ...]] = field(default_factory=dict)
    _slow: dict[Group, tuple[int | None, float]] = field(default_factory=dict)
    _expected: dict[tuple[Cell, int], Expected] = field(default_factory=dict)

    def learn(self, at: datetime, cells: Cells, webhooks: Mapping[str, int]) -> None:
        """Take in the hour that began `at`: its counts by cell, and the notifications that came by account."""
        groups: dict[Group, list[float]] = {}
        sketches: dict[Group, dict[int, float]] = {}
        approved: dict[str, float] = {}
        for cell, counts in cells.items():
            self._learn_cell(at, cell, counts, groups)
            sketch = sketches.setdefault(cell[:2], {})
            for bucket, answers in counts.answers:
                sketch[bucket] = sketch.get(bucket, 0) + answers
            approved[cell[0]] = approved.get(cell[0], 0) + counts.approved
        for group, sums in groups.items():
            self._learn_hour(at, group, sums)
        for group, sketch in sketches.items():
            self._learn_sketch(at, group, sketch)
        for account in {*approved, *webhooks}:
            told = [float(webhooks.get(account, 0)), approved.get(account, 0.0)]
            self.webhooks.setdefault(account, Usual(at, [0.0, 0.0])).add(at, told, 1.0, HALF_LIFE)
        self.refresh()

    def _learn_cell(self, at: datetime, cell: Cell, counts: Counts, groups: dict[Group, list[float]]) -> None:
        attempts = counts.attempts
        bad, no_answer = attempts - counts.waiting - counts.approved, counts.unavailable + counts.unknown
        known = self._known(cell)
        expected = self.expect(cell, hour_of_week(at)).bad * attempts if known else float(bad)
        group = groups.setdefault(cell[:2], [0.0] * 3)
        for place, value in enumerate((attempts, bad, self._shares(cell)[0] * attempts if known else bad)):
            group[place] += value
        if known and FEW <= expected <= MANY:
            odd = (bad - expected) ** 2 / (expected * (1 - expected / attempts))
            if odd < ODD * WIDEST:
                self.spreads.setdefault(cell[1], Usual(at, [0.0, 0.0])).add(at, [odd, 1.0], 1.0, HALF_LIFE_OF_HOURS)
        weight = WEIGHT_OF_ILL if odds.evidence(attempts, bad, expected) > ILL else 1.0
        refused = sum(counts.declined) + no_answer
        told = [attempts, bad, no_answer, *counts.declined, counts.asked_minor, refused]
        usual = self.cells.setdefault(cell, Usual(at, [0.0] * WIDTH))
        usual.add(at, [*told, counts.not_approved_minor], weight, HALF_LIFE)

    def _learn_hour(self, at: datetime, group: Group, sums: list[float]) -> None:
        attempts, bad, expected = sums
        weight = WEIGHT_OF_ILL if odds.evidence(attempts, bad, expected) > ILL else 1.0
        usual = self.hours.setdefault((*group, hour_of_week(at)), Usual(at, [0.0] * 4))
        usual.add(at, [1.0, attempts, bad, expected], weight, HALF_LIFE_OF_HOURS)

    def _learn_sketch(self, at: datetime, group: Group, sketch: dict[int, float]) -> None:
        usual = self.sketches.setdefault(group, Usual(at, []))
        width = max([*sketch, len(usual.sums) - 1], default=-1) + 1
        usual.sums += [0.0] * (width - len(usual.sums))
        usual.add(at, [sketch.get(bucket, 0.0) for bucket in range(width)], 1.0, HALF_LIFE)

    def refresh(self) -> None:
        """Sum up anew what cells lean on, after cells have changed."""
        self._parents, self._rates, self._slow, self._expected = {}, {}, {}, {}
        for cell, usual in self.cells.items():
            for parent in _parents_of(cell):
                sums = self._parents.get(parent)
                self._parents[parent] = (
                    usual.sums[:] if sums is None else [a + b for a, b in zip(sums, usual.sums, strict=True)]
                )

    def expect(self, cell: Cell, hour: int) -> Expected:
        """What is usual for a cell at an hour of the week, also for one that was never seen."""
        found = self._expected.get((cell, hour))
        if found is None:
            found = self._expected[cell, hour] = self._expect(cell, hour)
        return found

    def _expect(self, cell: Cell, hour: int) -> Expected:
        rates = self._shares(cell)
        at_hour = self.hours.get((*cell[:2], hour))
        factor, per_minute = 1.0, 0.0
        own = self.cells.get(cell)
        if at_hour is not None:
            weeks, attempts, bad, expected = at_hour.sums
            factor = (bad + LEANING_OF_HOURS) / (expected + LEANING_OF_HOURS)
            of_group = self._parents[_GROUP, *cell[:2]][ATTEMPTS] if own else 0.0
            if own and of_group and weeks:
                per_minute = attempts / weeks / 60 * own.sums[ATTEMPTS] / of_group
        slow_from, slow = self._slow_of(cell[:2])
        country = self._parents.get((_COUNTRY, cell[1], cell[2]), [0.0] * WIDTH) if own is None else own.sums
        refused = country[REFUSED_MINOR] / country[REFUSED] if country[REFUSED] else 0.0
        return Expected(
            known=self._known(cell),
            bad=min(odds.MOST, rates[0] * factor),
            unavailable=rates[1],
            declined=tuple(min(odds.MOST, rate * factor) for rate in rates[2:]),
            spread=self._spread(cell[1]),
            slow_from=slow_from,
            slow=slow,
            per_minute=per_minute,
            refused_minor=refused,
        )

    def _spread(self, method: str) -> float:
        usual = self.spreads.get(method)
        odd, hours = usual.sums if usual else (0.0, 0.0)
        return min(WIDEST, max(1.0, (odd + SPREAD_KNOWN * SPREAD) / (hours + SPREAD_KNOWN)))

    def _shares(self, cell: Cell) -> tuple[float, ...]:
        """Not approved, no answer, declined by category: each leaning on the coarser, coarsest first."""
        found = self._rates.get(cell)
        if found is not None:
            return found
        own = self.cells.get(cell)
        rates: tuple[float, ...] = (0.0, UNAVAILABLE, 0.0, 0.0, 0.0, 0.0, 0.0)
        for sums in [*(self._parents.get(parent) for parent in _parents_of(cell)), own and own.sums]:
            if sums:
                whole = sums[ATTEMPTS] + LEANING
                told = sums[BAD : BAD + len(rates)]
                rates = tuple((seen + LEANING * rate) / whole for seen, rate in zip(told, rates, strict=True))
        self._rates[cell] = rates
        return rates

    def _known(self, cell: Cell) -> bool:
        narrow, country, group = (
            self._parents[parent][ATTEMPTS] if parent in self._parents else 0.0
            for parent in ((_NARROW, *cell[:3]), (_COUNTRY, cell[1], cell[2]), (_GROUP, *cell[:2]))
        )
        return narrow >= KNOWN or (country >= KNOWN_OF_PARENTS and group >= KNOWN_OF_PARENTS)

    def _slow_of(self, group: Group) -> tuple[int | None, float]:
        if group not in self._slow:
            usual = self.sketches.get(group)
            self._slow[group] = _slow(usual.sums if usual else [])
        return self._slow[group]

    def of_webhooks(self, account: str) -> float | None:
        """How many notifications come for each approved attempt; None before enough of them were seen."""
        usual = self.webhooks.get(account)
        if usual is None or usual.sums[1] < KNOWN:
            return None
        return usual.sums[0] / usual.sums[1]


_EVERYTHING, _METHOD, _COUNTRY, _GROUP, _NARROW = "*", "m", "mc", "am", "amc"


def _parents_of(cell: Cell) -> tuple[tuple[str, ...], ...]:
    """What a cell leans on, coarsest first."""
    account, method, country = cell[:3]
    return (
        (_EVERYTHING,),
        (_METHOD, method),
        (_GROUP, account, method),
        (_COUNTRY, method, country),
        (_NARROW, account, method, country),
    )


def _slow(sketch: list[float]) -> tuple[int | None, float]:
    """Above which bucket an answer is slow, and how many usually are."""
    total, passed = sum(sketch), 0.0
    if total < ANSWERS_KNOWN:
        return None, 0.0
    for bucket, answers in enumerate(sketch):
        passed += answers
        if passed >= 0.95 * total:
            limit = bucket + SLOWER
            return limit, max(0.02, sum(sketch[limit + 1 :]) / total)
    return None, 0.0
