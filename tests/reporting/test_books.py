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


def test_the_balance_says_why_a_psp_owes_more_or_less(desk: Desk) -> None:
    month.october(desk)
    file = desk.book("balance", **desks.OCTOBER)

    days = {(row["day"], row["provider_account"], row["currency"]): row for row in file.rows}
    assert len(days) == 31 + 28 + 27, "dollars from the first, yen and euros since they are there"
    third = days["2026-10-03", "stripe-us", "USD"]
    assert [third[name] for name in ("opening", "captured", "closing")] == ["50.00", "19.99", "69.99"]
    assert [days["2026-10-09", "stripe-us", "USD"][name] for name in ("disputed", "entries")] == ["-120.00", "3"]
    assert days["2026-10-31", "stripe-eu", "EUR"]["closing"] == "120.00"
    names = [name.removesuffix("_minor") for name in file.rows[0] if name.endswith("_minor")]
    last: dict[tuple[str, str], int] = {}
    for row in file.rows:
        moved = sum(int(row[f"{name}_minor"]) for name in names if name not in ("opening", "closing"))
        assert int(row["closing_minor"]) == int(row["opening_minor"]) + moved
        key = (row["provider_account"], row["currency"])
        assert int(row["opening_minor"]) == last.get(key, int(row["opening_minor"]))
        last[key] = int(row["closing_minor"])
    closing = {(row["account"], row["currency"]): row for row in desk.book("trial_balance", **desks.OCTOBER).rows}
    assert last == {(account, currency): int(closing[f"psp_receivable/{account}", currency]["closing_minor"])
                    for account, currency in last}  # fmt: skip
    assert file.manifest["tied"] is True


def test_the_days_of_the_balance_are_those_of_the_time_zone(desk: Desk) -> None:
    desk.paid(desks.moment(3, 22, 30), 1999)
    rows = desk.book("balance", **desks.OCTOBER, timezone="Europe/Amsterdam").rows
    assert [(row["day"], row["captured"]) for row in rows][:2] == [("2026-10-04", "19.99"), ("2026-10-05", "0.00")]
    assert rows[-1]["day"] == "2026-11-01", "the hours of the interval that are November there"


def test_declines_are_told_with_their_reason(desk: Desk, shop: factories.Shop) -> None:
    month.october(desk)
    file = desk.file("declines", **desks.OCTOBER)

    [row] = file.rows
    assert (row["category"], row["decline_code"], row["amount"], row["method"]) == (
        "soft", "generic_decline", "30.00", "card")  # fmt: skip
    assert (row["created_utc"], row["country"], row["provider_account"], row["card_brand"]) == (
        "2026-10-10T12:00:00Z", "US", "stripe-us", "visa")  # fmt: skip
    [total] = file.manifest["control_totals"]
    assert (total["movement"], total["count"], total["amount_minor"]) == ("soft", 1, 3000)
    assert file.manifest["tied"] is True
    assert Desk(factories.shop("other")).file("declines").rows == []
    tamper("UPDATE payments_paymentattempt SET decline = NULL WHERE decline IS NOT NULL")
    assert desk.book("declines", **desks.OCTOBER).manifest["tied"] is False
