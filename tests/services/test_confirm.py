"""Confirming a payment: what the customer, the order, the ledger and the PSP's own book say afterwards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import confirm, requests
from payments.kernel import attention, crashpoints
from payments.ledger import selectors as ledger
from tests import factories


def settle() -> None:
    """Let every unknown call be looked at until all are settled, as a worker would over some minutes."""
    for _ in range(8):
        ProviderCall.objects.filter(look_at__isnull=False).update(look_at=timezone.now() - timedelta(seconds=1))
        factories.work()


def test_a_card_pays_an_order(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1999, "USD")
    intent = shop.confirm(shop.intent(order))

    assert intent["status"] == "succeeded"
    assert (intent["amount_captured"], intent["latest_attempt"]["status"]) == (1999, "captured")
    assert shop.get(f"orders/{order['id']}")["status"] == "paid"
    assert str(ledger.balance("psp_receivable/stripe-us", "USD").amount) == "19.99"
    [payment] = [line for line in sim.book() if line["object"] == "payment"]
    assert (payment["status"], payment["reference"]["attempt"]) == ("succeeded", intent["latest_attempt"]["id"])
    factories.assert_books_close()


def test_a_declined_card_leaves_the_intent_payable_and_says_why(shop: factories.Shop) -> None:
    intent = shop.confirm(shop.intent(), "pm_card_visa_chargeDeclinedInsufficientFunds")

    assert intent["status"] == "requires_payment_method"
    assert intent["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert intent["client_options"], "the customer can try another card"
    assert shop.confirm(intent)["status"] == "succeeded"
    factories.assert_books_close()


def test_a_customer_completes_3d_secure(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(), "pm_card_threeDSecure2Required", return_url="https://shop.example/done?a=1")
    assert intent["status"] == "requires_action"
    assert intent["next_action"]["type"] == "redirect"

    sim.challenge(intent["latest_attempt"]["provider_reference"], "success")
    attempt = PaymentAttempt.objects.get(pk=intent["latest_attempt"]["id"])
    path = requests.return_url(attempt).partition("/return/")[2]
    back = shop.http.get(f"/return/{path}")
    assert (back.status_code, back["location"]) == (
        303,
        f"https://shop.example/done?a=1&payment_intent={intent['id']}&status=succeeded",
    )
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    factories.assert_books_close()


def test_a_customer_who_left_3d_secure_pays_with_another_card(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.confirm(shop.intent(), "pm_card_threeDSecure2Required")
    paid = shop.confirm(intent, "pm_card_visa")
    factories.work()

    assert paid["status"] == "succeeded"
    statuses = PaymentAttempt.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["voided", "captured"]
    assert sum(line["amount_captured"] for line in sim.book() if line["object"] == "payment") == 1999
    factories.assert_books_close()


@pytest.mark.parametrize("fault", ["reset_after", "error_500_after"])
def test_an_answer_that_is_lost_after_the_effect_is_found_by_evidence(
    shop: factories.Shop, sim: factories.Simulator, fault: str
) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.confirm", fault, times=1)
    answered = shop.confirm(intent)
    assert (answered["status"], answered["latest_attempt"]["status"]) == ("processing", "unknown")

    settle()
    assert shop.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    factories.assert_books_close()


def test_a_request_that_never_arrived_charges_nobody(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.confirm", "reset_before", times=1)
    assert shop.confirm(intent)["status"] == "processing"

    settle()
    found = shop.get(f"payment_intents/{intent['id']}")
    assert (found["status"], found["latest_attempt"]["status"]) == ("requires_payment_method", "failed")
    assert not [line for line in sim.book() if line["object"] == "payment" and line["amount_captured"]]
    assert shop.confirm(intent)["status"] == "succeeded"
    factories.assert_books_close()


def test_a_psp_that_is_down_is_a_503_and_the_same_key_pays_later(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.create", "error_503_before", times=1)
    path = f"payment_intents/{intent['id']}/confirm"
    refused = shop.call("POST", path, factories.card(), key="again")
    assert (refused.status_code, refused.json()["code"]) == (503, "provider_unavailable")

    assert shop.post(path, factories.card(), key="again")["status"] == "succeeded"
    assert PaymentAttempt.objects.filter(status="failed").count() == 1
    factories.assert_books_close()


def test_another_amount_is_never_booked_but_asks_for_a_person(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.confirm", "wrong_amount", times=1)
    answered = shop.confirm(intent)

    assert (answered["status"], answered["latest_attempt"]["status"]) == ("processing", "unknown")
    assert Capture.objects.count() == 0
    item = attention.AttentionItem.objects.get(closed_at=None)
    assert (item.kind, item.object_id) == ("amount_differs", answered["latest_attempt"]["id"])


def test_a_paid_order_cannot_be_paid_again(shop: factories.Shop) -> None:
    order = shop.order()
    first, second = shop.intent(order), shop.intent(order)
    shop.confirm(first)
    refused = shop.call("POST", f"payment_intents/{second['id']}/confirm", factories.card())
    assert (refused.status_code, refused.json()["code"]) == (409, "order_already_paid")


def test_two_tabs_cannot_pay_one_order(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order()
    first, second = shop.intent(order), shop.intent(order)
    sim.scenario("payment_intents.confirm", "reset_after", times=1)
    shop.confirm(first)
    refused = shop.call("POST", f"payment_intents/{second['id']}/confirm", factories.card())
    assert (refused.status_code, refused.json()["code"]) == (409, "order_payment_in_progress")


@pytest.mark.parametrize("point", [point for point in crashpoints.POINTS if point.startswith("confirm.")])
def test_a_crash_at_any_point_of_confirm_ends_right(shop: factories.Shop, sim: factories.Simulator, point: str) -> None:
    order = shop.order()
    intent = shop.intent(order)
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        confirm.confirm(
            intent["id"],
            confirm.Method(type="card", token="pm_card_visa", provider_account="stripe-us"),
            client_id=shop.client.pk,
            by="test",
        )
    settle()

    found = shop.get(f"payment_intents/{intent['id']}")
    charged = sum(line["amount_captured"] for line in sim.book() if line["object"] == "payment")
    booked = ledger.balance("psp_receivable/stripe-us", "USD")
    assert found["status"] == ("succeeded" if charged else "requires_payment_method")
    assert int(booked.amount * 100) == charged == shop.get(f"orders/{order['id']}")["amount_paid"]
    factories.assert_books_close()
