"""camt.053: what is read of it, and what is refused whole."""

import tracemalloc
from datetime import date

import pytest

from reporting.bankfiles import camt
from reporting.bankfiles.base import BankStatement, BankStatementInvalid
from tests.reporting.bank import files


def only(content: bytes) -> BankStatement:
    """The one statement of a file."""
    [statement] = camt.read(content)
    return statement


def test_a_statement_is_read_with_its_balances_and_lines() -> None:
    payer = files.details("PAYOUT po_1Abc", end_to_end="E2E-7", name="Stripe Payments Europe")
    said = only(
        files.camt(
            files.entry(
                "250.10",
                value="2026-11-04",
                bank_reference="BR-1",
                text="SEPA CREDIT",
                details=f"<NtryDtls>{payer}</NtryDtls>",
            ),
            files.entry("49.99", way="DBIT", text="FEES"),
            closing="1200.11",
        )
    )
    assert (said.account_iban, said.currency, said.reference) == (files.IBAN, "EUR", "211 S-211")
    assert (said.opening_minor, said.closing_minor) == (100_000, 120_011)
    assert (said.from_day, said.to_day) == (date(2026, 11, 3), date(2026, 11, 3))
    payout, fees = said.lines
    assert (payout.amount_minor, payout.day, payout.value_day) == (25_010, date(2026, 11, 3), date(2026, 11, 4))
    assert (payout.text, payout.end_to_end) == ("PAYOUT po_1Abc SEPA CREDIT", "E2E-7")
    assert (payout.counterparty, payout.bank_reference) == ("Stripe Payments Europe", "BR-1")
    assert (fees.amount_minor, fees.counterparty, fees.end_to_end) == (-4_999, "", "")


def test_version_02_says_status_and_names_in_other_places() -> None:
    names = "<TxDtls><RltdPties><Dbtr><Nm>Adyen N.V.</Nm></Dbtr></RltdPties></TxDtls>"
    content = files.camt(
        files.entry("1.00", sts="<Sts>BOOK</Sts>", details=f"<NtryDtls>{names}</NtryDtls>"),
        closing="1001.00",
        version="02",
    )
    assert [line.counterparty for line in only(content).lines] == ["Adyen N.V."]


@pytest.mark.parametrize("version", ["02", "04", "06", "08", "10", "13"])
def test_every_version_since_02_is_read(version: str) -> None:
    assert len(only(files.camt(files.entry("1.00"), closing="1001.00", version=version)).lines) == 1


def test_a_batch_is_as_many_lines_as_it_has_transactions_when_they_sum_to_it() -> None:
    parts = files.details("A", amount="10.00"), files.details("B", amount="20.00")
    batch = files.entry("30.00", details=f"<NtryDtls><Btch/>{''.join(parts)}</NtryDtls>")
    assert [(line.amount_minor, line.text) for line in only(files.camt(batch, closing="1030.00")).lines] == [
        (1_000, "A"),
        (2_000, "B"),
    ]


@pytest.mark.parametrize("amounts", [("10.00", ""), ("10.00", "19.00")], ids=["one has no amount", "less a charge"])
def test_a_batch_whose_transactions_do_not_make_its_amount_stays_one_line(amounts: tuple[str, str]) -> None:
    parts = files.details("A", amount=amounts[0]), files.details("B", amount=amounts[1])
    batch = files.entry("30.00", details=f"<NtryDtls>{''.join(parts)}</NtryDtls>")
    assert [(line.amount_minor, line.text) for line in only(files.camt(batch, closing="1030.00")).lines] == [
        (3_000, "A B")
    ]


def test_the_direction_of_a_reversal_is_its_own() -> None:
    taken_back = files.entry("5.00", way="DBIT", before="<RvslInd>true</RvslInd>")
    [line] = only(files.camt(taken_back, closing="995.00")).lines
    assert (line.amount_minor, line.reversal) == (-500, True)


def test_entries_that_are_not_booked_are_no_lines() -> None:
    content = files.camt(
        files.entry("1.00"), files.entry("7.00", status="PDNG"), files.entry("8.00", status="INFO"), closing="1001.00"
    )
    assert [line.amount_minor for line in only(content).lines] == [100]


def test_a_proprietary_status_is_not_booked() -> None:
    odd = files.entry("7.00", sts="<Sts><Prtry>HELD</Prtry></Sts>")
    assert only(files.camt(odd, closing="1000.00")).lines == ()


def test_an_account_in_the_red_and_an_account_without_iban() -> None:
    red = files.statement(
        files.entry("50.00"),
        opening=files.balance("PRCD", "80.00", "2026-11-02", way="DBIT"),
        closing=files.balance("CLBD", "30.00", "2026-11-03", way="DBIT"),
    ).replace(f"<IBAN>{files.IBAN}</IBAN>", "<Othr><Id>0123456789</Id></Othr>")
    said = only(files.document(red))
    assert (said.opening_minor, said.closing_minor, said.account_iban) == (-8_000, -3_000, "0123456789")


def test_the_period_is_the_one_that_the_bank_names() -> None:
    named = "<FrToDt><FrDtTm>2026-11-01T00:00:00+01:00</FrDtTm><ToDtTm>2026-11-30T23:59:59+01:00</ToDtTm></FrToDt>"
    content = files.camt(closing="1000.00").replace(b"<Acct>", named.encode() + b"<Acct>")
    said = only(content)
    assert (said.from_day, said.to_day, said.lines) == (date(2026, 11, 1), date(2026, 11, 30), ())


