"""Money that nobody counted on any more, while other payments of the same order hold a reservation."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from payments.connectors.base import Outcome, Verdict
from payments.intents import selectors
from payments.intents.models import PaymentAttempt
from payments.intents.services import outcomes
from payments.kernel import unit
from tests import factories


def declined(shop: factories.Shop, order: dict[str, Any]) -> PaymentAttempt:
    """An attempt that was declined, as far as anybody knows."""
    intent = shop.confirm(shop.intent(order), "pm_card_chargeDeclined")
    return PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])


def succeeds_late(attempt: PaymentAttempt, *, captured: bool = True) -> None:
    """The PSP says that it went well after all."""
    reference = attempt.provider_reference
    outcome = Outcome(verdict=Verdict.APPROVED, amount=attempt.amount, captured=captured, provider_reference=reference)
    with unit.work():
        outcomes.apply(selectors.hold_with_attempt(attempt.pk), outcome, by="late news")


def test_an_order_that_was_paid_late_lets_go_of_its_reservation(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = declined(shop, order)
    second = shop.confirm(shop.intent(order, capture_method="manual"))
    succeeds_late(first)
    factories.work()

    assert shop.get(f"payment_intents/{second['id']}")["status"] == "canceled"
    assert shop.get(f"orders/{order['id']}")["amount_paid"] == 1000
    reference = second["latest_attempt"]["provider_reference"]
    assert [line["status"] for line in sim.book() if line["id"] == reference] == ["canceled"]


def test_what_is_reserved_for_a_paid_order_cannot_be_captured(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = declined(shop, order)
    second = shop.confirm(shop.intent(order, capture_method="manual"))
    succeeds_late(first)  # the job that lets go has not run yet

    refused = shop.call("POST", f"payment_intents/{second['id']}/capture", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "order_already_paid")


def test_a_reservation_that_still_fits_stays(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = shop.intent(order, amount=400)
    attempt = shop.confirm(first, "pm_card_chargeDeclined")["latest_attempt"]["id"]
    second = shop.confirm(shop.intent(order, amount=600, capture_method="manual"))
    succeeds_late(PaymentAttempt.objects.get(pk=attempt))
    factories.work()

    assert shop.post(f"payment_intents/{second['id']}/capture", {})["status"] == "succeeded"
    assert shop.get(f"orders/{order['id']}")["status"] == "paid"


def test_a_late_reservation_gives_way_to_the_one_that_is_there(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    intent = shop.confirm(shop.intent(order, capture_method="manual"), "pm_card_chargeDeclined")
    second = shop.confirm(shop.intent(order, capture_method="manual"))
    succeeds_late(PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"]), captured=False)

    assert PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"]).status == "authorized"
    assert shop.get(f"payment_intents/{second['id']}")["status"] == "requires_capture"
    assert shop.post(f"payment_intents/{second['id']}/capture", {})["status"] == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_a_reservation_is_not_made_for_an_order_that_was_paid_while_the_psp_was_asked(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    order = shop.order(1000)
    first = declined(shop, order)
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
        succeeds_late(first)
        paying.result(timeout=20)
    factories.work()

    assert shop.get(f"payment_intents/{second['id']}")["status"] == "canceled"
    assert shop.get(f"orders/{order['id']}")["amount_paid"] == 1000
    assert not factories.broken()
