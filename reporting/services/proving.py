"""What must be true of a settlement file before a line of it is loaded: whole, of its day, and its sums are right.

Rows are counted below the header.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from payments.connectors.settlements import FileKind, FileRefused
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, money
from reporting import selectors
from reporting.models import SettlementFile
from reporting.services import staging
from reporting.services.staging import Told

FUTURE: Final = timedelta(days=1)
"""No line is from so much later than now: clocks differ by less."""

TOO_LONG: Final = " UNION ALL ".join(
    f"(SELECT number, '{name}', left({name}, 40) FROM open_line WHERE length({name}) > {most} LIMIT 1)"  # noqa: S608
    for name, most in staging.ROOM.items()
)
NAMELESS: Final = "SELECT min(number) FROM open_line WHERE key = ''"
TWICE: Final = """
SELECT key, min(number), max(number) FROM open_line GROUP BY key HAVING count(*) > 1 ORDER BY 2 LIMIT 1"""
CURRENCIES: Final = "SELECT currency, min(number) FROM open_line GROUP BY 1 ORDER BY 2"
GROSS_CURRENCIES: Final = "SELECT gross_currency, min(number) FROM open_line GROUP BY 1 ORDER BY 2"
TWO_AMOUNTS: Final = """
SELECT number, gross_minor, settled_minor, currency FROM open_line
 WHERE gross_currency = currency AND gross_minor <> settled_minor ORDER BY number LIMIT 1"""
DAYS: Final = """
SELECT number, occurred_at FROM open_line
 WHERE occurred_at >= %(until)s OR occurred_at < %(since)s ORDER BY number LIMIT 1"""
SAME: Final[Mapping[str, str]] = {
    "type": "kind", "occurred_at": "time", "gross_minor": "gross amount", "gross_currency": "currency",
    "settled_minor": "settled amount", "currency": "currency", "fee_minor + {0}.tax_minor": "fee",
    "payment_reference": "payment", "movement_reference": "reference",
}  # fmt: skip
"""What two files say alike of one movement, and what people call it."""
MAYBE: Final[Mapping[str, str]] = {"our_reference": "reference of ours", "payout_reference": "payout"}
"""What one of them may not say: the payout is told later, and our reference only where its column was asked for."""

OTHERWISE: Final = f"""
SELECT s.number, s.key, f.name, {
    ", ".join(f"ARRAY[(l.{column.format('l')})::text, (s.{column.format('s')})::text]" for column in SAME)
}, {
    ", ".join(
        f"ARRAY[coalesce(nullif(l.{column}, ''), s.{column}), coalesce(nullif(s.{column}, ''), l.{column})]"
        for column in MAYBE
    )
}
  FROM known
  JOIN open_line s ON s.id = known.staged_id
  JOIN reporting_settlementline l ON l.id = known.id
  JOIN reporting_settlementfile f ON f.id = l.file_id
 WHERE ({", ".join("l." + column.format("l") for column in SAME)})
       IS DISTINCT FROM ({", ".join("s." + column.format("s") for column in SAME)})
    OR {" OR ".join(f"(l.{column} <> '' AND s.{column} NOT IN ('', l.{column}))" for column in MAYBE)}
 ORDER BY s.number LIMIT 1"""  # noqa: S608  our own names


class FileConflicts(FileRefused):
    """The file says something else than a file that was loaded before it."""


def prove(file: SettlementFile, account: ProviderAccount, told: Sequence[Told]) -> None:
    """Raise `FileRefused`, in words for finance, unless what is staged is as a file of its kind must be.

    `told` is what one look at all lines has found; only where that leaves a doubt are they looked at one by one.
    """
    bound = staging.bind(file, account)
    for find in (_lines, _currencies, _days, _sums):
        for fault in find(file, told):
            raise FileRefused(fault)
    for fault in _otherwise(bound):
        raise FileConflicts(fault)


def _rows(sql: str, bound: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _lines(file: SettlementFile, told: Sequence[Told]) -> Iterator[str]:
    """Every line is one movement, and the table has room for what it says."""
    doubtful = any(one.doubtful for one in told)
    for number, name, said in _rows(TOO_LONG) if doubtful else ():
        yield f"Row {number}: its {name.replace('_', ' ')} “{said}…” is longer than {staging.ROOM[name]} letters."
    for (number,) in _rows(NAMELESS) if doubtful else ():
        if number is not None:
            yield f"Row {number} does not say by what it can be known again."
    for key, first, last in _rows(TWICE):
        yield f"Rows {first} and {last} are the same movement, {key}."
    for number, gross, settled, currency in _rows(TWO_AMOUNTS) if doubtful else ():
        both = f"{written(gross, currency)} gross and {written(settled, currency)} settled"
        yield f"Row {number} says {both}, without converting anything."
    if file.kind != FileKind.ACTIVITY and not told:
        yield f"The file has no lines: nothing says what {file.kind} {file.reference} is made of."


def _currencies(_file: SettlementFile, told: Sequence[Told]) -> Iterator[str]:
    if {code for one in told for code in (one.currency, one.gross_currency)} <= set(money.EXPONENTS):
        return
    for sql in (CURRENCIES, GROSS_CURRENCIES):
        for currency, number in _rows(sql):
            if currency not in money.EXPONENTS:
                yield f"Row {number}: “{currency}” is no currency of ISO 4217."


def _days(file: SettlementFile, told: Sequence[Told]) -> Iterator[str]:
    """Nothing is from the future, and what moved on a day is of that day, in UTC."""
    since, until = datetime(2000, 1, 1, tzinfo=UTC), clock.now() + FUTURE
    if file.kind == FileKind.ACTIVITY and file.day is not None:
        since = datetime(file.day.year, file.day.month, file.day.day, tzinfo=UTC)
        until = since + timedelta(days=1)
    if all(since <= one.first and one.last < until for one in told):
        return
    for number, moment in _rows(DAYS, {"since": since, "until": until}):
        row = f"Row {number} is of {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if file.kind == FileKind.ACTIVITY and file.day is not None:
            yield f"{row}, and the file is about {file.day}: one of them counts its days by another clock."
        else:
            yield f"{row}: that cannot be."


def _sums(file: SettlementFile, told: Sequence[Told]) -> Iterator[str]:
    """What came into a payout or batch went out of it."""
    if file.kind == FileKind.ACTIVITY:
        return
    for currency in sorted({one.currency for one in told}):
        left = sum(int(one.left) for one in told if one.currency == currency)
        ends = sum(one.ends for one in told if one.currency == currency)
        if file.kind == FileKind.PAYOUT and not ends:
            yield from _total(file, left, currency)
        elif left:
            none = "" if ends else " No line says where it went: the line of the payout is missing."
            yield (
                f"The lines of {file.kind} {file.reference} must sum to nothing, and {written(left, currency)}"
                f" are left.{none}"
            )


def _total(file: SettlementFile, found: int, currency: str) -> Iterator[str]:
    """A file about a payout that does not hold the payout itself comes to what was paid out, where that is known."""
    said = file.total_minor
    if said is None:
        said = selectors.paid_out(file.account_id, file.reference)
    if said is not None and said != found:
        yield (
            f"The lines of payout {file.reference} come to {written(found, currency)}, and {written(said, currency)}"
            " were paid out."
        )


def _otherwise(bound: Mapping[str, Any]) -> Iterator[str]:
    """A movement that another file has told of already is told alike."""
    for number, key, name, *pairs in _rows(OTHERWISE, bound):
        before, now = (dict(zip((*SAME, *MAYBE), said, strict=True)) for said in zip(*pairs, strict=True))
        differing = [
            f"{word} (there {_said(column, before)}, here {_said(column, now)})"
            for column, word in {**SAME, **MAYBE}.items()
            if before[column] != now[column]
        ]
        yield f"Row {number} ({key}) was loaded from {name}, and says another {', another '.join(differing)} now."


def _said(name: str, line: Mapping[str, str]) -> str:
    if "_minor" in name:
        return written(int(line[name]), line["gross_currency" if name.startswith("gross") else "currency"])
    return line[name] or "none"


def written(minor: int, currency: str) -> str:
    """Sums may be beyond the largest single amount: 123456 EUR -> 1,234.56 EUR."""
    places = money.EXPONENTS.get(currency, 0)
    return f"{Decimal(minor).scaleb(-places):,.{places}f} {currency}".replace("-", "−")
