"""What the bank shows is found among what the PSP has announced, booked once, and taken back by somebody else."""

from datetime import UTC, datetime

import pytest

from payments.gateway.models import LegalEntity, ProviderAccount
from payments.gateway.switches import AnotherPersonNeeded
from payments.kernel import clock
from payments.kernel.errors import Refusal
from payments.ledger import selectors as ledger
from payments.ledger.models import Transfer
from reporting.models import BankMatch, Discrepancy, Payout
from reporting.services import banking, discrepancies
from tests import factories
from tests.reporting.bank.world import FAY, FINN, World, at


def test_a_payout_arrives_and_is_booked_once(world: World) -> None:
    payout = world.payout(125_010, "po_1NhJ4kExample", trace="ST-AB12 CD34 EF56")
    world.payout(99_999, "po_other")
    assert world.in_ledger() == {"bank": 0, "transit": 225_009}

    world.statement(3, (125_010, "STRIPE ST-AB12CD 34EF56 PAYOUT"))
    assert world.lines() == [(125_010, "matched")]
    assert world.in_ledger() == {"bank": 125_010, "transit": 99_999}
    payout.refresh_from_db()
    assert payout.status == "arrived"
    [transfer] = [one for one in ledger.journal([payout.pk]) if one.event == "payout_arrived"]
    assert transfer.effective_at == datetime(2026, 11, 3, tzinfo=UTC)
    assert transfer.refs == {"payout": payout.pk, "bank_line": world.line(125_010).pk}

    for _ in range(2):
        banking.match(world.bank.pk)
        banking.watch()
    assert world.in_ledger() == {"bank": 125_010, "transit": 99_999}
    assert BankMatch.objects.get().because == "the line names it"
    factories.assert_books_close()


def test_a_banks_day_is_a_day_of_the_companys_books(world: World) -> None:
    LegalEntity.objects.filter(pk=world.bank.legal_entity_id).update(time_zone="America/New_York")
    world.payout(5_000, "po_first")
    world.statement(3, (5_000, "PO_FIRST"))
    assert Transfer.objects.get(event="payout_arrived").effective_at == datetime(2026, 11, 3, 5, tzinfo=UTC)


def test_without_a_reference_the_amount_says_it_when_nothing_else_has_it(world: World) -> None:
    world.payout(5_000, "po_first")
    world.statement(3, (5_000, "INCOMING"), (-1_250, "ACCOUNT FEE"))
    assert world.lines() == [(5_000, "matched"), (-1_250, "unexplained")]
    assert world.differences() == [("bank_unexplained", -1_250, "open")]
    fee = Discrepancy.objects.get()
    assert fee.proposal["credit"] == "bank/main-eur"
    assert "Money left main-eur on 2026-11-03" in fee.detail
    factories.assert_books_close()


def test_equal_payouts_are_shown_to_a_person_who_chooses(world: World) -> None:
    first, second = world.payout(5_000, "po_first"), world.payout(5_000, "po_second")
    world.statement(3, (5_000, "INCOMING"))
    assert world.lines() == [(5_000, "choose")]
    assert world.differences() == []
    assert world.in_ledger() == {"bank": 0, "transit": 10_000}

    line = world.line(5_000)
    match = banking.choose(line.pk, second.pk, because="The advice in the dashboard says so.", by=FAY)
    assert (match.kind, world.in_ledger()) == ("arrived", {"bank": 5_000, "transit": 5_000})
    with pytest.raises(Refusal, match="it is a payout"):
        banking.choose(line.pk, first.pk, because="once more", by=FAY)

    world.statement(4, (5_000, "INCOMING"))
    assert [status for _, status in world.lines()] == ["matched", "matched"]
    assert {row.status for row in Payout.objects.all()} == {"arrived"}
    factories.assert_books_close()


def test_a_line_that_names_another_payout_is_not_taken_for_one_of_its_amount(world: World) -> None:
    world.payout(5_000, "po_NAMED123")
    world.payout(7_000, "po_OTHER456")
    world.statement(3, (7_000, "PAYOUT PO_NAMED123 LESS CHARGES"))
    assert world.lines() == [(7_000, "unexplained")]
    assert world.in_ledger() == {"bank": 0, "transit": 12_000}


def test_amounts_long_after_a_payout_was_due_are_something_else(world: World) -> None:
    world.payout(5_000, "po_first", due=3)
    world.statement(11, (5_000, "INCOMING"))
    assert world.lines() == [(5_000, "unexplained")]


