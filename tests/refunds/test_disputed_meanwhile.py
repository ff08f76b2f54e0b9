"""A bank takes the money while a refund of it is decided about, held, or waits for its turn: it goes back once."""

import pytest

from payments.connectors.disputes import Standing
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.services import lifecycle
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from refunds.batches import facts
from refunds.models import FraudWarning, Refund
from refunds.services import approvals, bulk, refunds, settling, transfers
from refunds.services.deadlines import watch_due
from refunds.services.refusals import ApprovalBeyondLimit, PaymentDisputed, RefundNothingToRefund, TransferNotNeeded
from tests import factories
from tests.refunds.people import ADA, LEA, ask, limit, undo_window_ends
from tests.refunds.psp import Psp
from tests.refunds.quarrel import Quarrel, balances
from tests.refunds.test_duplicates import paid_twice


def taken(quarrel: Quarrel, minor: int) -> None:
    """The bank has withdrawn so much."""
    quarrel.tell(quarrel.news(0, taken=minor, standing=Standing.NEEDS_RESPONSE))


def bulk_of(intent: str) -> str:
    """A bulk refund of all that is left of this payment."""
    return bulk.upload(f"id,amount,reason\n{intent},all,goodwill\n".encode(), "one.csv", by=ADA.name).pk


def open_items() -> list[str]:
    """The kinds of what waits for a person."""
    return list(AttentionItem.objects.filter(closed_at=None).values_list("kind", flat=True))


