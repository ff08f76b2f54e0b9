"""A payout arrives short of a bank's charge: each cent of it is booked once, whatever is settled first."""

import itertools
from collections.abc import Sequence

import pytest

from payments.kernel import clock
from payments.ledger import selectors as ledger
from reporting.models import BankLine, BankMatch, Discrepancy, Payout
from reporting.services import banking, discrepancies
from tests import factories
from tests.reporting.bank.world import FAY, FINN, World, at

CHARGES = "bank_charges/stripe-test"
OWED = "psp_receivable/stripe-test"


def settle(kind: str) -> Discrepancy:
    """Finance books the open difference of a kind as it is proposed; somebody else agrees."""
    row = Discrepancy.objects.get(kind=kind, status="open")
    discrepancies.settle(row.pk, discrepancies.counters(row)[0], because="As proposed.", by=FAY)
    if Discrepancy.objects.get(pk=row.pk).status == "proposed":
        discrepancies.approve(row.pk, by=FINN)
    return row


def watch(day: int) -> None:
    with clock.at(at(day)):
        banking.watch()


def booked(world: World) -> dict[str, int]:
    """What stands in the ledger; accounts at zero are left out."""
    found = {code: minor for (code, _), minor in ledger.trial_balance().items() if minor}
    return {"bank" if code == f"bank/{world.bank.code}" else code: minor for code, minor in found.items()}


def test_a_payout_that_arrives_short_is_one_difference_and_its_rest_a_banks_charge(world: World) -> None:
    payout = world.payout(10_000, "po_1short", due=3)
    world.statement(3, (9_985, "PO_1SHORT"))
    watch(12)
    assert world.lines() == [(9_985, "matched")]
    assert world.differences() == [("missing_at_bank", -15, "open")]
    row = Discrepancy.objects.get()
    assert row.detail.startswith("99.85 EUR of 100.00 EUR arrived on 2026-11-03")
    assert (row.proposal["debit"], row.proposal["credit"]) == (CHARGES, "cash_in_transit/stripe-test")

    settle("missing_at_bank")
    watch(13)
    assert booked(world) == {"bank": 9_985, CHARGES: 15, OWED: -10_000}
    assert Discrepancy.objects.filter(status__in=("open", "proposed")).count() == 0
    payout.refresh_from_db()
    assert payout.status == "arrived"
    factories.assert_books_close()


def test_what_was_missing_already_becomes_what_is_missing_still(world: World) -> None:
    world.statement(2, (100, "OPENING"))
    world.payout(10_000, "po_1short", due=3)
    watch(10)
    world.statement(9, (9_985, "PO_1SHORT"))
    watch(12)
    missing = Discrepancy.objects.get(kind="missing_at_bank")
    assert (missing.amount_minor, missing.proposal["debit"]) == (-15, CHARGES)


def test_a_payout_that_was_given_up_and_arrives_short_is_still_owed_the_rest(world: World) -> None:
    world.statement(2, (100, "OPENING"))
    world.payout(10_000, "po_1short", due=3)
    watch(10)
    settle("missing_at_bank")
    world.statement(9, (9_985, "PO_1SHORT"))
    settle("missing_at_bank")
    watch(12)
    settle("bank_unexplained")
    assert booked(world) == {"bank": 10_085, OWED: -9_985, "suspense/stripe-test": -100}
    factories.assert_books_close()


@pytest.mark.parametrize("order", list(itertools.permutations(("missing_at_bank", "bank_unexplained"))))
def test_a_line_that_names_nothing_and_is_much_less_never_counts_twice(world: World, order: Sequence[str]) -> None:
    world.payout(10_000, "po_1short", due=3)
    world.statement(3, (8_000, "INCOMING"))
    watch(12)
    for kind in order:
        settle(kind)
    watch(13)
    assert booked(world) == {"bank": 8_000, "suspense/stripe-test": -8_000}, "the PSP is asked for all of it"
    assert Discrepancy.objects.filter(status__in=("open", "proposed")).count() == 0
    factories.assert_books_close()


