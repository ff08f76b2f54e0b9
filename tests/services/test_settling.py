"""A PSP that says another amount: one person proposes what to do, another confirms, and only then it is done."""

from typing import Any

import pytest

from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import settling
from payments.kernel import attention
from payments.kernel.attention import Action, AttentionItem, MatterClosed, NotOffered, ProposalWaits, SecondPersonNeeded
from payments.kernel.errors import Refusal
from payments.ledger import selectors as ledger
from payments.ledger import services as books
from payments.webhooks.models import Event
from refunds.services import transfers
from tests import factories
from tests.byhand import behind_the_guards, copy, key, refused, sql
from tests.kernel.conftest import at_once
from tests.refunds.psp import Psp

MAKER, CHECKER = "staff lena", "staff leo"
WHY = "The PSP's dashboard says so too."


def answered(shop: factories.Shop, sim: factories.Simulator, delta: int, **facts: Any) -> dict[str, Any]:
    """A payment of 19.99 USD of which Stripe says so many minor units more."""
    sim.scenario("payment_intents.confirm", "wrong_amount", times=1, delta=delta)
    return shop.confirm(shop.intent(**facts))


def item() -> AttentionItem:
    """The matter that is open."""
    return AttentionItem.objects.get(closed_at=None)


def settle(action: str) -> None:
    """Two people do it."""
    settling.confirm(settling.propose(item().pk, action, because=WHY, by=MAKER).pk, by=CHECKER)


