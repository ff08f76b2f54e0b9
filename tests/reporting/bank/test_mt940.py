"""MT940: what is read of it, and what is refused whole."""

import logging
import os
from datetime import date
from pathlib import Path

import pytest

from reporting.bankfiles import mt940
from reporting.bankfiles.base import BankStatement, BankStatementInvalid
from tests.reporting.bank import files

CREDIT = ":61:2611031103C250,10NTRFNONREF//BR-1"


def only(text: str) -> BankStatement:
    """The one statement of a file."""
    [statement] = mt940.read(text.encode())
    return statement


def test_a_statement_is_read_with_its_balances_and_lines() -> None:
    said = only(
        files.mt940(
            CREDIT,
            ":86:166?00GUTSCHRIFT?20EREF+E2E-7?21SVWZ+STRIPE PAYOUT po_1A",
            "?22bc?30COBADEFF?31DE02?32Stripe Payments?33 Europe",
            ":61:2611041103D49,99NCHGNONREF//BR-2",
            ":86:FEES",
            closing="C261103EUR1200,11",
        )
    )
    assert (said.account_iban, said.currency, said.reference) == (files.IBAN, "EUR", "211/1 STARTUMS")
    assert (said.opening_minor, said.closing_minor) == (100_000, 120_011)
    assert (said.from_day, said.to_day) == (date(2026, 11, 3), date(2026, 11, 3))
    payout, fees = said.lines
    assert (payout.amount_minor, payout.end_to_end, payout.bank_reference) == (25_010, "E2E-7", "BR-1")
    assert payout.text == "GUTSCHRIFT STRIPE PAYOUT po_1Abc"
    assert payout.counterparty == "Stripe Payments Europe"
    assert (fees.amount_minor, fees.day, fees.value_day) == (-4_999, date(2026, 11, 3), date(2026, 11, 4))


def test_words_between_slashes_are_read_over_the_ends_of_lines() -> None:
    said = only(
        files.mt940(CREDIT, ":86:/TRTP/SEPA/EREF/E2E-", "7/NAME/Adyen N.V./REMI/BATCH 42", closing="C261103EUR1250,10")
    )
    assert (said.lines[0].end_to_end, said.lines[0].counterparty) == ("E2E-7", "Adyen N.V.")
    assert "BATCH 42" in said.lines[0].text


def test_marks_of_reversals_say_which_way_money_went() -> None:
    said = only(files.mt940(":61:261103RC5,NTRFX", ":61:261103RD2,5NTRFY", closing="C261103EUR997,50"))
    assert [(line.amount_minor, line.reversal) for line in said.lines] == [(-500, True), (250, True)]


def test_words_behind_the_closing_balance_are_of_no_line() -> None:
    text = files.mt940(CREDIT, ":86:PAYOUT", closing="C261103EUR1250,10").replace("\r\n-", "\r\n:86:GOODBYE\r\n-")
    assert only(text).lines[0].text == "PAYOUT"


def test_swifts_envelope_and_windows_letters_are_taken_off() -> None:
    text = (
        "{1:F01BANKDEFFAXXX0000000000}{2:I940BANKDEFFXXXXN}{4:\r\n"
        + files.mt940(CREDIT, ":86:Müller", closing="C261103EUR1250,10").removesuffix("-\r\n")
        + "-}{5:{CHK:1}}\r\n"
    )
    [said] = mt940.read(text.encode("cp1252"))
    assert said.lines[0].text == "Müller"


def test_pages_are_put_together_and_several_statements_are_several() -> None:
    first = files.mt940(":61:261103C1,NTRFX", opening="C261102EUR10,", closing="C261103EUR11,", tag="F").replace(
        ":62F:", ":62M:"
    )
    second = files.mt940(":61:261103C2,NTRFY", opening="C261103EUR11,", closing="C261103EUR13,", tag="M").replace(
        ":62M:", ":62F:"
    )
    third = files.mt940(opening="C261103EUR13,", closing="C261104EUR13,", number="212/1")
    whole, after = mt940.read((first + second + third).encode())
    assert (whole.opening_minor, whole.closing_minor, len(whole.lines)) == (1_000, 1_300, 2)
    assert (after.from_day, after.to_day) == (date(2026, 11, 4), date(2026, 11, 4))
    for incomplete in (first, second, first + third):
        with pytest.raises(BankStatementInvalid, match=r"pages|last page"):
            mt940.read(incomplete.encode())


def test_the_year_turns_between_booking_and_value() -> None:
    said = only(
        files.mt940(":61:2701021231C1,NTRFX", opening="C261230EUR0,", closing="C261231EUR1,"),
    )
    assert (said.lines[0].day, said.lines[0].value_day) == (date(2026, 12, 31), date(2027, 1, 2))


def test_an_opening_balance_of_the_first_day_itself_begins_the_period() -> None:
    said = only(files.mt940(":61:2611011101C1,NTRFX", opening="C261101EUR0,", closing="C261130EUR1,"))
    assert (said.from_day, said.to_day) == (date(2026, 11, 1), date(2026, 11, 30))


WHOLE = files.mt940(CREDIT, closing="C261103EUR1250,10")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WHOLE.replace("1250,10", "1250,11"), r"make 1250.10 EUR, and it says 1250.11 EUR"),
        (WHOLE[: WHOLE.index(":62F")], "no closing balance"),
        (WHOLE[: WHOLE.index("NTRF") - 3], "no closing balance|can be read"),
        (WHOLE.replace(":60F:", ":64:"), "no opening balance"),
        (WHOLE.replace("C250,10", "C250,105"), "more decimals than EUR"),
        (WHOLE.replace("EUR", "JPY"), "more decimals than JPY, which has 0"),
        (WHOLE.replace("EUR", "ABC"), "nobody here knows the currency"),
        (WHOLE.replace("EUR1250", "USD1250"), "begins in EUR and ends in USD"),
        (WHOLE.replace(":61:261103", ":61:261341"), "a day or an amount in it is none"),
        (WHOLE.replace(":61:", ":61:x"), "tag :61: says 'x26"),
        (":20:X\r\n", "no opening balance"),
        ("nothing of the kind", "There is no statement"),
        (WHOLE + ":20:\0", "bytes that are no letters"),
        (WHOLE.replace(CREDIT, ":61:2611031103C0,\r\n" + CREDIT), "a line .* could not be read|A line"),
    ],
)
def test_what_does_not_hold_is_refused_whole(text: str, words: str) -> None:
    with pytest.raises(BankStatementInvalid, match=words):
        mt940.read(text.encode())


def test_two_encodings_in_one_file_are_refused() -> None:
    both = files.mt940(CREDIT, ":86:Zo\u00eb", closing="C261103EUR1250,10").encode() + b":86:M\xfcller"
    with pytest.raises(BankStatementInvalid, match="Line 9 is not written in UTF-8 while others are"):
        mt940.read(both)


def test_a_files_text_is_never_taken_for_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / ":20:X").write_text(WHOLE)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        with pytest.raises(BankStatementInvalid):
            mt940.read(b":20:X")
    finally:
        os.chdir(before)


def test_what_customers_wrote_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(BankStatementInvalid):
        mt940.read(WHOLE.replace(CREDIT, ":61:Erika Mustermann").encode())
    assert "Mustermann" not in caplog.text
