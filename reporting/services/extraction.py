"""One snapshot, one COPY: the rows of a report as they leave PostgreSQL, and what the ledger says about them."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final

import psycopg
from django.db import connection

from payments.kernel.errors import invariant
from reporting.reports import base, totals
from reporting.reports.base import Parameters, Report
from reporting.reports.totals import Totals

BATCH: Final = 1000
PROGRESS_SECONDS: Final = 1.0
TIMEOUT_MS: Final = 8 * 60 * 1000
"""For one statement; shorter than the job's lease."""

AS_OF: Final = """
SELECT statement_timestamp(), pg_snapshot_xmin(pg_current_snapshot())::text,
       pg_snapshot_xmax(pg_current_snapshot())::text,
       statement_timestamp() >= %(end)s + interval '5 seconds' AND NOT EXISTS (
           SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
              AND xact_start < %(end)s + interval '5 seconds')"""
"""The moment; the first transaction that may not have ended and the first that has not begun; and whether the interval
is complete. It can still get rows until it is over, and while a transaction runs that began before it was; the seconds
are for one that took its time from the clock before it began."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """What a snapshot had seen."""

    at: datetime
    xid: str
    next_xid: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was written, and what the ledger says in the same snapshot."""

    as_of: AsOf
    rows: int
    size: int
    sha256: str
    totals: Totals
    ledger: Totals


def extract(
    report: Report,
    parameters: Parameters,
    sink: BinaryIO,
    progress: Callable[[int, int], None],
    *,
    begins_with: bytes = b"",
) -> Extraction:
    """Write the file of a report to `sink`, in constant memory; `begins_with` stands before its header.

    `progress` is called about once a second with the rows so far, and how many the planner expects; what it raises
    ends the extraction.
    """
    with _snapshot(parameters) as (cursor, as_of):
        bound = bind(cursor, report, parameters, (as_of.xid, as_of.next_xid))
        tally = totals.of(report.control.as_json(), report.header)
        page = _Page(sink, begins_with + _line(report.header), tally)
        expected = _expected(cursor, report.query, bound)
        with cursor.copy(f"COPY ({report.query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')", bound) as copy:
            _write(copy, page, lambda rows: progress(rows, expected))
        cursor.execute(report.control.query, bound)
        ledger = totals.something(cursor)
    return Extraction(as_of, page.rows, page.size, page.digest.hexdigest(), tally.totals(), ledger)


@contextmanager
def _snapshot(parameters: Parameters) -> Iterator[tuple[psycopg.Cursor[Any], AsOf]]:
    """A read-only transaction on a connection of its own, that sees the database as of one moment."""
    reader = connection.copy()
    try:
        reader.ensure_connection()
        raw = reader.connection
        invariant(raw is not None, "a connection was opened")
        cursor = psycopg.ClientCursor(raw)
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute(AS_OF, {"end": parameters.interval_end})
        [found] = cursor.fetchall()
        cursor.execute(
            "SELECT set_config('TimeZone', %s, true), set_config('statement_timeout', %s, true)",
            [parameters.timezone, str(TIMEOUT_MS)],
        )
        with reader.wrap_database_errors:
            yield cursor, AsOf(*found)
    finally:
        reader.close()


def bind(
    cursor: psycopg.Cursor[Any], report: Report, parameters: Parameters, running: tuple[str, str]
) -> Mapping[str, Any]:
    """The values of the report's queries (`Report.bound`), with where the ledger's entries of the interval are."""
    bound = report.bound(parameters, running)
    cursor.execute(base.ENTRIES, bound)
    [(first, last)] = cursor.fetchall()
    return {**bound, "entries_from": first, "entries_to": last}


def _expected(cursor: psycopg.Cursor[Any], query: str, bound: Mapping[str, Any]) -> int:
    """What the planner expects: it takes a moment, where counting would take as long as the report."""
    cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", bound)
    [[[plan]]] = cursor.fetchall()
    return int(plan["Plan"]["Plan Rows"])


def _write(copy: psycopg.Copy, page: "_Page", progress: Callable[[int], None]) -> None:
    """PostgreSQL sends one row at a time, ended by a line feed."""
    due = time.monotonic() + PROGRESS_SECONDS
    rows = []
    for row in copy:
        rows.append(bytes(row))
        if len(rows) == BATCH:
            page.write(rows)
            rows = []
            if time.monotonic() >= due:
                progress(page.rows)
                due = time.monotonic() + PROGRESS_SECONDS
    page.write(rows)


def _line(header: list[str]) -> bytes:
    return ",".join(header).encode() + b"\r\n"


class _Page:
    """The file as it grows: rows ended by CRLF (RFC 4180), their hash, and their totals, taken from their bytes."""

    def __init__(self, sink: BinaryIO, head: bytes, tally: totals.RowTally) -> None:
        self.rows = self.size = 0
        self.digest = hashlib.sha256()
        self._sink = sink
        self._tally = tally
        self._put(head)

    def write(self, rows: list[bytes]) -> None:
        """Add rows. Only the end of each is changed: a line feed within a cell stays what it is."""
        if not rows:
            return
        self._tally.add(rows)
        self.rows += len(rows)
        self._put(b"\r\n".join([row[:-1] for row in rows]) + b"\r\n")

    def _put(self, block: bytes) -> None:
        self.size += len(block)
        self.digest.update(block)
        self._sink.write(block)