def test_less_than_asked_for_is_accepted_as_a_part(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = answered(shop, sim, -500)
    assert set(settling.offered(item())) == {"accept", "refund", "undone"}
    assert "cannot be canceled any more" in settling.why_not(item())
    settle("accept")
    paid = shop.get(f"payment_intents/{intent['id']}")
    assert (paid["status"], paid["amount_captured"]) == ("succeeded", 1499)
    order = shop.get(f"orders/{intent['order']}")
    assert (order["status"], order["amount_paid"]) == ("partially_paid", 1499)
    closed = AttentionItem.objects.get()
    assert closed.closed_because == f"Accept what the PSP says (staff lena, staff leo): {WHY}"
    assert ledger.trial_balance()["psp_receivable/stripe-us", "USD"] == 1499
    factories.assert_books_close()

    rest = shop.confirm(shop.intent({"id": intent["order"]}))
    assert rest["amount_captured"] == 500
    assert shop.get(f"orders/{intent['order']}")["status"] == "paid"
    factories.assert_books_close()


def test_more_than_asked_for_is_accepted_and_the_excess_goes_back(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = answered(shop, sim, 500)
    assert "5.00 USD, which nobody asked for" in settling.offered(item())[Action.ACCEPT]
    settle("accept")
    paid = shop.get(f"payment_intents/{intent['id']}")
    assert (paid["status"], paid["amount_captured"]) == ("succeeded", 2499)
    factories.assert_books_close()
    factories.work()
    [refund] = shop.get("refunds")["data"]
    assert (refund["amount"], refund["origin"]) == (500, "duplicate")
    assert shop.get(f"orders/{intent['order']}")["status"] == "paid"
    factories.assert_books_close()


def test_what_was_taken_goes_back_as_a_whole(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = answered(shop, sim, -500)
    settle("refund")
    factories.work()
    ended = shop.get(f"payment_intents/{intent['id']}")
    assert (ended["status"], ended["amount_captured"], ended["amount_refunded"]) == ("canceled", 1499, 1499)
    told = Event.objects.filter(object_id=intent["id"]).order_by("sequence").values_list("type", flat=True)
    assert "payment_intent.succeeded" not in told, "nobody ships for it"
    assert ledger.trial_balance()["order_clearing", "USD"] == 0
    factories.assert_books_close()


def test_what_was_undone_at_the_psp_can_be_paid_again(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = answered(shop, sim, -500)
    settle("undone")
    again = shop.get(f"payment_intents/{intent['id']}")
    assert (again["status"], again["latest_attempt"]["status"]) == ("requires_payment_method", "voided")
    factories.assert_books_close()
    assert shop.confirm(again)["status"] == "succeeded"
    factories.assert_books_close()


@pytest.mark.parametrize(("action", "status"), [("accept", "succeeded"), ("refund", "canceled"),
                                                ("undone", "requires_payment_method")])  # fmt: skip
def test_money_of_a_payment_that_was_taken_for_declined_is_no_less_open(
    shop: factories.Shop, sim: factories.Simulator, action: str, status: str
) -> None:
    intent = answered(shop, sim, -500)
    sql("UPDATE payments_paymentattempt SET status = 'declined'")
    sql("UPDATE payments_paymentintent SET status = 'requires_payment_method'")
    settle(action)
    factories.work()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == status
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_close()


@pytest.mark.parametrize(("delta", "capturable"), [(-500, 1499), (500, 1999)])
def test_another_amount_that_is_reserved_is_accepted_as_far_as_it_goes(
    shop: factories.Shop, sim: factories.Simulator, delta: int, capturable: int
) -> None:
    intent = answered(shop, sim, delta, capture_method="manual")
    assert set(settling.offered(item())) == {"accept", "void", "undone"}
    settle("accept")
    reserved = shop.get(f"payment_intents/{intent['id']}")
    assert (reserved["status"], reserved["amount_capturable"]) == ("requires_capture", capturable)
    factories.assert_books_close()
    assert shop.post(f"payment_intents/{intent['id']}/capture", {})["amount_captured"] == capturable
    factories.assert_books_close()


def test_what_is_reserved_is_canceled_at_the_psp(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = answered(shop, sim, -500, capture_method="manual")
    settle("void")
    assert item().kind == "amount_differs", "until the PSP has answered"
    sim.scenario("payment_intents.cancel", "rate_limit_429", times=1)
    factories.work()
    factories.later("void_attempt")
    again = shop.get(f"payment_intents/{intent['id']}")
    assert (again["status"], again["latest_attempt"]["status"]) == ("requires_payment_method", "voided")
    assert AttentionItem.objects.get().closed_because == "canceled at the PSP"
    [payment] = [line for line in sim.book() if line["object"] == "payment"]
    assert payment["status"] == "canceled"
    factories.assert_books_close()


def test_what_was_taken_before_the_cancel_came_is_not_voided(
    shop: factories.Shop, sim: factories.Simulator, simulator: str
) -> None:
    """Stripe answers a cancel that comes too late with the payment as it is: nobody is asked to pay it twice."""
    intent = answered(shop, sim, -500, capture_method="manual")
    Psp(simulator).capture(PaymentAttempt.objects.get().provider_reference, 1499)
    settle("void")
    factories.work()
    paid = shop.get(f"payment_intents/{intent['id']}")
    assert (paid["status"], paid["latest_attempt"]["status"]) == ("succeeded", "captured")
    assert paid["amount_captured"] == 1499
    assert set(settling.offered(item())) == {"stand"}
    factories.assert_books_close()


def test_a_capture_of_another_amount_is_accepted(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(capture_method="manual"))
    sim.scenario("payment_intents.capture", "wrong_amount", times=1, delta=-500)
    assert shop.post(f"payment_intents/{intent['id']}/capture", {})["status"] == "processing"
    assert set(settling.offered(item())) == {"accept", "refund", "undone"}
    settle("accept")
    assert sorted(Capture.objects.values_list("status", "amount_minor")) == [("failed", 1999), ("succeeded", 1499)]
    assert shop.get(f"payment_intents/{intent['id']}")["amount_captured"] == 1499
    factories.assert_books_close()


def test_another_currency_is_never_booked(shop: factories.Shop, sim: factories.Simulator) -> None:
    answered(shop, sim, -500)
    AttentionItem.objects.update(currency="EUR")
    assert set(settling.offered(item())) == {"undone"}
    with pytest.raises(NotOffered, match="EUR cannot be booked on a payment in USD"):
        settling.propose(item().pk, "accept", because=WHY, by=MAKER)


def test_one_person_is_not_enough_and_two_proposals_are_too_many(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    answered(shop, sim, -500)
    with pytest.raises(NotOffered):
        settling.propose(item().pk, "void", because=WHY, by=MAKER)
    row = settling.propose(item().pk, "accept", because=WHY, by=MAKER)
    with pytest.raises(ProposalWaits, match="staff lena wants: Accept what the PSP says"):
        settling.propose(item().pk, "refund", because=WHY, by=CHECKER)
    with pytest.raises(SecondPersonNeeded):
        settling.confirm(row.pk, by=MAKER)
    assert not Capture.objects.exists()
    attention.withdraw(row.pk, because="The customer wants it back.", by=CHECKER)
    settle("refund")
    with pytest.raises(MatterClosed):
        settling.confirm(row.pk, by=CHECKER)
    factories.work()
    factories.assert_books_close()


def test_the_database_refuses_one_person_and_what_nobody_has_accepted(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    answered(shop, sim, 500)
    row = settling.propose(item().pk, "accept", because=WHY, by=MAKER)
    decided = "UPDATE payments_settlement SET decision = 'confirmed', decided_at = now(), decided_by = %s WHERE id = %s"
    with refused("settlement_maker_is_not_checker"):
        sql(decided, MAKER, key(row.pk))
    with refused("settlement_one_waits"):
        copy("payments_settlement", key(row.pk))
    with refused("a settlement stays as it was proposed"):
        sql("UPDATE payments_settlement SET action = 'refund' WHERE id = %s", key(row.pk))
    with refused("no two people have accepted 2499"):
        sql("UPDATE payments_paymentattempt SET accepted_minor = 2499")
    with refused("a settlement is never deleted"):
        sql("DELETE FROM payments_settlement")
    settling.confirm(row.pk, by=CHECKER)
    with refused("a settlement is decided once"):
        sql("UPDATE payments_settlement SET decided_by = 'staff nobody' WHERE id = %s", key(row.pk))
    assert PaymentAttempt.objects.get().accepted_minor == 2499


def test_what_the_psp_says_of_booked_money_leaves_the_books_alone(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    paid = shop.paid()
    AttentionItem.objects.create(
        kind="amount_differs", object_id=paid["latest_attempt"]["id"], detail="x", currency="USD", amount_minor=1,
        facts={"booked": True},
    )  # fmt: skip
    assert set(settling.offered(item())) == {"stand"}
    settle("stand")
    assert ledger.trial_balance()["psp_receivable/stripe-us", "USD"] == 1999
    factories.assert_books_close()


def test_an_excess_that_its_method_cannot_give_back_is_owed(shop: factories.Shop, sim: factories.Simulator) -> None:
    answered(shop, sim, 500)
    settle("accept")
    PaymentAttempt.objects.update(method="oxxo")
    factories.work()
    owed = item()
    assert (owed.kind, owed.amount_minor) == ("overpayment", 500)
    assert owed.detail == "5.00 USD paid by oxxo were not asked for, and oxxo cannot give money back"
    assert transfers.look(item=owed.pk).left == 500, "and no more than that goes by bank"
    factories.assert_books_close()


@pytest.mark.django_db(transaction=True)
def test_of_people_who_confirm_at_once_one_does(shop: factories.Shop, sim: factories.Simulator) -> None:
    books.forget_accounts()
    answered(shop, sim, -500)
    row = settling.propose(item().pk, "accept", because=WHY, by=MAKER)

    def confirm(number: int) -> str:
        try:
            settling.confirm(row.pk, by=f"staff {number}")
        except Refusal as refusal:
            return refusal.code
        return "done"

    answers = at_once(6, confirm)
    assert sorted(answers) == ["done", *["matter_closed"] * 5]
    assert Capture.objects.count() == 1
    factories.assert_books_close()
    books.forget_accounts()


def test_the_check_finds_one_person_who_did_both(shop: factories.Shop, sim: factories.Simulator) -> None:
    answered(shop, sim, -500)
    settle("accept")
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    with behind_the_guards():
        sql("ALTER TABLE payments_settlement DROP CONSTRAINT settlement_maker_is_not_checker")
        sql("UPDATE payments_settlement SET decided_by = proposed_by")
    assert any(found.startswith("settlement_maker_checker") for found in factories.broken())
