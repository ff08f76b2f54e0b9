"""How well a replay was watched: pages held against what truly was wrong, and the table of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from reporting.uptime import scoping
from reporting.uptime.charts import MINUTE
from reporting.uptime.mishaps import Mishap
from reporting.uptime.observed import Wrong, in_scope
from reporting.uptime.seasons import Flow, share_of

QUIET: Final = timedelta(minutes=15)
"""What was not found for so long is over: what is found again later is another page."""
AFTERWARDS: Final = timedelta(minutes=20)
"""So long after its end a mishap may still be found to be there."""
RIGHT: Final = 0.75
"""A scope is right when it has so much of the traffic in common with what was struck: none of more, none of less."""


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
    scope, issuer = page.first.scope, mishap.scope.get("issuer")
    where = {name: value for name, value in scope.items() if name != "issuer"}
    return (
        mishap.since <= page.opened <= mishap.until + AFTERWARDS
        and page.first.kind in mishap.kind.told_as
        and any(in_scope(cell, where) for cell in mishap.cells)
        and (issuer is None or scope.get("issuer", issuer) == issuer)
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
    where = {name: value for name, value in scope.items() if name != "issuer"}
    for flow in flows:
        country = flow.cell[2]
        struck = (flow.cell in mishap.cells) * _share(country, mishap.scope)
        named = in_scope(flow.cell, where) * (flow.cell[1] == "card" or "issuer" not in scope) * _share(country, scope)
        same = mishap.scope.get("issuer", scope.get("issuer")) == scope.get("issuer", mishap.scope.get("issuer"))
        shared = min(struck, named) if same else 0.0
        both += flow.busiest * shared
        either += flow.busiest * (struck + named - shared)
    return _part(both, either)


def _share(country: str, scope: Mapping[str, str]) -> float:
    return share_of(country, scope["issuer"]) if "issuer" in scope else 1.0


def _part(some: float, whole: float) -> float:
    return some / whole if whole else 1.0


def table(score: Score) -> Iterator[str]:
    """What a replay came to, line by line, as Markdown."""
    yield "| mishap | where | found as | where it was found | after minutes | not approved per minute |"
    yield "|---|---|---|---|---|---|"
    for outcome in score.outcomes:
        mishap, page = outcome.mishap, outcome.page
        said = ("**missed**", "", "", "")
        if page is not None:
            right = _place(page.first.scope) + ("" if outcome.scope_right else " **(not there)**")
            said = (page.first.kind, right, f"{outcome.minutes:.0f}", _money(page.most))
        yield f"| {' | '.join([mishap.kind.name, _place(mishap.scope), *said])} |"
    yield ""
    yield from (f"False: {page.opened:%Y-%m-%d %H:%M} {page.first.kind} {_place(page.first.scope)}: {page.first.words}"
                for page in score.false)  # fmt: skip
    yield (
        f"{score.weeks:g} weeks, {len(score.outcomes)} mishaps: {100 * score.recall:.0f} % found,"
        f" {100 * score.in_time:.0f} % as soon as promised, half of them within {score.delay:.0f} minutes;"
        f" {100 * score.scopes:.0f} % of their scopes right; {score.pages} pages, {100 * score.precision:.0f} % of them"
        f" true, {score.false_a_week:.2f} false ones a week."
    )


def listed(pages: Sequence[Page]) -> Iterator[str]:
    """What was found in a past of which nobody says what was wrong in it, line by line, as Markdown."""
    yield "| found at | until | what | where | not approved per minute | in words |"
    yield "|---|---|---|---|---|---|"
    for page in pages:
        when = f"{page.opened:%Y-%m-%d %H:%M} | {page.last_at:%H:%M}"
        yield f"| {when} | {page.first.kind} | {_place(page.first.scope)} | {_money(page.most)} | {page.first.words} |"


def _place(scope: Mapping[str, str]) -> str:
    return ", ".join(scope[name] for name in sorted(scope)) or "everywhere"


def _money(minor: Mapping[str, int]) -> str:
    """Minor units of the currencies with most of it."""
    most = sorted(minor.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{currency} {amount / 100:,.0f}" for currency, amount in most)
