"""How things stand this minute, for whoever watches: read from sums by minute alone, in as many queries as ever."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from payments.gateway import circuits
from payments.gateway.models import TrafficShift
from payments.kernel import clock
from reporting.models import Incident
from reporting.models.rollups import DIMENSIONS, Counted
from reporting.services import detecting, usual
from reporting.uptime import incidents, levels, minutes, reading, rollups
from reporting.uptime.baselines import Baselines
from reporting.uptime.levels import Level
from reporting.uptime.observed import hour_of_week
from reporting.uptime.reading import Sketch
from reporting.uptime.signals import Waiting

MINUTES: Final = 5
"""Now is the last minutes that are counted: fewer would say little, more would hide what has just begun."""
HOUR: Final = timedelta(hours=1)
"""Who took a payment in this time is listed, also while it takes none; and so far back the funnel reaches."""
RARE: Final = 0.2
"""Attempts a minute that have to be usual for a place to be listed that took none in the last hour."""
LATE: Final = timedelta(minutes=2)
"""Sums that are further behind say nothing of now any more."""
BELOW: Final = 5.0
"""Points below what is usual from which on an approval is marked."""
STEPS: Final = (Counted.CREATED, Counted.CONFIRMED, Counted.AUTHORIZED, Counted.CAPTURED)

_SUMS: Final = ("attempts", "approved", "waiting", "unavailable + unknown", "not_approved_minor")
_CELLS: Final = f"""
SELECT {", ".join(DIMENSIONS)},
       {", ".join(f"coalesce(sum({one}) FILTER (WHERE at >= %(fresh)s), 0)::bigint" for one in _SUMS)}
  FROM reporting_attemptsminute WHERE at >= %(since)s AND at < %(until)s GROUP BY {", ".join(DIMENSIONS)}"""  # noqa: S608  our own SQL
_ANSWERS: Final = """
SELECT account, method, country, bucket, sum(answers)::bigint
  FROM (SELECT account, method, country, unnest(buckets) AS bucket, unnest(counts) AS answers
          FROM reporting_attemptsminute WHERE at >= %(fresh)s AND at < %(until)s) told GROUP BY 1, 2, 3, 4"""
_STEPS: Final = """
SELECT what, sum(count)::bigint FROM reporting_tallyminute
 WHERE at >= %(since)s AND at < %(until)s AND what = ANY(%(steps)s) GROUP BY what"""

Place = tuple[str, str, str]
"""Provider account, method, country."""


@dataclass(slots=True)
class Seen:
    """What became of the attempts of a place in the last `MINUTES`, beside what is usual at this hour of the week.

    `unanswered` are those that the PSP did not answer, `refused_minor` what was not approved, by currency. Of
    `judged` attempts it is known that `expected_bad` are usually not approved; `usual_per_minute` come usually.
    """

    attempts: int = 0
    approved: int = 0
    waiting: int = 0
    unanswered: int = 0
    refused_minor: dict[str, int] = field(default_factory=dict)
    answers: Sketch = field(default_factory=dict)
    usual_per_minute: float = 0.0
    judged: float = 0.0
    expected_bad: float = 0.0

    @property
    def ended(self) -> int:
        """Those that wait for nobody."""
        return self.attempts - self.waiting

    @property
    def per_minute(self) -> float:
        """Attempts a minute."""
        return self.attempts / MINUTES

    @property
    def approval(self) -> float | None:
        """Per cent of the ended ones."""
        return 100 * self.approved / self.ended if self.ended else None

    @property
    def usual_approval(self) -> float | None:
        """Per cent that is usual for this mix at this hour; None while too little is known."""
        return 100 * (1 - self.expected_bad / self.judged) if self.judged else None

    @property
    def low(self) -> bool:
        """Clearly fewer are approved than usual."""
        usual = self.usual_approval
        return self.approval is not None and usual is not None and usual - self.approval > BELOW

    @property
    def unanswered_share(self) -> float | None:
        """Per cent of the ended ones that the PSP did not answer."""
        return 100 * self.unanswered / self.ended if self.ended else None

    @property
    def p95(self) -> float | None:
        """Milliseconds within which 95 of 100 answers came."""
        return reading.quantile(self.answers, 0.95)

    @property
    def refused_per_minute(self) -> dict[str, int]:
        """Minor units by currency that are not approved a minute."""
        return {code: minor // MINUTES for code, minor in self.refused_minor.items() if minor >= MINUTES}

    def add(self, other: "Seen") -> None:
        """Take in another place."""
        for name in ("attempts", "approved", "waiting", "unanswered", "usual_per_minute", "judged", "expected_bad"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for into, more in ((self.refused_minor, other.refused_minor), (self.answers, other.answers)):
            _add(into, more)


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that whoever watches wants to know, as of `at`. `counted_until` is None before anything is counted."""

    at: datetime
    counted_until: datetime | None
    places: Mapping[Place, Seen]
    funnel: Mapping[Counted, int]
    incidents: Sequence[Incident]
    shifts: Sequence[TrafficShift]
    circuits: Mapping[circuits.Key, circuits.Standing]
    queues: Sequence[Waiting]
    levels: Sequence[Level]

    @property
    def lag(self) -> timedelta | None:
        """How far the sums are behind."""
        return max(self.at - self.counted_until, timedelta(0)) if self.counted_until else None

    @property
    def late(self) -> bool:
        """True when nothing is counted, or not what has happened of late."""
        return self.lag is None or self.lag > LATE

    @property
    def everything(self) -> Seen:
        """All places together."""
        return together(self.places.values())

    def by_account(self) -> dict[str, Seen]:
        """The places of each provider account together, by its code."""
        codes = sorted({account for account, _method, _country in self.places})
        return {code: together(seen for place, seen in self.places.items() if place[0] == code) for code in codes}


