"""Statements as CSV: by the names of columns that an account has declared, proven by balances."""

from collections.abc import Mapping
from datetime import date

import pytest

from reporting.bankfiles import sheet
from reporting.bankfiles.base import BankLine, BankStatement, BankStatementInvalid
from reporting.bankfiles.sheet import BankDialectInvalid, Known
from tests.reporting.bank import files

HEADER = ("Buchungstag", "Valuta", "Name", "Verwendungszweck", "Betrag", "Währung", "Saldo")
ROWS = (
    ("03.11.2026", "04.11.2026", "Stripe", "PAYOUT po_1", "1.250,10", "EUR", "2.250,10"),
    ("04.11.2026", "", "Bank", '"Gebühr; Konto"', "-4,90", "EUR", "2.245,20"),
)
EUR = Known(currency="EUR")


def only(content: bytes, how: Mapping[str, object] = files.GERMAN, known: Known = EUR) -> BankStatement:
    """The one statement of a file."""
    [statement] = sheet.read(content, sheet.dialect(how), known)
    return statement


def test_columns_are_found_by_name_below_whatever_stands_above_them() -> None:
    order = (6, 4, 0, 3, 1, 5, 2)  # the bank has moved its columns
    moved = files.sheet([[row[n] for n in order] for row in ROWS], header=[HEADER[n].upper() for n in order])
    for content in (files.sheet(ROWS, header=HEADER), moved, b"Konto;4711\r\n\r\nZeitraum;November\r\n" + moved):
        said = only(content)
        assert (said.opening_minor, said.closing_minor) == (100_000, 224_520)
        assert (said.from_day, said.to_day) == (date(2026, 11, 3), date(2026, 11, 4))
        assert [(line.amount_minor, line.text) for line in said.lines] == [
            (125_010, "PAYOUT po_1"),
            (-490, "Gebühr; Konto"),
        ]
        assert [line.value_day for line in said.lines] == [date(2026, 11, 4), date(2026, 11, 4)]


def test_banks_that_list_the_newest_first_are_read_the_same() -> None:
    assert only(files.sheet(ROWS[::-1], header=HEADER)) == only(files.sheet(ROWS, header=HEADER))


def test_without_a_column_of_balances_a_person_says_them() -> None:
    how = files.columns(day="Date", amount="Amount", text="Description")
    content = files.sheet(
        [("11/03/2026", "1250.10", "Stripe"), ("11/04/2026", "(none)", "x")][:1],
        header=("Date", "Amount", "Description"),
        separator=",",
    )
    said = only(content, how, Known(currency="USD", opening_minor=100, closing_minor=125_110))
    assert (said.opening_minor, said.closing_minor, said.currency) == (100, 125_110, "USD")
    with pytest.raises(BankStatementInvalid, match="Write the balance before the first line"):
        only(content, how, Known(currency="USD"))
    with pytest.raises(BankStatementInvalid, match="does not add up"):
        only(content, how, Known(currency="USD", opening_minor=100, closing_minor=125_111))


@pytest.mark.parametrize("went", ["4.90", "-4.90", "4.90-"])
def test_what_came_and_what_went_may_have_columns_of_their_own(went: str) -> None:
    how = files.columns(day="Date", credit="Paid in", debit="Paid out")
    rows = [("11/03/2026", "1,250.10", ""), ("11/03/2026", "", went)]
    content = files.sheet(rows, header=("Date", "Paid in", "Paid out"), separator=",").replace(
        b"1,250.10", b'"1,250.10"'
    )
    said = only(content, how, Known(currency="USD", opening_minor=0, closing_minor=124_520))
    assert [line.amount_minor for line in said.lines] == [125_010, -490]


@pytest.mark.parametrize(
    ("written", "minor"),
    [("1.250,10", 125_010), ("1250,10", 125_010), ("1'250,1", 125_010), ("+7", 700), ("−7,00", -700), ("7,00-", -700),
     ("1\u00a0250,10", 125_010)],
)  # fmt: skip
def test_amounts_as_people_write_them(written: str, minor: int) -> None:
    assert _first(written).amount_minor == minor


