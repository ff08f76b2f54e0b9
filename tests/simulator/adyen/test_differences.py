"""What else happens to the money at Adyen, and what a settlement may say wrongly: every file that is right adds up."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from tests.simulator import process
from tests.simulator.adyen.merchant import Inbox, Merchant, card
from tests.simulator.adyen.test_settlement import DAY, FEES, REPORT_USER, Row, download, net, number, report

FILE = "settlement_detail_report_batch_{}.csv"


@pytest.fixture
def merchant(own: process.Simulator, inbox: Inbox) -> Merchant:
    """A merchant with a report user and a clock of its own."""
    return Merchant(own, inbox, settings=REPORT_USER)


def kinds(rows: list[Row]) -> list[tuple[str, str, Decimal]]:
    """Type, modification reference and net of the lines that are about no payment."""
    return [(row["Type"], row["Modification Reference"], net(row)) for row in rows if not row["Psp Reference"]]


def raw(merchant: Merchant, batch: int) -> list[Row]:
    """The rows of a file as it stands there, be it wrong."""
    url = f"{merchant.simulator.url}/adyen/reports/download/MerchantAccount/{merchant.name}/{FILE.format(batch)}"
    return list(csv.DictReader(io.StringIO(download(merchant, url).body.decode())))


def announced(inbox: Inbox, file: str, times: int) -> None:
    """The file has been announced so often."""
    process.until(lambda: [item["pspReference"] for item in inbox.items()].count(file) == times, f"{times} × {file}")


def test_what_belongs_to_no_payment(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    psp = merchant.pay(amount={"value": 50_000, "currency": "EUR"}, reference="att_1")["pspReference"]
    merchant.cause("reserve_held", amount=5_000)
    merchant.cause("deposit_correction", amount=-7_893)
    merchant.cause("invoice_deduction", amount=-1_210, text="Invoice 2026.11")
    merchant.cause("fee", amount=100)
    merchant.cause("misc_costs", amount=-3)
    merchant.cause("adjustment", amount=-11)
    merchant.cause("adjustment", amount=4, type="Riddle", text="?")
    merchant.cause("payment_cost", amount=25, payment=psp)
    merchant.cause("reserve_released", amount=5_000, day=process.day(own.now() + 3 * DAY))
    own.advance(6 * DAY)
    carried, paid = report(merchant, inbox, 1), report(merchant, inbox, 2)
    assert kinds(carried) == [
        ("ReserveAdjustment", "Reserve Adjustment", Decimal("-50.00")),
        ("DepositCorrection", "Deposit Correction", Decimal("-78.93")),
        ("InvoiceDeduction", "Invoice 2026.11", Decimal("-12.10")),
        ("Fee", "Service Fees", Decimal("-1.00")),
        ("MiscCosts", "Scheme Costs", Decimal("-0.03")),
        ("ManualCorrected", "Correction", Decimal("-0.11")),
        ("Riddle", "?", Decimal("0.04")),
        ("Balancetransfer", "to batch 2", Decimal("142.38")),
    ]
    (cost,) = [row for row in carried if row["Type"] == "PaymentCost"]
    assert (cost["Psp Reference"], cost["Merchant Reference"], cost["Gross Currency"]) == (psp, "att_1", "")
    assert net(cost) == Decimal("-0.25")
    assert [(name, words) for name, words, _ in kinds(paid)][:1] == [("Balancetransfer", "from batch 1")]
    assert paid[-1]["Type"] == "MerchantPayout"
    third = report(merchant, inbox, 3)
    assert [name for name, _, _ in kinds(third)] == ["ReserveAdjustment", "MerchantPayout"]
    assert net(third[0]) == 50
    assert [(line["id"], line["amount"]) for line in merchant.lines("carry")] == [("batch_1", -14_238)]


def test_a_payout_comes_back_into_the_next_batch(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    merchant.pay()
    own.advance(4 * DAY)
    paid = report(merchant, inbox, 1)[-1]
    assert (paid["Type"], merchant.lines("payout")[0]["arrived"]) == ("MerchantPayout", True)
    merchant.cause("payout_returned", payout="batch_1")
    assert [line["status"] for line in merchant.lines("payout")] == ["returned"]
    own.advance(DAY)
    again = report(merchant, inbox, 2)
    assert [row["Type"] for row in again] == ["BankInstructionReturned", "MerchantPayout"]
    assert again[0]["Modification Reference"] == paid["Modification Reference"]
    assert net(again[0]) == -net(paid)
    merchant.cause("payout_returned")
    assert [line["arrived"] for line in merchant.lines("payout")] == [True, False], "the second never arrived"
    own.advance(2 * DAY)
    assert [row["Type"] for row in report(merchant, inbox, 3)] == ["BankInstructionReturned", "MerchantPayout"]


def test_the_merchant_pays_in_what_is_missing(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    merchant.cause("deposit_correction", amount=-1_000)
    own.advance(DAY)
    assert [row["Type"] for row in report(merchant, inbox, 1)] == ["DepositCorrection", "Balancetransfer"]
    merchant.cause("payin", amount=1_000)
    own.advance(DAY)
    assert [row["Type"] for row in report(merchant, inbox, 2)] == ["Balancetransfer", "MerchantPayin"]
    assert not merchant.lines("payout")


@pytest.mark.parametrize(
    ("fault", "amount"),
    [
        ({"fault": "overcharged_fee", "minor": 30}, -30),
        ({"fault": "line_lost"}, -1_980),
        ({"fault": "line_doubled"}, 1_980),
        ({"fault": "line_wrong", "delta": -500}, -500),
        ({"fault": "line_unknown"}, 0),
    ],
)
def test_the_books_are_wrong_and_the_payout_follows(
    merchant: Merchant, inbox: Inbox, own: process.Simulator, fault: dict[str, Any], amount: int
) -> None:
    merchant.fault(**fault, nth=2, event="Settled")
    psps = [merchant.pay()["pspReference"] for _ in range(3)]
    own.advance(3 * DAY)
    rows = report(merchant, inbox, 1)
    (found,) = merchant.differences()
    assert (found["fault"], found["where"], found["amount"]) == (fault["fault"], "books", amount)
    assert (found["payment"], found["type"], found["file"]) == (psps[1], "Settled", None)
    mine = [row for row in rows if row["Psp Reference"] == psps[1]]
    assert sum(net(row) for row in mine) * 100 == 1_980 + amount
    count = {"line_lost": 0, "line_doubled": 2}.get(fault["fault"], 1)
    kind = "NetworkEqualization" if fault["fault"] == "line_unknown" else "Settled"
    assert [row["Type"] for row in mine] == [kind] * count
    fees = sum(number(row, fee) for row in mine for fee in FEES)
    assert fees == Decimal("0.20") * count + (Decimal("0.30") if fault["fault"] == "overcharged_fee" else 0)


@pytest.mark.parametrize(("fault", "amount"), [("row_lost", -1_980), ("row_doubled", 1_980), ("row_wrong", -100)])
def test_a_file_is_wrong_until_it_is_corrected(
    merchant: Merchant, inbox: Inbox, own: process.Simulator, fault: str, amount: int
) -> None:
    merchant.fault(fault, times=1, event="Settled")
    merchant.pay()
    merchant.pay()
    own.advance(3 * DAY)
    announced(inbox, FILE.format(1), 1)
    assert sum(net(row) for row in raw(merchant, 1)) * 100 == amount
    (found,) = merchant.differences()
    assert (found["amount"], found["where"], found["file"]) == (amount, "file", FILE.format(1))
    merchant.cause("file_corrected", file=FILE.format(1))
    announced(inbox, FILE.format(1), 2)
    assert len(report(merchant, inbox, 1)) == 4
    assert merchant.differences()[0]["status"] == "corrected"


def test_a_lost_file_comes_when_it_is_asked_for(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    merchant.fault("file_lost", nth=1)
    merchant.pay()
    own.advance(DAY)
    merchant.pay()
    own.advance(3 * DAY)
    inbox.wait("REPORT_AVAILABLE", FILE.format(2))
    assert FILE.format(1) not in [item["pspReference"] for item in inbox.items()]
    url = inbox.wait("REPORT_AVAILABLE")["reason"].replace("batch_2", "batch_1")
    assert download(merchant, url).status == 404
    merchant.cause("file_corrected", file=FILE.format(1))
    assert [row["Type"] for row in report(merchant, inbox, 1)] == ["Settled", "Fee", "MerchantPayout"]
    assert [row["Batch Number"] for row in report(merchant, inbox, 2)] == ["2"] * 3, "numbers have no gap"


def test_a_file_may_be_there_while_nobody_hears_of_it(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    lost = merchant.fault("webhook_lost", event="REPORT_AVAILABLE", nth=1)
    merchant.pay()
    own.advance(DAY)
    merchant.pay()
    own.advance(3 * DAY)
    inbox.wait("REPORT_AVAILABLE", FILE.format(2))
    assert merchant.fired(lost) == 1
    assert [row["Type"] for row in raw(merchant, 1)] == ["Settled", "Fee", "MerchantPayout"]
    assert merchant.differences() == [], "what it says is right"


def test_no_two_accounts_have_the_same_columns(own: process.Simulator, inbox: Inbox) -> None:
    columns = ["Net Credit (NC)", "Net Debit (NC)", "Net Currency", "Type", "Batch Number", "Psp Reference"]
    merchant = Merchant(own, inbox, settings={**REPORT_USER, "report_columns": columns})
    merchant.pay()
    own.advance(3 * DAY)
    inbox.wait("REPORT_AVAILABLE")
    rows = raw(merchant, 1)
    assert list(rows[0]) == columns
    assert sum(net(row) for row in rows) == 0


def test_the_same_batch_comes_with_other_content(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    for _ in range(2):
        merchant.pay()
    own.advance(3 * DAY)
    first = report(merchant, inbox, 1)
    merchant.cause("file_changed", file=FILE.format(1))
    announced(inbox, FILE.format(1), 2)
    second = report(merchant, inbox, 1)
    changed = [net(new) - net(old) for old, new in zip(first, second, strict=True)]
    assert changed == [1, -1, 0, 0], "it adds up as well"
    merchant.cause("file_corrected", file=FILE.format(1))
    assert report(merchant, inbox, 1) == first


def test_a_download_looks_whole_and_is_not(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    merchant.pay()
    own.advance(3 * DAY)
    url = inbox.wait("REPORT_AVAILABLE")["reason"]
    whole = download(merchant, url).body
    for fault in ("truncated_200", "corrupted_200"):
        merchant.fault(fault, operation="reports.download", times=1)
        damaged = download(merchant, url)
        assert (damaged.status, damaged.body == whole) == (200, False)
        assert download(merchant, url).body == whole


@pytest.mark.parametrize(
    "wish",
    [
        {"cause": "payment_cost", "amount": 5, "payment": "nobody"},
        {"cause": "payout_returned"},
        {"cause": "file_corrected"},
        {"cause": "file_changed"},
        {"cause": "topup", "amount": 1},
    ],
)
def test_a_cause_that_finds_nothing(merchant: Merchant, own: process.Simulator, wish: dict[str, Any]) -> None:
    assert own.ask("POST", f"/_sim/settlement/{merchant.code}", wish).status == 400


def test_disputes_and_refunds_have_the_rate_of_their_day(
    merchant: Merchant, inbox: Inbox, own: process.Simulator
) -> None:
    psp = merchant.pay(amount={"value": 10_000, "currency": "USD"})["pspReference"]
    own.ask("PUT", "/_sim/rates", {"eur": "0.9"})
    merchant.change(psp, "refunds", 5_000, currency="USD")
    inbox.wait("REFUND")
    own.advance(3 * DAY)
    rates = {row["Type"]: row["Exchange Rate"] for row in report(merchant, inbox, 1) if row["Psp Reference"]}
    assert rates == {"Settled": "0.86", "Refunded": "0.9"}


def test_every_way_a_dispute_can_go_adds_up(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    for word in ("CHARGEBACK_LOST", "PREARBITRATION_WON", "REFUND_REVERSED", "CAPTURE_FAILED"):
        psp = merchant.pay(card(holderName=word))["pspReference"]
        if word == "REFUND_REVERSED":
            merchant.change(psp, "refunds", 500)
            inbox.wait("REFUND")
    own.advance(2)
    for _ in range(45):
        own.advance(DAY)
    seen = set()
    for batch in range(1, 1 + len(merchant.lines("payout")) + len(merchant.lines("carry"))):
        seen |= {row["Type"] for row in report(merchant, inbox, batch)}
    assert seen >= {
        *("Settled", "Refunded", "RefundedReversed", "SettledReversed"),
        *("Chargeback", "ChargebackReversed", "SecondChargeback"),
        *("Fee", "Balancetransfer", "MerchantPayout"),
    }
