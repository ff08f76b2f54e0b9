"""Thirty days at both PSPs in twelve currencies: books, reports, payouts and bank agree to the cent."""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import process
from tests.simulator.adyen.merchant import Merchant, card
from tests.simulator.test_bank import camt

DAY = 86_400
# Enough of each for the smallest charge.
PRICES = {
    **dict.fromkeys(("usd", "eur", "gbp", "chf", "aud", "cad", "pln"), 5_000),
    **dict.fromkeys(("sek", "nok", "czk"), 50_000),
    "jpy": 7_000,
    "kwd": 15_000,
}
COLUMNS = ["automatic_payout_id", "balance_transaction_id", "reporting_category", "net"]


class Month:
    """Two shops, and what they do on a day."""

    def __init__(self, own: process.Simulator) -> None:
        self.own = own
        self.stripe = own.merchant(currency="usd", country="US")
        self.adyen = Merchant(own)
        self.paid: list[tuple[str, str, int, str]] = []

    def trade(self, day: int) -> None:
        """A payment at each PSP in the day's currency, captures in part, refunds of a week ago, disputes."""
        currency = list(PRICES)[day % len(PRICES)]
        amount = PRICES[currency]
        dispute = "pm_card_createDispute" if day % 9 == 4 else "pm_card_visa"
        if day % 4 == 3:
            held = self.stripe.pay(amount=amount, currency=currency, capture_method="manual")
            part: Any = {"amount_to_capture": amount // 20 * 10}
            self.stripe.v1.payment_intents.capture(held.id, params=part)
            intent = held.id
        else:
            intent = self.stripe.pay(dispute, amount=amount, currency=currency, capture_method="automatic").id
        word = {4: "CHARGEBACK_LOST", 5: "REFUND_REVERSED"}.get(day % 10, "")
        method = card(holderName=word) if word else card()
        psp = self.adyen.pay(method, amount={"value": amount, "currency": currency.upper()})["pspReference"]
        self.paid.append((intent, psp, amount, currency))
        if day >= 7 and day % 3 == 0:
            intent, psp, amount, currency = self.paid[day - 7]
            back: Any = {"payment_intent": intent, "amount": amount // 50 * 10}
            if not self.stripe.v1.disputes.list(params={"payment_intent": intent}).data:
                self.stripe.v1.refunds.create(params=back)
            self.adyen.change(psp, "refunds", amount // 50 * 10, currency=currency.upper())

    def live(self) -> None:
        """Thirty days with all that can happen to money, and a week for the last of it to arrive."""
        happens: dict[int, list[tuple[process.Account, str, dict[str, Any]]]] = {
            5: [(account, "reserve_held", {"amount": 2_000}) for account in (self.stripe, self.adyen)],
            9: [(self.stripe, "fee", {"amount": 30}), (self.adyen, "deposit_correction", {"amount": -20_000})],
            12: [(self.stripe, "payout_returned", {}), (self.adyen, "payout_returned", {})],
            15: [(self.stripe, "adjustment", {"amount": -90_000}), (self.adyen, "invoice_deduction", {"amount": -500})],
            20: [(account, "reserve_released", {"amount": 2_000}) for account in (self.stripe, self.adyen)],
            22: [(self.stripe, "bank_fee", {"amount": 450}), (self.adyen, "bank_line", {"amount": 9_999})],
        }  # fmt: skip
        self.stripe.fault("overcharged_fee", minor=17, nth=8)
        self.adyen.fault("line_lost", nth=11, event="Settled")
        for day in range(30):
            if day == 17:
                self.own.ask("PUT", "/_sim/rates", {"eur": "0.91", "jpy": "149", "gbp": "0.79"})
            self.trade(day)
            for account, cause, wish in happens.get(day, []):
                account.cause(cause, **wish)
            self.own.advance(DAY)
        self.own.advance(40 * DAY)

    def files(self) -> Iterator[list[dict[str, str]]]:
        """Every settlement detail report, by the numbers of the batches."""
        batches = len([line for line in self.adyen.book() if line["object"] in {"payout", "carry"}])
        for number in range(1, batches + 1):
            path = f"/adyen/reports/download/MerchantAccount/{self.adyen.name}"
            file = f"settlement_detail_report_batch_{number}.csv"
            answer = self.own.ask("GET", f"{path}/{file}", headers={"X-API-Key": self.adyen.key})
            assert answer.status == 200, "numbers have no gap"
            yield list(csv.DictReader(io.StringIO(answer.body.decode())))

    def bank(self, account: process.Account) -> list[tuple[Decimal, str]]:
        """Every line of the bank account; each day begins with what the day before ended with."""
        lines, before = [], Decimal(10_000)
        for back in range(70, 0, -1):
            (opening, closing), found = camt(account, process.day(self.own.now() - back * DAY))
            assert opening == before
            assert opening + sum(amount for amount, _ in found) == closing
            before = closing
            lines += found
        return lines


def net(row: dict[str, str]) -> Decimal:
    """What a row of Adyen's brings."""
    return Decimal(row["Net Credit (NC)"] or 0) - Decimal(row["Net Debit (NC)"] or 0)


def payout_sums(book: list[dict[str, Any]]) -> Decimal:
    """What should be at the bank: payouts that arrived and did not come back."""
    there = [line for line in book if line["object"] == "payout" and line["status"] == "paid" and line["arrived"]]
    return Decimal(sum(line["amount"] for line in there)) / 100


@pytest.fixture
def month(own: process.Simulator) -> Month:
    """A month that has been lived through."""
    month = Month(own)
    month.live()
    return month


def test_books_reports_payouts_and_bank_agree(month: Month) -> None:
    stripe, own = month.stripe, month.own
    activity = stripe.report("balance_change_from_activity.itemized.3", COLUMNS, interval_end=own.now() + 9 * DAY)
    moved = stripe.report("payouts.itemized.3", ["payout_id", "reporting_category", "net"])
    itemized = stripe.report("payout_reconciliation.itemized.5", COLUMNS)
    balance = stripe.v1.balance.retrieve()
    owed = Decimal(balance.available[0].amount + balance.pending[0].amount) / 100
    assert sum(Decimal(row["net"]) for row in [*activity, *moved]) == owed
    assert own.ask("GET", f"/_sim/settlement/{stripe.code}").json()["owed"] == owed * 100
    payouts = {payout.id: payout for payout in stripe.v1.payouts.list(params={"limit": 100}).auto_paging_iter()}
    for payout in payouts.values():
        mine = [row for row in itemized if row["automatic_payout_id"] == payout.id]
        assert sum(Decimal(row["net"]) for row in mine) * 100 == payout.amount
    assert {payout.status for payout in payouts.values()} == {"paid", "failed"}
    assert min(payout.amount for payout in payouts.values()) < 0
    assert {row["reporting_category"] for row in itemized} == {
        *("charge", "partial_capture_reversal", "refund", "dispute", "fee"),
        *("risk_reserved_funds", "other_adjustment", "payout_reversal"),
    }
    told = month.bank(stripe)
    assert sum(amount for amount, text in told if "STRIPE" in text) == payout_sums(stripe.book())
    assert [text for _, text in told if "STRIPE" not in text] == ["ACCOUNT FEE"]
    assert [(one["fault"], one["amount"]) for one in stripe.differences()] == [("overcharged_fee", -17)]

    adyen, carried, seen, out = month.adyen, Decimal(0), set(), Decimal(0)
    for number, rows in enumerate(month.files(), 1):
        assert sum(map(net, rows)) == 0
        assert {row["Batch Number"] for row in rows} == {str(number)}
        came = [row for row in rows if row["Modification Reference"] == f"from batch {number - 1}"]
        assert sum(map(net, came)) == -carried
        goes = [row for row in rows if row["Modification Reference"] == f"to batch {number + 1}"]
        carried = sum(map(net, goes), Decimal(0))
        out -= sum(net(row) for row in rows if row["Type"] in {"MerchantPayout", "BankInstructionReturned"})
        seen |= {row["Type"] for row in rows}
    assert seen == {
        *("Settled", "Refunded", "RefundedReversed", "Chargeback", "ChargebackReversed", "SecondChargeback", "Fee"),
        *("ReserveAdjustment", "DepositCorrection", "InvoiceDeduction", "BankInstructionReturned"),
        *("Balancetransfer", "MerchantPayout"),
    }
    assert own.ask("GET", f"/_sim/settlement/{adyen.code}").json()["owed"] == -carried * 100
    told = month.bank(adyen)
    assert sum(amount for amount, text in told if re.match("TX.+XT batch", text)) == payout_sums(adyen.book()) == out
    assert [one["fault"] for one in adyen.differences()] == ["line_lost"]


def test_the_settlement_survives_the_death_of_the_simulator(tmp_path: Path) -> None:
    own = process.Simulator("--journal", str(tmp_path / "journal"))
    try:
        stripe, adyen = own.merchant(currency="usd"), Merchant(own)
        stripe.fault("row_wrong", times=1)
        stripe.pay(capture_method="automatic", currency="jpy", amount=7_000)
        adyen.pay()
        own.ask("PUT", "/_sim/rates", {"jpy": "310"})
        for account in (stripe, adyen):
            account.cause("reserve_held", amount=100, day=process.day(own.now() + 6 * DAY))
        own.advance(4 * DAY)

        def known() -> list[Any]:
            day = process.day(own.now() - DAY)
            states = [own.ask("GET", f"/_sim/settlement/{account.code}").json() for account in (stripe, adyen)]
            bank = [camt(account, day) for account in (stripe, adyen)]
            rows = stripe.v1.balance_transactions.list(params={"payout": stripe.v1.payouts.list().data[0].id}).to_dict()
            return [stripe.book(), adyen.book(), states, bank, rows, own.ask("GET", "/_sim/rates").json()]

        before = known()
        own.kill()
        own.restart()
        assert known() == before
        own.advance(6 * DAY)
        for account in (stripe, adyen):
            causes = own.ask("GET", f"/_sim/settlement/{account.code}").json()["causes"]
            assert [cause["status"] for cause in causes] == ["done"], "timers are remembered"
        assert own.ask("POST", "/_sim/reset").status == 200
        empty = {"causes": [], "differences": [], "owed": 0}
        assert own.ask("GET", f"/_sim/settlement/{adyen.code}").json() == {**empty, "currency": "eur"}
        assert own.ask("GET", f"/_sim/settlement/{stripe.code}").json() == {**empty, "currency": "usd"}
        assert own.ask("GET", "/_sim/rates").json() == {"rates": {}}
        assert stripe.v1.balance.retrieve().available[0].amount == 0
    finally:
        own.stop()


@pytest.mark.parametrize("wish", [{"jpy": "0"}, {"jpy": "x"}, {"xxx": "1"}, {"usd": "1"}, {"jpy": "NaN"}, []])
def test_a_rate_that_makes_no_sense(shared: process.Simulator, wish: object) -> None:
    assert shared.ask("PUT", "/_sim/rates", wish).status == 400
    assert shared.ask("GET", "/_sim/rates").json() == {"rates": {}}
