"""The lines of a settlement file on their way: read onto the disk, copied beside the table, put into it matched."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO, Final, NamedTuple

import psycopg
from django.db import connection

from payments.connectors.settlements import FileRefused, SettlementLine
from payments.gateway.models import ProviderAccount
from payments.kernel import ids
from reporting import matching
from reporting.models import SettlementFile
from reporting.services import payouts, reconciliation

BLOCK: Final = 1 << 20
CHUNK: Final = 512
"""Lines that are made text of at once."""
PROGRESS_SECONDS: Final = 1.0
PROGRESS_LINES: Final = 4096
"""The clock is looked at once in so many lines."""

PATIENCE: Final = """
SELECT set_config('statement_timeout', '15min', true), set_config('lock_timeout', '10min', true),
       set_config('work_mem', '64MB', true)"""
"""For files of millions of lines, one after the other: longer, and with more in memory, than a worker's other
statements."""

MANY: Final = 1_000
NEWS: Final = """
SELECT greatest(reltuples, 0) < 10 * %(new)s FROM pg_class WHERE oid = 'reporting_settlementline'::regclass"""
"""With so many new lines in it the table is another one: who compares them is not to wait until autovacuum sees it."""

COUNTED: Final = (
    "account_id, file_id, type, occurred_at, currency, payment_reference, payout_reference, match, movement_id"
)
"""Columns by which lines are joined and narrowed."""

COPY: Final = """
COPY open_line (number, key, type, psp_type, occurred_at, gross_minor, gross_currency, settled_minor, currency,
                fee_minor, tax_minor, payment_reference, movement_reference, our_reference, payout_reference, method,
                detail, rate) FROM STDIN (ENCODING 'UTF8')"""
TABS: Final = 17
NONE: Final = r"\N"

KNOWN: Final = """
CREATE TEMP TABLE known ON COMMIT DROP AS
SELECT s.id AS staged_id, l.id FROM open_line s
  JOIN reporting_settlementline l ON l.account_id = %(account)s AND l.key = s.key"""
"""Lines that another file has told of."""

PAID: Final = """
UPDATE reporting_settlementline l SET payout_reference = s.payout_reference
  FROM open_line s JOIN known ON known.staged_id = s.id
 WHERE l.id = known.id AND l.payout_reference = '' AND s.payout_reference <> ''"""
NEW_ONLY: Final = "DELETE FROM open_line s USING known WHERE known.staged_id = s.id"

_COLUMNS: Final = """
    id, account_id, file_id, number, key, type, psp_type, occurred_at, gross_minor, gross_currency, settled_minor,
    currency, fee_minor, tax_minor, rate, payment_reference, movement_reference, our_reference, payout_reference,
    method, detail, match, movement_id"""
_VALUES: Final = """
    id, %(account)s, %(file)s, number, key, type, psp_type, occurred_at, gross_minor, gross_currency, settled_minor,
    currency, fee_minor, tax_minor, rate, payment_reference, movement_reference, our_reference, payout_reference,
    method, left(detail, 300)"""

SET_ASIDE: Final = f"""
WITH aside AS (
    DELETE FROM open_line s WHERE s.occurred_at < %(begins)s AND NOT EXISTS (
           SELECT FROM payments_paymentattempt a WHERE a.account_id = %(account)s AND a.provider_reference <> ''
              AND a.provider_reference = s.payment_reference)
    RETURNING *)
INSERT INTO reporting_settlementline ({_COLUMNS})
SELECT {_VALUES}, 'set_aside', '' FROM aside ORDER BY number"""  # noqa: S608  our own names
"""From before the account's cut-over, about a payment that we never saw, or about none: it was booked elsewhere."""

INSERT: Final = f"""
INSERT INTO reporting_settlementline ({_COLUMNS})
SELECT {_VALUES}, {matching.FIRST_CLASS}, CASE WHEN met.plain THEN met.movement_id ELSE '' END
  FROM open_line l LEFT JOIN met ON met.line_id = l.id WHERE l.number IS NOT NULL"""  # noqa: S608  our own names

ROOM: Final = {
    "key": 80, "psp_type": 60, "payment_reference": 80, "movement_reference": 80, "our_reference": 80,
    "payout_reference": 80, "method": 40,
}  # fmt: skip
"""What the table has room for, in letters; `detail` is words, and is cut."""

TOLD: Final = f"""
SELECT gross_currency, currency, bool_or(key = '' OR gross_currency = currency AND gross_minor <> settled_minor OR {
    " OR ".join(f"octet_length({name}) > {most}" for name, most in ROOM.items())
}), min(occurred_at), max(occurred_at), sum(settled_minor) FILTER (WHERE type NOT IN ('payout', 'carried')),
       sum(fee_minor::numeric + tax_minor), -sum(settled_minor) FILTER (WHERE type = 'payout'),
       sum(settled_minor) FILTER (WHERE type = 'carried'), sum(settled_minor::numeric - fee_minor - tax_minor),
       count(*) FILTER (WHERE type IN ('payout', 'carried'))
  FROM open_line GROUP BY 1, 2"""  # noqa: S608  our own names