def together(places: Iterable[Seen]) -> Seen:
    """Several places as one."""
    whole = Seen()
    for one in places:
        whole.add(one)
    return whole


def now() -> Standing:
    """How things stand: eleven queries, however many payments there are, and one question to Redis."""
    at = clock.now()
    until = rollups.counted_until()
    places, funnel = _counted(min(until, at)) if until else ({}, {})
    return Standing(
        at=at,
        counted_until=until,
        places=places,
        funnel=funnel,
        incidents=list(incidents.open_incidents()),
        shifts=list(TrafficShift.objects.filter(ended_at__isnull=True).select_related("account").order_by("pk")),
        circuits=circuits.unwell(),
        queues=sorted(detecting.queues(at), key=lambda one: one.oldest),
        levels=levels.levels(),
    )


def _counted(until: datetime) -> tuple[dict[Place, Seen], dict[Counted, int]]:
    """The places, busiest first, and the funnel, up to the last whole minute that is counted."""
    last = until.astimezone(UTC).replace(second=0, microsecond=0)
    known = {"since": last - HOUR, "fresh": last - timedelta(minutes=MINUTES), "until": last, "steps": list(STEPS)}
    hour = hour_of_week(last - timedelta(minutes=1))
    places = _seen(list(minutes.rows(_CELLS, known)), usual.read(hour), hour)
    for account, method, country, bucket, answers in minutes.rows(_ANSWERS, known):
        places[account, method, country].answers[bucket] = answers
    steps = dict(minutes.rows(_STEPS, known))
    busiest = sorted(places, key=lambda one: (-places[one].attempts, -places[one].usual_per_minute, one))
    return {place: places[place] for place in busiest}, {step: steps.get(step, 0) for step in STEPS}


def _seen(rows: Sequence[Sequence[Any]], known: Baselines, hour: int) -> dict[Place, Seen]:
    """By place; those that took none in the last hour only where that is unusual."""
    places: dict[Place, Seen] = {}
    for account, method, country, currency, channel, attempts, approved, waiting, unanswered, refused in rows:
        seen = places.setdefault((account, method, country), Seen())
        expected = known.expect((account, method, country, currency, channel), hour)
        judged = attempts - waiting if expected.known else 0
        seen.add(Seen(attempts, approved, waiting, unanswered, {currency: refused} if refused else {},
                      judged=judged, expected_bad=judged * expected.bad))  # fmt: skip
    for cell in known.cells:
        places.setdefault((cell[0], cell[1], cell[2]), Seen()).usual_per_minute += known.expect(cell, hour).per_minute
    took = {(row[0], row[1], row[2]) for row in rows}
    return {place: seen for place, seen in places.items() if place in took or seen.usual_per_minute >= RARE}


def _add(into: dict[Any, int], more: Mapping[Any, int]) -> None:
    for key, value in more.items():
        into[key] = into.get(key, 0) + value
