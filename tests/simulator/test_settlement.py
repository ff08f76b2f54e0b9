"""What becomes of the money at Stripe: payouts below nothing, returned, asked for; reserves, fees, differences."""

from decimal import Decimal
from typing import Any

import pytest
import stripe

from tests.simulator import process

DAY = 86_400
ITEMIZED, ACTIVITY, PAYOUTS = (
    "payout_reconciliation.itemized.5",
    "balance_change_from_activity.itemized.3",
    "payouts.itemized.3",
)
COLUMNS = ["automatic_payout_id", "balance_transaction_id", "reporting_category", "gross", "fee", "net", "source_id"]


@pytest.fixture
def merchant(own: process.Simulator) -> process.Merchant:
    """An American account: Stripe takes from its bank what is missing."""
    return own.merchant()


def take(merchant: process.Merchant, **params: Any) -> stripe.PaymentIntent:
    """A payment that is in the balance at once."""
    return merchant.pay(capture_method="automatic", **params)


def contents(merchant: process.Merchant, payout: stripe.Payout) -> list[stripe.BalanceTransaction]:
    """What an automatic payout contains, without itself; it adds up."""
    page = merchant.v1.balance_transactions.list(params={"payout": payout.id, "limit": 100})
    rows = [row for row in page.auto_paging_iter() if row.type != "payout"]
    assert sum(row.net for row in rows) == payout.amount
    return rows


def payouts(merchant: process.Merchant) -> list[stripe.Payout]:
    """All, oldest first."""
    return merchant.v1.payouts.list(params={"limit": 100}).data[::-1]


def test_below_nothing_stripe_takes_it_from_the_bank(merchant: process.Merchant, own: process.Simulator) -> None:
    intent = take(merchant)
    own.advance(4 * DAY)
    merchant.v1.refunds.create(params={"payment_intent": intent.id})
    own.advance(DAY)
    first, second = payouts(merchant)
    assert (first.status, second.status, second.amount) == ("paid", "in_transit", -2_000)
    assert second.arrival_date - second.created == DAY
    assert [row.type for row in contents(merchant, second)] == ["refund"]
    assert merchant.v1.balance.retrieve().available[0].amount == 0
    own.advance(DAY)
    assert merchant.v1.payouts.retrieve(second.id).status == "paid"
    rows = merchant.report(PAYOUTS, ["payout_id", "gross", "payout_status", "reporting_category"])
    assert [(row["payout_id"], row["gross"]) for row in rows] == [(first.id, "-19.12"), (second.id, "20.00")]


def test_elsewhere_what_is_missing_waits_for_the_next_payments(own: process.Simulator) -> None:
    merchant = own.merchant(country="DE", currency="eur")
    intent = take(merchant, currency="eur")
    own.advance(4 * DAY)
    merchant.v1.refunds.create(params={"payment_intent": intent.id})
    own.advance(2 * DAY)
    assert len(payouts(merchant)) == 1
    assert merchant.v1.balance.retrieve().available[0].amount == -2_000
    take(merchant, currency="eur", amount=5_000)
    own.advance(3 * DAY)
    assert {row.type for row in contents(merchant, payouts(merchant)[1])} == {"charge", "refund"}


def test_a_payout_comes_back_and_goes_out_with_the_next(merchant: process.Merchant, own: process.Simulator) -> None:
    take(merchant)
    own.advance(4 * DAY)
    (payout,) = payouts(merchant)
    assert payout.status == "paid"
    merchant.cause("payout_returned", payout=payout.id, code="no_account")

    payout = merchant.v1.payouts.retrieve(payout.id, params={"expand": ["failure_balance_transaction"]})
    assert (payout.status, payout.failure_code) == ("failed", "no_account")
    back = payout.failure_balance_transaction
    assert isinstance(back, stripe.BalanceTransaction)
    assert (back.type, back.reporting_category, back.amount) == ("payout_failure", "payout_reversal", payout.amount)
    assert merchant.v1.balance.retrieve().available[0].amount == payout.amount
    assert merchant.events()[-1] == "payout.failed"
    own.advance(DAY)
    again = payouts(merchant)[-1]
    assert again.amount == payout.amount
    assert [row.id for row in contents(merchant, again)] == [back.id]
    shown = merchant.report(PAYOUTS, ["payout_id", "payout_reversed_at", "reporting_category", "net"])
    assert [(row["payout_id"], row["reporting_category"], row["net"]) for row in shown] == [
        (payout.id, "payout", "-19.12"),
        (payout.id, "payout_reversal", "19.12"),
        (again.id, "payout", "-19.12"),
    ]
    assert shown[0]["payout_reversed_at"]


