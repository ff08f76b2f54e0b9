"""Whether payments go through, in words that anybody may read: by method and country, from sums alone.

Nothing of how many pay how much, or with whom, can be read from it: a method in a country works, is degraded or does
not work, and so many of the days before did. Who has paid there within 30 days decides what is listed.
"""

import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog
from babel import Locale
from django.db import DatabaseError, connection, transaction

from payments.kernel import clock
from payments.methods.catalogue import METHODS
from reporting.models import Incident
from reporting.models.canaries import CanaryOutcome
from reporting.models.incidents import IncidentKind
from reporting.states import Standing
from reporting.uptime import canaries, incidents, reading
from reporting.uptime.periods import DAY, Period
from reporting.uptime.reading import Tried

log = structlog.get_logger(__name__)

DAYS: Final = 90
LISTED: Final = timedelta(days=30)
NOW: Final = timedelta(minutes=15)
"""How it stands now goes by the attempts of so long."""
FRESH_SECONDS: Final = 30.0
AT_MOST: Final = 3_000
"""Milliseconds that one question to the database may take."""
FEWEST: Final = 5
"""Fewer attempts that came to nothing say nothing: one customer's bad line is no outage."""
DEGRADED, DOWN = 0.05, 0.5
"""Which share of attempts has to come to nothing by fault of ours or a provider's."""
MOST: Final = 400
"""Pairs of a method and a country that are listed, those of most attempts: the page stays a page."""


_WORST: Final = {standing: rank for rank, standing in enumerate((Standing.UNKNOWN, *list(Standing)[:3]))}
_KINDS: Final[Mapping[str, tuple[Standing, str]]] = {
    IncidentKind.OUTAGE: (Standing.DOWN, "Most payments do not go through"),
    IncidentKind.UNAVAILABLE: (Standing.DEGRADED, "Some payments cannot be made"),
    IncidentKind.APPROVAL_DROP: (Standing.DEGRADED, "Fewer payments go through than usual"),
    IncidentKind.UNFINISHED: (Standing.DEGRADED, "Some payments are begun and cannot be finished"),
    IncidentKind.SLOW: (Standing.DEGRADED, "Payments take longer than usual"),
    IncidentKind.DELIVERY_LAG: (Standing.DEGRADED, "Shops learn of payments later than usual"),
}
"""What the public is told of an incident; of other kinds nothing, and of none whose account, card or bank it was."""
_NAMES: Final = Locale("en").territories


@dataclass(frozen=True, slots=True)
class Place:
    """A method in a country: how it stands, and what it is called."""

    method: str
    country: str
    standing: Standing

    @property
    def name(self) -> str:
        """The country's, in English."""
        return country_name(self.country)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a method: None where nobody has paid with it."""

    on: date
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Service:
    """A method, in all its countries. `uptime` is the share of attempts, in per cent, that got an answer in 90 days."""

    method: str
    name: str
    standing: Standing
    uptime: float | None
    places: Sequence[Place]
    days: Sequence[Day]

    @property
    def shown(self) -> str:
        """The uptime with two decimals, never rounded up to a hundred."""
        return "" if self.uptime is None else f"{math.floor(self.uptime * 100) / 100:.2f}"

    @property
    def bad_days(self) -> list[Day]:
        """Those on which something was wrong."""
        return [day for day in self.days if day.standing in (Standing.DEGRADED, Standing.DOWN)]


@dataclass(frozen=True, slots=True)
class Tests:
    """The payments that we make ourselves to see whether providers answer: the newest of each, and the days before.

    None of them is in any book, and none counts as somebody's payment. `at` is the newest one's end.
    """

    standing: Standing
    at: datetime
    days: Sequence[Day]

    @property
    def bad_days(self) -> list[Day]:
        """Those on which some went wrong."""
        return [day for day in self.days if day.standing in (Standing.DEGRADED, Standing.DOWN)]


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident as the public reads it."""

    words: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """All of it, as of `at`; `known` is False where nobody can tell."""

    at: datetime
    known: bool = True
    standing: Standing = Standing.UNKNOWN
    services: Sequence[Service] = field(default_factory=list)
    tests: Tests | None = None
    open: Sequence[Trouble] = field(default_factory=list)
    past: Sequence[Trouble] = field(default_factory=list)


class _Kept:
    """What was found last; while somebody finds it anew, others are told what was."""

    at = float("-inf")
    status: Status | None = None
    lock = threading.Lock()


def now() -> Status:
    """How everything stands, half a minute old at most, or for as long as finding it takes."""
    fresh = time.monotonic() - _Kept.at <= FRESH_SECONDS
    if _Kept.status is not None and (fresh or not _Kept.lock.acquire(blocking=False)):
        return _Kept.status
    if _Kept.status is None:
        _Kept.lock.acquire()
    try:
        if _Kept.status is None or time.monotonic() - _Kept.at > FRESH_SECONDS:
            _Kept.status, _Kept.at = _found(), time.monotonic()
        return _Kept.status
    finally:
        _Kept.lock.release()


def forget() -> None:
    """Find it anew at the next question."""
    _Kept.status, _Kept.at = None, float("-inf")


def country_name(code: str) -> str:
    """A country's name in English; what nobody has said is called so."""
    return str(_NAMES.get(code, code)) if code else "other countries"


def method_name(code: str) -> str:
    """What customers call a method, in English."""
    return METHODS[code].name("en") if code in METHODS else code.replace("_", " ").capitalize()


