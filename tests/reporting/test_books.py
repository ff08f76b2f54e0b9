"""Reports of the books: every entry, every account, and what disputes did."""

from typing import Any

import pytest

from payments.connectors.disputes import Standing
from payments.ledger import selectors as ledger
from tests import factories
from tests.reporting import desk as desks
from tests.reporting import month
from tests.reporting.desk import Desk
from tests.reporting.test_proof import tamper


def test_a_dispute_is_one_row_each_time_money_moves(desk: Desk) -> None:
    played = month.october(desk)
    file = desk.file("disputes", **desks.OCTOBER)

    assert file.summed() == file.control() == [
        ("dispute_lost", "USD", 1, -4000), ("dispute_reinstated", "USD", 1, -4000),
        ("dispute_withdrawn", "USD", 3, 12000)]  # fmt: skip
    assert file.manifest["tied"] is True
    ends = {row["payment_intent_id"]: row["status"] for row in file.rows}
    assert ends == {played[name]["id"]: end for name, end in
                    {"won": "won", "lost": "lost", "quarrel": "needs_response"}.items()}  # fmt: skip
    held = ledger.trial_balance()["disputes_held/stripe-us", "USD"]
    assert sum(int(row["amount_minor"]) for row in file.rows) == held == 4000
    factories.assert_books_close()


def test_how_a_dispute_stood_does_not_change_with_what_comes_later(desk: Desk) -> None:
    quarrel = month.october(desk)["quarrel"]
    before = desk.file("disputes", **desks.OCTOBER)
    month.dispute(desks.moment(31).replace(month=12), quarrel, Standing.LOST)

    assert desk.file("disputes", **desks.OCTOBER).raw == before.raw
    assert "lost" in [row["status"] for row in desk.file("disputes").rows if row["payment_intent_id"] == quarrel["id"]]


def test_the_journal_has_every_entry_and_balances(desk: Desk) -> None:
    mug = month.october(desk)["mug"]
    file = desk.book("ledger", **desks.OCTOBER)

    assert file.manifest["tied"] is True
    assert file.minor("debit") == file.minor("credit") == {"USD": 35399, "JPY": 3500, "EUR": 12000}
    by_transfer: dict[str, int] = {}
    for row in file.rows:
        signed = int(row["debit_minor"] or 0) - int(row["credit_minor"] or 0)
        by_transfer[row["transfer_id"]] = by_transfer.get(row["transfer_id"], 0) + signed
    assert set(by_transfer.values()) == {0}
    first = [row for row in file.rows if row["payment_intent_id"] == mug["id"] and row["movement"] == "captured"]
    assert {(row["account"], row["debit"], row["credit"]) for row in first} == {
        ("psp_receivable/stripe-us", "19.99", ""), ("order_clearing", "", "19.99")}  # fmt: skip
    assert {row["narrative"] for row in first} == {"19.99 USD captured by stripe-us"}


def test_the_trial_balance_opens_moves_and_closes(desk: Desk) -> None:
    month.october(desk)
    file = desk.book("trial_balance", **desks.OCTOBER)

    rows = {(row["account"], row["currency"]): row for row in file.rows}
    assert len(rows) == len(file.rows)
    receivable = rows["psp_receivable/stripe-us", "USD"]
    assert [receivable[name] for name in ("opening", "debits", "credits", "closing", "entries")] == [
        "50.00", "179.99", "127.00", "102.99", "9"]  # fmt: skip
    for row in file.rows:
        opening, debits, credits_, closing = (int(row[f"{one}_minor"]) for one in
                                              ("opening", "debits", "credits", "closing"))  # fmt: skip
        assert closing == opening + debits - credits_
        assert closing == ledger.trial_balance()[row["account"], row["currency"]]
    for name in ("opening", "closing"):
        assert set(file.minor(name).values()) == {0}
    assert file.minor("debits") == file.minor("credits") == desk.book("ledger", **desks.OCTOBER).minor("debit")
    assert file.manifest["tied"] is True
    assert desk.book("trial_balance", **desks.OCTOBER, currency="JPY").minor("debits") == {"JPY": 3500}


@pytest.mark.parametrize("report", ["ledger", "trial_balance"])
@pytest.mark.parametrize("change", ["UPDATE payments_entry SET amount_minor = amount_minor + 1 WHERE id = ",
                                    "DELETE FROM payments_entry WHERE id = "])  # fmt: skip
def test_books_that_do_not_balance_do_not_tie(desk: Desk, report: str, change: str) -> None:
    desk.paid(desks.moment(3), 1999)
    tamper(f"{change} (SELECT id FROM payments_entry WHERE amount_minor > 0)")

    file = desk.book(report, **desks.OCTOBER)
    assert file.manifest["tied"] is False
    assert file.manifest["differences"]


def test_the_books_of_the_platform_are_for_staff(desk: Desk, shop: factories.Shop) -> None:
    body: dict[str, Any] = {"report": "trial_balance", "parameters": desks.OCTOBER}
    refused = shop.call("POST", "reports", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "report_for_staff")
