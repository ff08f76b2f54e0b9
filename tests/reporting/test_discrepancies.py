"""A difference: found once, looked after, booked or accepted, above a limit by two, and cleared by what comes later."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from moneyed import Money

from payments.connectors.settlements import PayoutNews
from payments.gateway import accounts
from payments.kernel import unit
from payments.kernel.records import StateChange
from payments.ledger import selectors as ledger
from payments.ledger import services as postings
from payments.ledger.models import Transfer
from reporting.models import Discrepancy, DiscrepancyKind, Payout
from reporting.services import discrepancies, payouts
from reporting.services.discrepancies import Found
from tests import factories

KIND = DiscrepancyKind.MISSING_HERE
WHEN = datetime(2026, 10, 3, 9, tzinfo=UTC)
ADA, BOB = "staff ada", "staff bob"


@pytest.fixture
def account(transactional_db: None) -> Any:
    postings.forget_accounts()
    factories.shop()
    yield accounts.account("stripe-us")
    postings.forget_accounts()


def found(account: Any, amount: str = "12.00", **facts: Any) -> Discrepancy:
    """Find a line that nobody knows."""
    given = {"at": "psp_receivable/stripe-us", "counter": "order_clearing", "detail": "Nobody knows it.", **facts}
    with unit.work():
        discrepancies.open_one(
            Found(kind=KIND, subject_id="sl_1", amount=Money(amount, "USD"), since=WHEN, account_id=account.pk, **given)
        )
    return Discrepancy.objects.latest("opened_at", "id")


def balances() -> dict[str, int]:
    """What is not zero."""
    return {code: minor for (code, _), minor in ledger.trial_balance().items() if minor}


def test_the_same_difference_is_open_once_and_follows_what_is_known(account: Any) -> None:
    first = found(account)
    again = found(account)
    changed = found(account, "7.00")

    assert first.pk == again.pk == changed.pk
    assert again.version == 1
    assert (changed.amount_minor, changed.version) == (700, 2)
    assert changed.proposal == {
        "at": "psp_receivable/stripe-us",
        "debit": "psp_receivable/stripe-us",
        "credit": "order_clearing",
        "amount_minor": 700,
        "currency": "USD",
    }


def test_one_person_books_a_small_one_where_it_belongs(account: Any) -> None:
    row = found(account)
    discrepancies.take(row.pk, by=ADA)
    discrepancies.settle(row.pk, "psp_fees/stripe-us", because="Fee of May", by=ADA)

    row.refresh_from_db()
    assert (row.status, row.taken_by, row.settled_by, row.approved_by) == ("settled", ADA, ADA, "")
    assert balances() == {"psp_receivable/stripe-us": 1200, "psp_fees/stripe-us": -1200}
    with pytest.raises(discrepancies.DiscrepancyClosed):
        discrepancies.accept(row.pk, because="again", by=BOB)


def test_above_the_limit_another_person_agrees(account: Any) -> None:
    row = found(account, "-900.00")
    discrepancies.settle(row.pk, "dispute_losses", because="Never came", by=ADA)
    assert balances() == {}
    with pytest.raises(discrepancies.DiscrepancyOfOneself):
        discrepancies.approve(row.pk, by=ADA)
    with pytest.raises(discrepancies.DiscrepancyProposed):
        discrepancies.accept(row.pk, because="no", by=BOB)
    discrepancies.approve(row.pk, by=BOB)

    row.refresh_from_db()
    assert (row.status, row.settled_by, row.approved_by) == ("settled", ADA, BOB)
    assert balances() == {"psp_receivable/stripe-us": -90000, "dispute_losses": 90000}
    assert Transfer.objects.filter(event="difference_settled", source_id=row.pk).count() == 1


def test_a_currency_without_a_limit_takes_two_for_every_amount(account: Any, settings: Any) -> None:
    settings.SETTLE_ALONE = {"EUR": 10**9}
    row = found(account, "0.01")
    assert discrepancies.accept(row.pk, because="a cent", by=ADA).status == "proposed"
    assert discrepancies.withdraw(row.pk, because="I was wrong", by=ADA).status == "open"
    assert discrepancies.accept(row.pk, because="a cent", by=BOB).settled_by == BOB
    discrepancies.approve(row.pk, by=ADA)
    row.refresh_from_db()
    assert (row.status, balances()) == ("accepted", {})


def test_it_is_booked_on_few_accounts_only(account: Any) -> None:
    row = found(account)
    offered = discrepancies.counters(row)
    assert offered[0] == "order_clearing"
    for counter in ("bank/main-usd", "psp_fees/stripe-eu", "psp_receivable/stripe-us", "nowhere"):
        assert counter not in offered
        with pytest.raises(discrepancies.CounterNotOffered):
            discrepancies.settle(row.pk, counter, because="why not", by=ADA)


def test_what_changes_while_a_second_person_thinks_is_asked_anew(account: Any) -> None:
    row = found(account, "900.00")
    discrepancies.settle(row.pk, "order_clearing", because="late sale", by=ADA)
    found(account, "901.00")

    with pytest.raises(discrepancies.DiscrepancyNotProposed):
        discrepancies.approve(row.pk, by=BOB)
    row.refresh_from_db()
    assert (row.status, row.settled_by, row.proposal["amount_minor"]) == ("open", "", 90100)
    moves = StateChange.objects.filter(object_id=row.pk).order_by("at")  # ids are of two clocks: ours, the database's
    assert list(moves.values_list("event", flat=True)) == ["propose", "withdraw"]


def test_what_was_settled_counts_when_more_is_found(account: Any) -> None:
    row = found(account)
    discrepancies.settle(row.pk, "order_clearing", because="late sale", by=ADA)
    assert found(account).pk == row.pk
    more = found(account, "15.00")
    assert more.pk != row.pk
    assert (more.amount_minor, more.proposal["amount_minor"]) == (300, 300)


def test_what_was_accepted_and_comes_right_is_not_booked(account: Any) -> None:
    """Nothing was booked when it was accepted: a transfer would put the books wrong."""
    row = found(account)
    discrepancies.accept(row.pk, because="It will come.", by=ADA)
    less = found(account, "5.00")
    assert (less.amount_minor, less.proposal, discrepancies.counters(less)) == (-700, {}, [])
    more = found(account, "20.00")
    assert (more.amount_minor, more.proposal["amount_minor"]) == (800, 800)
    other = found(account, "-1.00")
    assert (other.amount_minor, other.proposal["amount_minor"]) == (-1300, 1300)


def test_what_comes_later_clears_it(account: Any) -> None:
    row = found(account)
    with transaction.atomic():
        sql = "SELECT unnest(%(ids)s::text[]) AS subject_id"
        assert discrepancies.clear_many(KIND, sql, {"ids": ["sl_1", "sl_2"]}, because="its payment came") == 1
        assert discrepancies.clear_many(KIND, sql, {"ids": ["sl_1"]}, because="again") == 0
    row.refresh_from_db()
    assert row.status == "cleared"
    assert row.closed_at is not None
    assert StateChange.objects.get(object_id=row.pk).because == "its payment came"
    assert found(account).pk != row.pk


# --- payouts


def news(status: str = "announced", amount: int = 5000, **facts: Any) -> PayoutNews:
    given = {"reference": "po_1", "currency": "USD", "automatic": True, "created_at": WHEN, **facts}
    return PayoutNews(status=status, amount_minor=amount, **given)


def test_a_payout_is_booked_when_it_is_heard_of_and_again_when_it_comes_back(account: Any) -> None:
    payouts.learn(account, news())
    payouts.learn(account, news("paid", trace="TRACE-1"))
    assert balances() == {"psp_receivable/stripe-us": -5000, "cash_in_transit/stripe-us": 5000}
    payouts.learn(account, news("failed"))
    payouts.learn(account, news("paid"))
    payouts.learn(account, news("failed"))

    row = Payout.objects.get()
    assert (row.status, row.trace) == ("failed", "TRACE-1")
    assert balances() == {}
    assert Transfer.objects.filter(source_id=row.pk).count() == 2


def test_a_payout_that_is_told_with_another_amount_is_a_difference(account: Any) -> None:
    payouts.learn(account, news())
    payouts.learn(account, news(amount=4900))

    row = Discrepancy.objects.get()
    assert (row.kind, row.amount_minor, row.proposal) == ("payout_differs", -100, {})
    assert balances()["cash_in_transit/stripe-us"] == 5000
