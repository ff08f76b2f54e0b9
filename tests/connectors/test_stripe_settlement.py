"""Stripe's settlement files: a payout's itemised report and a day's movements say the same, or are refused whole."""

import io
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectors.settlements import FileRefused, LineType, SettlementLine
from payments.connectors.stripe import payouts, settlement, settling
from tests.connectors.samples import sample, written

HEADER: Final = ("trace_id", *settlement.COLUMNS, *settlement.OPTIONAL, "card_brand")
DAY: Final = "2026-11-02"

Row = Mapping[str, str]


def row(key: str, category: str, gross: str, fee: str, net: str, **facts: str) -> dict[str, str]:
    """A row of the payout po_1 in euros."""
    known = {
        "automatic_payout_id": "po_1",
        "balance_transaction_id": key,
        "created_utc": "2026-11-02 09:00:00",
        "currency": "eur",
        "gross": gross,
        "fee": fee,
        "net": net,
        "reporting_category": category,
    }
    names = {"attempt": "payment_metadata[attempt]", "refund": "refund_metadata[refund]"}
    return known | {names.get(name, name): value for name, value in facts.items()}


OF_PI: Final = {"payment_intent_id": "pi_1", "charge_id": "ch_1", "payment_method_type": "card", "attempt": "att_1"}
EUROS: Final = {"customer_facing_currency": "eur", **OF_PI}
CHARGED: Final = row(
    "txn_1", "charge", "30.00", "0.70", "29.30", source_id="ch_1", customer_facing_amount="30.00", **EUROS
)
REVERSED: Final = row(
    "txn_2", "partial_capture_reversal", "-10.00", "-0.10", "-9.90", source_id="ch_1",
    customer_facing_amount="-10.00", **EUROS,
)  # fmt: skip
REFUNDED: Final = row(
    "txn_3", "refund", "-5", "0", "-5", source_id="re_1", customer_facing_amount="-5", refund="re_ours", **EUROS
)
DISPUTED: Final = row(
    "txn_4", "dispute", "-15.00", "20.00", "-35.00", source_id="du_1", customer_facing_amount="-15.00", **EUROS
)
YEN: Final = row(
    "txn_5", "charge", "60.00", "1.00", "59.00", source_id="ch_2", payment_intent_id="pi_2", charge_id="ch_2",
    customer_facing_amount="10000", customer_facing_currency="jpy", payment_method_type="konbini", attempt="att_2",
)  # fmt: skip
RADAR: Final = row("txn_6", "fee", "-0.50", "0.00", "-0.50", description="Radar (2026-11-01)")
TAX: Final = row("txn_7", "tax", "-0.10", "0.00", "-0.10", description="VAT")
WHOLE: Final = (CHARGED, REVERSED, REFUNDED, DISPUTED, YEN, RADAR, TAX)
TOTAL: Final = ("EUR", 3780)
FILE: Final = written(HEADER, WHOLE)


def read(content: bytes, total: tuple[str, int] | None = TOTAL) -> list[SettlementLine]:
    return list(settlement.read_payout(io.BytesIO(content), "po_1", total))


def only(line: Row) -> SettlementLine:
    [found] = read(written(HEADER, [line]), None)
    return found


# --- the report of a payout ---


def test_the_sample_is_read_to_the_cent() -> None:
    content = sample("stripe_payout_reconciliation.itemized.5.SYNTHETIC.csv")
    found = list(settlement.read_payout(io.BytesIO(content), "po_SYN1", ("EUR", 7669)))
    said = [(n.type, n.gross_minor, n.gross_currency, n.settled_minor, n.fee_minor, n.net_minor) for n in found]
    assert said == [
        ("capture", 4599, "EUR", 4599, 94, 4505),
        ("capture", 10000, "USD", 9000, 286, 8714),
        ("refund", -500, "EUR", -500, 0, -500),
        ("dispute", -3000, "EUR", -3000, 2000, -5000),
        ("fee", 0, "EUR", 0, 50, -50),
    ]
    assert settlement.payout_of(io.BytesIO(content)) == "po_SYN1"