class Told(NamedTuple):
    """What the staged lines of two currencies come to, in one look at them; None where there are no such lines.

    `doubtful`: one of them may be too long for the table, or lacks what it is known by, or its amounts do not agree.
    `ends` is how many of them say where the money went.
    """

    gross_currency: str
    currency: str
    doubtful: bool
    first: datetime
    last: datetime
    settled: int | None
    fees: int
    paid_out: int | None
    carried: int | None
    left: int
    ends: int


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
    rest, number, told, looked = iter(lines), 0, time.monotonic(), 0
    while chunk := list(islice(rest, min(CHUNK, PROGRESS_LINES))):
        sink.write(_text(number + 1, chunk))
        number += len(chunk)
        if number - looked >= PROGRESS_LINES:
            looked = number
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                progress(number)
    return number


def _text(first: int, lines: Sequence[SettlementLine]) -> bytes:
    """Rows as COPY reads them, the first of which has this number.

    They are put together as if no text held a tab, a line end or a backslash; when one does, which their numbers say,
    they are put together again with these written as COPY wants them.
    """
    text = _rows(first, lines)
    wanted = (TABS * len(lines), len(lines), text.count(f"\t{NONE}\n"), 0)
    if tuple(map(text.count, ("\t", "\n", "\\", "\r"))) != wanted:
        text = _rows(first, [SettlementLine._make(map(_escaped, line)) for line in lines])
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        row = first + text.count("\n", 0, error.start)
        raise FileRefused(f"Row {row} holds letters that are none: the file mixes encodings.") from None


def _rows(first: int, lines: Sequence[SettlementLine]) -> str:
    keys, kinds, words, moments, gross, paid_in, settled, currencies, fees, taxes, rates, *texts = zip(
        *lines, strict=True
    )
    columns = zip(
        map(str, range(first, first + len(lines))), keys, kinds, words, [moment.isoformat() for moment in moments],
        map(str, gross), paid_in, map(str, settled), currencies, map(str, fees), map(str, taxes), *texts,
        [NONE if rate is None else str(rate) for rate in rates], strict=True,
    )  # fmt: skip
    return "\n".join(map("\t".join, columns)) + "\n"


_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _escaped(value: Any) -> Any:
    return value.translate(_ESCAPES) if isinstance(value, str) else value


def stage(spooled: BinaryIO, account: ProviderAccount) -> None:
    """Copy spooled lines into a table beside, in the one transaction that writes settlement of the account."""
    spooled.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(PATIENCE)
        payouts.lock(account.pk)  # a line that two files tell of is new once
        reconciliation.begin()
        try:
            with cursor.copy(COPY) as copy:
                while block := spooled.read(BLOCK):
                    copy.write(block)
        except psycopg.DataError as error:
            raise FileRefused(f"A row holds what no settlement says: {str(error).splitlines()[0]}.") from error
        cursor.execute(matching.COUNTED)
        cursor.execute(KNOWN, {"account": ids.decode("pa", account.pk)})


def told() -> list[Told]:
    """What is staged, by its currencies."""
    with connection.cursor() as cursor:
        cursor.execute(TOLD)
        return [Told(*row) for row in cursor.fetchall()]


def insert(file: SettlementFile, account: ProviderAccount, sums: Iterable[Told]) -> Loaded:
    """Put what is staged into the table: new lines, and of known ones only which payout they were part of.

    New lines that tell plainly of one movement of ours are written with it and are `matched`; `open_line` and `met`
    are left behind for `reconciliation.follow`, which compares the others.
    """
    bound = bind(file, account)
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM open_line), (SELECT count(*) FROM known)")
        lines, known = cursor.fetchone()
        if known:
            cursor.execute(PAID)
            cursor.execute(NEW_ONLY)
        set_aside = 0
        if account.settles_from:
            cursor.execute(SET_ASIDE, bound)
            set_aside = cursor.rowcount
        reconciliation.meet(account)
        cursor.execute(INSERT, bound)
        new = lines - known
        cursor.execute(NEWS, {"new": new})
        if new >= MANY and cursor.fetchone()[0]:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) reporting_settlementline ({COUNTED})")
    return Loaded(lines, known, set_aside, _summed(sums))


def _summed(sums: Iterable[Told]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for one in sorted(sums, key=lambda one: one.currency):
        total = found.setdefault(one.currency, dict.fromkeys(("settled", "fees", "paid_out", "carried"), 0))
        for name in total:
            total[name] += int(getattr(one, name) or 0)
    return found


def bind(file: SettlementFile, account: ProviderAccount) -> dict[str, Any]:
    """What statements about a staged file name. A cut-over day begins at midnight UTC."""
    begins = account.settles_from
    return {
        "account": ids.decode("pa", account.pk),
        "file": ids.decode("st", file.pk),
        "begins": datetime(begins.year, begins.month, begins.day, tzinfo=UTC) if begins else None,
    }