def test_other_companies_and_currencies_are_never_paired(world: World) -> None:
    other = LegalEntity.objects.create(name="Shop Asia Ltd.", functional_currency="EUR")
    mine, world.psp = world.psp, ProviderAccount.objects.create(code="stripe-asia", psp="stripe", legal_entity=other)
    foreign = world.payout(5_000, "po_foreign")
    world.psp = mine
    world.statement(3, (5_000, "po_foreign"))
    assert world.lines() == [(5_000, "unexplained")]
    with pytest.raises(Refusal, match="another company's"):
        banking.choose(world.line(5_000).pk, foreign.pk, because="It has its name.", by=FAY)
    factories.assert_books_close()


def test_a_negative_payout_leaves_the_bank(world: World) -> None:
    world.payout(-30_000, "po_negative1")
    assert world.in_ledger() == {"bank": 0, "transit": -30_000}
    world.statement(3, (-30_000, "DIRECT DEBIT PO_NEGATIVE1"))
    assert world.in_ledger() == {"bank": -30_000, "transit": 0}
    factories.assert_books_close()


def test_our_bank_sends_a_payout_back_and_the_psp_says_so_later(world: World) -> None:
    payout = world.payout(5_000, "po_comesback")
    world.statement(3, (5_000, "PO_COMESBACK"))
    world.statement(5, (-5_000, "RETURN OF PO_COMESBACK"))
    payout.refresh_from_db()
    assert (payout.status, world.in_ledger()) == ("paid", {"bank": 0, "transit": 5_000})
    factories.assert_books_close()
    world.payout(5_000, "po_comesback", status="failed")
    payout.refresh_from_db()
    assert (payout.status, world.in_ledger()) == ("failed", {"bank": 0, "transit": 0})
    factories.assert_books_close()


def test_a_payout_that_failed_before_the_statements_came_is_booked_all_the_same(world: World) -> None:
    payout = world.payout(5_000, "po_comesback")
    world.payout(5_000, "po_comesback", status="failed")
    assert world.in_ledger() == {"bank": 0, "transit": 0}
    world.statement(3, (5_000, "PO_COMESBACK"))
    assert world.in_ledger() == {"bank": 5_000, "transit": -5_000}
    factories.assert_books_close()
    world.statement(5, (-5_000, "RETURNED"))
    assert world.in_ledger() == {"bank": 0, "transit": 0}
    payout.refresh_from_db()
    assert payout.status == "failed"
    factories.assert_books_close()


def test_a_payout_that_does_not_come_is_a_difference_until_it_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.statement(2, (100, "OPENING"))
    world.payout(5_000, "po_late", due=3)
    world.payout(6_000, "po_not_due", due=9)
    with clock.at(at(10)):
        banking.watch()
    missing = Discrepancy.objects.get(kind="missing_at_bank")
    assert (missing.amount_minor, missing.proposal["credit"]) == (-5_000, "cash_in_transit/stripe-test")
    assert missing.detail == "Due on 2026-11-03, and on no statement; statements reach until 2026-11-02"
    with clock.at(at(11)):
        banking.watch()
    assert Discrepancy.objects.filter(kind="missing_at_bank").count() == 1

    world.statement(9, (5_000, "PO_LATE AT LAST"))
    missing.refresh_from_db()
    assert missing.status == "cleared"
    with clock.at(at(12)):
        banking.watch()
    assert Discrepancy.objects.filter(kind="missing_at_bank", status="open").count() == 0
    factories.assert_books_close()


def test_a_payout_that_was_given_up_and_arrives_after_all_is_a_difference_again(world: World) -> None:
    world.statement(2, (100, "OPENING"))
    world.payout(5_000, "po_late", due=3)
    with clock.at(at(10)):
        banking.watch()
    missing = Discrepancy.objects.get(kind="missing_at_bank")
    discrepancies.settle(missing.pk, "psp_receivable/stripe-test", because="The PSP still owes it.", by=FAY)
    if missing.__class__.objects.get(pk=missing.pk).status == "proposed":
        discrepancies.approve(missing.pk, by=FINN)
    assert world.in_ledger()["transit"] == 0

    world.statement(9, (5_000, "PO_LATE AT LAST"))
    assert world.in_ledger() == {"bank": 5_000, "transit": -5_000}
    with clock.at(at(12)):
        banking.watch()
    again = Discrepancy.objects.get(kind="missing_at_bank", status="open")
    assert (again.amount_minor, again.proposal["debit"]) == (5_000, "cash_in_transit/stripe-test")
    discrepancies.settle(again.pk, "psp_receivable/stripe-test", because="It came after all.", by=FAY)
    if Discrepancy.objects.get(pk=again.pk).status == "proposed":
        discrepancies.approve(again.pk, by=FINN)
    assert world.in_ledger() == {"bank": 5_000, "transit": 0}
    factories.assert_books_close()