def test_a_line_says_all_that_a_match_needs() -> None:
    charged, reversed_, refunded, disputed, yen, radar, tax = read(FILE)
    assert charged == SettlementLine(
        "txn_1", LineType.CAPTURE, "charge", datetime(2026, 11, 2, 9, tzinfo=UTC),
        3000, "EUR", 3000, "EUR", 70, 0, None, "pi_1", "ch_1", "att_1", "po_1", "card", "",
    )  # fmt: skip
    assert (reversed_.type, reversed_.movement_reference, reversed_.net_minor) == ("capture", "ch_1", -990)
    assert (reversed_.settled_minor, reversed_.fee_minor) == (-1000, -10), "of its fee, too, a part comes back"
    assert (refunded.movement_reference, refunded.our_reference) == ("re_1", "re_ours")
    assert (disputed.movement_reference, disputed.our_reference, disputed.fee_minor) == ("du_1", "", 2000)
    assert (yen.gross_minor, yen.gross_currency, yen.rate) == (10000, "JPY", Decimal("0.006"))
    assert (radar.fee_minor, radar.tax_minor, radar.settled_minor, radar.detail) == (50, 0, 0, "Radar (2026-11-01)")
    assert (tax.fee_minor, tax.tax_minor, tax.settled_minor) == (0, 10, 0)


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("charge_failure", "capture"), ("refund_failure", "refund"), ("dispute_reversal", "dispute"),
        ("network_cost", "fee"), ("risk_reserved_funds", "reserve"), ("topup", "payout"),
        ("payout_reversal", "payout_returned"), ("other_adjustment", "correction"), ("transfer", "unknown"),
        ("category_of_next_year", "unknown"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("gross", ["7.00", "-7.00"])
def test_categories_say_what_it_is_and_the_amount_which_way_it_went(category: str, kind: str, gross: str) -> None:
    line = only(row("txn_1", category, gross, "0", gross, source_id="x_1"))
    assert (line.type, line.psp_type, line.net_minor) == (kind, category, int(float(gross) * 100))


@pytest.mark.parametrize(
    ("currency", "text", "minor"),
    [("jpy", "1200", 1200), ("kwd", "1.230", 1230), ("isk", "5.00", 5), ("ugx", "7.00", 7), ("mga", "12", 1200)],
)
def test_amounts_are_major_units_with_stripes_decimals(currency: str, text: str, minor: int) -> None:
    line = only(row("txn_1", "other_adjustment", text, "0", text) | {"currency": currency})
    assert (line.currency, line.net_minor) == (currency.upper(), minor)


def test_rows_of_another_payout_of_that_day_are_left_out() -> None:
    other = CHARGED | {"automatic_payout_id": "po_2", "balance_transaction_id": "txn_9"}
    assert read(written(HEADER, [other, *WHOLE])) == read(FILE)


def test_the_payout_itself_is_no_part_of_it() -> None:
    own = row("txn_8", "payout", "-37.80", "0", "-37.80", source_id="po_1")
    assert read(written(HEADER, [*WHOLE, own])) == read(FILE)


def test_what_a_payout_came_to_may_be_below_nothing_or_not_known() -> None:
    assert len(read(written(HEADER, [REFUNDED]), ("EUR", -500))) == 1
    assert len(read(written(HEADER, [REFUNDED]), None)) == 1


def changed(place: Row, **facts: str) -> bytes:
    """The whole file, in which one line says something else."""
    return written(HEADER, [dict(place) | facts if line is place else line for line in WHOLE])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty"),
        (
            b'{"error": {}}\n',
            "no column automatic_payout_id: this is no itemised payout reconciliation report of Stripe",
        ),
        (written([n for n in HEADER if n != "net"], WHOLE), "There is no column net"),
        (written(HEADER, []), "holds no line of the payout po_1"),
        (FILE.replace(b",", b"\t"), "not separated by commas"),
        (FILE[:-2], "ends in the middle of line 8: it was cut off"),
        (FILE.replace(b"Radar", b"Rad\xe4r"), "Line 7 is not in UTF-8 (the byte 0xE4)"),
        (changed(CHARGED, gross="30,00"), "Line 2, gross: '30,00' is no amount: it has a decimal comma"),
        (changed(CHARGED, gross="30.001"), "Line 2, gross: '30.001' has 3 decimals, and EUR has 2 at this PSP"),
        (changed(CHARGED, gross="3000"), "Line 2: gross 3000 less fee 0.70 is not net 29.30"),
        (changed(CHARGED, currency="jpy"), "Line 2, gross: '30.00' has 2 decimals, and JPY has 0 at this PSP"),
        (changed(CHARGED, currency="isk", gross="5.50"), "'5.50' has a fraction of the smallest unit of ISK"),
        (changed(CHARGED, currency="xxy"), "Line 2, currency: 'XXY' is no currency of ISO 4217"),
        (changed(YEN, customer_facing_currency="xxy"), "Line 6, customer_facing_currency: 'XXY' is no currency"),
        (changed(YEN, customer_facing_amount="x"), "Line 6, customer_facing_amount: 'x' is no amount"),
        (changed(CHARGED, created_utc="2 November"), "Line 2: '2 November' is no date and time"),
        (written(HEADER, WHOLE[1:]), "The lines of the payout po_1 sum to 8.50 EUR, and it came to 37.80 EUR"),
        (written(HEADER, [*WHOLE, RADAR]), "sum to 37.30 EUR, and it came to 37.80 EUR"),
        (changed(RADAR, currency="usd"), "sum to 38.30 EUR, -0.50 USD, and it came to 37.80 EUR"),
    ],
)
def test_a_file_that_is_not_right_is_refused_in_words(content: bytes, why: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(content)
    assert why in str(refused.value)


@given(st.randoms(use_true_random=False))
def test_columns_are_found_by_their_names(chance: random.Random) -> None:
    mixed = list(HEADER)
    chance.shuffle(mixed)
    assert read(written(mixed, WHOLE)) == read(FILE)


@given(st.integers(min_value=0, max_value=len(FILE) - 1))
def test_wherever_a_report_is_cut_it_is_refused(end: int) -> None:
    with pytest.raises(FileRefused):
        read(FILE[:end])


# --- the movements of a day ---


def movement(key: str, category: str, amount: int, fee: int, source: Any, **facts: Any) -> dict[str, Any]:
    """A balance transaction in euros."""
    known = {
        "id": key,
        "object": "balance_transaction",
        "reporting_category": category,
        "type": category,
        "created": int(datetime(2026, 11, 2, 9, tzinfo=UTC).timestamp()),
        "currency": "eur",
        "amount": amount,
        "fee": fee,
        "net": amount - fee,
        "exchange_rate": None,
        "fee_details": [{"type": "stripe_fee", "amount": fee}] if fee else [],
        "description": None,
        "source": source,
    }
    return known | facts


def charge(number: int, amount: int, captured: int, currency: str = "eur", method: str = "card") -> dict[str, Any]:
    return {
        "id": f"ch_{number}",
        "object": "charge",
        "amount": amount,
        "amount_captured": captured,
        "currency": currency,
        "payment_intent": f"pi_{number}",
        "metadata": {"attempt": f"att_{number}", "note": "for Ada Lovelace"},
        "billing_details": {"name": "Ada Lovelace"},
        "payment_method_details": {"type": method, "card": {"last4": "4242"}},
    }


PAID: Final = charge(1, 3000, 2000)
OF_CHARGE: Final = {"amount": 0, "currency": "eur", "charge": "ch_1", "payment_intent": "pi_1"}
REFUND: Final = {"id": "re_1", "object": "refund", **OF_CHARGE, "amount": 500, "metadata": {"refund": "re_ours"}}
DISPUTE: Final = {"id": "du_1", "object": "dispute", **OF_CHARGE, "amount": 1500, "metadata": {}}
MOVEMENTS: Final = (
    movement("txn_1", "charge", 3000, 70, PAID, description="Ada's order"),
    movement("txn_2", "partial_capture_reversal", -1000, -10, PAID),
    movement("txn_3", "refund", -500, 0, REFUND),
    movement("txn_4", "dispute", -1500, 2000, DISPUTE),
    movement("txn_5", "charge", 6000, 100, charge(2, 10000, 10000, "jpy", "konbini"), exchange_rate=0.6),
    movement("txn_6", "fee", -50, 0, None, description="Radar (2026-11-01)"),
    movement("txn_7", "tax", -10, 0, None, description="VAT"),
)


def day(*movements: Mapping[str, Any], count: int | None = None) -> bytes:
    kept = b"".join(map(settlement.kept, movements))
    ends = settlement.ends(len(movements) if count is None else count)
    return settlement.begins(date.fromisoformat(DAY)) + kept + ends


def moved(content: bytes) -> list[SettlementLine]:
    return list(settlement.read_activity(io.BytesIO(content), DAY))


def test_a_day_says_what_the_payouts_report_says() -> None:
    report = [line._replace(payout_reference="") for line in read(FILE)]
    assert moved(day(*MOVEMENTS)) == report


def test_nothing_that_names_people_is_kept_of_a_day() -> None:
    assert b"Ada" not in day(*MOVEMENTS)
    assert b"4242" not in day(*MOVEMENTS)


def test_a_payout_is_a_movement_of_its_day() -> None:
    [paid, returned] = moved(
        day(
            movement("txn_8", "payout", -3780, 0, {"id": "po_1", "object": "payout"}, description="STRIPE PAYOUT"),
            movement("txn_9", "payout_reversal", 3780, 0, {"id": "po_1", "object": "payout"}),
        )
    )
    assert (paid.type, paid.payout_reference, paid.movement_reference) == ("payout", "po_1", "po_1")
    assert (paid.net_minor, paid.detail) == (-3780, "STRIPE PAYOUT")
    assert (returned.type, returned.payout_reference, returned.movement_reference) == ("payout_returned", "", "po_1")


def test_tax_on_fees_is_told_apart() -> None:
    fees = [{"type": "stripe_fee", "amount": 100}, {"type": "tax", "amount": 19}]
    [line] = moved(day(movement("txn_1", "charge", 3000, 119, PAID, fee_details=fees)))
    assert (line.fee_minor, line.tax_minor, line.net_minor) == (100, 19, 2881)


def test_stripes_own_rate_goes_between_its_smallest_units() -> None:
    """10000 JPY x 0.6 is 6000 cents: 0.006 EUR for a yen."""
    line = moved(day(*MOVEMENTS))[4]
    assert (line.gross_minor, line.gross_currency, line.settled_minor, line.rate) == (
        10000,
        "JPY",
        6000,
        Decimal("0.006"),
    )


def test_what_was_not_captured_of_another_currency_is_what_is_reversed() -> None:
    half = charge(3, 10000, 4000, "jpy")
    [line] = moved(day(movement("txn_1", "partial_capture_reversal", -3600, 0, half, exchange_rate=0.6)))
    assert (line.gross_minor, line.gross_currency, line.settled_minor) == (-6000, "JPY", -3600)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not of 2026-11-02"),
        (day(*MOVEMENTS).replace(b"2026-11-02", b"2026-11-03"), "not of 2026-11-02"),
        (settlement.begins(date(2026, 11, 2)), "ends before its last line"),
        (day(*MOVEMENTS, count=8), "says that it has 8 movements, and has others"),
        (day(*MOVEMENTS) * 2, "says that it has 7 movements, and has others"),
        (day({**MOVEMENTS[0], "net": 1}), "Line 2: amount 3000 less fee 70 is not net 1"),
        (day({**MOVEMENTS[0], "currency": "xxy"}), "Line 2: 'XXY' is no currency"),
        (day({**MOVEMENTS[0], "created": 1}), "Line 2: the movement is of 1970-01-01, the file of 2026-11-02"),
        (day().replace(b'{"movements', b'[]\n{"movements'), "Line 2 is no movement"),
        (day().replace(b'{"movements', b'{}\n{"movements'), "Line 2: it is no movement of Stripe's: its id is missing"),
        (day({**MOVEMENTS[0], "currency": "isk", "amount": 550, "net": 480}), "fraction of the smallest unit of ISK"),
    ],
)
def test_a_day_that_is_not_right_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(FileRefused) as refused:
        moved(content)
    assert why in str(refused.value)


