"""The one writer of sums by minute, hour and day: a job with a mark, which counts anew whatever has changed."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from payments.kernel import clock
from reporting.models.rollups import RollupMark
from reporting.uptime import changes, counting
from reporting.uptime.changes import Minutes

MINUTES_KEPT: Final = timedelta(days=14)
HOURS_KEPT: Final = timedelta(days=366)
ISSUERS_KEPT: Final = timedelta(days=2)
"""Hours that are learned late are those of some hours ago; nobody else reads these."""
STEP: Final = timedelta(hours=1)
"""So much of what happened is counted in one transaction."""
SECONDS: Final = 15.0
"""A round ends after this long, and comes back at once when there is more."""
AHEAD: Final = timedelta(minutes=1)
"""The clocks of our machines do not differ by more."""
EVER: Final = 2**31 - 1

_BEGAN: Final = """
SELECT min(uuid_extract_timestamp(id)) FROM (
    (SELECT id FROM payments_paymentintent ORDER BY id LIMIT 1)
     UNION ALL (SELECT id FROM payments_statechange ORDER BY id LIMIT 1)) first"""
_SEEN: Final = """
SELECT pg_current_xact_id()::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"""


def advance() -> bool:
    """Count what is new; True when there is more. Whoever comes second finds the mark held, and does nothing.

    Each step is one transaction: killed anywhere, the mark and the sums are as they were before it.
    """
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        with _held(wait=False) as mark:
            if mark is None or not _step(mark):
                return False
    return True


def rebuild(since: datetime, until: datetime, told: Callable[[datetime], None] = lambda _: None) -> None:
    """Count a past range anew, day by day (UTC), whatever was counted before; `told` hears of each day that is done.

    For what came into the past without our noticing: rows that were put there by COPY.
    """
    day = _floor("day", since)
    while day < until:
        with _held(wait=True):
            _recount(_all_of(day))
        told(day)
        day += timedelta(days=1)


def forget() -> None:
    """Let go of minutes and hours that are kept no longer; the days hold their sums."""
    now = clock.now()
    with connection.cursor() as cursor:
        for grain, since in (("minute", minutes_from(now)), ("hour", hours_from(now))):
            for table in ("attempts", "tally"):
                cursor.execute(f"DELETE FROM reporting_{table}{grain} WHERE at < %s", [since])  # noqa: S608  our own
        cursor.execute("DELETE FROM reporting_issuerminute WHERE at < %s", [now - ISSUERS_KEPT])


def minutes_from(now: datetime) -> datetime:
    """Since when there are sums by minute: whole days, so that every hour has all of its minutes or none."""
    return _floor("day", now - MINUTES_KEPT)


def hours_from(now: datetime) -> datetime:
    """Since when there are sums by hour."""
    return _floor("day", now - HOURS_KEPT)


def counted_until() -> datetime | None:
    """Up to when all that happened is counted; None before the first round."""
    return RollupMark.objects.filter(pk=1).values_list("until", flat=True).first()


@contextmanager
def _held(*, wait: bool) -> Iterator[RollupMark | None]:
    """The mark under its lock, in a transaction; None when somebody else has it and nobody waits."""
    RollupMark.objects.bulk_create([RollupMark(id=1)], ignore_conflicts=True)
    with transaction.atomic():
        rows = RollupMark.objects.select_for_update(skip_locked=not wait)
        mark = rows.filter(pk=1).first()
        with connection.cursor() as cursor:
            cursor.execute(counting.NEARBY)
        yield mark


def _step(mark: RollupMark) -> bool:
    """Count what was written in the next stretch of time; True when more stretches follow."""
    now = clock.now()
    [transaction_id, seen] = _row(_SEEN)
    since = min(mark.until or _row(_BEGAN)[0] or now, now)  # a clock that was ahead has left a mark that is
    until = min(since + STEP, now)
    caught_up = until >= now
    new = transaction_id - mark.seen if 0 < mark.seen <= transaction_id else EVER
    _recount(changes.found(since, until + AHEAD if caught_up else until, min(new, EVER)))
    mark.until, mark.counted_at = until, now
    if caught_up:
        mark.seen = seen
    mark.save()
    return not caught_up


def _recount(minutes: Minutes) -> None:
    """Count these minutes anew, and their hours and days; those too old for a finer sum are counted in the coarser."""
    now = clock.now()
    fine, hourly = minutes_from(now), hours_from(now)
    for whole, from_source, from_finer in (
        (minutes.attempts, counting.from_attempts, counting.from_finer),
        (minutes.tallies, counting.tallies, counting.tallies_from_finer),
    ):
        if not whole:
            continue
        _each(from_source, "minute", (at for at in whole if at >= fine))
        _each(from_source, "hour", (at for at in whole if hourly <= at < fine))
        _merge(from_finer, "hour", "minute", (at for at in whole if at >= fine))
        _each(from_source, "day", (at for at in whole if at < hourly))
        _merge(from_finer, "day", "hour", (at for at in whole if at >= hourly))
    if minutes.attempts:
        counting.through_lenses(_floors("day", minutes.attempts))


def _each(count: Callable[[str, Sequence[datetime]], None], grain: str, moments: Iterable[datetime]) -> None:
    starts = _floors(grain, moments)
    if starts:
        count(grain, starts)


def _merge(
    merge: Callable[[str, str, Sequence[datetime]], None], grain: str, finer: str, moments: Iterable[datetime]
) -> None:
    starts = _floors(grain, moments)
    if starts:
        merge(grain, finer, starts)


def _all_of(day: datetime) -> Minutes:
    """Every minute of a day, as far as there are sums by minute; else its hours, or itself."""
    now = clock.now()
    if day >= minutes_from(now):
        moments = {day + timedelta(minutes=number) for number in range(24 * 60)}
    elif day >= hours_from(now):
        moments = {day + timedelta(hours=number) for number in range(24)}
    else:
        moments = {day}
    return Minutes(attempts=moments, tallies=set(moments))


def _floors(grain: str, moments: Iterable[datetime]) -> list[datetime]:
    return sorted({_floor(grain, at) for at in moments})


def _floor(grain: str, at: datetime) -> datetime:
    """The first moment of its minute, hour or day in UTC."""
    within = {"minute": {}, "hour": {"minute": 0}, "day": {"minute": 0, "hour": 0}}[grain]
    return at.astimezone(UTC).replace(second=0, microsecond=0, **within)  # type: ignore[arg-type]


def _row(sql: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
