"""Money that nobody counted on any more, while other payments of the same order hold a reservation."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from payments.intents.models import PaymentAttempt
from payments.intents.services import lifecycle
from tests import factories

THREE_D_SECURE = "pm_card_threeDSecure2Required"


def left(shop: factories.Shop, order: dict[str, Any], **facts: Any) -> PaymentAttempt:
    """A payment whose customer has left the PSP's page and tried another card in vain."""
    intent = shop.confirm(shop.intent(order, **facts), THREE_D_SECURE)
    shop.confirm(intent, "pm_card_chargeDeclined")
    return PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])


def finish(sim: factories.Simulator, attempt: PaymentAttempt) -> None:
    """The customer finds that page again, and completes it before the attempt is canceled."""
    sim.challenge(attempt.provider_reference, "success")
    lifecycle.complete_action(attempt.pk, by="return of the customer")


def test_an_order_that_was_paid_late_lets_go_of_its_reservation(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = left(shop, order)
    second = shop.confirm(shop.intent(order, capture_method="manual"))
    finish(sim, first)
    factories.work()

    assert shop.get(f"payment_intents/{second['id']}")["status"] == "canceled"
    assert shop.get(f"orders/{order['id']}")["amount_paid"] == 1000
    reference = second["latest_attempt"]["provider_reference"]
    assert [line["status"] for line in sim.book() if line["id"] == reference] == ["canceled"]


def test_what_is_reserved_for_a_paid_order_cannot_be_captured(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = left(shop, order)
    second = shop.confirm(shop.intent(order, capture_method="manual"))
    finish(sim, first)  # the job that lets go has not run yet

    refused = shop.call("POST", f"payment_intents/{second['id']}/capture", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "order_already_paid")


def test_a_reservation_that_still_fits_stays(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = left(shop, order, amount=400)
    second = shop.confirm(shop.intent(order, amount=600, capture_method="manual"))
    finish(sim, first)
    factories.work()

    assert shop.post(f"payment_intents/{second['id']}/capture", {})["status"] == "succeeded"
    assert shop.get(f"orders/{order['id']}")["status"] == "paid"


def test_a_late_reservation_gives_way_to_the_one_that_is_there(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = left(shop, order, capture_method="manual")
    second = shop.confirm(shop.intent(order, capture_method="manual"))
    finish(sim, first)
    factories.work()

    assert PaymentAttempt.objects.get(pk=first.pk).status == "voided"
    assert shop.post(f"payment_intents/{second['id']}/capture", {})["status"] == "succeeded"
    factories.assert_books_close()


@pytest.mark.django_db(transaction=True)
def test_a_reservation_is_not_made_for_an_order_that_was_paid_while_the_psp_was_asked(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    order = shop.order(1000)
    first = left(shop, order)
    second = shop.intent(order, capture_method="manual")
    sim.scenario("payment_intents.confirm", "slow", ms=1500, times=1)

    def pay() -> None:
        try:
            shop.confirm(second)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay)
        factories.until(PaymentAttempt.objects.filter(intent_id=second["id"], status="sent").exists)
        finish(sim, first)
        paying.result(timeout=120)
    factories.work()

    assert shop.get(f"payment_intents/{second['id']}")["status"] == "canceled"
    assert shop.get(f"orders/{order['id']}")["amount_paid"] == 1000
    assert not factories.broken()
