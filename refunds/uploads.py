"""What an uploaded file of refunds says, row by row: strict in what it takes, kind in what it says to the rest."""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from payments.kernel.errors import Refusal
from payments.rest import cards

MOST_ROWS: Final = 100_000
MOST_BYTES: Final = 12_000_000
"""A file of so many rows with notes of usual length; larger ones are two uploads."""

REQUIRED: Final = ("id", "amount", "reason")
OPTIONAL: Final = ("currency", "note")
OURS: Final = ("row", "verdict", "what it means")
"""Columns that we add to a file of problems: it can be put right and uploaded as it is."""
LONGEST_NOTE: Final = 500

KINDS: Final[Mapping[str, str]] = {
    "att": "an attempt", "cap": "a capture", "cus": "a customer", "line": "a line of an order", "re": "a refund",
    "rl": "a line of a refund", "pm": "a saved method", "evt": "an event", "call": "a call to a PSP",
    "rb": "a bulk upload",
}  # fmt: skip
"""What people paste by mistake, by the beginning of its id."""

# OWASP, CSV injection: also behind a tab or line break, and in the full-width forms of some input methods
FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001

_ID: Final = re.compile(r"([a-z]+)_[0-9a-f]{32}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_COMMA: Final = re.compile(r"[0-9.   ']*,[0-9]{1,2}")
_SIGNED: Final = re.compile(r"[-−][0-9., ]+")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class RefundBatchFileInvalid(Refusal):
    """The uploaded file cannot be read as a list of refunds: nothing of it was kept."""

    code, status = "refund_batch_file_invalid", 422


@dataclass(frozen=True, slots=True)
class Line:
    """One row. Without a `fault` it is readable; `amount` None then means all that is left.

    `number` is the row as a spreadsheet counts, with the header as 1. `written` and `amount_written` are shortened, and
    hold nothing that looks like a card number.
    """

    number: int
    written: str
    amount_written: str
    currency: str = ""
    object_id: str = ""
    amount: Decimal | None = None
    reason: str = ""
    note: str = ""
    fault: str = ""
    words: str = ""


@dataclass(slots=True)
class Upload:
    """A whole file."""

    lines: list[Line] = field(default_factory=list)
    empty: int = 0


class _Fault(Exception):
    """A cell that cannot be taken: a code, and what to do about it."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


def read(content: bytes, reasons: Collection[str]) -> Upload:
    """Every row of a CSV file with the columns of `REQUIRED` and perhaps `OPTIONAL`, in any order.

    `reasons` are the words that may stand as a reason. `RefundBatchFileInvalid` where it is no such file, or too long;
    what is wrong with one row is said with that row.
    """
    records = _records(_text(content))
    columns = _header(next(records, []))
    upload = Upload()
    for number, cells in enumerate(records, start=2):
        if not any(cell.strip() for cell in cells):
            upload.empty += 1
        elif len(upload.lines) == MOST_ROWS:
            raise RefundBatchFileInvalid(f"The file has more than {MOST_ROWS:,} rows. Split it into several files.")
        else:
            upload.lines.append(_line(number, columns, cells, reasons))
    if not upload.lines:
        raise RefundBatchFileInvalid("The file has a header and no rows: there is nothing to refund.")
    return upload


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _text(content: bytes) -> str:
    if not content.strip():
        raise RefundBatchFileInvalid("The file is empty.")
    if len(content) > MOST_BYTES:
        raise RefundBatchFileInvalid(f"The file is larger than {MOST_BYTES // 1_000_000} MB. Split it.")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise RefundBatchFileInvalid("This is a workbook, not a CSV file. Save it as “CSV UTF-8” and upload that.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RefundBatchFileInvalid("The file is written in UTF-16. Save it as “CSV UTF-8” and upload that.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise RefundBatchFileInvalid(
            f"Row {row} is not written in UTF-8, so that letters would be guessed. Save it as “CSV UTF-8”."
        ) from None
    if "\0" in text:
        raise RefundBatchFileInvalid("The file has bytes of zero in it: it is no text. Save it as “CSV UTF-8”.")
    return text


def _records(text: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise RefundBatchFileInvalid(f"Line {reader.line_num} cannot be read as CSV: {error}.") from None


def _header(cells: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    want = f"The first row must name the columns: {', '.join(REQUIRED)}; {' and '.join(OPTIONAL)} may follow."
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        raise RefundBatchFileInvalid(f"The columns are not separated by commas. {want}")
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise RefundBatchFileInvalid(f"There is no column {', '.join(missing)}. {want}")
    while columns and not columns[-1]:
        columns.pop()
    strange = [_shown(name, 40) or "without a name" for name in columns if name not in (*REQUIRED, *OPTIONAL, *OURS)]
    if strange:
        raise RefundBatchFileInvalid(f"Nobody here knows the column {', '.join(strange[:3])}. {want}")
    if len(set(columns)) < len(columns):
        raise RefundBatchFileInvalid(f"A column stands there twice. {want}")
    return columns


def _line(number: int, columns: Sequence[str], cells: Sequence[str], reasons: Collection[str]) -> Line:
    said = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name not in OURS}
    written, amount_written = _shown(said.get("id", ""), 80), _shown(said.get("amount", ""), 40)
    currency = said.get("currency", "").upper()
    try:
        _refuse_other_widths(columns, cells)
        for name, cell in said.items():
            _refuse_formula(name, cell)
        return Line(
            number=number,
            written=written,
            amount_written=amount_written,
            object_id=_object(said["id"]),
            amount=_amount(said["amount"]),
            currency=_currency(currency),
            reason=(reason := _reason(said["reason"], reasons)),
            note=_note(said.get("note", ""), reason),
        )
    except _Fault as fault:
        return Line(
            number, written, amount_written, currency=_shown(currency, 8), fault=fault.code, words=fault.words[:300]
        )


def _shown(cell: str, most: int) -> str:
    """A cell as it may be kept and shown: no control characters, no card numbers, not endless."""
    if cards.look_like_number(cell):
        return "•••"
    plain = "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") else char for char in cell)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _refuse_other_widths(columns: Sequence[str], cells: Sequence[str]) -> None:
    extra = [cell for cell in cells[len(columns) :] if cell.strip()]
    if len(cells) < len(columns) or extra:
        hint = " A comma within an amount or a note splits it: write 19.99, and notes in quotes." if extra else ""
        raise _Fault("cells", f"The row has {len(cells)} cells where the header has {len(columns)}.{hint}")


def _refuse_formula(name: str, cell: str) -> None:
    if not cell.startswith(FORMULA) or (name == "amount" and _SIGNED.fullmatch(cell)):
        return
    raise _Fault("formula", f"The {name} begins with {cell[0]}, as formulas do. Write it without.")


def _object(cell: str) -> str:
    found = _ID.fullmatch(cell.lower())
    wanted = "the id of an order (ord_…) or of a payment (pi_…)"
    if not cell:
        raise _Fault("id_missing", f"Write {wanted}.")
    if found is None:
        raise _Fault("id_invalid", f"This is no id of ours. Write {wanted}.")
    if found[1] not in ("ord", "pi"):
        raise _Fault("id_other_kind", f"This is the id of {KINDS.get(found[1], 'something else')}. Write {wanted}.")
    return cell.lower()


def _amount(cell: str) -> Decimal | None:
    if cell.lower() == "all":
        return None
    if _NUMBER.fullmatch(cell):
        if not (amount := Decimal(cell)):
            raise _Fault("amount_zero", "The amount must be more than nothing.")
        return amount
    if not cell:
        raise _Fault("amount_missing", "Write an amount like 19.99, or all.")
    if _SIGNED.fullmatch(cell):
        raise _Fault("amount_negative", "An amount that goes back is written without a minus.")
    if _COMMA.fullmatch(cell):
        raise _Fault("amount_comma", "Decimals stand behind a point, and nothing between thousands: 1999.50.")
    raise _Fault("amount_invalid", "This is no amount. Write it like 19.99, without a currency, or all.")


def _currency(cell: str) -> str:
    if cell and not _CURRENCY.fullmatch(cell):
        raise _Fault("currency_invalid", "A currency has three letters, like EUR.")
    return cell


def _reason(cell: str, reasons: Collection[str]) -> str:
    reason = "_".join(cell.lower().split())
    if reason not in reasons:
        raise _Fault("reason_invalid", f"Give one of these reasons: {', '.join(reasons)}.")
    return reason


def _note(cell: str, reason: str) -> str:
    if cards.look_like_number(cell):
        raise _Fault("note_card_number", "The note holds what looks like a card number, which is never kept here.")
    if len(cell) > LONGEST_NOTE:
        raise _Fault("note_long", f"The note is longer than {LONGEST_NOTE} letters.")
    if any(unicodedata.category(char) == "Cc" for char in cell):
        raise _Fault("note_invalid", "The note has line breaks or other characters that cannot be shown.")
    if reason == "other" and not cell:
        raise _Fault("note_missing", "The reason other needs a note that says why.")
    return cell