def test_nothing_is_missing_where_no_statements_are_uploaded(world: World) -> None:
    world.payout(5_000, "po_late", due=3)
    banking.watch()
    assert world.differences() == []


def test_a_wrong_match_is_undone_by_somebody_else_and_not_made_again(world: World) -> None:
    wrong, right = world.payout(5_000, "po_wrong"), world.payout(5_000, "po_right")
    world.statement(3, (5_000, "INCOMING"))
    line = world.line(5_000)
    match = banking.choose(line.pk, wrong.pk, because="I believe so.", by=FAY)
    with pytest.raises(AnotherPersonNeeded):
        banking.undo(match.pk, because="No, it is not.", by=FAY)
    banking.undo(match.pk, because="The other one, the advice says.", by=FINN)
    wrong.refresh_from_db()
    assert (wrong.status, world.in_ledger()) == ("paid", {"bank": 0, "transit": 10_000})
    with pytest.raises(Refusal, match="staff finn has undone it already"):
        banking.undo(match.pk, because="once more", by=FINN)
    factories.work()
    assert Payout.objects.get(pk=right.pk).status == "arrived", "only one is left that it can be"
    assert world.in_ledger() == {"bank": 5_000, "transit": 5_000}
    factories.assert_books_close()

    world.statement(4, (5_000, "PO_WRONG"))
    wrong.refresh_from_db()
    assert wrong.status == "arrived"
    assert [one.event for one in ledger.journal([f"{wrong.pk}/2"])] == ["payout_arrived"]
    factories.assert_books_close()


def test_an_arrival_is_not_undone_under_a_payout_that_was_sent_back(world: World) -> None:
    payout = world.payout(5_000, "po_comesback")
    world.statement(3, (5_000, "PO_COMESBACK"))
    world.statement(4, (-5_000, "PO_COMESBACK"))
    arrived, back = BankMatch.objects.order_by("pk")
    with pytest.raises(Refusal, match="undo that match first"):
        banking.undo(arrived.pk, because="It was another one.", by=FINN)
    banking.undo(back.pk, because="That was a standing order.", by=FINN)
    payout.refresh_from_db()
    assert (payout.status, world.in_ledger()) == ("arrived", {"bank": 5_000, "transit": 0})
    factories.work()
    assert world.lines() == [(5_000, "matched"), (-5_000, "unexplained")]
    factories.assert_books_close()


def test_what_is_not_ours_is_set_aside_with_a_reason_and_looked_at_again(world: World) -> None:
    world.statement(3, (70_000, "RENT FROM THE FLAT UPSTAIRS"))
    line = world.line(70_000)
    banking.set_aside(line.pk, because="It is the landlord's business.", by=FAY)
    assert world.differences() == [("bank_unexplained", 70_000, "cleared")]
    with pytest.raises(Refusal, match="not ours"):
        banking.set_aside(line.pk, because="once more", by=FAY)
    banking.look_again(line.pk, by=FINN)
    factories.work()
    assert world.lines() == [(70_000, "unexplained")]
    assert world.differences()[-1] == ("bank_unexplained", 70_000, "open")
    factories.assert_books_close()


def test_a_difference_that_was_booked_is_never_booked_as_a_payout_as_well(world: World) -> None:
    world.statement(3, (5_000, "INCOMING"))
    found = Discrepancy.objects.get()
    discrepancies.settle(found.pk, "order_clearing", because="A customer paid by wire.", by=FAY)
    if Discrepancy.objects.get().status == "proposed":
        discrepancies.approve(found.pk, by=FINN)
    assert world.in_ledger()["bank"] == 5_000
    payout = world.payout(5_000, "po_lookalike")
    banking.watch()
    assert world.lines() == [(5_000, "unexplained")]
    with pytest.raises(Refusal, match="booked twice"):
        banking.choose(world.line(5_000).pk, payout.pk, because="It looks like it.", by=FAY)
    assert world.in_ledger()["bank"] == 5_000
    factories.assert_books_close()


def test_the_line_says_no_what_it_is_not(world: World) -> None:
    payout = world.payout(5_000, "po_first", due=3)
    world.statement(20, (5_001, "INCOMING"), (-5_000, "OUTGOING"))
    for amount, words in ((5_001, "The line is 50.01 EUR, and the payout 50.00 EUR"), (-5_000, "has not arrived")):
        with pytest.raises(Refusal, match=words):
            banking.choose(world.line(amount).pk, payout.pk, because="I want it.", by=FAY)
    assert BankMatch.objects.count() == 0
