"""Refunds and the PSP's own notifications over HTTP, whatever happens to them on the way."""

import pytest

from payments.webhooks.models import InboundEvent
from refunds.models import Refund
from tests import factories
from tests.refunds.psp import Psp

pytestmark = pytest.mark.django_db(transaction=True)


def settled(refund: Refund, status: str) -> None:
    """Work until a refund has come to this."""

    def look() -> bool:
        factories.work()
        refund.refresh_from_db()
        return refund.status == status

    factories.until(look)


@pytest.mark.parametrize("fault", [None, "webhook_doubled", "webhook_reordered", "webhook_forged"])
def test_a_bounce_is_learned_from_the_psp(
    notifications: None, shop: factories.Shop, sim: factories.Simulator, fault: str | None
) -> None:
    if fault is not None:
        sim.scenario("webhook", fault)
    intent = shop.paid(1999)
    sim.scenario("refunds.create", "bounced_refund", seconds=1, times=1)
    asked = shop.post("refunds", {"payment_intent": intent["id"], "reason": "damaged"})
    settled(Refund.objects.get(pk=asked["id"]), "bounced")

    told = InboundEvent.objects.filter(provider_reference=intent["latest_attempt"]["provider_reference"])
    factories.until(told.filter(type="refund.created").exists)
    factories.work()
    assert shop.get(f"refunds/{asked['id']}")["status"] == "bounced"
    assert shop.get(f"orders/{intent['order']}")["status"] == "paid"
    assert set(told.values_list("state", flat=True)) == {"processed"}
    factories.assert_books_close()


def test_a_refund_made_in_the_dashboard_appears(notifications: None, shop: factories.Shop, psp: Psp) -> None:
    intent = shop.paid(1999)
    psp.refund(intent["latest_attempt"]["provider_reference"], 700)
    factories.until(InboundEvent.objects.filter(type="refund.created").exists)
    factories.work()

    [found] = shop.get(f"refunds?order={intent['order']}")["data"]
    assert (found["origin"], found["status"], found["amount"]) == ("outside", "succeeded", 700)
    factories.work()
    factories.assert_books_close()
