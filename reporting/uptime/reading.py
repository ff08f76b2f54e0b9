"""Reading the sums: each question is answered from the narrowest sums that can answer it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection

from reporting.models.rollups import DIMENSIONS, Lens
from reporting.uptime.counting import BUCKETS, GAMMA, MINORS, SUMS
from reporting.uptime.periods import Period

_NAMES: Final = (*SUMS, *MINORS)
_SEES: Final[Mapping[Lens, frozenset[str]]] = {
    Lens.PROVIDERS: frozenset({"at", "account", "method", "currency"}),
    Lens.COUNTRIES: frozenset({"at", "country", "currency"}),
    Lens.EVERYTHING: frozenset({"at", *DIMENSIONS}),
}
"""Narrowest first."""

Key = tuple[Any, ...]


@dataclass(slots=True)
class Sums:
    """What became of attempts; `minor` are minor units by currency: asked for, approved, not approved."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    minor: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in MINORS})

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

    @property
    def declined(self) -> int:
        """For whatever reason."""
        return sum(count for name, count in self.counts.items() if name.startswith("declined"))

    @property
    def ended(self) -> int:
        """Those of which it is known what became of them, or that it may never be."""
        return self["attempts"] - self["waiting"]

    @property
    def approval(self) -> float | None:
        """Per cent of the ended ones; None where there is none."""
        return 100 * self["approved"] / self.ended if self.ended else None

    def add(self, currency: str, values: Sequence[int]) -> None:
        """One more row, of one currency."""
        counts, minors = values[: len(SUMS)], values[len(SUMS) :]
        for name, value in zip(SUMS, counts, strict=True):
            self.counts[name] += value
        for name, value in zip(MINORS, minors, strict=True):
            self.minor[name][currency] = self.minor[name].get(currency, 0) + value


def attempts(period: Period, sets: Sequence[Sequence[str]], narrowed: Mapping[str, str]) -> list[dict[Key, Sums]]:
    """What became of a period's attempts: for each set of dimensions (`at` is one), the sums of each combination.

    An empty set is everything together. `narrowed` are dimensions with the one value that is looked at. One query for
    each lens that is needed.
    """
    found: list[dict[Key, Sums]] = [{} for _ in sets]
    by_lens: dict[Lens, list[int]] = {}
    for number, dimensions in enumerate(sets):
        by_lens.setdefault(_lens(period, {*dimensions, *narrowed}), []).append(number)
    for lens, numbers in by_lens.items():
        _read(period, lens, [(sets[number], found[number]) for number in numbers], narrowed)
    return found


def _lens(period: Period, needed: set[str]) -> Lens:
    if period.grain == "hour":
        return Lens.EVERYTHING
    return next(lens for lens, sees in _SEES.items() if needed <= sees)


def _read(
    period: Period, lens: Lens, wanted: Sequence[tuple[Sequence[str], dict[Key, Sums]]], narrowed: Mapping[str, str]
) -> None:
    columns = sorted({name for dimensions, _ in wanted for name in dimensions})
    sets = ", ".join(f"({', '.join([*dimensions, 'currency'])})" for dimensions, _ in wanted)
    grouped = "".join(f"{name}, grouping({name}), " for name in columns)
    sums = ", ".join(f"sum({name})::bigint" for name in _NAMES)
    sql = f"SELECT {grouped}currency, {sums} FROM {_within(period, narrowed)} GROUP BY GROUPING SETS ({sets})"  # noqa: S608
    places = {frozenset(dimensions): (dimensions, into) for dimensions, into in wanted}
    for row in _rows(sql, period, lens, narrowed):
        values = dict(zip(columns, row[: 2 * len(columns) : 2], strict=True))
        there = frozenset(
            name for name, hidden in zip(columns, row[1 : 2 * len(columns) : 2], strict=True) if not hidden
        )
        dimensions, into = places[there]
        key = tuple(values[name] for name in dimensions)
        currency, *numbers = row[2 * len(columns) :]
        into.setdefault(key, Sums()).add(currency, numbers)


def _within(period: Period, narrowed: Mapping[str, str]) -> str:
    hourly = period.grain == "hour"
    which = "".join(f" AND {name} = %({name})s" for name in narrowed)
    seen = "" if hourly else " AND lens = %(lens)s"
    return f"reporting_attempts{period.grain} WHERE at >= %(since)s AND at < %(until)s{seen}{which}"


def _rows(sql: str, period: Period, lens: Lens, narrowed: Mapping[str, str]) -> list[tuple[Any, ...]]:
    known: dict[str, Any] = {"since": period.since, "until": period.until, "lens": int(lens), **narrowed}
    with connection.cursor() as cursor:
        cursor.execute(sql, known)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


Sketch = dict[int, int]
"""Bucket -> answers."""


def latency(period: Period, by: Sequence[str], narrowed: Mapping[str, str]) -> list[dict[Any, Sketch]]:
    """How long PSPs took to answer: for each dimension, the sketch of each of its values. One query."""
    lens = _lens(period, {*by, *narrowed})
    sets = ", ".join(f"({name}, bucket)" for name in by)
    columns = ", ".join(f"{name}, grouping({name})" for name in by)
    sql = (
        f"SELECT {columns}, bucket, sum(answers)::bigint"  # noqa: S608  our own SQL
        f"  FROM (SELECT {', '.join(by)}, unnest(buckets) AS bucket, unnest(counts) AS answers"
        f"          FROM {_within(period, narrowed)}) told GROUP BY GROUPING SETS ({sets})"
    )
    found: list[dict[Any, Sketch]] = [{} for _ in by]
    for row in _rows(sql, period, lens, narrowed):
        place = next(number for number in range(len(by)) if not row[2 * number + 1])
        found[place].setdefault(row[2 * place], {})[row[-2]] = row[-1]
    return found


def quantile(sketch: Sketch, share: float) -> float | None:
    """Milliseconds within which this share of the answers came, at most 5 % off; None without any answer.

    The middle of a bucket as DDSketch has it (Masson, Rim, Lee, VLDB 2019): its relative error is the same both ways.
    """
    total, passed = sum(sketch.values()), 0
    for bucket in range(BUCKETS):
        passed += sketch.get(bucket, 0)
        if total and passed >= share * total:
            return 2 * GAMMA**bucket / (GAMMA + 1)
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """So many of something that is tallied, and their minor units of one currency."""

    what: str
    label: str
    currency: str
    at: datetime
    count: int
    minor: int


def tallies(period: Period, what: Sequence[str], narrowed: Mapping[str, str]) -> list[Told]:
    """How many of each began when, by label and currency; narrowed by account or country."""
    which = "".join(f" AND {name} = %({name})s" for name in narrowed)
    table = f"reporting_tally{period.grain}"
    sql = f"""
        SELECT what, label, currency, at, sum(count)::bigint, sum(amount_minor)::bigint FROM {table}
         WHERE at >= %(since)s AND at < %(until)s AND what = ANY(%(what)s){which} GROUP BY 1, 2, 3, 4"""  # noqa: S608
    known: dict[str, Any] = {"since": period.since, "until": period.until, "what": list(what), **narrowed}
    with connection.cursor() as cursor:
        cursor.execute(sql, known)
        return [Told(*row) for row in cursor.fetchall()]


def choices(period: Period) -> dict[str, list[str]]:
    """What can be looked at alone: the accounts, methods and countries of a period's attempts."""
    found = attempts(period, [("account",), ("method",), ("country",)], {})
    names = ("account", "method", "country")
    return {name: sorted(key[0] for key in keys if key[0]) for name, keys in zip(names, found, strict=True)}
