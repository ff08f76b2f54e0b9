"""The one writer and reader of service levels: what was good and what was not, counted once it is certain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from payments.kernel import clock
from reporting.models.levels import Grain, ServiceLevel
from reporting.uptime import slo
from reporting.uptime.slo import Count, Slo, Window

STEP: Final = timedelta(hours=1)
LOOK_BACK: Final = timedelta(days=1)
"""What was not counted for longer, after an outage of the workers, is counted from here on: its log may be gone."""
MINUTES_KEPT: Final = timedelta(days=14)
HOURS_KEPT: Final = timedelta(days=366)
AHEAD: Final = timedelta(minutes=1)
"""The clocks of our machines do not differ by more."""

_IDS: Final = "{0}.id >= payments_uuid_floor(%(since)s) AND {0}.id < payments_uuid_floor(%(until)s)"
_REQUESTS: Final = f"SELECT at, {{good}} AS good FROM payments_apirequest r WHERE {_IDS.format('r')}"  # noqa: S608
_SOURCES: Final[Mapping[str, str]] = {
    "availability": _REQUESTS.format(good="status < 500"),
    "own_time": _REQUESTS.format(good="microseconds - outside_microseconds <= 50000"),
    "notifications": f"""
    SELECT received_at AS at, coalesce(processed_at <= received_at + interval '5 s', false) AS good
      FROM payments_inboundevent n
     WHERE {_IDS.format("n")} AND came_by = 'webhook' AND state NOT IN ('ignored', 'waiting')""",  # noqa: S608
    "deliveries": f"""
    SELECT e.created_at AS at, coalesce(t.at <= e.created_at + interval '10 s', false) AS good
      FROM payments_event e
      LEFT JOIN payments_delivery d ON d.event_id = e.id AND d.created_at <= e.dispatched_at + interval '1 s'
      LEFT JOIN payments_endpoint w ON w.id = d.endpoint_id
      LEFT JOIN LATERAL (SELECT at FROM payments_deliverytry WHERE delivery_id = d.id ORDER BY id LIMIT 1) t ON true
     WHERE {_IDS.format("e")} AND (e.dispatched_at IS NULL OR (d.id IS NOT NULL AND w.failing_since IS NULL
       AND w.paused_until IS NULL AND w.enabled AND w.deleted_at IS NULL))""",  # noqa: S608
    "unknown": f"""
    SELECT s.at, coalesce(n.at <= s.at + interval '2 min', false) AS good
      FROM payments_statechange s
      LEFT JOIN LATERAL (SELECT at FROM payments_statechange o WHERE o.object_id = s.object_id AND o.id > s.id
                            AND o.from_state = 'unknown' AND o.to_state <> 'unknown' ORDER BY o.id LIMIT 1) n ON true
     WHERE {_IDS.format("s")} AND s.to_state = 'unknown' AND s.from_state <> 'unknown'""",  # noqa: S608
    "settlement": """
    SELECT noon AS at, EXISTS (
               SELECT FROM reporting_settlementfile f WHERE f.account_id = a.account_id AND f.status = 'loaded'
                  AND f.day = (noon AT TIME ZONE 'UTC')::date - 1 AND f.loaded_at <= noon) AS good
      FROM generate_series(date_trunc('day', %(since)s::timestamptz, 'UTC') + interval '12 h', %(until)s,
                           interval '1 day') AS noon
      JOIN LATERAL (SELECT DISTINCT account_id FROM reporting_settlementfile f
                     WHERE f.status = 'loaded' AND f.day < (noon AT TIME ZONE 'UTC')::date - 1
                       AND f.day >= (noon AT TIME ZONE 'UTC')::date - 15) a ON true
     WHERE noon >= %(since)s AND noon < %(until)s""",
}  # fmt: skip
"""Rows of (at, good) for each service level. Keys carry the time: ranges of them need no other index.

Endpoints that fail are not counted: how fast a client cannot be told is not ours. Notifications that wait are ahead of
what we know. A day's settlement is expected of accounts that have had such files in the two weeks before.
"""

_COUNT: Final = """
INSERT INTO reporting_levelcount (name, grain, at, good, total)
SELECT %(name)s, {grain}, {trunc}, {sums}
  FROM ({source}) found GROUP BY 3
    ON CONFLICT (name, grain, at) DO UPDATE SET good = excluded.good, total = excluded.total
