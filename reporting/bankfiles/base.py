"""What a bank statement says, in neutral words, and what every one of them must prove before it is kept."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import BinaryIO, Final

from payments.kernel import money
from payments.kernel.errors import Refusal

MOST_BYTES: Final = 64_000_000
"""A statement of a hundred thousand lines; a larger file is no statement, or several days."""

WIDTHS: Final = {"reference": 80, "end_to_end": 80, "bank_reference": 80, "counterparty": 140, "text": 2000}
"""How much is kept of what a bank writes; the file itself is kept whole."""

_BINARY: Final = {
    b"PK\x03\x04": "a workbook or an archive",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a packed file",
}
_UTF8_LETTER: Final = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f]")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}")


class BankStatementInvalid(Refusal):
    """The file is no bank statement that holds: truncated, of another form, or its sums are wrong. Nothing was kept."""

    code, status = "bank_statement_invalid", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLine:
    """One movement of a bank account, plus when it rises, in minor units of `currency` (ISO 4217).

    `day` is the day on which the bank booked it, `value_day` the one from which it counts. `reference` is what the
    payer or the file calls it, `end_to_end` the payer's own reference that travels with the money, `bank_reference`
    the bank's number for it; "" where the bank says none. `reversal` means that it takes back an earlier line; the
    sign of the amount says so already.
    """

    day: date
    value_day: date
    amount_minor: int
    currency: str
    reference: str = ""
    end_to_end: str = ""
    counterparty: str = ""
    text: str = ""
    bank_reference: str = ""
    reversal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BankStatement:
    """What happened on one account in one currency from the beginning of `from_day` to the end of `to_day`.

    `account_iban` is how the file names the account: an IBAN, or the bank's own number where there is none; "" where
    the file does not say. `opening_minor` + the lines = `closing_minor`: `proven` has seen to it.
    """

    account_iban: str
    currency: str
    reference: str
    from_day: date
    to_day: date
    opening_minor: int
    closing_minor: int
    lines: tuple[BankLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A statement, or a part of one: `first` begins with its opening balance, `last` ends with its closing balance."""

    statement: BankStatement
    first: bool = True
    last: bool = True


def content_of(file: BinaryIO) -> bytes:
    """All of a file, no more of it in memory than a statement may have; refuses what is no text."""
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BankStatementInvalid(
            f"The file is larger than {MOST_BYTES // 1_000_000} MB: no statement is. Ask the bank for shorter periods."
        )
    if not content.strip():
        raise BankStatementInvalid("The file is empty.")
    for mark, what in _BINARY.items():
        if content.startswith(mark):
            raise BankStatementInvalid(
                f"This is {what}, not a statement. Upload the camt.053, MT940 or CSV file itself."
            )
    return content


def text_of(content: bytes, encoding: str = "") -> str:
    """What a file of text says. Without a declared `encoding`: UTF-8, or Windows-1252 when it is plainly that."""
    declared = "utf-8-sig" if encoding == "utf-8" else encoding
    text = _decoded(content, declared) if declared else _guessed(content)
    if found := _CONTROL.search(text):
        row = text.count("\n", 0, found.start()) + 1
        raise BankStatementInvalid(f"Line {row} holds bytes that are no letters: the file is binary, or damaged.")
    return text


def _guessed(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        if _UTF8_LETTER.search(content):
            raise BankStatementInvalid(
                f"Line {row} is not written in UTF-8 while others are: two files were put together, or one is damaged."
            ) from None
        return _decoded(content, "cp1252")


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise BankStatementInvalid(
            f"Line {row} is not written in {encoding}, so that letters would be guessed."
        ) from None


def minor(amount: Decimal, currency: str, where: str) -> int:
    """The amount in minor units; refused with `where` it stands when the currency has fewer decimals than it."""
    if currency not in money.EXPONENTS:
        raise BankStatementInvalid(f"{where}: nobody here knows the currency {plain(currency, 10)!r}.")
    scaled = amount.scaleb(money.exponent(currency)) if amount.is_finite() else amount
    if not amount.is_finite() or abs(scaled) >= money.LIMIT:
        raise BankStatementInvalid(f"{where}: {plain(str(amount), 40)} is no amount.")
    if scaled != scaled.to_integral_value():
        decimals = money.exponent(currency)
        raise BankStatementInvalid(
            f"{where}: {amount} {currency} has more decimals than {currency}, which has {decimals}."
        )
    return int(scaled)


def plain(text: str, most: int) -> str:
    """A bank's words as they may be kept: on one line, without control characters, not endless."""
    joined = " ".join(
        "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Cn") else char for char in text).split()
    )
    return joined if len(joined) <= most else f"{joined[: most - 1]}…"


