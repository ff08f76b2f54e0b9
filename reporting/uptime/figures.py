"""What monitoring reads from the database: how things stand, by indexes of what is open, and never for long."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from django.db import DatabaseError, connection, transaction

from payments.gateway import accounts
from payments.kernel import clock, jobs, meters
from reporting import selectors
from reporting.models import Incident
from reporting.models.rollups import Age
from reporting.states import IncidentStatus
from reporting.uptime import attention, resting, rollups

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 5.0
"""So long they are told again as they were, however many ask."""
AT_MOST: Final = 3_000
"""Milliseconds that one question may take; then there are no such figures this time."""
COUNTED_TO: Final = 10_000
"""A queue is counted so far and no further: its oldest job says the rest."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of how things stand, for each of its labels' values; a whole number."""

    name: str
    meaning: str
    values: Sequence[tuple[Mapping[str, str], int]]


class _Told:
    """What was found last, and when."""

    at = float("-inf")
    figures: Sequence[Figure] = ()
    lock = threading.Lock()


def found() -> Sequence[Figure]:
    """All of them, a few seconds old at most; only `database_figures_up` 0 where the database does not say."""
    with _Told.lock:
        if time.monotonic() - _Told.at > FRESH_SECONDS:
            _Told.figures, _Told.at = _asked(), time.monotonic()
        return _Told.figures


def forget() -> None:
    """Find them anew at the next question."""
    _Told.at = float("-inf")


def _asked() -> Sequence[Figure]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(AT_MOST)])
            figures = [figure for part in PARTS for figure in part()]
    except DatabaseError as reason:
        log.warning("figures_not_found", reason=str(reason))
        return [_up(0)]
    return [_up(1), *figures]


def _up(value: int) -> Figure:
    return Figure("database_figures_up", "Whether the figures that the database knows are told.", [({}, value)])


def _unexplained() -> Iterable[Figure]:
    tied = [({"account": code, "currency": currency}, row) for (code, currency), row in selectors.unexplained().items()]
    yield Figure(
        "unexplained_minor",
        "Minor units between what a PSP says it owes us and what our books come to.",
        [(labels, row.unexplained_minor) for labels, row in tied],
    )
    yield Figure(
        "tie_out_age_seconds",
        "Since what is unexplained was looked at.",
        [(labels, _since(row.as_of)) for labels, row in tied],
    )


def _differences() -> Iterable[Figure]:
    open_ = selectors.open_differences()
    count = [({"kind": kind}, count) for kind, count, _ in open_]
    yield Figure("discrepancies_open", "Differences that nobody has settled.", count)
    oldest = [({"kind": kind}, _since(since)) for kind, _, since in open_]
    yield Figure("discrepancies_oldest_seconds", "Since the oldest of them happened.", oldest)


_QUEUES: Final = f"""
    SELECT q.name, due.count, due.oldest, later.count, coalesce(dead.count, 0)
      FROM unnest(%s::text[]) AS q (name)
     CROSS JOIN LATERAL (
         SELECT count(*), min(due_at) AS oldest FROM (
             SELECT due_at FROM payments_job WHERE queue = q.name AND state <> 'dead'
                AND due_at <= statement_timestamp() ORDER BY due_at LIMIT {COUNTED_TO}) j) due
     CROSS JOIN LATERAL (
         SELECT count(*) FROM (
             SELECT FROM payments_job WHERE queue = q.name AND state <> 'dead' AND due_at > statement_timestamp()
              ORDER BY due_at LIMIT {COUNTED_TO}) j) later
      LEFT JOIN (SELECT queue, count(*) FROM payments_job WHERE state = 'dead' GROUP BY queue) dead
        ON dead.queue = q.name"""  # noqa: S608  our own SQL
"""A job that runs is due again when its lease ends: it stands among the later ones until then."""


def _queues() -> Iterable[Figure]:
    with connection.cursor() as cursor:
        cursor.execute(_QUEUES, [[queue.value for queue in jobs.Queue]])
        rows = cursor.fetchall()
    states = [("due", 1), ("later", 3), ("dead", 4)]
    count = [({"queue": row[0], "state": state}, row[place]) for row in rows for state, place in states]
    yield Figure("jobs", f"Jobs in a queue, counted up to {COUNTED_TO}.", count)
    oldest = [({"queue": row[0]}, _since(row[2]) if row[2] else 0) for row in rows]
    yield Figure("jobs_oldest_seconds", "Since the oldest job that is due was due; 0 where none is.", oldest)


def _at_rest() -> Iterable[Figure]:
    rows, measured_at = resting.found()
    labels = [{"what": row.what, "currency": row.currency, "age": Age(row.age).name.lower()} for row in rows]
    minor = [(said, row.minor) for said, row in zip(labels, rows, strict=True)]
    yield Figure("at_rest_minor", "Minor units that are on their way, by what they wait for and for how long.", minor)
    yield Figure("at_rest", "So many of them.", [(said, row.count) for said, row in zip(labels, rows, strict=True)])
    if measured_at is not None:
        yield Figure("at_rest_age_seconds", "Since that was measured.", [({}, _since(measured_at))])


def _attention() -> Iterable[Figure]:
    piles = attention.piles()
    labels = [{"kind": pile.kind.value, "severity": pile.severity.value, "owner": pile.owner} for pile in piles]
    yield Figure("attention_open", "What needs a person.", [(of, p.count) for of, p in zip(labels, piles, strict=True)])
    yield Figure(
        "attention_oldest_seconds",
        "Since the oldest of it needs one.",
        [(of, _since(p.oldest)) for of, p in zip(labels, piles, strict=True)],
    )


def _incidents() -> Iterable[Figure]:
    rows = Incident.objects.filter(status=IncidentStatus.OPEN).values_list("kind", "severity")
    count = [({"kind": kind, "severity": severity}, times) for (kind, severity), times in Counter(rows).items()]
    yield Figure("incidents_open", "Incidents that go on.", count)


def _expected() -> Iterable[Figure]:
    """No figure: what seldom happens is told as none before it does, or a day with one dispute would have none."""
    for outcome in ("delivered", "comes_again", "given_up"):
        meters.DELIVERIES.expect(outcome)
    for account in accounts.enabled():
        meters.DISPUTES.expect(account.code, "opened")
    return ()


def _rollups() -> Iterable[Figure]:
    until = rollups.counted_until()
    if until is not None:
        yield Figure("rollup_lag_seconds", "How far the sums by minute are behind.", [({}, max(0, _since(until)))])


def _since(at: datetime) -> int:
    return int((clock.now() - at).total_seconds())


PARTS: Final[Sequence[Callable[[], Iterable[Figure]]]] = (
    _unexplained,
    _differences,
    _queues,
    _at_rest,
    _attention,
    _incidents,
    _rollups,
    _expected,
)
