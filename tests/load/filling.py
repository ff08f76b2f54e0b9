"""A day of a very large shop, put into the tables set by set: payments, their ledger, and the batch that settles them.

The first payment is a copy of one that the platform made, booked by the ledger; all others are copies of the first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.db import connection, transaction

from payments.ledger import postings
from payments.ledger import services as ledger

CURRENCY: Final = "EUR"
AT_ONCE: Final = 3
"""Statements that PostgreSQL works on at once."""
TABLES: Final = (
    *("payments_paymentintent", "payments_paymentattempt", "payments_capture"),
    *("payments_transfer", "payments_entry"),
)

SESSION: Final = """
SET session_replication_role = replica;
SET statement_timeout = 0; SET lock_timeout = 0;
SET maintenance_work_mem = '512MB'; SET work_mem = '128MB'; SET synchronous_commit = off;
SET TimeZone = 'UTC'
"""
"""What is copied from true rows needs no look at each one."""

PLAN: Final = """
DROP TABLE IF EXISTS bench_payment, bench_capture;
CREATE UNLOGGED TABLE bench_payment AS
SELECT n, uuidv7() AS intent, uuidv7() AS attempt, 1000 + n * 7919 % 90000 AS minor, '{word}' || lpad(n::text, 11, '0')
       AS reference FROM generate_series(1::bigint, {payments}) n;
CREATE UNLOGGED TABLE bench_capture AS
SELECT bench_payment.*, uuidv7() AS capture, uuidv7() AS transfer
  FROM bench_payment, generate_series(1, {captures}) AS time ORDER BY n
"""
REAL: Final = "SELECT intent_id, attempt_id, id FROM payments_capture WHERE status = 'succeeded' ORDER BY id LIMIT 1"

FIRST: Final = """
SELECT 'cap_' || replace(capture::text, '-', '') AS source_id, now() AS effective_at, 'A capture' AS narrative,
       jsonb_build_object('intent', 'pi_' || replace(intent::text, '-', ''),
                          'attempt', 'att_' || replace(attempt::text, '-', '')) AS refs,
       side.code, %(currency)s::text AS currency, side.minor AS amount_minor
  FROM (SELECT * FROM bench_capture LIMIT 1) p
  CROSS JOIN LATERAL (VALUES (%(receivable)s::text, p.minor), (%(clearing)s::text, -p.minor)) AS side (code, minor)
"""
BOOKED: Final = """
SELECT t.id, (SELECT id FROM payments_entry WHERE transfer_id = t.id AND amount_minor > 0),
       (SELECT id FROM payments_entry WHERE transfer_id = t.id AND amount_minor < 0)
  FROM bench_capture p JOIN payments_transfer t ON t.source_id = 'cap_' || replace(p.capture::text, '-', '')
"""
NOT_FIRST: Final = "(SELECT * FROM bench_capture OFFSET 1)"

HEADER: Final = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
    "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
    "Payment Method Variant,Modification Merchant Reference,Batch Number,Booking Date,Booking Date TimeZone\n"
)
MAJOR: Final = """
CREATE FUNCTION pg_temp.major(minor bigint) RETURNS text IMMUTABLE LANGUAGE sql
RETURN (minor / 100)::text || '.' || lpad((minor % 100)::text, 2, '0')"""
BATCH: Final = """
WITH line AS (
    SELECT *, 20 AS markup, 9 AS scheme, minor / 500 AS interchange,
           to_char(now(), 'YYYY-MM-DD HH24:MI:SS') AS moment FROM bench_payment)
SELECT concat_ws(',', 'Bench', %(merchant)s::text, reference, 'att_' || replace(attempt::text, '-', ''), 'visa', moment,
       'UTC', 'Settled', 'C' || reference, 'EUR', '', pg_temp.major(minor), '1', 'EUR', '',
       pg_temp.major(minor - markup - scheme - interchange), '', pg_temp.major(markup), pg_temp.major(scheme),
       pg_temp.major(interchange), 'visastandarddebit', '', '1', moment, 'UTC') FROM line
 UNION ALL
SELECT concat_ws(',', 'Bench', %(merchant)s::text, '', '', '', moment, 'UTC', 'MerchantPayout', 'TX1XT batch 1', 'EUR',
       pg_temp.major(paid), '', '1', 'EUR', pg_temp.major(paid), '', '', '', '', '', '', '', '1', moment, 'UTC')
  FROM (SELECT sum(minor - markup - scheme - interchange)::bigint AS paid, min(moment) AS moment FROM line) whole