@given(st.integers(min_value=0, max_value=len(day(*MOVEMENTS)) - 1))
def test_wherever_a_day_is_cut_it_is_refused(end: int) -> None:
    with pytest.raises(FileRefused):
        moved(day(*MOVEMENTS)[:end])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_whatever_stands_in_a_movement_it_is_read_or_refused(strange: Any) -> None:
    for name in (
        "id",
        "reporting_category",
        "created",
        "source",
        "currency",
        "amount",
        "fee",
        "net",
        "tax",
        "exchange_rate",
    ):
        said = orjson.loads(settlement.kept(MOVEMENTS[0])) | {name: strange}
        try:
            text = orjson.dumps(said)
        except TypeError:  # an integer beyond 64 bits is no JSON of Stripe's
            continue
        content = settlement.begins(date.fromisoformat(DAY)) + text + b"\n" + settlement.ends(1)
        try:
            [line] = moved(content)
        except FileRefused:
            continue
        assert line.net_minor == said["net"]


# --- what Stripe is asked for ---


def test_a_report_is_asked_for_with_all_that_is_read() -> None:
    payout = {
        "id": "po_1", "object": "payout", "status": "paid", "amount": 3780, "currency": "eur", "automatic": True,
        "created": 1762041600, "arrival_date": 1762128000, "trace_id": {"status": "supported", "value": "123"},
        "failure_code": None, "failure_message": None, "reconciliation_status": "completed",
    }  # fmt: skip
    announced = payouts.announced(payout)
    assert (announced.reference, announced.total_minor, announced.day) == ("po_1", 3780, date(2025, 11, 3))
    asked = settling._run(announced)["parameters"]
    assert asked["columns"] == [*settlement.COLUMNS, *settlement.OPTIONAL]
    assert (asked["interval_start"], asked["interval_end"]) == (1762128000, 1762214400)
    news = payouts.news(payout | {"status": "failed", "failure_code": "account_closed", "failure_message": "Closed."})
    assert (news.status, news.detail, news.trace) == ("failed", "account_closed: Closed.", "123")