@pytest.mark.parametrize(
    "written",
    ["1,250.10", "12.50", "1.25,10", "1250,101", "", "7,00 EUR", "-7,00-", "1e3", "=7", "\u0667", "0x10", "1.250.10"],
)
def test_amounts_that_could_be_taken_for_another_are_refused(written: str) -> None:
    with pytest.raises(BankStatementInvalid, match="Row 2"):
        _first(written)


def _first(written: str) -> BankLine:
    row = list(ROWS[0])
    row[4] = written
    how = {**files.GERMAN, "columns": {"day": "Buchungstag", "amount": "Betrag"}}
    content = files.sheet([row], header=HEADER)
    amounts = {"1.250,10": 125_010, "1250,10": 125_010}
    closing = amounts.get(written, {"+7": 700, "−7,00": -700, "7,00-": -700}.get(written, 125_010))
    return only(content, how, Known(currency="EUR", opening_minor=0, closing_minor=closing)).lines[0]


CONTENT = files.sheet(ROWS, header=HEADER)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CONTENT.replace(b"-4,90", b"-4,80"), "Row 3: its balance is not the balance before it plus its amount"),
        (files.sheet((ROWS[0], ROWS[0], ROWS[1]), header=HEADER), "Row 3: its balance is not"),
        (CONTENT.replace(b"Saldo", b"Stand"), "there is no Saldo"),
        (CONTENT.replace(b";", b","), "not separated by semicolon"),
        (CONTENT.replace(b"Name", b"Saldo"), "there is no Name"),
        (files.sheet([(*row, "x") for row in ROWS], header=(*HEADER, "Betrag")), "Betrag stands in the file twice"),
        (CONTENT.replace(b"03.11.2026", b"11/03/2026"), "Row 2: '11/03/2026' is no day like DD.MM.YYYY"),
        (CONTENT.replace(b"EUR", b"USD", 1), "Row 2 is in USD, and the account in EUR"),
        (CONTENT[:-12], "Row 3 has 6 cells where the header has more: the file is cut off"),
        (CONTENT.replace("Gebühr".encode(), b"Geb\xfchr"), "Line 3 is not written in utf-8"),
        (CONTENT + b"\r\n\0", "Line 4 holds bytes that are no letters"),
        (CONTENT.replace(b'Konto"', b"Konto"), "cannot be read as CSV"),
        (CONTENT.splitlines()[0], "a header and no lines"),
        (CONTENT + b"\r\nSumme;;;;1.245,20;;", "Row 4: 'Summe' is no day"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_refused_whole(content: bytes, words: str) -> None:
    with pytest.raises(BankStatementInvalid, match=words):
        only(content)


def test_lines_of_two_accounts_are_no_statement() -> None:
    how = files.columns(day="Date", amount="Amount", account="Account")
    content = files.sheet(
        [("11/03/2026", "1", "A"), ("11/03/2026", "1", "B")], header=("Date", "Amount", "Account"), separator=","
    )
    with pytest.raises(BankStatementInvalid, match="several accounts"):
        only(content, how, Known(currency="USD", opening_minor=0, closing_minor=200))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({**files.GERMAN, "separator": "x"}, "Choose one of comma"),
        ({**files.GERMAN, "dates": None}, "Choose one of YYYY"),
        ({**files.GERMAN, "columns": []}, "Name the columns"),
        (files.columns(amount="Amount"), "Name the column with the day"),
        (files.columns(day="Date"), "one column with the amount, or two"),
        (files.columns(day="Date", credit="In"), "one column with the amount, or two"),
        (files.columns(day="Date", amount="A", debit="Out"), "one column with the amount, or two"),
        (files.columns(day="Date", amount=" date "), "one is named twice"),
        (files.columns(day="Date", amount="Amount", colour="Colour"), "cannot be colour"),
    ],
)
def test_a_dialect_that_reads_nothing_is_refused(said: Mapping[str, object], words: str) -> None:
    with pytest.raises(BankDialectInvalid, match=words):
        sheet.dialect(said)
