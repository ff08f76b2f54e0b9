"""What detection looks at: the counts of a minute by cell, and how they are laid out to be added up fast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

DIMENSIONS: Final = ("account", "method", "country", "currency", "channel")
"""Those of the rollups."""
ISSUED: Final = (*DIMENSIONS, "issuer")
"""Those of sums by issuer, which have no channel. They hold what was answered: before, nobody knows the issuer."""
OTHERS: Final = "other"
"""Issuers of which too few cards are paid with to be told apart."""
CATEGORIES: Final = ("hard", "soft", "customer", "fraud", "technical")

Cell = tuple[str, ...]
"""One value of each dimension, and of `ISSUED` where issuers are told apart."""


class Counts(NamedTuple):
    """What became of the attempts of one cell that began in a minute or hour; `minor` are of the cell's currency.

    `declined` is by category. `answers` is the sketch: (bucket, answers).
    """

    attempts: int
    approved: int
    declined: tuple[int, int, int, int, int]
    unavailable: int
    unknown: int
    waiting: int
    asked_minor: int
    not_approved_minor: int
    answers: Sequence[tuple[int, int]] = ()


Cells = Mapping[Cell, Counts]

TRIALS, BAD, UNAVAILABLE = 0, 1, 3
"""Places within a vector: attempts, those that were not approved, those without an answer; what was expected follows
each of the latter. All are effective numbers: divided by how much more counts vary than chance lets them."""
CATEGORY: Final = {name: 5 + 2 * number for number, name in enumerate(CATEGORIES)}
ANSWERS, SLOW = 15, 16
ATTEMPTS, ASKED, REFUSED, REFUSED_MINOR = 18, 19, 20, 21
WAITING: Final = 22
WIDTH: Final = 24

Vector = list[float]


class Measure(NamedTuple):
    """A share that must not rise: where its trials and its bad ones stand in a vector (the expected ones follow)."""

    name: str
    trials: int
    bad: int


APPROVAL: Final = Measure("approval", TRIALS, BAD)
AVAILABILITY: Final = Measure("availability", TRIALS, UNAVAILABLE)
SPEED: Final = Measure("speed", ANSWERS, SLOW)
REASONS: Final = tuple(Measure(name, TRIALS, place) for name, place in CATEGORY.items())


class Expected(NamedTuple):
    """What is usual for a cell at an hour of the week.

    `bad`, `unavailable`, `declined` and `waiting` (after a quarter of an hour) are shares of attempts, which vary
    `spread` times as much as chance lets them (customers try again, so that declines come in bunches); an answer is
    slow in a bucket above `slow_from`, as `slow` of them usually are. `per_minute` are attempts, `refused_minor` is the
    mean amount that is not approved. A cell that is not `known` well enough is judged by nothing but answers that do
    not come.
    """

    known: bool
    bad: float
    unavailable: float
    declined: tuple[float, ...]
    spread: float
    slow_from: int | None
    slow: float
    per_minute: float
    refused_minor: float
    waiting: float = 0.0


def vector(counts: Counts, expected: Expected) -> Vector:
    """The counts of a cell beside what was expected of them. What is not known is as expected.

    What waits is no bad sign yet: who has to confirm a payment takes longer than who is declined.
    """
    attempts, approved, declined, unavailable, unknown, waiting, asked, refused_minor, answers = counts
    known, spread = expected.known, expected.spread
    bad, no_answer = (attempts - waiting - approved) / spread, (unavailable + unknown) / spread
    trials = attempts / spread
    told: Vector = [trials, bad, trials * expected.bad if known else bad, no_answer, trials * expected.unavailable]
    for seen, usual in zip(declined, expected.declined, strict=True):
        told += (seen / spread, trials * usual if known else seen / spread)
    limit = expected.slow_from
    if limit is None or not answers:
        told += (0, 0, 0)
    else:
        all_answers = sum(count for _, count in answers)
        told += (all_answers, sum(count for bucket, count in answers if bucket > limit), all_answers * expected.slow)
    told += (attempts, asked, sum(declined) + no_answer, refused_minor)
    told += (waiting / spread, trials * expected.waiting if known else waiting / spread)
    return told


def hour_of_week(at: datetime) -> int:
    """0 is the hour that Monday begins with, in UTC."""
    at = at.astimezone(UTC)
    return at.weekday() * 24 + at.hour


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong now: the pure form of a finding, `kind` and `severity` in the words of incidents.

    `per_minute` are minor units by currency that are not approved per minute; `by_place` are the same by account,
    method, country and currency, less than nothing where more is approved than usual, or empty where that cannot be
    told.
    """

    kind: str
    scope: Mapping[str, str]
    severity: str
    since: datetime
    words: str
    per_minute: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    by_place: Mapping[Cell, float] = field(default_factory=dict)


def by_currency(lost: Mapping[Cell, float]) -> dict[str, int]:
    """Minor units of all these places together, where they are more than nothing."""
    sums: dict[str, float] = {}
    for place, minor in lost.items():
        sums[place[3]] = sums.get(place[3], 0.0) + minor
    return {currency: round(minor) for currency, minor in sorted(sums.items()) if minor > 0}


def in_scope(cell: Cell, scope: Mapping[str, str]) -> bool:
    """Whether a cell is one of those that a scope names; where issuers are not told apart, it is in none of them."""
    return all(cell[ISSUED.index(name) :][:1] == (value,) for name, value in scope.items())


def counts_of(row: Sequence[Any]) -> Counts:
    """From a row of rollups: attempts, approved, five categories, unavailable, unknown, waiting, asked, not approved,
    buckets, counts."""
    hard, soft, customer, fraud, technical = row[2:7]
    declined = (hard, soft, customer, fraud, technical)
    answers = list(zip(row[12], row[13], strict=True))
    return Counts(row[0], row[1], declined, row[7], row[8], row[9], row[10], row[11], answers)


def issued(approved: int, declined: int, asked_minor: int, not_approved_minor: int) -> Counts:
    """What was answered of an issuer's cards; why the others were declined is not told apart."""
    told = (0, declined, 0, 0, 0)
    return Counts(approved + declined, approved, told, 0, 0, 0, asked_minor, not_approved_minor)
