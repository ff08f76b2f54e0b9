"""Payouts and their reconciliation report: what the bank gets is explained to the cent."""

import csv
import io
from decimal import Decimal

import pytest
import stripe

from tests.simulator import process

DAY = 86_400
COLUMNS = [
    "automatic_payout_id",
    "balance_transaction_id",
    "created_utc",
    "available_on_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "payment_intent_id",
    "charge_id",
    "customer_facing_amount",
    "customer_facing_currency",
    "payment_method_type",
    "payment_metadata[order]",
    "refund_metadata[why]",
]


def trade(merchant: process.Merchant) -> None:
    """A day's business in three currencies."""
    merchant.pay(amount=10_000, capture_method="automatic", metadata={"order": "A"})
    merchant.pay(amount=7_000, currency="eur", capture_method="automatic", metadata={"order": "B"})
    part = merchant.pay(amount=15_500, currency="jpy", capture_method="manual", metadata={"order": "C"})
    merchant.v1.payment_intents.capture(part.id, params={"amount_to_capture": 7_750})
    merchant.v1.refunds.create(params={"payment_intent": part.id, "amount": 1_550, "metadata": {"why": "broken"}})


def test_a_day_ends_and_the_money_goes_to_the_bank(own: process.Simulator) -> None:
    merchant = own.merchant()
    trade(merchant)
    own.advance(3 * DAY)

    payouts = merchant.v1.payouts.list().data
    assert len(payouts) == 1, "nothing is paid out twice"
    payout = payouts[0]
    rows = list(merchant.v1.balance_transactions.list(params={"payout": payout.id, "limit": 100}).auto_paging_iter())
    assert sum(row.net for row in rows if row.type != "payout") == payout.amount
    assert sum(row.net for row in rows) == 0
    assert merchant.v1.balance.retrieve().available[0].amount == 0
    assert payout.reconciliation_status == "completed"
    assert {"payout.created", "payout.reconciliation_completed", "balance.available"} <= set(merchant.events())
    own.advance(DAY)
    assert merchant.v1.payouts.retrieve(payout.id).status == "paid"
    assert [line["status"] for line in merchant.book() if line["object"] == "payout"] == ["paid"]


def test_the_report_explains_the_payout(own: process.Simulator) -> None:
    merchant = own.merchant()
    trade(merchant)
    own.advance(3 * DAY)
    payout = merchant.v1.payouts.list().data[0]

    run = merchant.v1.reporting.report_runs.create(
        params={
            "report_type": "payout_reconciliation.itemized.5",
            "parameters": {"interval_start": 0, "interval_end": own.now(), "columns": COLUMNS},
        }
    )
    assert run.status == "pending"
    merchant.happened("reporting.report_run.succeeded")
    run = merchant.v1.reporting.report_runs.retrieve(run.id)
    assert run.result is not None
    url = str(run.result.url)
    download = merchant.raw("GET", url.removeprefix(own.url))
    assert (download.status, download.headers["content-type"]) == (200, "text/csv")
    assert len(download.body) == run.result.size
    text = download.body.decode()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    rows = list(csv.DictReader(io.StringIO(text)))

    assert sum(Decimal(row["net"]) for row in rows) * 100 == payout.amount, "major units"
    assert all(Decimal(row["gross"]) - Decimal(row["fee"]) == Decimal(row["net"]) for row in rows)
    assert [row["reporting_category"] for row in rows] == [
        "charge",
        "charge",
        "charge",
        "partial_capture_reversal",
        "refund",
    ]
    assert [row["gross"] for row in rows] == ["100.00", "81.40", "100.00", "-50.00", "-10.00"]
    assert {row["automatic_payout_id"] for row in rows} == {payout.id}
    assert [row["payment_metadata[order]"] for row in rows] == ["A", "B", "C", "C", "C"]
    assert rows[-1]["refund_metadata[why]"] == "broken"
    assert (rows[-1]["customer_facing_amount"], rows[-1]["customer_facing_currency"]) == ("-1550", "jpy")
    assert merchant.v1.files.retrieve(run.result.id).purpose == "finance_report_run"


def test_funds_that_bypass_pending_are_available_at_once(merchant: process.Merchant) -> None:
    merchant.pay("pm_card_bypassPending", capture_method="automatic")
    assert merchant.v1.balance.retrieve().available[0].amount == 1_912


@pytest.mark.parametrize(
    "wish",
    [
        {"report_type": "weather.1", "parameters": {"interval_start": 0, "interval_end": 1}},
        {"report_type": "payout_reconciliation.itemized.5", "parameters": {"interval_start": 0}},
        {
            "report_type": "payout_reconciliation.itemized.5",
            "parameters": {"interval_start": 0, "interval_end": 1, "columns": ["colour"]},
        },
    ],
)
def test_a_report_that_does_not_exist(merchant: process.Merchant, wish: dict[str, object]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        merchant.v1.reporting.report_runs.create(params=wish)  # type: ignore[arg-type]