def _found() -> Status:
    at = clock.now()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(AT_MOST)])
            told = [row for row in incidents.of_days(DAYS) if row.kind in _KINDS]
            return replace(_of(at, told, _places(at), _days(at)), tests=_tests(at))
    except DatabaseError as reason:
        log.warning("status_not_found", reason=str(reason))
        return Status(at, known=False)


def _places(at: datetime) -> dict[tuple[str, str], Tried]:
    """The pairs that are listed, each with what was tried of late."""
    until = _midnight(at) + DAY
    [every] = reading.attempts(Period(until - LISTED, until, over=False), [("method", "country")], {}, money=False)
    most = sorted(every, key=lambda pair: (-every[pair]["attempts"], pair))[:MOST]
    lately = reading.lately(at - NOW)
    return {(method, country): lately.get((method, country), Tried()) for method, country in sorted(most)}


def _days(at: datetime) -> dict[tuple[datetime, str], Tried]:
    """What was tried with each method on each of the days."""
    until = _midnight(at) + DAY
    [found] = reading.attempts(Period(until - DAYS * DAY, until, over=False), [("at", "method")], {}, money=False)
    return {(day, method): Tried(sums["attempts"], reading.failed(sums)) for (day, method), sums in found.items()}


def _of(
    at: datetime,
    told: Sequence[Incident],
    places: Mapping[tuple[str, str], Tried],
    days: Mapping[tuple[datetime, str], Tried],
) -> Status:
    told = [row for row in told if "issuer" not in row.scope]
    open_ = [row for row in told if row.closed_at is None]
    by_method: dict[str, list[Place]] = {}
    for (method, country), tried in places.items():
        by_method.setdefault(method, []).append(_place(method, country, tried, open_))
    services = [_service(at, method, found, days) for method, found in by_method.items()]
    standings = [*(service.standing for service in services), *(_KINDS[row.kind][0] for row in open_)]
    return Status(
        at,
        standing=_worst(standings) if standings else Standing.WORKING,
        services=sorted(services, key=lambda service: (-_WORST[service.standing], service.name)),
        open=[_trouble(row) for row in open_],
        past=[_trouble(row) for row in told if row.closed_at is not None][:50],
    )


def _place(method: str, country: str, tried: Tried, open_: Iterable[Incident]) -> Place:
    about = [_KINDS[row.kind][0] for row in open_ if _touches(row.scope, method, country)]
    return Place(method, country, _worst([*about, judged(tried)]))


def _service(
    at: datetime,
    method: str,
    places: Sequence[Place],
    days: Mapping[tuple[datetime, str], Tried],
) -> Service:
    """What does not work in one country of many is degraded; what works nowhere does not work."""
    standings = {place.standing for place in places}
    whole = standings.pop() if len(standings) == 1 else Standing.DEGRADED
    first = _midnight(at) - (DAYS - 1) * DAY
    tried = [(first + number * DAY, days.get((first + number * DAY, method))) for number in range(DAYS)]
    every = sum(one.attempts for _, one in tried if one)
    failed = sum(one.failed for _, one in tried if one)
    return Service(
        method,
        method_name(method),
        whole,
        100 * (every - failed) / every if every else None,
        sorted(places, key=lambda place: (not place.country, place.name)),
        [Day(day.date(), judged(one) if one and one.attempts else None) for day, one in tried],
    )


def _tests(at: datetime) -> Tests | None:
    """How our own test payments fare; None where none was made within a day. What we could not try says nothing."""
    told = [row for row in canaries.latest().values() if row.outcome != CanaryOutcome.BROKEN]
    if not told:
        return None
    bad = sum(row.outcome != CanaryOutcome.GOOD for row in told)
    days: dict[date, tuple[int, int]] = {}
    for day in (day for found in canaries.of_days(DAYS).values() for day in found):
        tried, failed = days.get(day.day, (0, 0))
        days[day.day] = (tried + day.total, failed + day.total - day.good)
    first = (_midnight(at) - (DAYS - 1) * DAY).date()
    return Tests(
        Standing.WORKING if not bad else Standing.DOWN if bad == len(told) else Standing.DEGRADED,
        max(row.ended_at or row.began_at for row in told),
        [Day(on, judged(Tried(*days[on])) if on in days else None)
         for on in (first + number * DAY for number in range(DAYS))],
    )  # fmt: skip


def judged(tried: Tried) -> Standing:
    """How attempts of some time stand: too few that came to nothing count as none."""
    share = tried.failed / tried.attempts if tried.attempts and tried.failed >= FEWEST else 0.0
    return Standing.DOWN if share >= DOWN else Standing.DEGRADED if share >= DEGRADED else Standing.WORKING


def _touches(scope: Mapping[str, str], method: str, country: str) -> bool:
    """Whether an incident is, at least in part, about a method in a country."""
    return scope.get("method", method) == method and scope.get("country", country) == country


def _worst(standings: Iterable[Standing]) -> Standing:
    return max(standings, key=_WORST.__getitem__)


def _trouble(row: Incident) -> Trouble:
    words = _KINDS[row.kind][1]
    if "method" in row.scope:
        words += f" with {method_name(row.scope['method'])}"
    if "country" in row.scope:
        words += f" in {country_name(row.scope['country'])}"
    return Trouble(words, row.since, row.closed_at)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