def kept(name: str, *texts: str | None) -> str:
    """The texts of one field of a line, joined, none twice, as wide as `WIDTHS` lets them be."""
    said = dict.fromkeys(filter(None, (plain(text or "", WIDTHS[name]) for text in texts)))
    return plain(" ".join(said), WIDTHS[name])


def compact(account: str) -> str:
    """An account's number without what banks put between its digits: for comparing."""
    return re.sub(r"[^A-Z0-9]", "", account.upper())


def is_iban(account: str) -> bool:
    """Whether it is an IBAN by form and check digits (ISO 13616, ISO 7064 MOD 97-10)."""
    number = compact(account)
    if not _IBAN.fullmatch(number):
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


def period(opened: date, closed: date, days: Iterable[date]) -> tuple[date, date]:
    """The days of a statement that names none: from the day after its opening balance to its closing balance.

    Banks date the opening balance by the day before, which is the closing balance before it; some by the first day
    itself, which shows in lines that were booked on it.
    """
    after = min(opened + timedelta(days=1), closed)
    return min([after, *(day for day in days if opened <= day < after)]), closed


def joined(pages: Iterable[Page]) -> list[BankStatement]:
    """Whole, proven statements of the pages of a file, in its order; each page is proven by itself first."""
    whole: list[BankStatement] = []
    begun: BankStatement | None = None
    for page in pages:
        proven(page.statement)
        begun = _continued(begun, page)
        if page.last:
            whole.append(begun)
            begun = None
    if begun is not None:
        raise BankStatementInvalid(
            f"Statement {begun.reference or '1'} ends in the middle, with a balance that is carried forward: pages are"
            " missing. Put all of its pages into one file."
        )
    if not whole:
        raise BankStatementInvalid("There is no statement in the file.")
    return whole


def _continued(begun: BankStatement | None, page: Page) -> BankStatement:
    part = page.statement
    name = part.reference or "1"
    if begun is None:
        if not page.first:
            raise BankStatementInvalid(
                f"Statement {name} begins in the middle, with a balance that was carried forward: pages before it are"
                " missing. Put all of its pages into one file."
            )
        return part
    if page.first or (begun.account_iban, begun.currency) != (part.account_iban, part.currency):
        raise BankStatementInvalid(f"Statement {begun.reference or '1'} has no last page in the file.")
    if begun.closing_minor != part.opening_minor:
        raise BankStatementInvalid(
            f"Statement {name}: a page ends with {_amount(begun.closing_minor, part.currency)} and the next begins with"
            f" {_amount(part.opening_minor, part.currency)}. A page is missing between them."
        )
    return replace(
        begun,
        from_day=min(begun.from_day, part.from_day),
        to_day=max(begun.to_day, part.to_day),
        closing_minor=part.closing_minor,
        lines=begun.lines + part.lines,
    )


def proven(statement: BankStatement) -> BankStatement:
    """The statement, when its opening balance and its lines make its closing balance to the unit."""
    name, currency = statement.reference or "1", statement.currency
    if statement.from_day > statement.to_day:
        raise BankStatementInvalid(
            f"Statement {name} ends on {statement.to_day}, before its first day, {statement.from_day}."
        )
    for line in statement.lines:
        if line.currency != currency:
            raise BankStatementInvalid(
                f"Statement {name} is in {currency}, and its line of {line.day} in {line.currency}."
            )
    counted = statement.opening_minor + sum(line.amount_minor for line in statement.lines)
    if counted != statement.closing_minor:
        raise BankStatementInvalid(
            f"Statement {name} does not add up: {_amount(statement.opening_minor, currency)} at the beginning and its"
            f" {len(statement.lines)} lines make {_amount(counted, currency)}, and it says"
            f" {_amount(statement.closing_minor, currency)} at the end. Lines are missing, or stand there twice."
        )
    return statement


def _amount(amount_minor: int, currency: str) -> str:
    return money.text(money.from_minor(amount_minor, currency))
