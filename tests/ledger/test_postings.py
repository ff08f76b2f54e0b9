"""The recipes: each moves its amount from one account to another, and what undoes another is its mirror."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from payments.kernel import money
from payments.kernel.errors import Bug
from payments.ledger import postings
from payments.ledger.postings import AccountKind, Event, Line

Recipe = Callable[[str, Money], postings.Lines]

RECIPES: dict[str, tuple[Recipe, str, str]] = {
    "captured": (postings.captured, "psp_receivable/x", "order_clearing"),
    "capture_reversed": (postings.capture_reversed, "order_clearing", "psp_receivable/x"),
    "refund_sent": (postings.refund_sent, "order_clearing", "refunds_in_flight/x"),
    "refund_succeeded": (postings.refund_succeeded, "refunds_in_flight/x", "psp_receivable/x"),
    "refund_succeeded_after_all": (postings.refund_succeeded_after_all, "order_clearing", "psp_receivable/x"),
    "refund_failed": (postings.refund_failed, "refunds_in_flight/x", "order_clearing"),
    "refund_bounced": (postings.refund_bounced, "psp_receivable/x", "order_clearing"),
    "refund_transferred": (postings.refund_transferred, "order_clearing", "bank/x"),
    "transfer_returned": (postings.transfer_returned, "bank/x", "order_clearing"),
    "dispute_withdrawn": (postings.dispute_withdrawn, "disputes_held/x", "psp_receivable/x"),
    "dispute_reinstated": (postings.dispute_reinstated, "psp_receivable/x", "disputes_held/x"),
    "dispute_lost": (postings.dispute_lost, "dispute_losses", "disputes_held/x"),
    "dispute_recovered": (postings.dispute_recovered, "disputes_held/x", "dispute_losses"),
    "fee_charged": (postings.fee_charged, "psp_fees/x", "psp_receivable/x"),
    "fee_taxed": (postings.fee_taxed, "fee_tax/x", "psp_receivable/x"),
    "dispute_fee_charged": (postings.dispute_fee_charged, "dispute_fees/x", "psp_receivable/x"),
    "reserve_held": (postings.reserve_held, "psp_reserve/x", "psp_receivable/x"),
    "payout_announced": (postings.payout_announced, "cash_in_transit/x", "psp_receivable/x"),
    "payout_returned": (postings.payout_returned, "psp_receivable/x", "cash_in_transit/x"),
    "payout_arrived": (lambda x, amount: postings.payout_arrived(x, "b", amount), "bank/b", "cash_in_transit/x"),
    "payout_sent_back": (lambda x, amount: postings.payout_sent_back(x, "b", amount), "cash_in_transit/x", "bank/b"),
    "suspended": (postings.suspended, "psp_receivable/x", "suspense/x"),
    "difference_settled": (
        lambda x, amount: postings.difference_settled(f"suspense/{x}", "rounding", amount), "suspense/x", "rounding"
    ),
    "revalued": (lambda _x, amount: postings.revalued(amount), "fx_clearing", "fx_result"),
}  # fmt: skip
MORE = {"converted"}
"""Recipes of two amounts: tested by themselves."""
AMOUNTS = st.builds(money.from_minor, st.integers(1, money.LIMIT - 1), st.sampled_from(sorted(money.EXPONENTS)))


def balances(*recipes: postings.Lines) -> dict[str, int]:
    """What is left on each account after these movements; accounts that are even again are left out."""
    found: dict[str, int] = {}
    for lines in recipes:
        for line in lines:
            found[line.account] = found.get(line.account, 0) + money.to_minor(line.amount)
    return {account: minor for account, minor in found.items() if minor}


@pytest.mark.parametrize("name", RECIPES)
@given(amount=AMOUNTS)
def test_a_recipe_debits_and_credits_its_amount(name: str, amount: Money) -> None:
    recipe, debit, credit = RECIPES[name]
    minor = money.to_minor(amount)
    assert balances(recipe("x", amount)) == {debit: minor, credit: -minor}


def test_every_recipe_is_in_this_table_and_every_event_has_one() -> None:
    public = {
        name for name, value in vars(postings).items() if callable(value) and not name.startswith("_")
        and getattr(value, "__annotations__", {}).get("return") == postings.Lines
    }  # fmt: skip
    assert public == {*RECIPES, *MORE}
    assert {event.value for event in Event} <= {*RECIPES, *MORE}


@given(minor=st.integers(-money.LIMIT + 1, money.LIMIT - 1).filter(bool), rate=st.integers(1, 99))
def test_a_conversion_balances_in_each_currency_and_changes_what_the_psp_owes(minor: int, rate: int) -> None:
    gross, settled = money.from_minor(minor, "USD"), money.from_minor(minor // rate or 1, "EUR")
    lines = postings.converted("x", gross, settled)
    moved = {(line.account, line.amount.currency.code): line.amount for line in lines}
    assert moved == {
        ("fx_clearing", "USD"): gross, ("psp_receivable/x", "USD"): -gross,
        ("psp_receivable/x", "EUR"): settled, ("fx_clearing", "EUR"): -settled,
    }  # fmt: skip


@pytest.mark.parametrize("account", sorted({account for _, *both in RECIPES.values() for account in both}))
def test_every_account_stands_in_the_chart(account: str) -> None:
    assert postings.kind(account) in AccountKind


def test_an_account_that_is_not_in_the_chart_has_no_kind() -> None:
    with pytest.raises(KeyError):
        postings.kind("petty_cash/x")


@given(amount=AMOUNTS)
def test_what_is_undone_leaves_nothing(amount: Money) -> None:
    assert balances(postings.captured("x", amount), postings.capture_reversed("x", amount)) == {}
    assert balances(postings.refund_sent("x", amount), postings.refund_failed("x", amount)) == {}
    refunded = (postings.refund_sent("x", amount), postings.refund_succeeded("x", amount))
    assert balances(*refunded, postings.refund_bounced("x", amount)) == {}
    assert balances(postings.captured("x", amount), *refunded) == {}
    failed = (postings.refund_sent("x", amount), postings.refund_failed("x", amount))
    after_all = postings.refund_succeeded_after_all("x", amount)
    assert balances(postings.captured("x", amount), *failed, after_all) == {}
    taken, lost = postings.dispute_withdrawn("x", amount), postings.dispute_lost("x", amount)
    assert balances(taken, postings.dispute_reinstated("x", amount)) == {}
    assert balances(lost, postings.dispute_recovered("x", amount)) == {}


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_is_no_movement(name: str) -> None:
    with pytest.raises(Bug, match="no entry is zero"):
        RECIPES[name][0]("x", money.zero("EUR"))


@pytest.mark.parametrize(
    "lines",
    [
        [Line("rounding", Money(1, "EUR"))],
        [Line("rounding", Money(1, "EUR")), Line("order_clearing", Money(-2, "EUR"))],
        [Line("rounding", Money(1, "EUR")), Line("order_clearing", Money(-1, "USD"))],
    ],
)
def test_lines_that_do_not_balance_are_a_bug(lines: list[Line]) -> None:
    with pytest.raises(Bug, match="sum to zero"):
        postings._balanced(*lines)
