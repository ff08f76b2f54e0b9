"""The replay: weeks go through the same eyes as the job's, and what they find is held against what was wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from reporting.uptime import detection, scoping, signals
from reporting.uptime.baselines import Baselines
from reporting.uptime.charts import MINUTE, Watch
from reporting.uptime.mishaps import Mishap
from reporting.uptime.observed import Cell, Cells, Counts, Wrong, in_scope
from reporting.uptime.seasons import Flow, Round

QUIET: Final = timedelta(minutes=15)
"""What was not found for so long is over: what is found again later is another page."""
AFTERWARDS: Final = timedelta(minutes=20)
"""So long after its end a mishap may still be found to be there."""
RIGHT: Final = 0.75
"""A scope is right when it has so much of the traffic in common with what was struck: none of more, none of less."""
LATE: Final = timedelta(minutes=15)
"""So long after its end an hour is learned."""


def look(watch: Watch, webhooks: signals.Webhooks) -> list[Wrong]:
    """What is wrong as of the last minute of a watch: the job of every minute and a replay call this."""
    return detection.judge(watch) + signals.silences(watch, webhooks) if watch.minutes else []


def rounds(source: Iterable[Round], usual: Baselines) -> Iterator[tuple[datetime, list[Wrong]]]:
    """Look at minute after minute, learning each hour once it is over: what was wrong in each round."""
    watch, webhooks = Watch(usual), dict[datetime, Mapping[str, int]]()
    hour: dict[Cell, Counts] = {}
    came: dict[str, int] = {}
    began, waiting = None, list[tuple[datetime, Cells, Mapping[str, int]]]()
    for at, seen, told in source:
        if began is not None and at - began >= timedelta(hours=1):
            waiting.append((began, hour, came))
            hour, came, began = {}, {}, None
        began = began or at.replace(minute=0)
        for cells in (seen[moment] for moment in seen if moment == at):
            _count(hour, cells)
        for account, count in told.items():
            came[account] = came.get(account, 0) + count
        if waiting and at - waiting[0][0] >= timedelta(hours=1) + LATE:
            usual.learn(*waiting.pop(0))
        webhooks = {moment: count for moment, count in webhooks.items() if at - moment < timedelta(hours=1)}
        webhooks[at] = told
        watch.put(seen)
        yield at, look(watch, webhooks)


def _count(hour: dict[Cell, Counts], cells: Cells) -> None:
    for cell, counts in cells.items():
        known = hour.get(cell)
        hour[cell] = counts if known is None else added(known, counts)


def added(one: Counts, other: Counts) -> Counts:
    """The counts of both."""
    declined = tuple(map(sum, zip(one.declined, other.declined, strict=True)))
    return Counts(
        one.attempts + other.attempts,
        one.approved + other.approved,
        declined,  # type: ignore[arg-type]  # five of them
        one.unavailable + other.unavailable,
        one.unknown + other.unknown,
        one.waiting + other.waiting,
        one.asked_minor + other.asked_minor,
        one.not_approved_minor + other.not_approved_minor,
        [*one.answers, *other.answers],
    )


@dataclass
class Page:
    """One thing that was told: from when it was opened until it was found for the last time."""

    first: Wrong
    opened: datetime
    last_at: datetime
    most: Mapping[str, int]


@dataclass
class Pages:
    """What people would have been told: the same kind in a scope that agrees with an open page is no new one."""

    all: list[Page] = field(default_factory=list)

    def see(self, at: datetime, found: Sequence[Wrong]) -> None:
        """Take in what one round has found."""
        for wrong in found:
            page = next((page for page in reversed(self.all) if _same(page, wrong, at)), None)
            if page is None:
                self.all.append(Page(wrong, at, at, wrong.per_minute))
            else:
                page.last_at = at
                page.most = max(page.most, wrong.per_minute, key=lambda minor: sum(minor.values()))


_ONE_MATTER: Final = frozenset({"outage", "approval_drop", "unavailable"})


def _same(page: Page, wrong: Wrong, at: datetime) -> bool:
    kinds = {page.first.kind, wrong.kind}
    return (
        at - page.last_at <= QUIET
        and (len(kinds) == 1 or kinds <= _ONE_MATTER)
        and scoping.agree(page.first.scope, wrong.scope)
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mishap: the page that told of it, how many minutes later, and whether its scope was right."""

    mishap: Mishap
    page: Page | None
    minutes: float
    scope_right: bool
    more: int


@dataclass(frozen=True, slots=True)
class Score:
    """How well a replay was watched."""

    weeks: float
    outcomes: Sequence[Outcome]
    pages: int
    false: Sequence[Page]

    @property
    def recall(self) -> float:
        """The share of mishaps that were found."""
        return _part(sum(outcome.page is not None for outcome in self.outcomes), len(self.outcomes))

    @property
    def precision(self) -> float:
        """The share of pages that told of a mishap."""
        return _part(self.pages - len(self.false), self.pages)

    @property
    def in_time(self) -> float:
        """The share of mishaps that were found within what is promised of their kind."""
        timely = sum(o.page is not None and o.minutes <= o.mishap.kind.within for o in self.outcomes)
        return _part(timely, len(self.outcomes))

    @property
    def scopes(self) -> float:
        """The share of those found of which the scope was right, as it was told first."""
        found = [outcome for outcome in self.outcomes if outcome.page is not None]
        return _part(sum(outcome.scope_right for outcome in found), len(found))

    @property
    def false_a_week(self) -> float:
        """Pages a week that told of nothing."""
        return len(self.false) / self.weeks

    @property
    def delay(self) -> float:
        """Minutes from the beginning of a mishap to its page: the median."""
        return median([outcome.minutes for outcome in self.outcomes if outcome.page is not None] or [0.0])


def score(mishaps: Sequence[Mishap], pages: Sequence[Page], flows: Sequence[Flow], weeks: float) -> Score:
    """Hold pages against mishaps. A page that tells of none is false, also one that is right about something else."""
    of: dict[int, list[Page]] = {}
    false: list[Page] = []
    for page in pages:
        number = next((n for n, mishap in enumerate(mishaps) if _tells_of(page, mishap)), None)
        if number is None:
            false.append(page)
        else:
            of.setdefault(number, []).append(page)
    outcomes = [_outcome(mishap, of.get(number, []), flows) for number, mishap in enumerate(mishaps)]
    return Score(weeks, outcomes, len(pages), false)


def _tells_of(page: Page, mishap: Mishap) -> bool:
    return (
        mishap.since <= page.opened <= mishap.until + AFTERWARDS
        and (page.first.kind in mishap.kind.told_as)
        and any(in_scope(cell, page.first.scope) for cell in mishap.cells)
    )


def _outcome(mishap: Mishap, told: Sequence[Page], flows: Sequence[Flow]) -> Outcome:
    if not told:
        return Outcome(mishap, None, 0.0, scope_right=False, more=0)
    page = told[0]
    # A minute is looked at when it is over.
    minutes = (page.opened + MINUTE - mishap.since) / MINUTE
    return Outcome(mishap, page, minutes, _in_common(mishap, page.first.scope, flows) >= RIGHT, len(told) - 1)


def _in_common(mishap: Mishap, scope: Mapping[str, str], flows: Sequence[Flow]) -> float:
    both = either = 0.0
    for flow in flows:
        struck, named = flow.cell in mishap.cells, in_scope(flow.cell, scope)
        both += flow.busiest * (struck and named)
        either += flow.busiest * (struck or named)
    return _part(both, either)


def _part(some: float, whole: float) -> float:
    return some / whole if whole else 1.0
