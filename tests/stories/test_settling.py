"""Adyen takes or reserves another amount than it was asked for: whatever two people decide, the books close with it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.connectors.base import EventKind, Outcome, PspEvent, Verdict
from payments.gateway.models import ProviderCall
from payments.intents.models import PaymentAttempt
from payments.intents.services import evidence
from payments.kernel import money
from payments.kernel.attention import AttentionItem
from refunds.services import settling
from tests import factories
from tests.byhand import behind_the_guards
from tests.stories import adyen

ENDS = {"accept": "succeeded", "refund": "canceled", "undone": "requires_payment_method"}
WHY = "The dashboard says so too."


def settle(action: str) -> None:
    """Two people do it."""
    [item] = AttentionItem.objects.filter(kind="amount_differs", closed_at=None)
    settling.confirm(settling.propose(item.pk, action, because=WHY, by="staff lena").pk, by="staff leo")


def news(kind: EventKind, attempt: PaymentAttempt, outcome: Outcome) -> PspEvent:
    """What Adyen tells of an attempt."""
    return PspEvent(
        kind=kind,
        event_key=f"{kind}:{attempt.pk}",
        type=kind,
        occurred_at=timezone.now(),
        reference=attempt.pk,
        provider_reference=outcome.provider_reference,
        outcome=outcome,
    )


@pytest.mark.parametrize(("action", "end"), ENDS.items())
@pytest.mark.parametrize("delta", [-500, 500])
def test_another_amount_that_was_taken(
    shop: factories.Shop, sim: factories.Simulator, action: str, end: str, delta: int
) -> None:
    sim.scenario("payments", "wrong_amount", times=1, delta=delta)
    intent = adyen.paid(shop)
    assert (intent["status"], intent["latest_attempt"]["status"]) == ("processing", "unknown")
    adyen.told("AUTHORISATION")
    settle(action)
    factories.work()
    if action == "refund" or (action == "accept" and delta > 0):
        adyen.told("REFUND")
    ended = shop.get(f"payment_intents/{intent['id']}")
    assert ended["status"] == end
    left = {"accept": min(3000, 3000 + delta), "refund": 0, "undone": 0}[action]
    assert ended["amount_captured"] - ended["amount_refunded"] == left
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    if action != "undone":
        factories.assert_books_agree(sim)
    factories.assert_books_close()


@pytest.mark.parametrize(("action", "end"), [("accept", "requires_capture"), ("void", "requires_payment_method")])
def test_another_amount_that_was_reserved(
    shop: factories.Shop, sim: factories.Simulator, action: str, end: str
) -> None:
    sim.scenario("payments", "wrong_amount", times=1, delta=-500)
    intent = adyen.paid(shop, capture_method="manual")
    adyen.told("AUTHORISATION")
    settle(action)
    factories.work()
    if action == "void":
        adyen.told("CANCELLATION")
    ended = shop.get(f"payment_intents/{intent['id']}")
    assert (ended["status"], ended["amount_capturable"]) == (end, 2500 if action == "accept" else 0)
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


@pytest.mark.parametrize(("action", "end"), ENDS.items())
def test_a_capture_of_another_amount(shop: factories.Shop, sim: factories.Simulator, action: str, end: str) -> None:
    """Adyen says only afterwards what came of a capture."""
    intent = adyen.paid(shop, capture_method="manual")
    adyen.told("AUTHORISATION")
    sim.scenario("captures", "wrong_amount", times=1, delta=-500)
    shop.post(f"payment_intents/{intent['id']}/capture", {})
    adyen.told("CAPTURE")
    settle(action)
    factories.work()
    if action == "refund":
        adyen.told("REFUND")
    ended = shop.get(f"payment_intents/{intent['id']}")
    assert ended["status"] == ("canceled" if action == "undone" else end), "a reservation that is gone is over"
    assert ended["amount_captured"] - ended["amount_refunded"] == (2500 if action == "accept" else 0)
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_close()


@pytest.mark.parametrize(("action", "back"), [("accept", 700), ("undone", 0)])
def test_a_refund_of_another_amount(shop: factories.Shop, sim: factories.Simulator, action: str, back: int) -> None:
    intent = adyen.paid(shop)
    adyen.told("AUTHORISATION")
    sim.scenario("refunds", "wrong_amount", times=1, delta=-300)
    shop.post("refunds", {"payment_intent": intent["id"], "amount": 1000, "reason": "damaged"})
    factories.work()
    adyen.told("REFUND")
    settle(action)
    assert shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == back
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_close()


@pytest.mark.parametrize(("facts", "end"), [({"capture_method": "manual"}, "requires_capture"), ({}, "succeeded")])
def test_what_two_people_have_accepted_is_not_canceled_by_recovery(
    shop: factories.Shop, sim: factories.Simulator, facts: dict[str, Any], end: str
) -> None:
    """Its answer was lost, its notification told another amount: that is the answer, and nobody has to ask any more."""
    intent = adyen.intent(shop, **facts)
    sim.scenario("webhook", "webhook_lost", event="AUTHORISATION")
    sim.scenario("payments", "reset_after", times=1)
    assert adyen.confirm(shop, intent)["status"] == "processing"
    [payment] = [line for line in sim.book() if line["object"] == "payment"]
    attempt = PaymentAttempt.objects.get()
    amount = money.from_minor(2500, "EUR")
    seen = Outcome(verdict=Verdict.APPROVED, provider_reference=payment["id"], amount=amount, captured=None)
    evidence.accept(attempt.account_id, news(EventKind.PAYMENT_UPDATED, attempt, seen))
    factories.assert_books_close()
    settle("accept")
    long_ago = timezone.now() - timedelta(minutes=3)
    with behind_the_guards():
        ProviderCall.objects.filter(look_at__isnull=False).update(sent_at=long_ago, look_at=long_ago)
    factories.work()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == end
    [payment] = [line for line in sim.book() if line["object"] == "payment"]
    assert payment["status"] not in {"canceled", "cancelled"}
    assert not ProviderCall.objects.filter(look_at__isnull=False).exists()
    factories.assert_books_close()


@pytest.mark.parametrize("delta", [-500, 500])
def test_a_reservation_that_was_accepted_ends_as_a_whole(
    shop: factories.Shop, sim: factories.Simulator, delta: int
) -> None:
    """The report says how much was released: all that the PSP had reserved, though another amount was asked for."""
    sim.scenario("payments", "wrong_amount", times=1, delta=delta)
    intent = adyen.paid(shop, capture_method="manual")
    adyen.told("AUTHORISATION")
    settle("accept")
    attempt = PaymentAttempt.objects.get()
    released = Outcome(verdict=Verdict.CANCELED, modification="M1", amount=money.from_minor(3000 + delta, "EUR"))
    evidence.accept_cancel(attempt.account_id, news(EventKind.CANCEL_UPDATED, attempt, released))
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "expired"
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_close()


def test_a_cancel_of_what_is_booked_as_taken_reaches_a_person(shop: factories.Shop, sim: factories.Simulator) -> None:
    """A payment whose answer was lost is canceled by reference; its approval may come before the end of that."""
    intent = adyen.paid(shop)
    adyen.told("AUTHORISATION")
    attempt = PaymentAttempt.objects.get()
    assert attempt.status == "captured"
    gone = Outcome(verdict=Verdict.CANCELED, modification="M1")
    evidence.accept_cancel(attempt.account_id, news(EventKind.CANCEL_UPDATED, attempt, gone))
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded", "that it was taken was said as well"
    assert AttentionItem.objects.get(closed_at=None).kind == "unknown_outcome"
    factories.assert_books_close()
