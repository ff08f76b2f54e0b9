"""Reading the sums: each question is answered from the narrowest sums that can answer it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from reporting.models.rollups import DIMENSIONS, Lens
from reporting.uptime.counting import GAMMA, MINORS, SUMS
from reporting.uptime.periods import Period

_NAMES: Final = (*SUMS, *MINORS)
_SEES: Final[Mapping[Lens, frozenset[str]]] = {
    Lens.DAYS: frozenset({"at"}),
    Lens.ACCOUNTS: frozenset({"at", "account"}),
    Lens.METHODS: frozenset({"at", "method"}),
    Lens.COUNTRIES: frozenset({"at", "country", "currency"}),
    Lens.ANSWERS: frozenset({"at", "account", "method"}),
    Lens.PROVIDERS: frozenset({"at", "account", "method", "currency"}),
    Lens.EVERYTHING: frozenset({"at", *DIMENSIONS}),
}
"""Narrowest first: a country has a currency or two, and every account has all of them."""

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
        """One more row, of one currency; of none where no amounts are told."""
        counts, minors = values[: len(SUMS)], values[len(SUMS) :]
        told = self.counts
        for name, value in zip(SUMS, counts, strict=True):
            if value:
                told[name] += value
        for name, value in zip(MINORS if minors else (), minors, strict=True):
            of = self.minor[name]
            of[currency] = of.get(currency, 0) + value


def attempts(
    period: Period, sets: Sequence[Sequence[str]], narrowed: Mapping[str, str], *, money: bool = True
) -> list[dict[Key, Sums]]:
    """What became of a period's attempts: for each set of dimensions (`at` is one), the sums of each combination.

    An empty set is everything together. `narrowed` are dimensions with the one value that is looked at. One query for
    each kind of sums that is needed; without `money`, amounts are not told, and no sums are read that tell currencies
    apart where others will do.
    """
    found: list[dict[Key, Sums]] = [{} for _ in sets]
    by_source: dict[Source, list[int]] = {}
    told = {"currency"} if money else set()
    for number, dimensions in enumerate(sets):
        by_source.setdefault(_source(period, {*dimensions, *narrowed, *told}), []).append(number)
    for source, numbers in by_source.items():
        _read(period, source, [(sets[number], found[number]) for number in numbers], narrowed, money=money)
    return found


Source = tuple[str, Lens]
"""Sums by hour or day, and through which lens."""


def _source(period: Period, needed: set[str]) -> Source:
    """The narrowest sums that tell it: hours only where hours are told apart, or the period ends within a day."""
    if period.grain == "hour" and ("at" in needed or not period.whole):
        return "hour", Lens.EVERYTHING
    return "day", next(lens for lens, sees in _SEES.items() if needed <= sees)


def _read(
    period: Period,
    source: Source,
    wanted: Sequence[tuple[Sequence[str], dict[Key, Sums]]],
    narrowed: Mapping[str, str],
    *,
    money: bool,
) -> None:
    currency, names = ("currency", _NAMES) if money else ("''", tuple(SUMS))
    places: dict[frozenset[str], list[tuple[Sequence[str], dict[Key, Sums]]]] = {}
    for dimensions, into in wanted:
        places.setdefault(frozenset(dimensions) - {"currency"}, []).append((dimensions, into))
    columns = sorted(frozenset().union(*places))
    grouping = ", ".join(f"({', '.join([*sorted(place), *(['currency'] if money else [])])})" for place in places)
    grouped = "".join(f"{name}, grouping({name}), " for name in columns)
    sums = ", ".join(f"sum({name})::bigint" for name in names)
    sql = f"SELECT {grouped}{currency}, {sums} FROM {_within(source, narrowed)} GROUP BY GROUPING SETS ({grouping})"  # noqa: S608
    end = 2 * len(columns)
    where = {name: 2 * number for number, name in enumerate(columns)} | {"currency": end}
    picked = {
        tuple(int(name not in place) for name in columns): [([where[name] for name in of], into) for of, into in sets]
        for place, sets in places.items()
    }
    for row in _rows(sql, period, source, narrowed):
        if row[end + 1] is None:
            continue  # the whole of nothing
        for at, into in picked[row[1:end:2]]:
            key = tuple([row[number] for number in at])
            if (found := into.get(key)) is None:
                found = into[key] = Sums()
            found.add(row[end], row[end + 1 :])


def _within(source: Source, narrowed: Mapping[str, str]) -> str:
    grain, _lens = source
    which = "".join(f" AND {name} = %({name})s" for name in narrowed)
    seen = " AND lens = %(lens)s" if grain == "day" else ""
    return f"reporting_attempts{grain} WHERE at >= %(since)s AND at < %(until)s{seen}{which}"


def _rows(sql: str, period: Period, source: Source, narrowed: Mapping[str, str]) -> list[tuple[Any, ...]]:
    known: dict[str, Any] = {"since": period.since, "until": period.until, "lens": int(source[1]), **narrowed}
    with connection.cursor() as cursor:
        cursor.execute(sql, known)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


Sketch = dict[int, int]
"""Bucket -> answers."""


def latency(period: Period, by: Sequence[str], narrowed: Mapping[str, str]) -> list[dict[Any, Sketch]]:
    """How long PSPs took to answer: for each dimension, the sketch of each of its values."""
    found: list[dict[Any, Sketch]] = [{} for _ in by]
    by_source: dict[Source, list[str]] = {}
    for name in by:
        by_source.setdefault(_source(period, {name, *narrowed}), []).append(name)
    for source, names in by_source.items():
        _read_sketches(period, source, {name: found[by.index(name)] for name in names}, narrowed)
    return found


def _read_sketches(
    period: Period, source: Source, wanted: Mapping[str, dict[Any, Sketch]], narrowed: Mapping[str, str]
) -> None:
    told = f"""
        FROM (SELECT {", ".join(wanted)}, unnest(buckets) AS bucket, unnest(counts) AS answers
                FROM {_within(source, narrowed)}) told"""  # noqa: S608  our own SQL
    columns = ", ".join(wanted)
    sets = ", ".join(f"({name}, bucket)" for name in wanted)
    hidden = ", ".join(f"grouping({name})" for name in wanted)
    if "at" not in wanted:  # few combinations: adding them up once and here is half of adding up twice there
        sets, hidden = f"({columns}, bucket)", ", ".join("0" for _ in wanted)
    sql = f"SELECT {columns}, {hidden}, bucket, sum(answers)::bigint {told} GROUP BY GROUPING SETS ({sets})"
    for row in _rows(sql, period, source, narrowed):
        for number, into in enumerate(wanted.values()):
            if not row[len(wanted) + number]:
                sketch = into.setdefault(row[number], {})
                sketch[row[-2]] = sketch.get(row[-2], 0) + row[-1]


def quantile(sketch: Sketch, share: float) -> float | None:
    """Milliseconds within which this share of the answers came, at most 5 % off; None without any answer.

    The middle of a bucket as DDSketch has it (Masson, Rim, Lee, VLDB 2019): its relative error is the same both ways.
    """
    total, passed = sum(sketch.values()), 0
    for bucket in sorted(sketch):
        passed += sketch[bucket]
        if total and passed >= share * total:
            return 2 * GAMMA**bucket / (GAMMA + 1)
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """So many of something that is tallied: of one currency with their minor units, or of one moment."""

    what: str
    label: str
    currency: str
    at: datetime | None
    count: int
    minor: int


def tallies(period: Period, what: Sequence[str], narrowed: Mapping[str, str]) -> list[Told]:
    """How many of each began, narrowed by account or country: by label and currency, without a moment, and once more
    by when they began, without label, currency and amount."""
    which = "".join(f" AND {name} = %({name})s" for name in narrowed)
    table = f"reporting_tally{period.grain}"
    sql = f"""
        SELECT what, coalesce(label, ''), coalesce(currency, ''), at, sum(count)::bigint,
               CASE WHEN at IS NULL THEN sum(amount_minor)::bigint ELSE 0 END FROM {table}
         WHERE at >= %(since)s AND at < %(until)s AND what = ANY(%(what)s){which}
         GROUP BY GROUPING SETS ((what, label, currency), (what, at))"""  # noqa: S608  our own SQL
    known: dict[str, Any] = {"since": period.since, "until": period.until, "what": list(what), **narrowed}
    with connection.cursor() as cursor:
        cursor.execute(sql, known)
        return [Told(*row) for row in cursor.fetchall()]


def choices(period: Period) -> dict[str, list[str]]:
    """What can be looked at alone: the accounts, methods and countries of the attempts of a period's last month."""
    last = Period(max(period.since, period.until - timedelta(days=31)), period.until)
    found = attempts(last, [("account",), ("method",), ("country",)], {}, money=False)
    names = ("account", "method", "country")
    return {name: sorted(key[0] for key in keys if key[0]) for name, keys in zip(names, found, strict=True)}


@dataclass(frozen=True, slots=True)
class Tried:
    """So many attempts, and how many of them came to nothing through no fault of customer, card or bank."""

    attempts: int = 0
    failed: int = 0


FAILED: Final = ("declined_technical", "unavailable", "unknown")


def failed(sums: Sums) -> int:
    """Attempts that came to nothing because we, or a provider, did not work."""
    return sum(sums[name] for name in FAILED)


def lately(since: datetime) -> dict[tuple[str, str], Tried]:
    """What was tried since then with each method in each country, by the sums by minute."""
    sql = f"""
        SELECT method, country, sum(attempts)::bigint, sum({" + ".join(FAILED)})::bigint
          FROM reporting_attemptsminute WHERE at >= %s GROUP BY method, country"""  # noqa: S608  our own SQL
    with connection.cursor() as cursor:
        cursor.execute(sql, [since])
        return {(method, country): Tried(count, bad) for method, country, count, bad in cursor.fetchall()}
