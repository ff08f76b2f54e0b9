"""Settlement: batches, the detail report and its sums, payouts, a balance below nothing."""

import base64
import csv
import io
from decimal import Decimal

import pytest

from tests.simulator import process
from tests.simulator.adyen.merchant import Inbox, Merchant, card

DAY = 86_400
REPORT_USER = {"report_user": "report@Company.Test", "report_password": "secret"}
FEES = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
CLASSIC = [
    *("Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method"),
    *("Creation Date", "TimeZone", "Type", "Modification Reference", "Gross Currency", "Gross Debit (GC)"),
    *("Gross Credit (GC)", "Exchange Rate", "Net Currency", "Net Debit (NC)", "Net Credit (NC)"),
    *(*FEES, "Payment Method Variant", "Modification Merchant Reference", "Batch Number"),
    *(f"Reserved{number}" for number in range(4, 11)),
]

Row = dict[str, str]


@pytest.fixture
def merchant(own: process.Simulator, inbox: Inbox) -> Merchant:
    """A merchant with a report user and a clock of its own."""
    return Merchant(own, inbox, settings=REPORT_USER)


def download(merchant: Merchant, url: str, **headers: str) -> process.Answer:
    """GET of a report's address."""
    credentials = ":".join(REPORT_USER.values()).encode()
    headers = headers or {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
    assert url.startswith(merchant.simulator.url)
    return merchant.simulator.ask("GET", url.removeprefix(merchant.simulator.url), headers=headers)


def report(merchant: Merchant, inbox: Inbox, batch: int) -> list[Row]:
    """The rows of a batch's report, once it is announced; every row and the whole add up."""
    item = inbox.wait("REPORT_AVAILABLE", f"settlement_detail_report_batch_{batch}.csv")
    answer = download(merchant, item["reason"])
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    for row in rows:
        if row["Gross Currency"]:
            gross = number(row, "Gross Credit (GC)") - number(row, "Gross Debit (GC)")
            expected = (gross * Decimal(row["Exchange Rate"])).quantize(Decimal("0.01")) - sum(
                number(row, fee) for fee in FEES
            )
            assert abs(expected - net(row)) <= Decimal("0.01"), row
            assert row["Psp Reference"]
        assert row["Batch Number"] == str(batch)
        assert not (row["Net Debit (NC)"] and row["Net Credit (NC)"])
        assert "-" not in row["Net Debit (NC)"] + row["Net Credit (NC)"] + row["Gross Debit (GC)"]
    assert sum(net(row) for row in rows) == 0
    return rows


def number(row: Row, name: str) -> Decimal:
    """A column as a number."""
    return Decimal(row[name] or 0)


def net(row: Row) -> Decimal:
    """What the row brings in the settlement currency."""
    return number(row, "Net Credit (NC)") - number(row, "Net Debit (NC)")


def test_a_batch_with_everything(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    paid = merchant.pay(reference="att_1", metadata={"attempt": "att_1"}, countryCode="NL")["pspReference"]
    dollars = merchant.pay(amount={"value": 10_000, "currency": "USD"})["pspReference"]
    ideal = merchant.pay({"type": "ideal"})["pspReference"]
    merchant.act(ideal, "pay")
    held = merchant.hold()
    capture = merchant.change(held, "captures", 1_200, reference="cap_1")["pspReference"]
    refund = merchant.change(paid, "refunds", 500, reference="ref_1")["pspReference"]
    merchant.pay(card(holderName="CHARGEBACK"))
    merchant.pay(card(holderName="DECLINED"))
    inbox.wait("CAPTURE", capture)
    inbox.wait("REFUND", refund)
    own.advance(2)
    own.advance(3_600)
    dispute = inbox.wait("CHARGEBACK")["pspReference"]
    own.advance(3 * DAY)

    rows = report(merchant, inbox, 1)
    if len(rows) < 9:
        # Midnight came between the payments and the chargeback.
        rows += report(merchant, inbox, 2)
    assert list(rows[0])[:30] == CLASSIC
    by_change = {row["Modification Reference"]: row for row in rows}
    assert (by_change[capture]["Type"], by_change[capture]["Gross Credit (GC)"]) == ("Settled", "12.00")
    assert by_change[capture]["Modification Merchant Reference"] == "cap_1"
    assert (by_change[refund]["Type"], by_change[refund]["Gross Debit (GC)"]) == ("Refunded", "5.00")
    assert (by_change[dispute]["Type"], by_change[dispute]["Dispute Reference"]) == ("Chargeback", dispute)
    assert number(by_change[dispute], "Net Debit (NC)") == Decimal("27.50"), "the amount and a fee"
    settled = {row["Psp Reference"]: row for row in rows if row["Type"] == "Settled"}
    assert settled[paid]["Merchant Reference"] == "att_1"
    assert (settled[paid]["Payment Method"], settled[paid]["Payment Method Variant"]) == ("visa", "visastandardcredit")
    assert [bool(settled[paid][fee]) for fee in FEES] == [False, True, True, True], "interchange++"
    assert [bool(settled[ideal][fee]) for fee in FEES] == [True, False, False, False], "blended"
    assert (settled[dollars]["Gross Currency"], settled[dollars]["Net Currency"]) == ("USD", "EUR")
    assert settled[dollars]["Exchange Rate"] == "0.86"
    captures = {line["id"] for line in merchant.lines("capture")}
    assert {row["Modification Reference"] for row in rows if row["Type"] == "Settled"} == captures
    payouts = [row for row in rows if row["Type"] == "MerchantPayout"]
    paid_out = sum(line["amount"] for line in merchant.lines("payout"))
    assert sum(number(row, "Net Debit (NC)") for row in payouts) * 100 == paid_out
    assert any(row["Type"] == "Fee" for row in rows)


def test_below_nothing_the_balance_is_carried(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    psp = merchant.pay()["pspReference"]
    own.advance(3 * DAY)
    assert [row["Type"] for row in report(merchant, inbox, 1)] == ["Settled", "Fee", "MerchantPayout"]
    merchant.change(psp, "refunds", 2_000)
    inbox.wait("REFUND")
    own.advance(3 * DAY)
    carried = report(merchant, inbox, 2)
    assert [row["Type"] for row in carried] == ["Refunded", "Balancetransfer"]
    assert (carried[1]["Modification Reference"], carried[1]["Net Credit (NC)"]) == ("to batch 3", "20.00")
    own.advance(5 * DAY)
    merchant.pay(amount={"value": 9_000, "currency": "EUR"})
    own.advance(3 * DAY)
    rows = report(merchant, inbox, 3)
    assert [row["Type"] for row in rows] == ["Balancetransfer", "Settled", "Fee", "MerchantPayout"]
    assert (rows[0]["Modification Reference"], rows[0]["Net Debit (NC)"]) == ("from batch 2", "20.00")
    assert len(merchant.lines("payout")) == 2


@pytest.mark.parametrize(("currency", "value", "shown"), [("JPY", 2_000, "2000"), ("CLP", 2_000, "20.00")])
def test_amounts_are_in_major_units_by_adyens_own_decimals(
    merchant: Merchant, inbox: Inbox, own: process.Simulator, currency: str, value: int, shown: str
) -> None:
    merchant.pay(amount={"value": value, "currency": currency})
    own.advance(3 * DAY)
    assert report(merchant, inbox, 1)[0]["Gross Credit (GC)"] == shown


def test_the_reports_address_is_where_the_merchant_finds_the_simulator(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox, settings={**REPORT_USER, "base_url": "https://psp.example"})
    merchant.pay()
    own.advance(3 * DAY)
    assert inbox.wait("REPORT_AVAILABLE")["reason"].startswith("https://psp.example/adyen/reports/download/")


def test_who_may_download(merchant: Merchant, inbox: Inbox, own: process.Simulator) -> None:
    merchant.pay()
    own.advance(3 * DAY)
    url = inbox.wait("REPORT_AVAILABLE")["reason"]
    for headers in ({"Authorization": "Basic Zm9vOmJhcg=="}, {"Authorization": "Basic ?"}, {"X-API-Key": "nobody"}):
        assert download(merchant, url, **headers).status == 401
    assert download(merchant, url, **{"X-API-Key": merchant.key}).status == 200
    assert download(merchant, url.replace("batch_1", "batch_7")).status == 404
    merchant.fault("error_503_before", operation="reports.download", times=1)
    assert download(merchant, url).status == 503
    assert download(merchant, url).status == 200


def test_the_accounting_report_tells_what_happened_to_each_payment(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox, settings={**REPORT_USER, "accounting_report": True})
    paid = merchant.pay(reference="att_1")["pspReference"]
    refused = merchant.pay(card(holderName="DECLINED"))["pspReference"]
    held = merchant.hold()
    merchant.change(held, "cancels")
    merchant.change(paid, "refunds", 500, reference="ref_1")
    inbox.wait("CANCELLATION")
    inbox.wait("REFUND")
    waiting = merchant.pay({"type": "ideal"})["pspReference"]
    own.advance(2 * DAY)
    inbox.wait("REPORT_AVAILABLE")
    process.until(lambda: own.ask("GET", "/_sim/webhooks").json()["waiting"] == 0, "the last notification")
    rows: list[Row] = []
    for item in inbox.items():
        if item["pspReference"].startswith("payments_accounting_report_"):
            rows += csv.DictReader(io.StringIO(download(merchant, item["reason"]).body.decode()))

    def records(psp: str) -> list[str]:
        return [row["Record Type"] for row in rows if row["Psp Reference"] == psp]

    assert records(paid) == ["Received", "Authorised", "SentForSettle", "SentForRefund"]
    assert records(refused) == ["Received", "Refused"]
    assert records(held) == ["Received", "Authorised", "Cancelled"]
    assert records(waiting) == ["Received", "Expired"]
    mine = [row for row in rows if row["Psp Reference"] == paid]
    assert (mine[0]["Merchant Reference"], mine[3]["Modification Merchant Reference"]) == ("att_1", "ref_1")
    for column, total in (("Received (PC)", 0), ("Authorised (PC)", 0), ("Captured (PC)", 15)):
        assert sum(number(row, column) for row in mine) == total