def test_payouts_that_are_asked_for_cannot_be_itemised(own: process.Simulator) -> None:
    merchant = own.merchant(settings={"payout_schedule": "manual"})
    take(merchant, amount=10_000)
    own.advance(3 * DAY)
    assert payouts(merchant) == []
    with pytest.raises(stripe.InvalidRequestError, match="insufficient funds"):
        merchant.v1.payouts.create(params={"amount": 10_000, "currency": "usd"})
    wanted = merchant.v1.payouts.create(params={"amount": 5_000, "currency": "usd"})
    canceled = merchant.v1.payouts.create(params={"amount": 1_000, "currency": "usd"})
    assert (wanted.automatic, wanted.reconciliation_status) == (False, "not_applicable")
    assert merchant.v1.payouts.cancel(canceled.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="manual"):
        merchant.v1.balance_transactions.list(params={"payout": wanted.id})
    own.advance(2 * DAY)
    assert merchant.v1.payouts.retrieve(wanted.id).status == "paid"
    with pytest.raises(stripe.InvalidRequestError, match="pending"):
        merchant.v1.payouts.cancel(wanted.id)
    assert merchant.v1.balance.retrieve().available[0].amount == 10_000 - 320 - 5_000
    assert merchant.report(ITEMIZED, COLUMNS) == []
    kinds = [row["reporting_category"] for row in merchant.report(PAYOUTS, ["payout_id", "reporting_category"])]
    assert sorted(kinds) == ["payout", "payout", "payout_reversal"]


def test_an_automatic_account_is_not_paid_out_by_hand(merchant: process.Merchant) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="payout_schedule"):
        merchant.v1.payouts.create(params={"amount": 1, "currency": "usd"})


def test_a_reserve_comes_and_goes_and_fees_stand_alone(merchant: process.Merchant, own: process.Simulator) -> None:
    take(merchant, amount=10_000)
    own.advance(2 * DAY)
    merchant.cause("reserve_held", amount=3_000)
    merchant.cause("fee", amount=50, text="Radar")
    merchant.cause("fee_tax", amount=10)
    merchant.cause("adjustment", amount=-7, type="other_adjustment")
    day = process.day(own.now() + 5 * DAY)
    planned = merchant.cause("reserve_released", amount=3_000, day=day)
    assert planned["status"] == "planned"
    own.advance(2 * DAY)
    rows = merchant.report(ITEMIZED, COLUMNS)
    assert [(row["reporting_category"], row["gross"], row["fee"], row["source_id"]) for row in rows[1:]] == [
        ("risk_reserved_funds", "-30.00", "0.00", ""),
        ("fee", "-0.50", "0.00", ""),
        ("tax", "-0.10", "0.00", ""),
        ("other_adjustment", "-0.07", "0.00", ""),
    ]
    own.advance(6 * DAY)
    causes = own.ask("GET", f"/_sim/settlement/{merchant.code}").json()["causes"]
    assert {cause["status"] for cause in causes} == {"done"}
    last = payouts(merchant)[-1]
    assert [(row.type, row.reporting_category, row.net) for row in contents(merchant, last)] == [
        ("reserve_release", "risk_reserved_funds", 3_000)
    ]
    released = merchant.report(ACTIVITY, ["reporting_category", "net", "created_utc"])[-1]
    assert released["created_utc"] == f"{day} 12:00:00"


@pytest.mark.parametrize(
    "wish",
    [
        {"cause": "weather"},
        {"cause": "reserve_held"},
        {"cause": "reserve_held", "amount": -1},
        {"cause": "adjustment", "amount": 0},
        {"cause": "fee", "amount": 1, "colour": "red"},
        {"cause": "fee", "amount": 1, "text": 5},
        {"cause": "payout_returned"},
        {"cause": "payout_returned", "code": "bored"},
        {"cause": "file_corrected"},
        {"cause": "fee", "amount": 1, "day": "2020-01-01"},
        {"cause": "fee", "amount": 1, "day": "soon"},
        [],
    ],
)
def test_a_cause_that_makes_no_sense(shared: process.Simulator, merchant: process.Merchant, wish: object) -> None:
    before = merchant.v1.balance_transactions.list().data
    assert merchant.simulator.ask("POST", f"/_sim/settlement/{merchant.code}", wish).status == 400
    assert shared.ask("POST", "/_sim/settlement/nobody", wish).status == 404
    assert merchant.v1.balance_transactions.list().data == before


