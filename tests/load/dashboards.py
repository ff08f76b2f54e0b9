"""How long dashboards take with the sums of a hundred million attempts behind them, and what counting costs."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from datetime import time as midnight
from typing import Any, Final

import django
import orjson

from tests.load import machine, office, rig

ATTEMPTS: Final = 100_000_000
DAYS: Final = 730
"""Two years, so that a year is compared with the one before."""
COUNTED: Final = 10_000
"""Attempts of which it is measured what counting them costs."""
PATIENCE: Final = 3600.0

GRAINS: Final = {
    "day": (timedelta(days=1), timedelta(days=DAYS)),
    "minute": (timedelta(minutes=1), timedelta(days=14)),
    "hour": (timedelta(hours=1), timedelta(days=366)),
}
"""What is summed up, and for how long it is kept (`reporting.uptime.rollups`)."""
AT_ONCE: Final = 60
"""Days that are seen through lenses in one statement."""

CELLS: Final = """
CREATE UNLOGGED TABLE bench_cell AS
SELECT *, power(row_number() OVER (ORDER BY md5(concat(account, method, country, channel))), -1.2) AS share
  FROM (SELECT 'account-' || (1 + (c * 2 + a) % 8) AS account, 'method-' || m AS method,
               chr(65 + c / 26) || chr(65 + c % 26) AS country,
               CASE WHEN c % 3 = 0 THEN 'EUR' ELSE (ARRAY['USD', 'GBP', 'JPY', 'AUD', 'CAD', 'CHF', 'SEK', 'NOK', 'DKK',
                    'SGD', 'HKD', 'NZD', 'KRW', 'INR', 'BRL', 'MXN', 'PLN'])[1 + c / 3] END AS currency, channel
          FROM generate_series(0, 49) c, generate_series(0, 11) m, generate_series(0, 1) a,
               unnest(ARRAY['web', 'ios', 'android']) AS channel
         WHERE (c + m) % 3 < 2) cell;
UPDATE bench_cell SET share = share / (SELECT sum(share) FROM bench_cell);
ANALYZE bench_cell
"""
"""What occurs on a day: 50 countries with 8 of 12 methods each, two of 8 accounts, 18 currencies, three channels; few
of them have most of the attempts."""

FILL: Final = """
INSERT INTO reporting_attempts{grain} ({lens}at, account, method, country, currency, channel, attempts, approved,
       declined_hard, declined_soft, declined_customer, declined_fraud, declined_technical, unavailable, unknown,
       waiting, abandoned, asked_minor, approved_minor, not_approved_minor, buckets, counts)
SELECT {lens_value}at, account, method, country, currency, channel, each, each * 88 / 100, each * 2 / 100,
       each * 4 / 100, each / 100, each / 100, 0, each / 100, 0,
       0, each - each * 97 / 100, each * 2500, each * 2200, each * 200,
       (ARRAY[50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69]::smallint[])
           [:least(each, 20)],
       array_fill(greatest(1, each / 20), ARRAY[least(each, 20)])
  FROM (SELECT at, cell.*, floor(%(each)s * share + random())::int AS each
          FROM generate_series(%(since)s::timestamptz, %(last)s::timestamptz, interval '1 {grain}') AS at,
               bench_cell cell) filled WHERE each > 0 ORDER BY at, country
"""
"""Of a cell that has less than one attempt in a minute or hour there is a row now and then."""
TALLIES: Final = """
INSERT INTO reporting_tally{grain} (at, what, label, account, country, currency, count, amount_minor)
SELECT at, what, label, '', country, currency, each, each * 2500
  FROM (SELECT at, what, label, country, currency, floor(%(each)s * share * part + random())::int AS each
          FROM generate_series(%(since)s::timestamptz, %(last)s::timestamptz, interval '1 {grain}') AS at,
               (SELECT country, currency, sum(share) AS share FROM bench_cell GROUP BY 1, 2) place,
               (VALUES ('created', '', 1.0), ('confirmed', '', 0.95), ('authorized', '', 0.88), ('captured', '', 0.85),
                       ('refund', 'damaged', 0.01), ('refund', 'goodwill', 0.01), ('refund', 'not_delivered', 0.01),
                       ('dispute', 'lost', 0.002), ('dispute', 'won', 0.002)) AS kind (what, label, part)) filled
 WHERE each > 0