def test_what_is_held_while_the_bank_takes_the_money_is_not_sent(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    quarrel = Quarrel(shop)
    refund = ask(quarrel.intent, 2000)
    taken(quarrel, 2000)
    undo_window_ends()

    seen = shop.get(f"refunds/{refund.pk}")
    assert seen["status"] == "canceled"
    assert not [line for line in sim.book() if line["object"] == "refund"]
    assert balances() == (0, 2000, 0)
    intent = PaymentIntent.objects.get()
    assert (intent.amount_refunding_minor, intent.amount_disputed_minor, intent.over_returned) == (0, 2000, False)
    assert open_items() == []
    factories.assert_books_close()


def test_a_dispute_of_the_rest_stops_nothing(shop: factories.Shop) -> None:
    quarrel = Quarrel(shop)
    refund = ask(quarrel.intent, 800)
    taken(quarrel, 1200)
    undo_window_ends()
    assert shop.get(f"refunds/{refund.pk}")["status"] == "succeeded"
    factories.assert_books_close()


def test_a_refund_of_the_disputed_one_of_two_payments_is_not_sent(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    """The other payment covers the sum, but the bank has taken the very money that would go back."""
    quarrel, paid = Quarrel(shop), paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    refund = ask({"id": paid["intent"]}, 1999)
    assert refund.attempt_id != paid["late"]
    quarrel.payment = refund.attempt.provider_reference
    taken(quarrel, 1999)
    undo_window_ends()
    refund.refresh_from_db()
    assert refund.status == "canceled"
    factories.later("refund_duplicate")
    assert Refund.objects.get(status="succeeded").attempt_id == paid["late"]
    factories.assert_books_close()


def test_nobody_approves_what_the_bank_has_taken(shop: factories.Shop) -> None:
    quarrel = Quarrel(shop, amount=40_000)
    refund = ask(quarrel.intent, 40_000)
    assert refund.status == "needs_approval"
    taken(quarrel, 40_000)
    with pytest.raises(PaymentDisputed, match=r"twice: 400\.00 USD of it are in dispute"):
        approvals.approve(refund.pk, LEA)
    approvals.reject(refund.pk, LEA, because="The bank gives it back.")
    assert open_items() == []
    factories.assert_books_close()


def test_what_came_too_late_goes_back_although_the_other_payment_is_disputed(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    """The bank has taken one of two payments of an order: the other one is not that money."""
    quarrel, paid = Quarrel(shop), paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    assert Job.objects.filter(name="refund_duplicate").count() == 1
    wanted = PaymentAttempt.objects.exclude(pk=paid["late"]).get(intent_id=paid["intent"])
    quarrel.payment = wanted.provider_reference
    taken(quarrel, 1999)
    factories.work()

    refund = Refund.objects.get()
    assert (refund.origin, refund.attempt_id, refund.status) == ("duplicate", paid["late"], "succeeded")
    factories.assert_books_close()


def test_a_refund_takes_nothing_from_the_disputed_one_of_two_payments(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    quarrel, paid = Quarrel(shop), paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    wanted = PaymentAttempt.objects.exclude(pk=paid["late"]).get(intent_id=paid["intent"])
    quarrel.payment = wanted.provider_reference
    taken(quarrel, 1999)
    refund = ask({"id": paid["intent"]}, 500)
    assert refund.attempt_id == paid["late"]
    [judged] = [home for _, home in facts(bulk_of(paid["intent"]))]
    assert judged is not None
    assert [one.available for one in judged.sources] == [0, 1499]


def test_what_came_too_late_and_was_disputed_is_owned_until_the_bank_has_decided(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    quarrel, paid = Quarrel(shop), paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    quarrel.payment = PaymentAttempt.objects.get(pk=paid["late"]).provider_reference
    taken(quarrel, 1999)
    factories.work()
    assert Refund.objects.count() == 0
    item = AttentionItem.objects.get(kind="overpayment", closed_at=None)
    with pytest.raises(RefundNothingToRefund):
        transfers.propose(transfer(item), by="staff lena")
    quarrel.tell(quarrel.news(30, back=1999, standing=Standing.WON))
    transfers.confirm(transfers.propose(transfer(item), by="staff lena").pk, by="staff leo")
    assert open_items() == []
    factories.assert_books_close()


def test_what_the_psp_does_not_give_back_for_a_dispute_goes_by_no_bank_either(shop: factories.Shop, psp: Psp) -> None:
    """Its news of the dispute are still on their way: until then the money looks as if it were with us."""
    quarrel = Quarrel(shop)
    paid = shop.confirm(shop.intent(shop.order(2000)), "pm_card_createDispute")
    refund = ask(paid, 2000)
    factories.until(lambda: psp.told("charge.dispute.created"))
    undo_window_ends()
    refund.refresh_from_db()
    assert (refund.status, refund.failure_reason) == ("failed", "refund_payment_disputed")
    with pytest.raises(TransferNotNeeded):
        transfers.look(payment_intent=paid["id"])
    quarrel.payment = paid["latest_attempt"]["provider_reference"]
    taken(quarrel, 2000)
    with pytest.raises(RefundNothingToRefund):
        transfers.look(payment_intent=paid["id"])
    quarrel.tell(quarrel.news(30, back=2000, standing=Standing.WON))
    assert transfers.look(payment_intent=paid["id"]).left == 2000


def test_a_matter_is_not_closed_while_a_transfer_for_it_waits(shop: factories.Shop, sim: factories.Simulator) -> None:
    """Else nobody would be left to owe it when the transfer turns out not to have been made."""
    quarrel, paid = Quarrel(shop), paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    quarrel.payment = PaymentAttempt.objects.get(pk=paid["late"]).provider_reference
    taken(quarrel, 1999)
    factories.work()
    quarrel.tell(quarrel.news(30, back=1999, standing=Standing.WON))
    item = AttentionItem.objects.get(kind="overpayment", closed_at=None)
    row = transfers.propose(transfer(item), by="staff lena")
    assert settling.offered(item) == {}
    assert "bank transfer" in settling.why_not(item)
    transfers.withdraw(row.pk, because="Not on the statement.", by="staff leo")
    assert set(settling.offered(item)) == {"close"}


def transfer(item: AttentionItem) -> transfers.TransferDraft:
    """19.99 USD that finance has paid today."""
    facts = {"bank_account": "main-usd", "bank_reference": "E2E-1", "because": "Paid twice."}
    return transfers.TransferDraft(item=item.pk, amount=1999, value_date=clock.now().date(), **facts)


def test_a_second_dispute_of_what_went_back_asks_a_person_again(shop: factories.Shop) -> None:
    """Also when two people have settled what went back too much before it."""
    quarrel = Quarrel(shop)
    ask(quarrel.intent, 2000)
    undo_window_ends()
    taken(quarrel, 500)
    item = AttentionItem.objects.get(kind="over_returned")
    assert item.amount_minor == 500
    quarrel.tell(quarrel.news(5, taken=300, standing=Standing.NEEDS_RESPONSE))
    item.refresh_from_db()
    assert item.amount_minor == 800
    row = settling.propose(item.pk, "close", because="The customer keeps it.", by="staff lena")
    settling.confirm(row.pk, by="staff leo")
    assert "over_returned" not in open_items()
    quarrel.tell(quarrel.news(9, taken=1200, standing=Standing.NEEDS_RESPONSE))
    assert AttentionItem.objects.get(kind="over_returned", closed_at=None).amount_minor == 2000
    factories.assert_books_close()


def test_what_two_payments_give_back_is_one_amount_for_who_approves(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    paid = paid_twice(shop, sim)
    lifecycle.cancel_attempt(paid["late"], by="test")
    limit("support", 1000, 10_000)
    limit("support_lead", 2500, 10_000)
    first = ask({"id": paid["intent"]})
    assert (first.status, first.amount_minor, len(first.related)) == ("needs_approval", 1999, 1)
    for refund_id in (first.pk, *first.related):
        with pytest.raises(ApprovalBeyondLimit, match=r"more than 25\.00 USD at once"):
            approvals.approve(refund_id, LEA)
    approvals.reject(first.pk, LEA, because="Not both.")
    approvals.approve(first.related[0], LEA)


def test_a_movement_that_is_told_with_another_amount_has_a_page_and_an_end(shop: factories.Shop) -> None:
    """Its money is booked as it was told first; what is right shows in the settlement."""
    quarrel = Quarrel(shop)
    quarrel.tell(
        quarrel.news(0, taken=2000, key="txn_1", standing=Standing.NEEDS_RESPONSE),
        quarrel.news(1, taken=1900, key="txn_1", standing=Standing.NEEDS_RESPONSE),
    )
    item = AttentionItem.objects.get(kind="amount_differs", closed_at=None)
    assert set(settling.offered(item)) == {"close"}
    assert settling.why_not(item)
    row = settling.propose(item.pk, "close", because="The dashboard says 20.00 as well.", by="staff lena")
    settling.confirm(row.pk, by="staff leo")
    assert "amount_differs" not in open_items()
    factories.assert_books_close()


def test_a_warning_stays_open_while_a_refund_may_still_be_taken_back(shop: factories.Shop) -> None:
    quarrel = Quarrel(shop)
    refund = ask(quarrel.intent, 2000)
    quarrel.warn()
    assert FraudWarning.objects.get().decision == "", "nothing has gone back yet"
    watch_due()
    assert FraudWarning.objects.get().decision == ""
    refunds.cancel(refund.pk, client_id=None, by=ADA.name)
    assert open_items() == ["fraud_warning"]

    ask(quarrel.intent, 2000, confirm_duplicate=True)
    undo_window_ends()
    watch_due()
    assert (FraudWarning.objects.get().decision, open_items()) == ("refunded", [])
