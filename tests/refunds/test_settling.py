"""A refund of which the PSP says another amount: two people accept what it says, or say that nothing went back."""

from typing import Any

import pytest

from payments.kernel.attention import AttentionItem, NotOffered, SecondPersonNeeded
from payments.ledger import selectors as ledger
from refunds.models import Refund
from refunds.services import settling
from tests import factories
from tests.refunds.psp import Psp

MAKER, CHECKER = "staff lena", "staff leo"
WHY = "The PSP's dashboard says so too."


@pytest.fixture
def differs(shop: factories.Shop, sim: factories.Simulator) -> dict[str, Any]:
    """A refund of 10.00 USD of which Stripe says that 7.00 went back."""
    intent = shop.paid(1999)
    sim.scenario("refunds.create", "wrong_amount", times=1, delta=-300)
    refund = shop.post("refunds", {"payment_intent": intent["id"], "amount": 1000, "reason": "damaged"})
    factories.work()
    assert shop.get(f"refunds/{refund['id']}")["status"] == "unknown"
    return {"intent": intent["id"], "order": intent["order"], "refund": refund["id"]}


def settle(action: str) -> None:
    """Two people do it."""
    item = AttentionItem.objects.get(closed_at=None)
    row = settling.propose(item.pk, action, because=WHY, by=MAKER)
    with pytest.raises(SecondPersonNeeded):
        settling.confirm(row.pk, by=MAKER)
    settling.confirm(row.pk, by=CHECKER)


def test_what_went_back_instead_is_accepted(shop: factories.Shop, psp: Psp, differs: dict[str, Any]) -> None:
    settle("accept")
    refund = Refund.objects.get(pk=differs["refund"])
    assert (refund.status, refund.failure_reason) == ("failed", "amount_differs")
    made = Refund.objects.get(origin="outside")
    assert (made.status, made.amount_minor, made.provider_reference != "") == ("succeeded", 700, True)
    intent = shop.get(f"payment_intents/{differs['intent']}")
    assert (intent["amount_refunded"], shop.get(f"orders/{differs['order']}")["status"]) == (700, "partially_refunded")
    assert ledger.trial_balance()["order_clearing", "USD"] == -1299
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_close()
    psp.notify()  # its news are about what it has made
    assert Refund.objects.filter(status="succeeded").count() == 1
    factories.assert_books_close()


def test_what_never_went_back_can_be_given_back_again(shop: factories.Shop, differs: dict[str, Any]) -> None:
    settle("undone")
    assert shop.get(f"refunds/{differs['refund']}")["status"] == "failed"
    assert ledger.trial_balance()["refunds_in_flight/stripe-us", "USD"] == 0
    factories.assert_books_close()
    assert shop.post("refunds", {"payment_intent": differs["intent"], "reason": "damaged"})["amount"] == 1999


def test_another_currency_is_never_booked(shop: factories.Shop, differs: dict[str, Any]) -> None:
    AttentionItem.objects.update(currency="EUR")
    item = AttentionItem.objects.get()
    assert set(settling.offered(item)) == {"undone"}
    with pytest.raises(NotOffered, match="EUR cannot be booked on a payment in USD"):
        settling.propose(item.pk, "accept", because=WHY, by=MAKER)
    for action in ("void", "refund"):
        with pytest.raises(NotOffered):
            settling.propose(item.pk, action, because=WHY, by=MAKER)
