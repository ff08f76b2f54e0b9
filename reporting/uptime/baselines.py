"""What is usual: shares of every cell, weighted towards what is recent, leaning on coarser sums where it is thin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from reporting.uptime import odds
from reporting.uptime.observed import DIMENSIONS, OTHERS, Cell, Cells, Counts, Expected, hour_of_week

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
WAITING: Final = 11
WIDTH: Final = 12
WEEKS, HOURLY, HOURLY_BAD, HOURLY_EXPECTED, HOURLY_SLOW, HOURLY_SLOW_EXPECTED = range(6)
WIDTH_OF_HOURS: Final = 6
WEEKS_KNOWN: Final = 1.4
"""Two weeks, of which one has faded: from then on an hour of the week says how many attempts are usual in it."""
QUIET: Final = 0.3
"""An hour with less than this of what is usual is taken for ill as well."""

Group = tuple[str, ...]
"""Account and method."""
Place = tuple[str, ...]
"""Nothing, or a dimension and its value."""


@dataclass(slots=True)
class Usual:
    """Decayed sums of one cell or group, as of `at`."""

    at: datetime
    sums: list[float]

    def add(self, at: datetime, values: Iterable[float], weight: float, half_life: timedelta) -> None:
        """Let the past fade, and add what is new."""
        kept = self.kept(at, half_life)
        self.sums = [old * kept + weight * new for old, new in zip(self.sums, values, strict=True)]
        self.at = max(at, self.at)

    def kept(self, at: datetime, half_life: timedelta) -> float:
        """How much of these sums is left then."""
        left: float = 0.5 ** max(0.0, (at - self.at) / half_life)
        return left


@dataclass(slots=True)
class Baselines:
    """All that is usual. `cells` holds sums of each cell; `hours` those of each group and hour of the week: weeks,
    attempts, not approved, how many of these the cells alone would have let expect, and the same two of slow answers;
    weeks also count where nobody has tried. `sketches` holds answers by bucket, `webhooks` notifications and approved
    attempts of each account, `spreads` chi-square and hours. What is usual of issuers is told by other sums (`ISSUED`),
    of what was answered alone: those of `issuers`."""

    cells: dict[Cell, Usual] = field(default_factory=dict)
    hours: dict[tuple[str, str, int], Usual] = field(default_factory=dict)
    sketches: dict[Group, Usual] = field(default_factory=dict)
    webhooks: dict[str, Usual] = field(default_factory=dict)
    spreads: dict[str, Usual] = field(default_factory=dict)
    _issuers: "Baselines | None" = None
    _parents: dict[tuple[str, ...], list[float]] = field(default_factory=dict)
    _rates: dict[Cell, tuple[float, ...]] = field(default_factory=dict)
    _slow: dict[Group, tuple[int | None, float]] = field(default_factory=dict)
    _expected: dict[tuple[Cell, int], Expected] = field(default_factory=dict)
    _volumes: dict[int, dict[Place, float]] = field(default_factory=dict)

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
        for group in {*groups, *self.sketches}:
            self._learn_hour(at, group, groups.get(group, [0.0] * 3), sketches.get(group, {}))
        for group, sketch in sketches.items():
            self._learn_sketch(at, group, sketch)
        for account in {*approved, *webhooks}:
            told = [float(webhooks.get(account, 0)), approved.get(account, 0.0)]
            self.webhooks.setdefault(account, Usual(at, [0.0, 0.0])).add(at, told, 1.0, HALF_LIFE)
        self.refresh()

    @property
    def issuers(self) -> "Baselines":
        """What is usual of issuers: their cells alone, which vary as all does."""
        if self._issuers is None:
            self._issuers = Baselines(spreads=self.spreads)
        return self._issuers

    def learn_issuers(self, at: datetime, cells: Cells) -> None:
        """Take in the same hour once more, by issuer."""
        for cell, counts in cells.items():
            self.issuers._learn_cell(at, cell, counts, {})
        self.issuers.refresh()

    def _learn_cell(self, at: datetime, cell: Cell, counts: Counts, groups: dict[Group, list[float]]) -> None:
        attempts = counts.attempts
        bad, no_answer = attempts - counts.waiting - counts.approved, counts.unavailable + counts.unknown
        known = self._known(cell)
        expected = self.expect(cell, hour_of_week(at)).bad * attempts if known else float(bad)
        group = groups.setdefault(cell[:2], [0.0] * 3)
        for place, value in enumerate((attempts, bad, self._shares(cell)[0] * attempts if known else bad)):
            group[place] += value
        if known and FEW <= expected <= MANY and len(cell) == len(DIMENSIONS):
            odd = (bad - expected) ** 2 / (expected * (1 - expected / attempts))
            if odd < ODD * WIDEST:
                self.spreads.setdefault(cell[1], Usual(at, [0.0, 0.0])).add(at, [odd, 1.0], 1.0, HALF_LIFE_OF_HOURS)
        weight = WEIGHT_OF_ILL if odds.evidence(attempts, bad, expected) > ILL else 1.0
        refused = sum(counts.declined) + no_answer
        told = [attempts, bad, no_answer, *counts.declined, counts.asked_minor, refused]
        usual = self.cells.setdefault(cell, Usual(at, [0.0] * WIDTH))
        usual.add(at, [*told, counts.not_approved_minor, counts.waiting], weight, HALF_LIFE)

    def _learn_hour(self, at: datetime, group: Group, sums: list[float], sketch: Mapping[int, float]) -> None:
        attempts, bad, expected = sums
        usual = self.hours.setdefault((group[0], group[1], hour_of_week(at)), Usual(at, [0.0] * WIDTH_OF_HOURS))
        quiet = attempts < QUIET * usual.sums[HOURLY] / max(1.0, usual.sums[WEEKS])
        weight = WEIGHT_OF_ILL if quiet or odds.evidence(attempts, bad, expected) > ILL else 1.0
        limit, share = self._slow_of(group)
        slow = sum(count for bucket, count in sketch.items() if limit is not None and bucket > limit)
        slow_usually = share * sum(sketch.values()) if limit is not None else 0.0
        usual.add(at, [1.0, attempts, bad, expected, slow, slow_usually], weight, HALF_LIFE_OF_HOURS)

    def _learn_sketch(self, at: datetime, group: Group, sketch: dict[int, float]) -> None:
        usual = self.sketches.setdefault(group, Usual(at, []))
        width = max([*sketch, len(usual.sums) - 1], default=-1) + 1
        usual.sums += [0.0] * (width - len(usual.sums))
        usual.add(at, [sketch.get(bucket, 0.0) for bucket in range(width)], 1.0, HALF_LIFE)

    def refresh(self) -> None:
        """Sum up anew what cells lean on, after cells have changed."""
        self._parents, self._rates, self._slow, self._expected, self._volumes = {}, {}, {}, {}, {}
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
        at_hour = self.hours.get((cell[0], cell[1], hour))
        factor, per_minute, slower = 1.0, 0.0, 1.0
        own = self.cells.get(cell)
        if at_hour is not None:
            weeks, attempts, bad, expected, slow, slow_usually = at_hour.sums
            factor = (bad + LEANING_OF_HOURS) / (expected + LEANING_OF_HOURS)
            slower = max(1.0, (slow + LEANING_OF_HOURS) / (slow_usually + LEANING_OF_HOURS))
            of_group = self._parents[_GROUP, *cell[:2]][ATTEMPTS] if own else 0.0
            if own and of_group and weeks:
                per_minute = attempts / weeks / 60 * own.sums[ATTEMPTS] / of_group
        slow_from, share = self._slow_of(cell[:2])
        country = self._parents.get((_COUNTRY, cell[1], cell[2]), [0.0] * WIDTH) if own is None else own.sums
        refused = country[REFUSED_MINOR] / country[REFUSED] if country[REFUSED] else 0.0
        return Expected(
            known=self._known(cell),
            bad=min(odds.MOST, rates[0] * factor),
            unavailable=rates[1],
            declined=tuple(min(odds.MOST, rate * factor) for rate in rates[2:7]),
            waiting=min(odds.MOST, rates[7]),
            spread=self._spread(cell[1]),
            slow_from=slow_from,
            slow=min(odds.MOST, share * slower),
            per_minute=per_minute,
            refused_minor=refused,
        )

    def volume(self, hour: int) -> Mapping[Place, float]:
        """Attempts a minute that are usual in an hour of the week: in all, and by method and channel, where known."""
        if hour not in self._volumes:
            found: dict[Place, float] = {}
            for cell in self.cells:
                at_hour = self.hours.get((cell[0], cell[1], hour))
                if at_hour is not None and at_hour.sums[WEEKS] >= WEEKS_KNOWN:
                    usual = self.expect(cell, hour).per_minute
                    for place in places_of(cell):
                        found[place] = found.get(place, 0.0) + usual
            self._volumes[hour] = found
        return self._volumes[hour]

    def _spread(self, method: str) -> float:
        usual = self.spreads.get(method)
        odd, hours = usual.sums if usual else (0.0, 0.0)
        return min(WIDEST, max(1.0, (odd + SPREAD_KNOWN * SPREAD) / (hours + SPREAD_KNOWN)))

    def _shares(self, cell: Cell) -> tuple[float, ...]:
        """Not approved, no answer, declined by category, waiting: each leaning on the coarser, coarsest first."""
        found = self._rates.get(cell)
        if found is not None:
            return found
        own = self.cells.get(cell)
        rates: tuple[float, ...] = (0.0, UNAVAILABLE, *[0.0] * 6)
        for sums in [*(self._parents.get(parent) for parent in _parents_of(cell)), own and own.sums]:
            if sums:
                whole = sums[ATTEMPTS] + LEANING
                told = [*sums[BAD:ASKED], sums[WAITING]]
                rates = tuple((seen + LEANING * rate) / whole for seen, rate in zip(told, rates, strict=True))
        self._rates[cell] = rates
        return rates

    def _known(self, cell: Cell) -> bool:
        if len(cell) > len(DIMENSIONS):
            return cell[5] != OTHERS and self._parents.get((_ISSUER, *cell[5:]), [0.0])[ATTEMPTS] >= KNOWN
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


_EVERYTHING, _METHOD, _COUNTRY, _GROUP, _NARROW, _ISSUER = "*", "m", "mc", "am", "amc", "i"


def _parents_of(cell: Cell) -> tuple[tuple[str, ...], ...]:
    """What a cell leans on, coarsest first."""
    account, method, country = cell[:3]
    return (
        (_EVERYTHING,),
        (_METHOD, method),
        (_GROUP, account, method),
        (_COUNTRY, method, country),
        (_NARROW, account, method, country),
        *(((_ISSUER, *cell[5:]),) if len(cell) > len(DIMENSIONS) else ()),
    )


def places_of(cell: Cell) -> tuple[Place, ...]:
    """Where it is told that nobody comes: not by account, which routing decides, nor by country, which has holidays."""
    channel = (("channel", cell[4]),) if cell[4] else ()
    return ((), ("method", cell[1]), *channel)


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