def test_hundreds_of_rows_come_page_by_page(merchant: process.Merchant, own: process.Simulator) -> None:
    for _ in range(130):
        take(merchant, amount=1_000)
    middle = own.now() + 3_600
    own.advance(7_200)
    for _ in range(130):
        take(merchant, amount=1_000)
    ask = merchant.v1.balance_transactions.list
    rows = list(ask(params={"limit": 100}).auto_paging_iter())
    assert len({row.id for row in rows}) == 260
    assert [row.created for row in rows] == sorted((row.created for row in rows), reverse=True)
    old = list(ask(params={"limit": 100, "created": {"lt": middle}}).auto_paging_iter())
    new = list(ask(params={"limit": 100, "created": {"gte": middle}}).auto_paging_iter())
    assert [row.id for row in new + old] == [row.id for row in rows]
    before = ask(params={"limit": 5, "ending_before": rows[9].id})
    assert [row.id for row in before.data] == [row.id for row in rows[4:9]]
    assert before.has_more
    assert not ask(params={"limit": 9, "ending_before": rows[9].id}).has_more
    expanded = ask(params={"limit": 2, "expand": ["data.source"]}).data
    assert all(isinstance(row.source, stripe.Charge) and row.source.amount == 1_000 for row in expanded)
    with pytest.raises(stripe.InvalidRequestError):
        ask(params={"starting_after": "txn_nobody"})
    own.advance(3 * DAY)
    (payout,) = payouts(merchant)
    assert len(contents(merchant, payout)) == 260
    assert merchant.v1.payouts.list(params={"arrival_date": {"gte": payout.arrival_date}}).data
    assert not merchant.v1.payouts.list(params={"arrival_date": {"gt": payout.arrival_date}}).data
    assert merchant.v1.payouts.list(params={"status": "failed"}).data == []


def test_what_customers_paid_stands_beside_what_was_settled(merchant: process.Merchant, own: process.Simulator) -> None:
    held = merchant.pay(amount=15_500, currency="jpy", capture_method="manual")
    merchant.v1.payment_intents.capture(held.id, params={"amount_to_capture": 7_750})
    own.ask("PUT", "/_sim/rates", {"jpy": "310"})
    merchant.v1.refunds.create(params={"payment_intent": held.id, "amount": 1_550})
    columns = [*COLUMNS, "customer_facing_amount", "customer_facing_currency"]
    rows = merchant.report(ACTIVITY, columns)
    assert [(row["reporting_category"], row["gross"], row["customer_facing_amount"]) for row in rows] == [
        ("charge", "100.00", "15500"),
        ("partial_capture_reversal", "-50.00", "-7750"),
        ("refund", "-5.00", "-1550"),
    ]
    assert {row["customer_facing_currency"] for row in rows} == {"jpy"}
    refund = merchant.v1.balance_transactions.list(params={"type": "refund", "limit": 1}).data[0]
    assert refund.exchange_rate == pytest.approx(100 / 310, abs=1e-6)


FEE = 88  # of 20.00