"""


def count() -> None:
    """Count every service level up to where it is certain, each in a transaction with its mark: again does no harm."""
    for one in slo.SLOS.values():
        _count(one)


def _count(one: Slo) -> None:
    now = clock.now()
    until = (now - one.lag).replace(second=0, microsecond=0)
    first = until - timedelta(minutes=5)
    ServiceLevel.objects.bulk_create([ServiceLevel(name=one.name, counted_until=first)], ignore_conflicts=True)
    with transaction.atomic():
        row = ServiceLevel.objects.select_for_update(skip_locked=True).filter(name=one.name).first()
        if row is None or until <= row.counted_until <= until + AHEAD:
            return
        since = max(_since(row.counted_until, until), until - LOOK_BACK)
        while since < until:
            _step(one, since, min(since + STEP, until))
            since += STEP
        row.counted_until = until
        row.save(update_fields=["counted_until"])


def _since(mark: datetime, until: datetime) -> datetime:
    """From where to count on. A clock that was ahead has left a mark that is, and has counted the last minutes before
    it was certain what became of them: they are counted anew."""
    return mark if mark < until else until - STEP


def _step(one: Slo, since: datetime, until: datetime) -> None:
    """A range of minutes, then their hours and days from what is finer."""
    known: dict[str, str | datetime] = {"name": one.name, "since": since, "until": until}
    minute = _COUNT.format(
        grain=int(Grain.MINUTE), trunc="date_trunc('minute', at, 'UTC')", source=_SOURCES[one.name],
        sums="count(*) FILTER (WHERE good), count(*)",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(minute, known)
        for grain, finer, word in ((Grain.HOUR, Grain.MINUTE, "hour"), (Grain.DAY, Grain.HOUR, "day")):
            source = f"""
    SELECT at, good, total FROM reporting_levelcount WHERE name = %(name)s AND grain = {int(finer)}
       AND at >= date_trunc('{word}', %(since)s::timestamptz, 'UTC')
       AND at < date_trunc('{word}', %(until)s::timestamptz, 'UTC') + interval '1 {word}'"""  # noqa: S608  our own SQL
            trunc = f"date_trunc('{word}', at, 'UTC')"
            sql = _COUNT.format(grain=int(grain), trunc=trunc, source=source, sums="sum(good), sum(total)")
            cursor.execute(sql, known)


def forget() -> None:
    """Let go of minutes and hours that are kept no longer."""
    now = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        for grain, kept in ((Grain.MINUTE, MINUTES_KEPT), (Grain.HOUR, HOURS_KEPT)):
            cursor.execute("DELETE FROM reporting_levelcount WHERE grain = %s AND at < %s", [int(grain), now - kept])


@dataclass(frozen=True, slots=True)
class Level:
    """How one promise stands: its count of 30 days, what is left of its budget (a share), how fast it burns now.

    `burn` is the last hour's rate, `window` the one in which it burns too fast, None mostly.
    """

    slo: Slo
    count: Count
    left: float | None
    burn: float
    window: Window | None
    counted_until: datetime | None


def levels() -> list[Level]:
    """Every promise, in the order of `slo.SLOS`, as it stands now; two queries."""
    marks = dict(ServiceLevel.objects.values_list("name", "counted_until"))
    counts = _read(clock.now())
    return [_level(one, counts.get(one.name, {}), marks.get(one.name)) for one in slo.SLOS.values()]


def _level(one: Slo, counts: Mapping[timedelta, Count], until: datetime | None) -> Level:
    whole, hour = counts.get(slo.PERIOD, Count()), counts.get(timedelta(hours=1), Count())
    return Level(
        slo=one,
        count=whole,
        left=float(slo.left(whole, one.target)) if whole.total else None,
        burn=float(slo.burn(hour, one.target)),
        window=slo.burning(one, lambda span: counts.get(span, Count())),
        counted_until=until,
    )


SPANS: Final = sorted({span for window in slo.WINDOWS for span in (window.long, window.short)})


def _read(now: datetime) -> dict[str, dict[timedelta, Count]]:
    """Every span that is asked for, of all promises at once: minutes for the windows, hours for the period."""
    since = "coalesce(sum({}) FILTER (WHERE at >= %s), 0)"  # up to now: a clock that was ahead has counted what is not
    sums = ", ".join([since.format("good"), since.format("total")] * len(SPANS))
    moments: list[Any] = [now - span for span in SPANS for _ in range(2)]
    which = "FROM reporting_levelcount WHERE grain = %s AND at >= %s AND at <= %s GROUP BY name"
    minutes = f"SELECT name, {sums} {which}"
    hours = f"SELECT name, sum(good), sum(total) {which}"
    found: dict[str, dict[timedelta, Count]] = {}
    with connection.cursor() as cursor:
        cursor.execute(minutes, [*moments, int(Grain.MINUTE), now - SPANS[-1], now])
        for name, *figures in cursor.fetchall():
            pairs = zip(figures[::2], figures[1::2], strict=True)
            found[name] = {
                span: Count(int(good or 0), int(total or 0)) for span, (good, total) in zip(SPANS, pairs, strict=True)
            }
        cursor.execute(hours, [int(Grain.HOUR), now - slo.PERIOD, now])
        for name, good, total in cursor.fetchall():
            found.setdefault(name, {})[slo.PERIOD] = Count(int(good), int(total))
    return found


def by_day(name: str, days: int) -> Sequence[tuple[datetime, Count]]:
    """The days of one promise, the newest first, as far as something happened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT at, good, total FROM reporting_levelcount WHERE name = %s AND grain = %s AND at >= %s"
            " ORDER BY at DESC",
            [name, int(Grain.DAY), clock.now() - timedelta(days=days)],
        )
        return [(at, Count(int(good), int(total))) for at, good, total in cursor.fetchall()]
