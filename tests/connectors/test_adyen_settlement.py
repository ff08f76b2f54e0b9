"""Adyen's settlement detail report: read to the cent, and refused whole with the reason when it is not right."""

import io
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectors.adyen import settlement
from payments.connectors.settlements import FileKind, FileRefused, LineType, SettlementLine
from tests.connectors.samples import sample, written

MERCHANT: Final = "SynthMerchantEU"
HEADER: Final = (
    "Company Account", *settlement.COLUMNS[:-1], *settlement.OPTIONAL, "ARN", "Metadata", settlement.COLUMNS[-1]
)  # fmt: skip

Row = Mapping[str, str]


def row(type_: str, **facts: str) -> dict[str, str]:
    """A line of batch 42 in euros, without amounts."""
    known = {
        "Merchant Account": MERCHANT,
        "Batch Number": "42",
        "Type": type_,
        "Net Currency": "EUR",
        "Booking Date": "2026-11-02 10:00:00",
        "Booking Date TimeZone": "CET",
        "Creation Date": "2026-11-01 09:00:00",
        "TimeZone": "CET",
    }
    return known | {NAMES.get(name, name): value for name, value in facts.items()}


NAMES: Final = {
    "psp": "Psp Reference",
    "ours": "Merchant Reference",
    "method": "Payment Method",
    "change": "Modification Reference",
    "our_change": "Modification Merchant Reference",
    "gross": "Gross Currency",
    "gd": "Gross Debit (GC)",
    "gc": "Gross Credit (GC)",
    "rate": "Exchange Rate",
    "net": "Net Currency",
    "nd": "Net Debit (NC)",
    "nc": "Net Credit (NC)",
    "commission": "Commission (NC)",
    "markup": "Markup (NC)",
    "scheme": "Scheme Fees (NC)",
    "interchange": "Interchange (NC)",
    "merchant": "Merchant Account",
    "batch": "Batch Number",
    "booked": "Booking Date",
    "booked_zone": "Booking Date TimeZone",
    "created": "Creation Date",
    "zone": "TimeZone",
}

SETTLED: Final = row(
    "Settled", psp="P1", ours="att_1", method="visa", change="C1", our_change="cap_1",
    gross="EUR", gc="30.00", rate="1", nc="29.40", markup="0.20", scheme="0.10", interchange="0.30",
)  # fmt: skip
REFUNDED: Final = row(
    "Refunded", psp="P1", ours="att_1", method="visa", change="R1", our_change="re_1",
    gross="EUR", gd="10.00", rate="1", nd="10.20", commission="0.20",
)  # fmt: skip
DOLLARS: Final = row(
    "Settled", psp="P2", ours="att_2", method="mc", change="C2", gross="USD", gc="100.00", rate="0.9123",
    nc="90.00", commission="1.23",
)  # fmt: skip
PAID: Final = row("MerchantPayout", change="TX1XT batch 42, SynthMerchantEU", nd="109.20")
WHOLE: Final = (SETTLED, REFUNDED, DOLLARS, PAID)


def read(content: bytes, batch: str = "42") -> list[SettlementLine]:
    return list(settlement.read(io.BytesIO(content), batch, MERCHANT))


def lines(*rows: Row) -> list[SettlementLine]:
    return read(written(HEADER, rows))


def only(line: Row, currency: str = "EUR") -> SettlementLine:
    """The line, in a file that a correction makes sum to nothing."""
    back = {"Net Debit (NC)": line.get("Net Credit (NC)", ""), "Net Credit (NC)": line.get("Net Debit (NC)", "")}
    return lines(line, row("ManualCorrected", net=line["Net Currency"]) | back)[0]


# --- what it says ---


def test_lines_that_are_made_together_are_what_each_is_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    older = {"Booking Date": "", "Modification Merchant Reference": ""}
    many = [{**SETTLED, **older, "Psp Reference": f"P{n}"} if n % 3 else REFUNDED for n in range(300)]
    kinds = [*many[:150], DOLLARS, *many[150:], {**SETTLED, "Gross Debit (GC)": "0.00"}]
    sums = sum(-1020 if one is REFUNDED else 9000 if one is DOLLARS else 2940 for one in kinds)
    file = written(HEADER, (*kinds, row("MerchantPayout", nd=f"{sums // 100}.{sums % 100:02}")))
    together = read(file)
    assert len({line.key for line in together}) == len(kinds) + 1
    monkeypatch.setattr(settlement._Book, "lines", lambda *_: None)
    assert read(file) == together


