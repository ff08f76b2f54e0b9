"""Notifications of the PSP, real ones over HTTP: any order, any number, early or late, the same end."""

import itertools

import pytest
from django.db.models import Count

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.intents.services import confirm
from payments.kernel import crashpoints
from payments.orders.models import Order
from payments.webhooks.models import InboundEvent
from payments.webhooks.services import inbound
from refunds.models import Refund
from tests import factories


def notified(type_: str, count: int = 1) -> None:
    """Wait until the PSP has told us."""
    factories.until(lambda: InboundEvent.objects.filter(type=type_).count() >= count)
    factories.work()


def crash(shop: factories.Shop, intent_id: str, point: str) -> None:
    """Let the process die in the middle of a confirmation."""
    method = confirm.Method(type="card", token="pm_card_visa", provider_account="stripe-us")
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        confirm.confirm(intent_id, method, client_id=shop.client.pk, by="test")


def test_a_notification_of_what_we_know_changes_nothing(shop: factories.Shop) -> None:
    paid = shop.paid()
    notified("payment_intent.succeeded")
    assert InboundEvent.objects.get(type="payment_intent.succeeded").state == "processed"
    assert Capture.objects.count() == 1
    assert shop.get(f"payment_intents/{paid['id']}")["status"] == "succeeded"
    factories.assert_books_close()


def test_a_notification_settles_what_a_dead_process_left_open(shop: factories.Shop) -> None:
    intent = shop.intent()
    crash(shop, intent["id"], "confirm.answered")
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "processing"

    notified("payment_intent.succeeded")
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    assert ProviderCall.objects.get().look_at is None
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["webhook_doubled", "webhook_reordered", "webhook_late"])
def test_however_notifications_come_the_end_is_the_same(
    shop: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    sim.scenario("webhook", fault, rate=1, **({"seconds": 1} if fault == "webhook_late" else {}))
    intents = [shop.intent() for _ in range(3)]
    for intent in intents:
        crash(shop, intent["id"], "confirm.answered")
    notified("payment_intent.succeeded", 3)
    assert {shop.get(f"payment_intents/{intent['id']}")["status"] for intent in intents} == {"succeeded"}
    factories.assert_books_close()


def test_money_that_comes_after_the_order_was_canceled_goes_back_by_itself(shop: factories.Shop) -> None:
    order = shop.order()
    intent = shop.intent(order)
    crash(shop, intent["id"], "confirm.answered")
    # nobody can cancel it by the rules while the payment may still take money: an operator did so by hand
    Order.objects.filter(pk=order["id"]).update(status="canceled")

    notified("payment_intent.succeeded")
    factories.work()
    assert Refund.objects.get().status == "succeeded"
    refund = Refund.objects.get()
    assert (refund.reason, refund.amount_minor, refund.origin) == ("duplicate", 1999, "duplicate")
    assert shop.get(f"orders/{order['id']}")["status"] == "canceled"
    factories.assert_books_close()


def test_every_order_of_the_same_notifications_ends_alike(shop: factories.Shop, sim: factories.Simulator) -> None:
    """Requires action, processing, success: the customer's challenge told in all orders."""
    endings = set()
    for order in itertools.permutations(("requires_action", "succeeded", "created")):
        intent = shop.confirm(shop.intent(), "pm_card_threeDSecure2Required")
        reference = intent["latest_attempt"]["provider_reference"]
        sim.challenge(reference, "success")
        mine = InboundEvent.objects.filter(provider_reference=reference)
        factories.until(lambda mine=mine: mine.filter(type="payment_intent.succeeded").exists())  # type: ignore[misc]
        for name in order:
            for row in mine.filter(type=f"payment_intent.{name}"):
                InboundEvent.objects.filter(pk=row.pk).update(state="received")
                inbound.process(row.pk)
        endings.add(PaymentIntent.objects.get(pk=intent["id"]).status)
    assert endings == {"succeeded"}
    by_attempt = PaymentAttempt.objects.annotate(captured=Count("captures")).values_list("captured", flat=True)
    assert set(by_attempt) == {1}
    factories.work()
    factories.assert_books_close()