"""
SESSION: Final = """
SET session_replication_role = replica; SET statement_timeout = 0; SET synchronous_commit = off; SET work_mem = '256MB'
"""
HELD: Final = """
INSERT INTO reporting_rollupmark (id, until, seen, counted_at)
VALUES (1, now(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint, now())
    ON CONFLICT (id) DO UPDATE SET until = excluded.until, seen = excluded.seen, counted_at = excluded.counted_at
"""
"""All that was there is counted, so to say: the job that counts leaves the filled sums alone, now and afterwards."""


def measure(platform: rig.Rig) -> dict[str, Any]:
    """One row: every dashboard for several periods, and the job's cost."""
    environment = {**platform.environment, "DATABASE_URL": platform.database, "COUNTINGHOUSE_ROLE": "shell"}
    load = machine.load()
    roots = {name: pid for name, pid in platform.roots().items() if name in office.ASKED}
    command = rig.module("tests.load.dashboards", str(platform.port), orjson.dumps(roots).decode())
    ran = subprocess.run(command, cwd=rig.ROOT, env=environment, stdout=subprocess.PIPE, timeout=PATIENCE)
    if ran.returncode:
        raise rig.RigError("dashboards were not measured; why stands above")
    return {"attempts": ATTEMPTS, "load_before": load, **orjson.loads(ran.stdout.splitlines()[-1])}


def main() -> None:
    """Fill, ask the web server of the command line, and say what was seen, as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    seen = {"counting": counting(), "filled": fill()}
    seen |= office.asked(int(sys.argv[1]), orjson.loads(sys.argv[2]), ["dashboards"])
    sys.stdout.write(orjson.dumps(seen).decode() + "\n")


def counting() -> dict[str, Any]:
    """What it costs to count ten thousand attempts that have just been made, and to look when nothing is new."""
    from payments.gateway import accounts  # noqa: PLC0415  models need the settings
    from payments.kernel import clock  # noqa: PLC0415
    from reporting.uptime import rollups  # noqa: PLC0415
    from tests.load import filling  # noqa: PLC0415

    filling.run("UPDATE payments_job SET due_at = now() + interval '1 day' WHERE queue = 'upkeep' AND state = 'ready'")
    while rollups.advance():
        pass
    filling.pay(accounts.account("adyen-eu"), COUNTED)
    filling.run(
        "INSERT INTO payments_statechange (id, object_id, from_state, to_state, event, because, by, at)"
        " SELECT uuidv7(), 'att_' || replace(attempt::text, '-', ''), 'sent', 'captured', 'capture', '', '', now()"
        "   FROM bench_payment"
    )
    began, used = time.monotonic(), time.process_time()
    while rollups.advance():
        pass
    took, own = time.monotonic() - began, time.process_time() - used
    again = time.monotonic()
    rollups.advance()
    idle = time.monotonic() - again
    return {"attempts": COUNTED, "seconds": took, "python_seconds": own, "idle_seconds": idle, "at": str(clock.now())}


def fill() -> dict[str, int]:
    """As many sums as a hundred million attempts would leave behind, evenly over two years: their rows by table."""
    from django.db import connection  # noqa: PLC0415

    tables = [f"reporting_{name}{grain}" for name in ("attempts", "tally") for grain in GRAINS]
    with connection.cursor() as cursor:
        cursor.execute(SESSION)
        _apart(cursor, f"TRUNCATE {', '.join(tables)}; DROP TABLE IF EXISTS bench_cell")
        cursor.execute(CELLS)
        _sums(cursor)
        cursor.execute("DROP TABLE bench_cell")
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("SELECT relname, reltuples::bigint FROM pg_class WHERE relname = ANY(%s)", [tables])
        return {name: int(rows) for name, rows in cursor.fetchall()}


def _sums(cursor: Any) -> None:
    from django.db import transaction  # noqa: PLC0415

    from payments.kernel import clock  # noqa: PLC0415
    from reporting.uptime import counting as sums  # noqa: PLC0415

    until = datetime.combine(clock.now().date(), midnight.min, UTC) + timedelta(days=1)
    for grain, (step, kept) in GRAINS.items():
        known = {"since": until - kept, "last": until - step, "each": ATTEMPTS / DAYS * (step / timedelta(days=1))}
        lens = ("lens, ", "0, ") if grain == "day" else ("", "")
        _apart(cursor, FILL.format(grain=grain, lens=lens[0], lens_value=lens[1]), known)
        _apart(cursor, TALLIES.format(grain=grain), known)
        cursor.execute(f"ANALYZE reporting_attempts{grain}; ANALYZE reporting_tally{grain}")
    for first in range(0, DAYS, AT_ONCE):
        days = [until - timedelta(days=number + 1) for number in range(first, min(first + AT_ONCE, DAYS))]
        with transaction.atomic():
            cursor.execute(HELD)
            sums.through_lenses(days)


def _apart(cursor: Any, sql: str, known: Mapping[str, Any] | None = None) -> None:
    """In a transaction of its own, while the job that counts waits: a long one would keep every dead row alive."""
    from django.db import transaction  # noqa: PLC0415

    with transaction.atomic():
        cursor.execute(HELD)
        cursor.execute(sql, known)


if __name__ == "__main__":
    main()
