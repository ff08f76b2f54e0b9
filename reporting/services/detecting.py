"""The look of every minute: what is wrong with payments, with what PSPs send, and with our own work, told at once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from payments.kernel import clock, jobs, unit
from payments.kernel.attention import Severity
from reporting.models import IncidentKind, RollupMark
from reporting.services import incidents, usual
from reporting.uptime import minutes, replay, rollups, signals
from reporting.uptime.charts import KEPT, MINUTE
from reporting.uptime.findings import Finding
from reporting.uptime.observed import Wrong, hour_of_week
from reporting.uptime.signals import Waiting

BEHIND: Final = timedelta(minutes=10)
"""Sums that end longer ago say nothing of now: they are catching up, or nobody counts."""
NOTIFIED: Final = timedelta(minutes=30)
"""So far back notifications are looked for."""

_QUEUES: Final = """
SELECT queue, count(*), min(due_at) FROM payments_job WHERE state = 'ready' AND due_at <= %s GROUP BY queue"""
_UNDELIVERED: Final = """
SELECT 'events', count(*), min(created_at) FROM payments_event WHERE dispatched_at IS NULL
 UNION ALL
SELECT 'deliveries', count(*), min(d.created_at)
  FROM payments_delivery d JOIN payments_endpoint e ON e.id = d.endpoint_id
 WHERE d.state = 'pending' AND d.attempts = 0 AND d.next_attempt_at <= %s
   AND e.enabled AND e.failing_since IS NULL AND e.deleted_at IS NULL"""
"""An endpoint that fails holds up its own events: those are not late because of us."""
_UNRECOVERED: Final = """
SELECT p.code, count(*), min(c.look_at) FROM payments_providercall c
  JOIN payments_provideraccount p ON p.id = c.account_id WHERE c.look_at <= %s GROUP BY p.code"""
_UNSETTLED: Final = """
SELECT p.code, count(*), min(d.since) FROM reporting_discrepancy d
  JOIN payments_provideraccount p ON p.id = d.account_id
 WHERE d.status IN ('open', 'proposed') AND d.kind = 'file_missing' AND d.since <= %s GROUP BY p.code"""


def look() -> None:
    """Count what is new, judge it, and hand over all that is wrong now; also that nothing is. What is too much for one
    round is counted on elsewhere.

    The same minute twice tells the same. What has not been counted is not judged: not while a past is being counted,
    and not while nobody counts, which is told instead.
    """
    if rollups.advance():
        with unit.work():
            jobs.enqueue("count_rollups", unique="count_rollups")
    now = clock.now()
    found = [*payments(now), *work(now)]
    incidents.report([_finding(wrong) for wrong in found], at=now)


def payments(now: datetime) -> list[Wrong]:
    """What is wrong with payments, by the minutes that are counted: a few queries, however many slices."""
    counted = rollups.counted_until()
    if counted is None or now - counted > BEHIND:
        return []
    last = min(counted, now).astimezone(UTC).replace(second=0, microsecond=0)
    first = last - (KEPT - 1) * MINUTE
    watch, issuers = replay.watches(usual.read(*{hour_of_week(first), hour_of_week(last)}))
    seen, issued = minutes.by_minute(first, last + MINUTE), minutes.by_issuer("minute", first, last + MINUTE)
    every = [first + MINUTE * number for number in range(KEPT)]
    watch.put({at: seen.get(at, {}) for at in every})
    issuers.put({at: issued.get(at, {}) for at in every})
    watch.newest = issuers.newest = (min(counted, now) - last) / MINUTE
    came = minutes.notifications(last - NOTIFIED, last + MINUTE)
    told = {at: came.get(at, {}) for at in (last - MINUTE * n for n in range(int(NOTIFIED / MINUTE)))}
    return replay.look(watch, told, issuers)


def work(now: datetime) -> list[Wrong]:
    """What of our own work lies about for too long, and which settlement files did not come."""
    counted_at = RollupMark.objects.filter(pk=1).values_list("counted_at", flat=True).first()
    return [
        *(signals.stalled(counted_at, now) or signals.queues(queues(now), now)),
        *signals.undelivered(_waiting(_UNDELIVERED, now), now),
        *signals.unrecovered(_waiting(_UNRECOVERED, now), now),
        *signals.unsettled(_waiting(_UNSETTLED, now), now),
    ]


def queues(now: datetime) -> Sequence[Waiting]:
    """The queues in which jobs are due: how many, and since when the oldest is."""
    return _waiting(_QUEUES, now)


def _waiting(sql: str, now: datetime) -> Sequence[Waiting]:
    return [Waiting(*row) for row in minutes.rows(sql, [now]) if row[1]]


def _finding(wrong: Wrong) -> Finding:
    """As incidents take it; where a dimension has no value, it is left out of the scope."""
    return Finding(
        kind=IncidentKind(wrong.kind),
        scope={name: value for name, value in wrong.scope.items() if value},
        severity=Severity(wrong.severity),
        since=wrong.since,
        per_minute=wrong.per_minute,
        figures=wrong.figures,
        by_place=wrong.by_place,
        words=wrong.words,
    )
