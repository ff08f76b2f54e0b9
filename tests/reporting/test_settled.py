"""Reports of settlement: fees, payouts, conversions, tax, and what is not settled yet."""

import pytest

from payments.ledger import selectors as ledger
from tests import factories
from tests.reporting import desk as desks
from tests.reporting import month, settlement, settling
from tests.reporting.desk import Desk, File
from tests.reporting.test_proof import tamper


def totals(file: File) -> dict[tuple[str, str], tuple[int, int]]:
    """The control totals, which are the ledger's too."""
    assert file.manifest["tied"] is True, file.manifest["differences"]
    return {(one["movement"], one["currency"]): (one["count"], one["amount_minor"])
            for one in file.manifest["control_totals"]}  # fmt: skip


def test_fees_are_those_of_the_ledger_charge_by_charge(desk: Desk) -> None:
    played = month.october(desk)
    settlement.october(played)
    file = desk.book("fees", **desks.OCTOBER)

    assert totals(file) == {("psp_fees", "USD"): (4, 573), ("fee_tax", "USD"): (2, 90),
                            ("dispute_fees", "USD"): (1, 1500)}  # fmt: skip
    balances = ledger.trial_balance()
    assert [balances[f"{kind}/stripe-us", "USD"] for kind in ("psp_fees", "fee_tax", "dispute_fees")] == [573, 90, 1500]
    mug = [row for row in file.rows if row["payment_intent_id"] == played["mug"]["id"]]
    assert [(row["kind"], row["amount"], row["created_utc"], row["detail"]) for row in mug] == [
        ("psp_fees", "0.88", "2026-10-04T12:00:00Z", "'=1+1")]  # fmt: skip
    factories.assert_books_close()


def test_a_payout_is_everything_that_is_in_it(desk: Desk) -> None:
    payout = settlement.october(month.october(desk))
    file = desk.book("payouts", **desks.OCTOBER)

    rows = [row for row in file.rows if row["payout_id"] == payout.pk]
    assert [row["part"] for row in rows] == ["payout_announced"] + ["item"] * 5
    assert [row["item"] for row in rows[1:]] == ["capture", "capture", "capture", "refund", "dispute"]
    assert sum(int(row["net_minor"]) for row in rows) == 0
    assert rows[0]["net_minor"] == str(-payout.amount_minor)
    assert [row["part"] for row in file.rows if row not in rows] == ["payout_announced", "payout_returned"]
    assert totals(file)["item", "USD"] == (5, payout.amount_minor)
    assert totals(file)["payout_returned", "USD"] == (1, 100)

    tamper("UPDATE reporting_settlementline SET fee_minor = fee_minor + 1 WHERE fee_minor = 88")
    broken = desk.book("payouts", **desks.OCTOBER).manifest
    assert [(one["movement"], one["amount_minor"]) for one in broken["differences"]] == [("item", -1)]
    assert desk.book("fees", **desks.OCTOBER).manifest["tied"] is False


def test_conversions_have_both_sides_and_the_rate(desk: Desk) -> None:
    played = month.october(desk)
    settlement.october(played)
    file = desk.book("fx", **desks.OCTOBER)

    [row] = file.rows
    assert [row[name] for name in ("kind", "gross", "gross_currency", "settled", "currency", "rate")] == [
        "capture", "2500", "JPY", "16.75", "USD", "0.0067"]  # fmt: skip
    assert row["payment_intent_id"] == played["yen"]["id"]
    assert totals(file) == {("gross", "JPY"): (1, 2500), ("settled", "USD"): (1, 1675)}
    balances = ledger.trial_balance()
    assert (balances["fx_clearing", "JPY"], balances["fx_clearing", "USD"]) == (2500, -1675)
    assert desk.book("fx", **desks.OCTOBER, currency="JPY").rows == []


def test_tax_in_payments_less_tax_in_refunds_less_tax_on_fees(desk: Desk) -> None:
    line = {"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 1652, "tax_amount": 347}
    mug = desk.paid(desks.moment(3), lines=[line], reference="MUG-77")
    desk.refunded(desks.moment(6), mug, 1000)
    desk.paid(desks.moment(8), 500)
    settling.Account().settle(settling.line("fee", 0, occurred_at=desks.moment(12), fee=250, tax=53))
    file = desk.book("tax", **desks.OCTOBER)

    assert [(row["movement"], row["amount"], row["tax"], row["order_reference"]) for row in file.rows][:2] == [
        ("captured", "19.99", "3.47", "MUG-77"), ("refund_succeeded", "-10.00", "-1.74", "MUG-77")]  # fmt: skip
    assert [(row["movement"], row["tax"]) for row in file.rows][2:] == [("captured", "0.00"), ("fee_taxed", "-0.53")]
    assert totals(file) == {("captured", "USD"): (2, 2499), ("refund_succeeded", "USD"): (1, -1000),
                            ("fee_taxed", "USD"): (1, -53)}  # fmt: skip


def test_what_is_not_settled_is_told_by_its_age(desk: Desk) -> None:
    played = month.october(desk)
    settlement.october(played)
    file = desk.book("unsettled_ageing", **desks.OCTOBER)

    euro = [row for row in file.rows if row["payment_intent_id"] == played["euro"]["id"]]
    assert [(row["bucket"], row["days"], row["open"], row["settled"]) for row in euro] == [
        ("15-30", "26", "120.00", "0.00")]  # fmt: skip
    yen = [row for row in file.rows if row["payment_intent_id"] == played["yen"]["id"]]
    assert [(row["source_id"][:3], row["open"], row["bucket"]) for row in yen] == [("re_", "-500", "8-14")]
    assert not [row for row in file.rows if row["payment_intent_id"] == played["mug"]["id"]], "all of it is settled"
    assert totals(file)["15-30", "EUR"] == (1, 12000)
    # three payments of 40, two of them taken for disputes, one of those given back
    assert file.minor("open") == {"EUR": 12000, "JPY": -500, "USD": 3 * 4000 - 2 * 4000 + 4000}


@pytest.mark.parametrize(("until", "open_minor"), [(1, {"USD": 5000}), (4, {"USD": 1999}), (5, {"JPY": 2500})])
def test_what_was_settled_later_was_open_then(desk: Desk, until: int, open_minor: dict[str, int]) -> None:
    settlement.october(month.october(desk))
    end = desks.moment(until, 0).isoformat()
    file = desk.book("unsettled_ageing", interval_end=end)

    assert file.minor("open") == open_minor
    assert [count for count, _ in totals(file).values()] == [1]