def test_of_two_rows_that_are_wrong_the_first_is_said() -> None:
    rows = [SETTLED] * 100
    wrong = [*rows, {**SETTLED, "Net Credit (NC)": "29.4x"}, *rows, {**SETTLED, "Net Credit (NC)": "29.4y"}]
    with pytest.raises(FileRefused, match=r"^Line 102, Net Credit \(NC\): '29\.4x' is no amount"):
        lines(*wrong)


def test_the_sample_is_read_to_the_cent() -> None:
    found = read(sample("adyen_settlement_detail_report_batch_42.SYNTHETIC.csv"))
    said = [(n.type, n.gross_minor, n.gross_currency, n.settled_minor, n.fee_minor, n.net_minor) for n in found]
    assert said == [
        ("capture", 4599, "EUR", 4599, 41, 4558),
        ("capture", 12000, "EUR", 12000, 110, 11890),
        ("capture", 1000, "EUR", 1000, 25, 975),
        ("capture", 10000, "USD", 9000, 110, 8890),
        ("refund", -500, "EUR", -500, 0, -500),
        ("refund", -1000, "EUR", -1000, 20, -1020),
        ("dispute", -3000, "EUR", -3000, 750, -3750),
        ("dispute", 2000, "EUR", 2000, 0, 2000),
        ("fee", 0, "EUR", 0, 210, -210),
        ("payout", -22833, "EUR", -22833, 0, -22833),
    ]
    assert sum(n.net_minor for n in found) == 0
    assert {(n.currency, n.payout_reference, n.tax_minor) for n in found} == {("EUR", "42", 0)}


