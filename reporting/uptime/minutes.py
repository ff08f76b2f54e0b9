"""Reading sums minute by minute, and hour by hour, as detection looks at them: one query, however many series."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from reporting.models.rollups import DIMENSIONS
from reporting.uptime.counting import SUMS
from reporting.uptime.observed import Cell, Counts, counts_of, issued

_TOLD: Final = ", ".join(
    [*(name for name in SUMS if name != "abandoned"), "asked_minor", "not_approved_minor", "buckets", "counts"]
)
_READ: Final = f"SELECT at, {', '.join(DIMENSIONS)}, {_TOLD} FROM reporting_attempts{{}} WHERE at >= %s AND at < %s"  # noqa: S608

_CAME: Final = """
SELECT date_trunc('minute', i.received_at), p.code, count(*)
  FROM payments_inboundevent i JOIN payments_provideraccount p ON p.id = i.provider_account_id
 WHERE i.id >= payments_uuid_floor(%s) AND i.id < payments_uuid_floor(%s) AND i.came_by = 'webhook' GROUP BY 1, 2
"""
"""Keys carry when a notification came; what a look at the PSP's list has brought is none."""


def by_minute(since: datetime, until: datetime) -> dict[datetime, dict[Cell, Counts]]:
    """The counts of every minute from `since` until `until` in which there was an attempt."""
    return _cells("minute", since, until)


def by_hour(since: datetime, until: datetime) -> dict[datetime, dict[Cell, Counts]]:
    """The same of hours."""
    return _cells("hour", since, until)


_ISSUED: Final = """
SELECT date_trunc('{}', at, 'UTC'), account, method, country, currency, issuer, sum(approved)::int, sum(declined)::int,
       sum(asked_minor)::bigint, sum(not_approved_minor)::bigint
  FROM reporting_issuerminute WHERE at >= %s AND at < %s GROUP BY 1, 2, 3, 4, 5, 6"""


def by_issuer(grain: str, since: datetime, until: datetime) -> dict[datetime, dict[Cell, Counts]]:
    """What was answered of cards in each minute or hour, by issuer; hours that are longer ago are not known so."""
    found: dict[datetime, dict[Cell, Counts]] = {}
    for row in rows(_ISSUED.format(grain), [since, until]):
        account, method, country, currency, issuer = row[1:6]
        found.setdefault(row[0], {})[account, method, country, currency, "", issuer] = issued(*row[6:])
    return found


def notifications(since: datetime, until: datetime) -> dict[datetime, dict[str, int]]:
    """How many notifications have come, by minute and account."""
    found: dict[datetime, dict[str, int]] = {}
    for at, account, count in rows(_CAME, [since, until]):
        found.setdefault(at, {})[account] = count
    return found


def _cells(grain: str, since: datetime, until: datetime) -> dict[datetime, dict[Cell, Counts]]:
    found: dict[datetime, dict[Cell, Counts]] = {}
    for row in rows(_READ.format(grain), [since, until]):
        account, method, country, currency, channel = row[1:6]
        found.setdefault(row[0], {})[account, method, country, currency, channel] = counts_of(row[6:])
    return found


def rows(sql: str, params: Sequence[datetime | int] | Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """What a query finds."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        yield from cursor.fetchall()
