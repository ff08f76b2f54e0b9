"""Bank statements as CSV: every bank writes its own, so an account declares how, column by column, by name."""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from payments.kernel.errors import Refusal
from reporting.bankfiles import base
from reporting.bankfiles.base import BankLine, BankStatement, BankStatementInvalid, Page

SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
DECIMALS: Final = {".": "1,234.56", ",": "1.234,56"}
DATES: Final = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "DD-MM-YYYY": "%d-%m-%Y",
    "YYYYMMDD": "%Y%m%d",
    "YYYY/MM/DD": "%Y/%m/%d",
}
_DAYS: Final = {name: name for name in DATES}
ENCODINGS: Final = {"utf-8": "UTF-8", "cp1252": "Windows-1252 (older Windows programs)", "iso8859-15": "ISO 8859-15"}

FIELDS: Final = {
    "day": "Booked on", "value_day": "Value date", "amount": "Amount, plus when it came",
    "credit": "What came (without “Amount”)", "debit": "What went (without “Amount”)", "currency": "Currency",
    "account": "Account", "balance": "Balance after the line", "reference": "Reference",
    "end_to_end": "End-to-end reference", "counterparty": "Who is on the other side", "text": "Text",
    "bank_reference": "The bank's number of the line",
}  # fmt: skip
"""What a column may hold: our name of it, and what it is called in the form."""

_DEEPEST_HEADER: Final = 40
"""Banks put the account's name and the period above the header; no more rows than this."""


class BankDialectInvalid(Refusal):
    """How an account's CSV files are written is not declared, or cannot be: a column is missing or named twice."""

    code, status = "bank_dialect_invalid", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one bank writes its CSV files. `columns` maps our names (`FIELDS`) to the header's, as they stand there."""

    separator: str
    decimal: str
    dates: str
    encoding: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a CSV file itself may leave out: the account's currency, and the balances as the bank shows them."""

    currency: str
    opening_minor: int | None = None
    closing_minor: int | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    line: BankLine
    number: int
    account: str
    balance_minor: int | None


def dialect(said: Mapping[str, object]) -> Dialect:
    """A dialect as it was declared and stored; `BankDialectInvalid` when no file can be read by it."""
    options = {
        name: _option(said, name, known)
        for name, known in (("separator", SEPARATORS), ("decimal", DECIMALS), ("dates", _DAYS), ("encoding", ENCODINGS))
    }
    written = said.get("columns")
    if not isinstance(written, Mapping):
        raise BankDialectInvalid("Name the columns of the account's CSV files first.", param="columns")
    columns = {str(name): " ".join(str(column).split()) for name, column in written.items() if str(column).strip()}
    _refuse_columns(columns)
    return Dialect(columns=columns, **options)


def _option(said: Mapping[str, object], name: str, known: Mapping[str, str]) -> str:
    value = said.get(name)
    if not isinstance(value, str) or value not in known:
        raise BankDialectInvalid(f"Choose one of {', '.join(known.values())}.", param=name)
    return value


def _refuse_columns(columns: Mapping[str, str]) -> None:
    if strange := columns.keys() - FIELDS.keys():
        raise BankDialectInvalid(f"A column cannot be {', '.join(sorted(strange))}.", param="columns")
    if "day" not in columns:
        raise BankDialectInvalid("Name the column with the day on which a line was booked.", param="columns")
    if ("amount" in columns) == ("credit" in columns or "debit" in columns) or ("credit" in columns) != (
        "debit" in columns
    ):
        raise BankDialectInvalid("Name one column with the amount, or two: what came, and what went.", param="columns")
    names = [_folded(column) for column in columns.values()]
    if len(set(names)) < len(names):
        raise BankDialectInvalid("A column of the file is one thing only: one is named twice.", param="columns")


def read(content: bytes, how: Dialect, known: Known) -> list[BankStatement]:
    """The one statement of a file, proven by its column of balances, or else by the balances that are `known`.

    Rows above the header are passed over; what stands below it must be lines. `BankStatementInvalid` with the row, as
    a spreadsheet counts, where one is not.
    """
    rows = list(_rows(base.text_of(content, how.encoding), how, known))
    if not rows:
        raise BankStatementInvalid("The file has a header and no lines: there is nothing to read.")
    accounts = {base.compact(row.account) for row in rows if row.account}
    if len(accounts) > 1:
        raise BankStatementInvalid("The file has lines of several accounts. Export one account at a time.")
    if "balance" in how.columns:
        rows, opening, closing = _in_order(rows)
    else:
        opening, closing = _given(known)
        if rows[0].line.day > rows[-1].line.day:
            rows.reverse()
    days = [row.line.day for row in rows]
    statement = BankStatement(
        account_iban=rows[0].account,
        currency=known.currency,
        reference="",
        from_day=min(days),
        to_day=max(days),
        opening_minor=opening,
        closing_minor=closing,
        lines=tuple(row.line for row in rows),
    )
    return base.joined([Page(statement=statement)])


def _given(known: Known) -> tuple[int, int]:
    if known.opening_minor is None or known.closing_minor is None:
        raise BankStatementInvalid(
            "This account's CSV files have no column of balances. Write the balance before the first line and after the"
            " last one, as the bank shows them: they prove that no line is missing."
        )
    return known.opening_minor, known.closing_minor