"""


def pay(account: Any, payments: int, *, captures: int = 1, word: str = "BENCH") -> None:
    """So many payments of today at an account, each captured so many times, and booked; `word` begins the PSP's ids."""
    run(SESSION)
    run(PLAN.format(payments=payments, captures=captures, word=word))
    intent, attempt, capture = _one(REAL)
    with unindexed(TABLES):
        made = {"id": "p.intent", "order_id": "NULL", "latest_attempt_id": public("att", "p.attempt")}
        sums = {"currency": f"'{CURRENCY}'", "amount_minor": f"p.minor * {captures}"}
        paid = {**made, **sums, "amount_captured_minor": f"p.minor * {captures}"}
        copy("payments_paymentintent", intent, paid, "bench_payment")
        tried = {"id": "p.attempt", "intent_id": "p.intent", "order_id": "''", "provider_reference": "p.reference"}
        at = {"account_id": f"'{account.pk.removeprefix('pa_')}'::uuid"}
        copy("payments_paymentattempt", attempt, {**tried, **at, **sums}, "bench_payment")
        took = {"id": "p.capture", "intent_id": "p.intent", "attempt_id": "p.attempt", "amount_minor": "p.minor"}
        now = {"created_at": "now()", "captured_at": "now()", "currency": f"'{CURRENCY}'"}
        copy("payments_capture", capture, {**took, **now}, "bench_capture")
        _book(account)
    run("VACUUM (ANALYZE) " + ", ".join(TABLES))  # as autovacuum leaves them
    run("RESET ALL")


def batch(path: Path, merchant: str) -> None:
    """Write the settlement report of the batch that settles the first capture of each payment and is paid out."""
    run(MAJOR)
    unquoted = f"COPY ({BATCH}) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
    with path.open("wb") as file, connection.cursor() as cursor:
        file.write(HEADER.encode())
        with cursor.copy(unquoted.replace("%(merchant)s", f"'{merchant}'")) as copy:
            for block in copy:
                file.write(block)


def run(sql: str, params: Mapping[str, Any] | None = None) -> int:
    """One statement; how many rows it was about."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


@contextmanager
def unindexed(tables: Sequence[str]) -> Iterator[None]:
    """Without indexes besides keys, which are built at the end instead of row by row."""
    run(
        "UPDATE pg_index SET indisready = false, indisvalid = false WHERE NOT indisprimary AND indrelid IN ("
        " SELECT coalesce(t.relid, named::regclass) FROM unnest(%(tables)s::text[]) named"
        "   LEFT JOIN pg_partition_tree(named::regclass) t ON true WHERE t.isleaf IS NOT false)",
        {"tables": list(tables)},
    )
    try:
        yield
    finally:
        together([partial(run, f"REINDEX TABLE {table}") for table in tables])


def together(works: Sequence[Callable[[], object]]) -> None:
    """Do it all, a few at a time, each on a connection of its own."""

    def done(work: Callable[[], object]) -> None:
        try:
            run(SESSION)
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(done, works))


def _book(account: Any) -> None:
    accounts = {"receivable": postings.receivable(account.code), "clearing": postings.ORDER_CLEARING}
    with transaction.atomic():
        ledger.post_all(postings.Event.CAPTURED, FIRST, {**accounts, "currency": CURRENCY})
    first, debit, credit = _one(BOOKED)
    refs = f"jsonb_build_object('intent', {public('pi', 'p.intent')}, 'attempt', {public('att', 'p.attempt')})"
    moved = {"id": "p.transfer", "source_id": public("cap", "p.capture"), "refs": refs}
    copy("payments_transfer", first, moved, NOT_FIRST)
    for template, minor in ((debit, "p.minor"), (credit, "-p.minor")):
        side = {"id": "uuidv7()", "transfer_id": "p.transfer", "amount_minor": minor}
        copy("payments_entry", template, side, NOT_FIRST)


def copy(table: str, template: Any, other: Mapping[str, str], rows: str) -> None:
    """A copy of a row for each of `rows`, with what is other in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
    said = ", ".join(other.get(name, f"t.{name}") for name in names)
    run(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {said}"
        f"  FROM {rows} p CROSS JOIN (SELECT * FROM {table} WHERE id = '{template}') t"
    )


def _one(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def public(prefix: str, column: str) -> str:
    """The text of our ids of a kind, of a column that has them as UUIDs."""
    return f"'{prefix}_' || replace({column}::text, '-', '')"