def test_a_line_says_all_that_a_match_needs() -> None:
    capture, refund, dollars, paid = lines(*WHOLE)
    assert capture == SettlementLine(
        "42:1", LineType.CAPTURE, "Settled", datetime(2026, 11, 2, 9, tzinfo=UTC),
        3000, "EUR", 3000, "EUR", 60, 0, None, "P1", "C1", "cap_1", "42", "visa", "",
    )  # fmt: skip
    assert (refund.payment_reference, refund.movement_reference, refund.our_reference) == ("P1", "R1", "re_1")
    assert (dollars.rate, dollars.our_reference) == (Decimal("0.9123"), "att_2"), "captured by itself"
    assert (paid.key, paid.movement_reference, paid.payment_reference) == ("42:4", "TX1XT", "")
    assert paid.detail == "TX1XT batch 42, SynthMerchantEU"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("SettledReversed", "capture"), ("CaptureFailed", "capture"), ("RefundedReversed", "refund"),
        ("RefundFailed", "refund"), ("SecondChargeback", "dispute"), ("ChargebackReversed", "dispute"),
        ("ReserveAdjustment", "reserve"), ("MerchantPayin", "payout"), ("BankInstructionReturned", "payout_returned"),
        ("Balancetransfer", "carried"), ("InvoiceDeduction", "fee"), ("DepositCorrection", "correction"),
        ("SettledExternallyWithInfo", "unknown"), ("Something New", "unknown"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", ["nc", "nd"])
def test_types_say_what_it_is_and_the_columns_which_way_it_went(word: str, kind: str, side: str) -> None:
    line = only(row(word, psp="P1", change="X", **{side: "7.00"}))
    assert (line.type, line.psp_type, line.net_minor) == (kind, word, 700 if side == "nc" else -700)


def test_a_settled_line_below_nothing_is_taken_as_its_columns_say() -> None:
    line = only(SETTLED | {NAMES["gc"]: "", NAMES["gd"]: "30.00", NAMES["nc"]: "", NAMES["nd"]: "30.60"})
    assert (line.type, line.gross_minor, line.fee_minor, line.net_minor) == ("capture", -3000, 60, -3060)


@pytest.mark.parametrize("word", ["Fee", "MiscCosts", "PaymentCost"])
def test_what_costs_without_a_principal_is_all_fee(word: str) -> None:
    line = only(row(word, nd="2.10", change="Transaction Fees November 2026"))
    assert (line.type, line.gross_minor, line.settled_minor, line.fee_minor) == ("fee", 0, 0, 210)


def test_costs_of_a_payment_that_are_told_apart_count_once() -> None:
    line = only(row("PaymentCost", psp="P1", nd="0.30", interchange="0.30"))
    assert (line.fee_minor, line.net_minor, line.payment_reference) == (30, -30, "P1")


def test_fees_that_are_given_back_are_below_nothing() -> None:
    line = only(REFUNDED | {NAMES["commission"]: "-0.20", NAMES["nd"]: "9.80"})
    assert (line.settled_minor, line.fee_minor, line.net_minor) == (-1000, -20, -980)


def test_a_payout_that_came_back_names_that_payout() -> None:
    line = only(row("BankInstructionReturned", nc="5.00", change="TX9XT batch 40, SynthMerchantEU"))
    assert (line.payout_reference, line.movement_reference) == ("42", "TX9XT")


def test_a_batch_that_is_carried_sums_to_nothing_without_a_payout() -> None:
    found = lines(
        row("Balancetransfer", nd="1.00", change="from batch 41"),
        REFUNDED,
        row("Balancetransfer", nc="11.20", change="to batch 43"),
    )
    assert [(n.type, n.movement_reference) for n in found] == [("carried", "41"), ("refund", "R1"), ("carried", "43")]


def test_every_currency_sums_to_nothing_for_itself() -> None:
    pounds = row("Fee", net="GBP", nd="1.00"), row("Balancetransfer", net="GBP", nc="1.00", change="to batch 43")
    assert len(lines(*WHOLE, *pounds)) == 6


@pytest.mark.parametrize(
    ("currency", "text", "minor"),
    [("JPY", "1200", 1200), ("KWD", "1.234", 1234), ("IDR", "1500", 150000), ("CLP", "5.00", 5), ("UGX", "7", 7),
     ("EUR", "7.5", 750), ("EUR", ".5", 50), ("EUR", "7", 700)],
)  # fmt: skip
def test_amounts_are_major_units_with_adyens_decimals(currency: str, text: str, minor: int) -> None:
    assert only(row("ManualCorrected", net=currency, nc=text)).net_minor == minor


@pytest.mark.parametrize(
    ("facts", "hour"),
    [
        ({"booked": "", "booked_zone": ""}, 8),
        ({"booked_zone": ""}, 9),
        ({"booked_zone": "UTC"}, 10),
        ({"booked_zone": "PST"}, 18),
        ({"booked_zone": "Europe/Athens"}, 8),
        ({"booked": "2026-07-02 10:00:00", "booked_zone": "CEST"}, 8),
        ({"booked": "2026-07-02 10:00:00", "booked_zone": "Europe/Amsterdam"}, 8),
    ],
)
def test_moments_are_told_in_utc(facts: dict[str, str], hour: int) -> None:
    line = only(SETTLED | {NAMES[name]: value for name, value in facts.items()})
    assert (line.occurred_at.hour, line.occurred_at.utcoffset()) == (hour, UTC.utcoffset(None))


def test_older_files_have_no_booking_date() -> None:
    header = [name for name in HEADER if not name.startswith("Booking")]
    assert read(written(header, WHOLE))[0].occurred_at == datetime(2026, 11, 1, 8, tzinfo=UTC)


def test_a_rate_that_is_rounded_may_be_off_by_what_rounding_makes() -> None:
    """0.9123 may be anything from 0.91225 to 0.91235: of 10000.00 USD that is 0.50 EUR, and one cent is rounding."""
    facts = {"gc": "10000.00", "commission": "", "nc": "9123.51"}
    assert only(DOLLARS | {NAMES[name]: value for name, value in facts.items()}).settled_minor == 912351
    with pytest.raises(FileRefused, match=r"gross is 10000\.00 USD at 0\.9123, but its net with fees is 9123\.52 EUR"):
        only(DOLLARS | {NAMES[name]: value for name, value in (facts | {"nc": "9123.52"}).items()})


def test_identify_says_which_batch_a_file_is_of() -> None:
    found = settlement.identify(io.BytesIO(written(HEADER, WHOLE)), MERCHANT)
    assert (found.reference, found.kind) == ("42", FileKind.BATCH)
    assert found.name == "settlement_detail_report_batch_42.csv"
    with pytest.raises(FileRefused, match="of the merchant account 'SynthMerchantEU'; this one is Other"):
        settlement.identify(io.BytesIO(written(HEADER, WHOLE)), "Other")
    for strange in ("", "4 2", "٤٢", "-1"):
        with pytest.raises(FileRefused, match="no number of a batch"):
            settlement.identify(io.BytesIO(written(HEADER, [SETTLED | {"Batch Number": strange}])), MERCHANT)
    with pytest.raises(FileRefused, match="no lines"):
        settlement.identify(io.BytesIO(written(HEADER, [])), MERCHANT)


# --- what is refused ---


def changed(place: Row, **facts: str) -> bytes:
    """The whole file, in which one line says something else."""
    other = dict(place) | {NAMES[name]: value for name, value in facts.items()}
    return written(HEADER, [other if line is place else line for line in WHOLE])


FILE: Final = written(HEADER, WHOLE)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty"),
        (
            b"<html>Sign in</html>\n",
            "no column Merchant Account: this is no settlement detail report of Adyen",
        ),
        (written([n for n in HEADER if n != "Exchange Rate"], WHOLE), "There is no column Exchange Rate"),
        (written([n for n in HEADER if "Date" not in n], WHOLE), "no column Booking Date or Creation Date"),
        (written([*HEADER, "Type"], WHOLE), "The column Type is there 2 times"),
        (written(HEADER, []), "no lines below its header"),
        (FILE.replace(b",", b";"), "not separated by commas: a spreadsheet program has saved this file anew"),
        (FILE[:-2], "ends in the middle of line 5: it was cut off"),
        (FILE[:-40], "ends in the middle of line 5: it was cut off"),
        (FILE + b"one,two\r\n", f"Line 6 has 2 columns, the header {len(HEADER)}"),
        (FILE.replace(b"P2", b"P\xe9"), "Line 4 is not in UTF-8 (the byte 0xE9)"),
        (FILE.replace(b"P2", b"P\x00"), "Line 4 holds binary data"),
        (b"PK\x03\x04" + FILE, "The file is an Excel workbook or a zip archive"),
        (b"\x1f\x8b" + FILE, "The file is a packed file"),
        (FILE.decode().encode("utf-16"), "The file is text in UTF-16"),
        (b"\x01" * 300_000, "Line 1 has no end: this is no text"),
        (FILE.replace(b"P2", b'"P2"2'), "Line 4 is no line of a CSV file"),
        (changed(SETTLED, gc="30,00"), "Line 2, Gross Credit (GC): '30,00' is no amount: it has a decimal comma"),
        (changed(SETTLED, nc="1,029.40"), "Line 2, Net Credit (NC): '1,029.40' is no amount: it has a comma between"),
        (changed(SETTLED, markup="0,20"), "Line 2, Markup (NC): '0,20' is no amount: it has a decimal comma"),
        (
            changed(SETTLED, gc="30.000"),
            "Line 2, Gross Credit (GC): '30.000' has 3 decimals, and EUR has 2 at",
        ),
        (changed(SETTLED, net="JPY"), "Line 2, Net Credit (NC): '29.40' has 2 decimals, and JPY has 0 at this PSP"),
        (changed(SETTLED, net="CLP", nc="29.40"), "'29.40' has a fraction of the smallest unit of CLP"),
        (changed(SETTLED, nc="-29.40"), "Line 2, Net Credit (NC): '-29.40' is no amount: it has a sign"),
        (changed(SETTLED, nc="1e3"), "'1e3' is no amount: what is wanted is a number such as 45.99"),
        (changed(SETTLED, nc="٣٠"), "is no amount"),
        (changed(SETTLED, nc="."), "'.' is no amount"),
        (changed(SETTLED, nc="1000000000000.00"), "is beyond any amount"),
        (changed(SETTLED, gross="XXY"), "Line 2, Gross Currency: 'XXY' is no currency of ISO 4217"),
        (changed(SETTLED, net=""), "Line 2, Net Currency: '' is no currency of ISO 4217"),
        (changed(SETTLED, nc="29.41"), "gross is 30.00 EUR, but its net with fees is 30.01 EUR"),
        (changed(SETTLED, nd="29.40"), "Line 2: it has a debit and a credit"),
        (changed(SETTLED, gd="30.00"), "Line 2: it has a debit and a credit"),
        (changed(DOLLARS, rate=""), "Line 4: it goes from USD to EUR, and its Exchange Rate '' is no rate"),
        (changed(DOLLARS, rate="0"), "is no rate"),
        (changed(DOLLARS, rate="0,9123"), "Exchange Rate '0,9123' is no rate such as 1.0842"),
        (changed(DOLLARS, rate="1.0961"), "gross is 100.00 USD at 1.0961, but its net with fees is 91.23 EUR"),
        (changed(REFUNDED, merchant="Somebody"), "Line 3: it is of the merchant account 'Somebody'; this one is Synth"),
        (changed(REFUNDED, batch="43"), "Line 3: it is of batch '43'; the file is of batch 42"),
        (changed(REFUNDED, booked="02/11/2026"), "Line 3: '02/11/2026' is no date and time such as"),
        (changed(REFUNDED, booked_zone="XQZ"), "Line 3: 'XQZ' is no time zone that is known here"),
        (written(HEADER, WHOLE[:-1]), "The lines of batch 42 sum to 109.20 EUR. With its payout"),
        (written(HEADER, [*WHOLE, SETTLED]), "The lines of batch 42 sum to 29.40 EUR"),
        (written(HEADER, WHOLE[1:]), "The lines of batch 42 sum to -29.40 EUR"),
    ],
)
def test_a_file_that_is_not_right_is_refused_in_words(content: bytes, why: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(content)
    assert why in str(refused.value)


def test_a_file_of_another_batch_is_refused() -> None:
    with pytest.raises(FileRefused, match="Line 2: it is of batch '42'; the file is of batch 41"):
        read(FILE, "41")


def test_a_zero_on_the_other_side_says_nothing() -> None:
    assert read(changed(SETTLED, nd="0.00", gd="0")) == read(FILE)


def test_a_line_of_a_type_that_nobody_knows_is_not_worked_out() -> None:
    strange = row("SettledExternallyWithInfo", psp="P1", gross="USD", gc="10.00", rate="", nc="")
    assert lines(*WHOLE, strange)[-1][4:8] == (1000, "USD", 0, "EUR")
    same = strange | {NAMES["gross"]: "EUR"}
    assert lines(*WHOLE, same)[-1][4:8] == (0, "EUR", 0, "EUR"), "one currency, one amount"


# --- whatever comes ---


@given(st.randoms(use_true_random=False), st.sampled_from([b"", b"\xef\xbb\xbf"]), st.sampled_from(["\n", "\r\n"]))
def test_columns_are_found_by_their_names(chance: random.Random, bom: bytes, end: str) -> None:
    mixed = list(HEADER)
    chance.shuffle(mixed)
    shown = dict(zip(mixed, [chance.choice([n, n.upper(), f" {n} "]) for n in mixed], strict=True))
    content = written([*shown.values()], [{shown[n]: line[n] for n in line} for line in WHOLE], end=end)
    assert read(bom + content) == read(FILE)


@given(st.integers(min_value=0, max_value=len(FILE) - 1))
def test_wherever_a_file_is_cut_it_is_refused(end: int) -> None:
    with pytest.raises(FileRefused):
        read(FILE[:end])


@given(st.binary(max_size=400))
def test_whatever_is_there_instead_of_a_report_is_refused(content: bytes) -> None:
    with pytest.raises(FileRefused):
        read(content)


class Dripping(io.RawIOBase):
    """A file that gives a few bytes at a time, and counts what it has given."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self.given = pieces, 0

    def read(self, size: int = -1) -> bytes:
        piece = next(self._pieces, b"")
        self.given += len(piece)
        return piece


def test_a_file_is_read_as_it_comes_and_not_held() -> None:
    """Lines are given long before the file ends, whatever the places at which its bytes are torn apart."""
    bytes_of = (FILE[n : n + 1] for n in range(len(FILE)))
    source = Dripping(bytes_of)
    found = settlement.read(source, "42", MERCHANT)  # type: ignore[arg-type]
    first = next(found)
    assert source.given < len(FILE) * 2 / 3
    assert [first, *found] == read(FILE)
