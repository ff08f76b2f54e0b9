"""MT940 of SWIFT: the bank's statement in tagged lines, read by a library that knows the dialects of many banks."""

import io
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import mt940
from mt940.models import Amount, Balance, Transaction, Transactions

from reporting.bankfiles import base
from reporting.bankfiles.base import BankLine, BankStatement, BankStatementInvalid, Page

_ENVELOPE: Final = re.compile(r"^(\{[1-5]:|-\}).*$", re.MULTILINE)
_STATEMENT_LINE: Final = re.compile(r"^:61:", re.MULTILINE)
_CODED: Final = re.compile(r"/(EREF|NAME|REMI)/((?:(?!/[A-Z]{4}/).)*)")
_NONE: Final = ("NONREF", "NOTPROVIDED", "")

# The library logs what it cannot read, word for word: names of customers have no place in logs.
logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)


def read(content: bytes) -> list[BankStatement]:
    """The statements of a file, proven; pages that carry a balance forward are put together.

    `BankStatementInvalid` for anything else. Letters are UTF-8 or Windows-1252. SWIFT, MT940 Customer Statement.
    """
    text = _ENVELOPE.sub("", base.text_of(content).replace("\r\n", "\n").replace("\r", "\n"))
    found = _parsed(text)
    if sum(len(statement) for statement in found) != len(_STATEMENT_LINE.findall(text)):
        raise BankStatementInvalid("A line of the statement (:61:) could not be read, so none is kept.")
    return base.joined(map(_page, found))


def _parsed(text: str) -> list[Transactions]:
    try:
        # as a file: given a text, the library would open a file of that name
        return mt940.parse_statements(
            io.StringIO(text), options=mt940.Options.all(), processors={"pre_transaction_details": [_of_a_line]}
        )
    except (RuntimeError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise BankStatementInvalid(f"This is no MT940 statement that can be read: {_what(error)}.") from None


def _of_a_line(statement: Transactions, _tag: object, said: dict[str, Any]) -> dict[str, Any]:
    """Words behind the closing balance are about the statement, and no part of its last line."""
    ended = "final_closing_balance" in statement.data or "intermediate_closing_balance" in statement.data
    return {**said, "transaction_details": ""} if ended else said


def _what(error: Exception) -> str:
    """The part of a file that could not be read, shortened; never the library's own words about its patterns."""
    tag, value = (error.args[1], error.args[2]) if len(error.args) == 3 else (None, None)
    if tag is None or not isinstance(value, str):
        return "a day or an amount in it is none"
    return f"tag :{getattr(tag, 'id', '')}: says {base.plain(value, 40)!r}"


def _page(statement: Transactions) -> Page:
    said = statement.data
    number = "/".join(filter(None, (said.get("statement_number"), said.get("sequence_number"))))
    where = f"Statement {number or said.get('transaction_reference') or '1'}"
    begins = said.get("final_opening_balance") or said.get("intermediate_opening_balance")
    ends = said.get("final_closing_balance") or said.get("intermediate_closing_balance")
    if begins is None or ends is None:
        which = "opening balance (:60F:)" if begins is None else "closing balance (:62F:)"
        raise BankStatementInvalid(f"{where} has no {which}: the file is cut off.")
    opening_minor, currency, opened = _balance(begins, where)
    closing_minor, other, closed = _balance(ends, where)
    if currency != other:
        raise BankStatementInvalid(f"{where} begins in {currency} and ends in {other}.")
    lines = tuple(_line(each, currency, f"{where}, line {n}") for n, each in enumerate(statement, start=1))
    from_day, to_day = base.period(opened, closed, _booked(statement))
    return Page(
        statement=BankStatement(
            account_iban=base.plain(said.get("account_identification") or "", 40),
            currency=currency,
            reference=base.kept("reference", number, said.get("transaction_reference")),
            from_day=from_day,
            to_day=to_day,
            opening_minor=opening_minor,
            closing_minor=closing_minor,
            lines=lines,
        ),
        first="final_opening_balance" in said,
        last="final_closing_balance" in said,
    )


def _booked(statement: Transactions) -> Iterator[date]:
    """The days that the bank names as days of booking: a value date says nothing about the period."""
    return (each.data["entry_date"] for each in statement if each.data.get("entry_date"))


def _balance(balance: Balance, where: str) -> tuple[int, str, date]:
    amount = balance.amount
    if not isinstance(amount, Amount) or amount.currency is None or balance.date is None:
        raise BankStatementInvalid(f"{where}: a balance says no amount, currency or day.")
    return base.minor(amount.amount, amount.currency, f"{where}, a balance"), amount.currency, balance.date


def _line(transaction: Transaction, currency: str, where: str) -> BankLine:
    said: Mapping[str, Any] = transaction.data
    amount: Decimal = said["amount"].amount
    value_day: date = said["date"]
    return BankLine(
        day=said.get("entry_date") or value_day,
        value_day=value_day,
        amount_minor=base.minor(amount, currency, where),
        currency=currency,
        reversal=str(said.get("status") or "").upper().startswith("R"),
        **_words(said),
    )


def _words(said: Mapping[str, Any]) -> dict[str, str]:
    """What stands in :61: and :86:, in the German form (?20, EREF+) and in the one with words between slashes."""
    details = str(said.get("transaction_details") or "").replace("\n", "")
    coded = dict(_CODED.findall(details))
    return {
        "reference": base.kept("reference", _said(said.get("customer_reference"))),
        "end_to_end": base.kept("end_to_end", _said(said.get("end_to_end_reference")), _said(coded.get("EREF"))),
        "counterparty": base.kept("counterparty", said.get("applicant_name"), coded.get("NAME")),
        "text": base.kept(
            "text",
            *(said.get(name) for name in ("posting_text", "purpose", "additional_purpose", "transaction_details")),
            said.get("extra_details"),
        ),
        "bank_reference": base.kept("bank_reference", _said(said.get("bank_reference"))),
    }


def _said(reference: str | None) -> str:
    return "" if (reference or "").strip().upper() in _NONE else str(reference)
