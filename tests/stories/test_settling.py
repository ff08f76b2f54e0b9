"""Adyen takes or reserves another amount than it was asked for: whatever two people decide, the books close with it."""

import pytest

from payments.kernel.attention import AttentionItem
from refunds.services import settling
from tests import factories
from tests.stories import adyen

ENDS = {"accept": "succeeded", "refund": "canceled", "undone": "requires_payment_method"}
WHY = "The dashboard says so too."


def settle(action: str) -> None:
    """Two people do it."""
    [item] = AttentionItem.objects.filter(kind="amount_differs", closed_at=None)
    settling.confirm(settling.propose(item.pk, action, because=WHY, by="staff lena").pk, by="staff leo")


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