@pytest.mark.parametrize(
    ("fault", "nets", "amount"),
    [
        ({"fault": "overcharged_fee", "minor": 15}, [2_000 - FEE, 2_000 - FEE - 15], -15),
        ({"fault": "line_lost"}, [2_000 - FEE], FEE - 2_000),
        ({"fault": "line_doubled"}, [2_000 - FEE] * 3, 2_000 - FEE),
        ({"fault": "line_wrong", "delta": -100}, [2_000 - FEE, 1_900 - FEE], -100),
        ({"fault": "line_unknown"}, [2_000 - FEE] * 2, 0),
    ],
)
def test_the_books_are_wrong_and_the_payout_follows(
    merchant: process.Merchant, own: process.Simulator, fault: dict[str, Any], nets: list[int], amount: int
) -> None:
    merchant.fault(**fault, nth=2, event="charge")
    intents = [take(merchant), take(merchant)]
    own.advance(4 * DAY)
    (payout,) = payouts(merchant)
    rows = contents(merchant, payout)
    assert sorted(row.net for row in rows) == sorted(nets)
    assert ("network_equalization" in {row.reporting_category for row in rows}) is (fault["fault"] == "line_unknown")
    (found,) = merchant.differences()
    assert (found["fault"], found["where"], found["amount"]) == (fault["fault"], "books", amount)
    assert found["payment"] == intents[1].id
    assert sum(Decimal(row["net"]) for row in merchant.report(ITEMIZED, COLUMNS)) * 100 == payout.amount
    captured = sum(line["amount"] for line in merchant.book() if line["object"] == "capture")
    assert captured - 2 * FEE + amount == payout.amount, "the book says the truth"


@pytest.mark.parametrize(
    ("fault", "sums"),
    [("row_lost", [1_912, 3_824]), ("row_doubled", [5_736, 3_824]), ("row_wrong", [3_724, 3_824])],
)
def test_only_the_report_is_wrong_until_it_is_corrected(
    merchant: process.Merchant, own: process.Simulator, fault: str, sums: list[int]
) -> None:
    merchant.fault(fault, times=1, event="charge")
    take(merchant)
    take(merchant)
    own.advance(4 * DAY)
    (payout,) = payouts(merchant)
    assert len(contents(merchant, payout)) == 2
    parameters: Any = {"interval_start": 0, "interval_end": own.now()}
    wish: Any = {"report_type": ITEMIZED, "parameters": parameters}
    runs = [merchant.v1.reporting.report_runs.create(wish, {"idempotency_key": "a run"}).id for _ in range(2)]
    assert runs[0] == runs[1]
    wrong = merchant.report(ITEMIZED, COLUMNS)
    merchant.cause("file_corrected", payout=payout.id)
    right = merchant.report(ITEMIZED, COLUMNS)
    assert merchant.v1.reporting.report_runs.create(wish, {"idempotency_key": "a run"}).id != runs[0]
    assert [sum(Decimal(row["net"]) for row in rows) * 100 for rows in (wrong, right)] == sums
    assert [(one["where"], one["status"]) for one in merchant.differences()] == [("file", "corrected")]


def test_a_fault_keeps_to_its_day(merchant: process.Merchant, own: process.Simulator) -> None:
    merchant.fault("line_wrong", day=process.day(own.now() + DAY), delta=-1)
    take(merchant)
    own.advance(DAY)
    intent = take(merchant)
    assert [one["payment"] for one in merchant.differences()] == [intent.id]


def test_a_report_gets_lost_or_damaged(merchant: process.Merchant, own: process.Simulator) -> None:
    take(merchant)
    own.advance(4 * DAY)
    whole = merchant.report(ITEMIZED, COLUMNS)
    merchant.fault("file_lost", times=1)
    parameters: Any = {"interval_start": 0, "interval_end": own.now()}
    run = merchant.v1.reporting.report_runs.create(params={"report_type": ITEMIZED, "parameters": parameters})
    merchant.happened("reporting.report_run.failed")
    run = merchant.v1.reporting.report_runs.retrieve(run.id)
    assert (run.status, run.result, bool(run.error)) == ("failed", None, True)
    assert [one["file"] for one in merchant.differences()] == [run.id]
    assert merchant.report(ITEMIZED, COLUMNS) == whole

    run = merchant.v1.reporting.report_runs.create(params={"report_type": ITEMIZED, "parameters": parameters})
    result = process.until(lambda: merchant.v1.reporting.report_runs.retrieve(run.id).result, "the report")
    path = str(result.url).removeprefix(own.url)
    good = merchant.raw("GET", path).body
    for fault in ("truncated_200", "corrupted_200"):
        merchant.fault(fault, operation="files.download", times=1)
        damaged = merchant.raw("GET", path)
        assert damaged.status == 200
        assert damaged.body != good
        assert (b"\x00" in damaged.body) is (fault == "corrupted_200")
        assert good.startswith(damaged.body) is (fault == "truncated_200")
        assert merchant.raw("GET", path).body == good