def test_pages_with_carried_balances_are_one_statement() -> None:
    first = files.statement(
        files.entry("1.00"),
        opening=files.balance("OPBD", "10.00", "2026-11-02"),
        closing=files.balance("ITBD", "11.00", "2026-11-03"),
    )
    middle = files.statement(
        files.entry("2.00"),
        opening=files.balance("ITBD", "11.00", "2026-11-03"),
        closing=files.balance("ITBD", "13.00", "2026-11-03"),
    )
    last = files.statement(
        files.entry("3.00"),
        opening=files.balance("ITBD", "13.00", "2026-11-03"),
        closing=files.balance("CLBD", "16.00", "2026-11-03"),
    )
    said = only(files.document(first, middle, last))
    assert (said.opening_minor, said.closing_minor, len(said.lines)) == (1_000, 1_600, 3)
    for incomplete, words in (
        ((first, last), "A page is missing between them"),
        ((first,), "pages are missing"),
        ((middle, last), "begins in the middle"),
    ):
        with pytest.raises(BankStatementInvalid, match=words):
            camt.read(files.document(*incomplete))


def test_several_accounts_in_one_file_are_several_statements() -> None:
    other = "NL91ABNA0417164300"
    both = [
        files.statement(
            opening=files.balance("OPBD", "1.00", "2026-11-02"),
            closing=files.balance("CLBD", "1.00", "2026-11-03"),
            account=account,
        )
        for account in (files.IBAN, other)
    ]
    assert [said.account_iban for said in camt.read(files.document(*both))] == [files.IBAN, other]


def test_yen_have_no_decimals_and_dinars_three() -> None:
    for currency, amount, minor in (("JPY", "1000", 1000), ("JPY", "1000.00", 1000), ("KWD", "1.005", 1005)):
        whole = files.statement(
            files.entry(amount, currency=currency),
            opening=files.balance("OPBD", "0", "2026-11-02", currency=currency),
            closing=files.balance("CLBD", amount, "2026-11-03", currency=currency),
        )
        assert only(files.document(whole)).lines[0].amount_minor == minor


WHOLE = files.camt(files.entry("1.00"), closing="1001.00")
LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(ord('b') + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
) + "]>"  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (files.camt(files.entry("1.00"), closing="1002.00"), r"make 1001.00 EUR, and it says 1002.00 EUR at the end"),
        (WHOLE[: len(WHOLE) // 2], "Line 1 is no XML: the file is cut off"),
        (WHOLE.replace(b"1.00<", b"1.005<", 1), "make|more decimals"),
        (files.camt(files.entry("1.005"), closing="1001.00"), r"Entry 1: 1.005 EUR has more decimals than EUR"),
        (files.camt(files.entry("1e2"), closing="1100.00"), r"Entry 1: '1e2' is no amount"),
        (files.camt(files.entry("-1.00"), closing="999.00"), r"'-1.00' is no amount"),
        (files.camt(files.entry("1,00"), closing="1001.00"), r"'1,00' is no amount"),
        (files.camt(files.entry("1.00", way="CREDIT"), closing="1001.00"), "whether money came or went"),
        (files.camt(files.entry("1.00", currency="USD"), closing="1001.00"), "is in EUR, and its line of .* in USD"),
        (files.camt(files.entry("1.00", currency="ABC"), closing="1001.00"), "nobody here knows the currency 'ABC'"),
        (files.camt(files.entry("1.00", day="2026-02-30"), closing="1001.00"), "'2026-02-30' is no day"),
        (WHOLE.replace(b"camt.053", b"camt.052"), "camt.052, a report of a day that has not ended"),
        (WHOLE.replace(b"camt.053", b"camt.054"), "camt.054, a notification of single entries"),
        (WHOLE.replace(b"camt.053", b"pain.001"), "no camt.053 statement"),
        (WHOLE.replace(b"053.001.08", b"053.001.01"), "version 01 of camt.053"),
        (b"<html><body>Please log in</body></html>", "no camt.053 statement"),
        (files.document(), "There is no statement in the file"),
        (WHOLE.replace(b"OPBD", b"OPAV"), "has no opening"),
        (WHOLE.replace(b"CLBD", b"CLAV"), "has no closing"),
        (WHOLE.replace(b"<AddtlNtryInf>", b"<AddtlNtryInf>M\xfcller"), "Line 1 is no XML"),
        (WHOLE.replace(b"UTF-8", b"UTF-99"), "encoding that nobody here can read"),
        (WHOLE.replace(b"<Ntry>", b"<a>" * 60 + b"<Ntry>"), "nests deeper"),
        (files.camt(files.entry("1.00", text="&j;"), closing="1001.00", head=LAUGHS), "document type or entities"),
        (files.camt(closing="1000.00", head="<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"), "document type or entities"),
        (files.camt(closing="1000.00", head="<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://127.0.0.1/'> %p;]>"), "entities"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_refused_whole(content: bytes, words: str) -> None:
    with pytest.raises(BankStatementInvalid, match=words):
        camt.read(content)


def test_a_file_is_read_without_a_tree_of_it_in_memory() -> None:
    some = 3_000
    content = files.camt(*(files.entry("1.00", text="x" * 300) for _ in range(some)), closing=f"{1000 + some}.00")
    tracemalloc.start()
    try:
        assert len(only(content).lines) == some
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * len(content)