def _in_order(rows: list[_Row]) -> tuple[list[_Row], int, int]:
    """The rows as they happened, with the balances before and after: banks list them up or down."""
    falling = rows[::-1]
    for ordered in (rows, falling):
        if _breaks_at(ordered) is None:
            first, last = ordered[0], ordered[-1]
            return ordered, (first.balance_minor or 0) - first.line.amount_minor, last.balance_minor or 0
    by_day = falling if rows[0].line.day > rows[-1].line.day else rows
    row = _breaks_at(by_day)
    number = row.number if row is not None else rows[0].number
    raise BankStatementInvalid(
        f"Row {number}: its balance is not the balance before it plus its amount. Rows are missing, sorted otherwise,"
        " or changed."
    )


def _breaks_at(rows: Sequence[_Row]) -> _Row | None:
    """The first row whose balance does not follow from the row before it."""
    for before, row in itertools.pairwise(rows):
        if (before.balance_minor or 0) + row.line.amount_minor != row.balance_minor:
            return row
    return None


def _rows(text: str, how: Dialect, known: Known) -> Iterator[_Row]:
    records = _records(text, how.separator)
    places = _header(records, how)
    for number, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) <= max(places.values()):
            raise BankStatementInvalid(
                f"Row {number} has {len(cells)} cells where the header has more: the file is cut off."
            )
        said = {name: cells[place].strip() for name, place in places.items()}
        yield _row(number, said, how, known)


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BankStatementInvalid(f"Line {reader.line_num} cannot be read as CSV: {error}.") from None
        number += 1
        yield number, cells


def _header(records: Iterator[tuple[int, list[str]]], how: Dialect) -> dict[str, int]:
    """Where each declared column stands: in the first row that names all of them."""
    wanted = {name: _folded(column) for name, column in how.columns.items()}
    nearest: list[str] = list(how.columns.values())
    for number, cells in records:
        folded = [_folded(cell) for cell in cells]
        missing = [how.columns[name] for name, column in wanted.items() if column not in folded]
        if not missing:
            if twice := [how.columns[name] for name, column in wanted.items() if folded.count(column) > 1]:
                raise BankStatementInvalid(f"The column {twice[0]} stands in the file twice.")
            return {name: folded.index(column) for name, column in wanted.items()}
        nearest = min(nearest, missing, key=len)
        if number == _DEEPEST_HEADER:
            break
    raise BankStatementInvalid(
        f"No row of the file names all columns of this account: there is no {', '.join(nearest[:3])}. Either it is"
        f" another bank's file, or its columns have changed, or they are not separated by {SEPARATORS[how.separator]}."
    )


def _row(number: int, said: Mapping[str, str], how: Dialect, known: Known) -> _Row:
    currency = said.get("currency", "").upper() or known.currency
    if currency != known.currency:
        raise BankStatementInvalid(
            f"Row {number} is in {base.plain(currency, 10)}, and the account in {known.currency}."
        )
    day = _day(said["day"], how, number)
    balance = said.get("balance")
    words: dict[str, Any] = {name: base.kept(name, said.get(name)) for name in base.WIDTHS}
    return _Row(
        BankLine(
            day=day,
            value_day=_day(said["value_day"], how, number) if said.get("value_day") else day,
            amount_minor=_moved(said, how, currency, number),
            currency=currency,
            **words,
        ),
        number,
        base.plain(said.get("account", ""), 40),
        None if balance is None else _minor(balance, how, currency, number),
    )


def _moved(said: Mapping[str, str], how: Dialect, currency: str, number: int) -> int:
    """The signed amount. In columns of their own, what went is minus, whether or not the bank writes the minus."""
    if "amount" in said:
        return _minor(said["amount"], how, currency, number)
    came, went = said["credit"], said["debit"]
    found = (_minor(came, how, currency, number) if came else 0), (_minor(went, how, currency, number) if went else 0)
    if bool(found[0]) == bool(found[1]):
        raise BankStatementInvalid(f"Row {number} says what came and what went at once, or neither.")
    return found[0] or -abs(found[1])


def _minor(written: str, how: Dialect, currency: str, number: int) -> int:
    """Strict, so that a point between thousands is never taken for decimals, nor the other way round."""
    group = re.escape("," if how.decimal == "." else ".") + "'’ \u00a0\u202f"
    number_of = (
        rf"(?:[0-9]{{1,15}}|[0-9]{{1,3}}(?:[{group}][0-9]{{3}}){{1,4}})(?:{re.escape(how.decimal)}[0-9]{{1,3}})?"
    )
    found = re.fullmatch(rf"(?P<sign>[+\-−]?) ?(?P<value>{number_of})(?P<behind>-?)", written)
    if found is None or (found["sign"] and found["behind"]):
        raise BankStatementInvalid(
            f"Row {number}: {base.plain(written, 40)!r} is no amount like {DECIMALS[how.decimal]}, which this account's"
            " files have."
        )
    value = Decimal(re.sub(rf"[{group}]", "", found["value"]).replace(how.decimal, "."))
    sign = -1 if found["behind"] or found["sign"] in ("-", "−") else 1
    return sign * base.minor(value, currency, f"Row {number}")


def _day(written: str, how: Dialect, number: int) -> date:
    try:
        return datetime.strptime(written, DATES[how.dates]).date()  # noqa: DTZ007  a day has no zone
    except ValueError:
        raise BankStatementInvalid(f"Row {number}: {base.plain(written, 40)!r} is no day like {how.dates}.") from None


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
