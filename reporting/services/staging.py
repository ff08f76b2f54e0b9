"""The lines of a settlement file on their way: read onto the disk, copied beside the table, put into it at once."""

import csv
import io
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, NamedTuple

import psycopg
from django.db import connection

from payments.connectors.settlements import FileRefused, SettlementLine
from payments.gateway.models import ProviderAccount
from payments.kernel import ids
from reporting.models import SettlementFile
from reporting.services import payouts

BLOCK: Final = 1 << 20
PROGRESS_SECONDS: Final = 1.0
PROGRESS_LINES: Final = 4096
"""The clock is looked at once in so many lines."""

PATIENCE: Final = "SELECT set_config('statement_timeout', '15min', true), set_config('lock_timeout', '10min', true)"
"""For files of millions of lines, one after the other: longer than a worker's other statements may take."""

MANY: Final = 1_000
"""With so many new lines in it the table is another one: who compares them is not to wait until autovacuum sees it."""

TABLE: Final = """
CREATE TEMP TABLE settlement_staging (
    number int, key text, type text, psp_type text, occurred_at timestamptz, gross_minor bigint, gross_currency text,
    settled_minor bigint, currency text, fee_minor bigint, tax_minor bigint, rate numeric, payment_reference text,
    movement_reference text, our_reference text, payout_reference text, method text, detail text
) ON COMMIT DROP"""

TEXTS: Final = (
    "key, type, psp_type, gross_currency, currency, payment_reference, movement_reference, our_reference,"
    " payout_reference, method, detail"
)

COPY: Final = f"COPY settlement_staging FROM STDIN (FORMAT csv, FORCE_NOT_NULL ({TEXTS}), ENCODING 'UTF8')"

KNOWN: Final = "SELECT FROM reporting_settlementline l WHERE l.account_id = %(account)s AND l.key = s.key"

PAID: Final = """
UPDATE reporting_settlementline l SET payout_reference = s.payout_reference FROM settlement_staging s
 WHERE l.account_id = %(account)s AND l.key = s.key AND l.payout_reference = '' AND s.payout_reference <> ''"""

BEFORE_US: Final = """
s.occurred_at < %(begins)s AND NOT EXISTS (
    SELECT FROM payments_paymentattempt a WHERE a.account_id = %(account)s AND a.provider_reference <> ''
       AND a.provider_reference = s.payment_reference)"""
"""From before the account's cut-over, about a payment that we never saw, or about none: it was booked elsewhere."""

INSERT: Final = f"""
INSERT INTO reporting_settlementline (
    id, account_id, file_id, number, key, type, psp_type, occurred_at, gross_minor, gross_currency, settled_minor,
    currency, fee_minor, tax_minor, rate, payment_reference, movement_reference, our_reference, payout_reference,
    method, detail, match, movement_id)
SELECT uuidv7(), %(account)s, %(file)s, number, key, type, psp_type, occurred_at, gross_minor, gross_currency,
       settled_minor, currency, fee_minor, tax_minor, rate, payment_reference, movement_reference, our_reference,
       payout_reference, method, left(detail, 300), CASE WHEN {BEFORE_US} THEN 'set_aside' ELSE 'waiting' END, ''
  FROM settlement_staging s WHERE NOT EXISTS ({KNOWN}) ORDER BY number"""  # noqa: S608  our own names

SUMS: Final = """
SELECT currency,
       coalesce(sum(settled_minor) FILTER (WHERE type NOT IN ('payout', 'carried')), 0)::bigint,
       sum(fee_minor + tax_minor)::bigint,
       -coalesce(sum(settled_minor) FILTER (WHERE type = 'payout'), 0)::bigint,
       coalesce(sum(settled_minor) FILTER (WHERE type = 'carried'), 0)::bigint
  FROM settlement_staging GROUP BY 1 ORDER BY 1"""

ASIDE: Final = "SELECT count(*) FROM reporting_settlementline WHERE file_id = %(file)s AND match = 'set_aside'"


class Loaded(NamedTuple):
    """What a file has brought, as its row will say it."""

    lines: int
    told_before: int
    set_aside: int
    sums: dict[str, dict[str, int]]


def spool(lines: Iterable[SettlementLine], sink: BinaryIO, progress: Callable[[int], None]) -> int:
    """Write lines as COPY takes them, in constant memory; how many.

    `progress` is told about once a second how many there are so far. No transaction is open meanwhile: reading millions
    of lines takes minutes, in which nobody shall wait for us.
    """
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="", write_through=False)
    write, number, told = csv.writer(text, lineterminator="\n").writerow, 0, time.monotonic()
    try:
        for number, line in enumerate(lines, start=1):
            write((number, *line))
            if number % PROGRESS_LINES == 0 and time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                progress(number)
        text.flush()
    except UnicodeEncodeError:
        raise FileRefused(f"Row {number} holds letters that are none: the file mixes encodings.") from None
    finally:
        text.detach()
    return number


def stage(spooled: BinaryIO, account: ProviderAccount) -> None:
    """Copy spooled lines into a staging table, in the one transaction that writes settlement of the account."""
    spooled.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(PATIENCE)
        payouts.lock(account.pk)  # a line that two files tell of is new once
        cursor.execute(TABLE)
        try:
            with cursor.copy(COPY) as copy:
                while block := spooled.read(BLOCK):
                    copy.write(block)
        except psycopg.DataError as error:
            raise FileRefused(f"A row holds what no settlement says: {str(error).splitlines()[0]}.") from error
        cursor.execute("ANALYZE settlement_staging")


def insert(file: SettlementFile, account: ProviderAccount) -> Loaded:
    """Put what is staged into the table: new lines, and of known ones only which payout they were part of."""
    bound = bind(file, account)
    with connection.cursor() as cursor:
        cursor.execute(PAID, bound)
        cursor.execute(INSERT, bound)
        new = cursor.rowcount
        if new >= MANY:
            cursor.execute("ANALYZE reporting_settlementline")
        cursor.execute("SELECT count(*) FROM settlement_staging")
        lines = int(cursor.fetchone()[0])
        cursor.execute(ASIDE, bound)
        set_aside = int(cursor.fetchone()[0])
        cursor.execute(SUMS)
        names = ("settled", "fees", "paid_out", "carried")
        sums = {currency: dict(zip(names, said, strict=True)) for currency, *said in cursor.fetchall()}
        return Loaded(lines, lines - new, set_aside, sums)


def bind(file: SettlementFile, account: ProviderAccount) -> dict[str, Any]:
    """What statements about a staged file name. A cut-over day begins at midnight UTC."""
    begins = account.settles_from
    return {
        "account": ids.decode("pa", account.pk),
        "file": ids.decode("st", file.pk),
        "begins": datetime(begins.year, begins.month, begins.day, tzinfo=UTC) if begins else None,
    }