def test_a_line_that_names_nothing_and_is_hardly_less_is_chosen_by_a_person(world: World) -> None:
    payout = world.payout(10_000, "po_1short", due=3)
    world.payout(10_001, "po_other", due=3)
    world.statement(3, (9_985, "INCOMING"))
    assert world.lines() == [(9_985, "choose")]
    assert world.differences() == []
    banking.choose(world.line(9_985).pk, payout.pk, because="The advice of the bank.", by=FAY)
    settle("missing_at_bank")
    assert booked(world) == {"bank": 9_985, CHARGES: 15, OWED: -20_001, "cash_in_transit/stripe-test": 10_001}
    factories.assert_books_close()


def test_an_equal_amount_goes_before_one_that_is_hardly_more(world: World) -> None:
    exact, more = world.payout(9_985, "po_exact", due=3), world.payout(10_000, "po_more", due=3)
    world.statement(3, (9_985, "INCOMING"), (9_990, "PO_MORE"))
    for payout in (exact, more):
        payout.refresh_from_db()
        assert payout.status == "arrived"
    assert [one.payout_id for one in BankMatch.objects.order_by("line__number")] == [exact.pk, more.pk]


def test_what_a_psp_takes_from_our_bank_may_cost_more_than_it_said(world: World) -> None:
    world.payout(-5_000, "po_1taken", due=3)
    world.statement(3, (-5_015, "PO_1TAKEN"))
    watch(12)
    assert world.differences() == [("missing_at_bank", -15, "open")]
    settle("missing_at_bank")
    assert booked(world) == {"bank": -5_015, CHARGES: 15, OWED: 5_000}
    factories.assert_books_close()


def test_undone_sent_back_and_failed_leave_nothing_in_transit(world: World) -> None:
    payout = world.payout(10_000, "po_1short", due=3)
    world.statement(3, (9_985, "PO_1SHORT"))
    banking.undo(BankMatch.objects.get().pk, because="I am not sure.", by=FINN)
    assert world.differences() == [("missing_at_bank", -15, "cleared")]
    banking.choose(BankLine.objects.get().pk, payout.pk, because="It is.", by=FINN)
    settle("missing_at_bank")

    world.statement(4, (-9_985, "PO_1SHORT RETURNED"))
    assert booked(world) == {"cash_in_transit/stripe-test": 9_985, CHARGES: 15, OWED: -10_000}
    world.payout(10_000, "po_1short", due=3, status="failed")
    watch(12)
    assert Payout.objects.get().status == "failed"
    again = settle("missing_at_bank")
    assert (again.amount_minor, booked(world)) == (15, {})
    factories.assert_books_close()


def test_a_payout_that_was_given_up_and_then_fails_is_owed_once(world: World) -> None:
    world.statement(2, (100, "OPENING"))
    world.payout(5_000, "po_1lost", due=3)
    watch(10)
    settle("missing_at_bank")
    assert booked(world).get(OWED, 0) == 0
    world.payout(5_000, "po_1lost", due=3, status="failed")
    assert booked(world)[OWED] == 5_000, "counted twice"
    watch(12)
    settle("missing_at_bank")
    settle("bank_unexplained")
    assert booked(world) == {"bank": 100, "suspense/stripe-test": -100}
    factories.assert_books_close()


def test_a_name_that_several_payouts_have_says_nothing_of_an_amount_that_is_less(world: World) -> None:
    world.payout(10_000, "po_1", trace="TRACE OF ALL")
    world.payout(20_000, "po_2", trace="TRACE OF ALL")
    world.statement(3, (8_000, "TRACE OF ALL"), (20_000, "TRACE OF ALL"))
    assert world.lines() == [(8_000, "unexplained"), (20_000, "matched")]
