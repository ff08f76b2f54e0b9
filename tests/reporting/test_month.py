"""All reports of one made-up month say the same: they tie to the ledger, and with one another."""

from tests import factories
from tests.reporting import desk as desks
from tests.reporting import month, settlement
from tests.reporting.desk import Desk, File
from tests.reporting.test_catalogue import every


def summed(file: File, word: str, by: str = "movement", column: str = "amount_minor") -> dict[str, int]:
    """Minor units by currency of the rows with this word."""
    found: dict[str, int] = {}
    for row in file.rows:
        if row[by].startswith(word):
            found[row["currency"]] = found.get(row["currency"], 0) + int(row[column] or 0)
    return {currency: minor for currency, minor in sorted(found.items()) if minor}


def moved(files: dict[str, File], code: str) -> dict[str, int]:
    """What the accounts of a code gained in the month, by the trial balance."""
    debits, credits_ = (summed(files["trial_balance"], code, "account", f"{side}_minor") for side in
                        ("debits", "credits"))  # fmt: skip
    both = {currency: debits.get(currency, 0) - credits_.get(currency, 0) for currency in {**debits, **credits_}}
    return {currency: minor for currency, minor in sorted(both.items()) if minor}


def minus(sums: dict[str, int]) -> dict[str, int]:
    """The other way round."""
    return {currency: -minor for currency, minor in sums.items()}


def caused(files: dict[str, File], name: str) -> dict[str, int]:
    """Why the PSPs owe us more, by the balance report."""
    return {currency: minor for currency, minor in sorted(files["balance"].minor(name).items()) if minor}


def test_the_reports_of_a_month_say_the_same(desk: Desk) -> None:
    settlement.october(month.october(desk))
    files = every(desk)
    assert [name for name, file in files.items() if not file.manifest["tied"]] == []

    # what customers paid, got back, and took by their banks
    assert summed(files["payments"], "captured") == caused(files, "captured") == {
        "EUR": 12000, "JPY": 2500, "USD": 13999}  # fmt: skip
    assert summed(files["refunds"], "refund") == minus(caused(files, "refunded")) == {"JPY": 500, "USD": 700}
    assert summed(files["disputes"], "dispute") == moved(files, "disputes_held") == {"USD": 4000}
    assert summed(files["disputes"], "dispute_lost") == minus(moved(files, "dispute_losses"))
    for movement in ("captured", "refund_succeeded"):
        assert summed(files["tax"], movement) == caused(files, {"captured": "captured"}.get(movement, "refunded"))

    # what the PSPs kept
    for kind, cause in (("psp_fees", "fees"), ("dispute_fees", "dispute_fees"), ("fee_tax", "fee_tax")):
        assert summed(files["fees"], kind, "kind") == moved(files, kind) == minus(caused(files, cause)), kind
    assert summed(files["tax"], "fee_taxed", column="tax_minor") == minus(moved(files, "fee_tax"))

    # what they changed into another currency, and what they sent
    [fx] = files["fx"].rows
    assert {fx["gross_currency"]: int(fx["gross_minor"]), fx["currency"]: -int(fx["settled_minor"])} == moved(
        files, "fx_clearing"
    )
    sent = summed(files["payouts"], "payout", "part", "net_minor")
    assert sent == caused(files, "paid_out") == minus(moved(files, "cash_in_transit"))

    # what they owe when the month ends: by day, by account, and item by item
    last = {(row["provider_account"], row["currency"]): row["closing"] for row in files["balance"].rows}
    owed = {(row["account"].split("/")[1], row["currency"]): row["closing"] for row in files["trial_balance"].rows
            if row["account"].startswith("psp_receivable/")}  # fmt: skip
    assert last == owed
    closing = summed(files["trial_balance"], "psp_receivable", "account", "closing_minor")
    unsettled = files["unsettled_ageing"].minor("open")
    rest = {currency: closing[currency] - unsettled[currency] for currency in closing}
    assert rest == {"EUR": 0, "JPY": 0, "USD": -303}, "what was settled and is in no payout: a fee with its tax"

    # the books as a whole
    debits = files["trial_balance"].minor("debits")
    assert debits == files["trial_balance"].minor("credits") == files["ledger"].minor("debit")
    assert debits == files["gl_journal"].minor("debit") == files["gl_journal"].minor("credit")
    quickbooks = [int(row["Debits_minor"] or 0) for row in files["gl_journal_quickbooks"].rows]
    assert sum(quickbooks) == sum(debits.values())
    assert [(row["category"], row["decline_code"]) for row in files["declines"].rows] == [("soft", "generic_decline")]
    factories.assert_books_close()


def test_a_month_and_its_days_come_to_the_same(desk: Desk) -> None:
    settlement.october(month.october(desk))
    whole = desk.book("trial_balance", **desks.OCTOBER)
    days = [
        desk.book("trial_balance", interval_start=desks.moment(day, 0).isoformat(),
                  interval_end=desks.moment(day + 1, 0).isoformat())
        for day in range(1, 31)
    ]  # fmt: skip
    assert {row["account"] + row["currency"]: row["closing"] for row in whole.rows} == {
        row["account"] + row["currency"]: row["closing"] for row in days[-1].rows}  # fmt: skip
    assert sum(day.minor("debits").get("USD", 0) for day in days) == whole.minor("debits")["USD"]
