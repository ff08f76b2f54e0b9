"""Why money does not go back: in words that say what to do instead."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from payments.intents import selectors as intent_selectors
from payments.intents.models import Capture, PaymentIntent
from payments.kernel import clock, money, unit
from payments.methods import catalogue
from refunds import selectors
from refunds.models import Refund
from refunds.services import moves
from tests import factories
from tests.refunds.people import ask
from tests.refunds.test_requests import order_of, refund, refused


def dispute(intent: dict[str, Any], minor: int) -> None:
    """What a dispute does to the payment's numbers."""
    with unit.work():
        moves.shift(intent_selectors.hold(intent["id"]).intent, disputed=minor)


def test_what_is_in_dispute_does_not_go_back_a_second_time(shop: factories.Shop) -> None:
    intent = shop.paid(2000)
    dispute(intent, 1500)
    problem = refund(shop, payment_intent=intent["id"], amount=501).json()
    assert (problem["status"], problem["code"], problem["refundable"]) == (409, "payment_disputed", 500)
    assert problem["detail"] == (
        "15.00 USD are in dispute, or were lost to one: the customer's bank decides about that money, and a refund"
        " would give it back twice. 5.00 USD can be refunded."
    )
    assert refused(shop, payment_intent=intent["id"], amount=2001) == (422, "refund_exceeds_refundable", "amount")
    assert shop.post("refunds", {"payment_intent": intent["id"], "reason": "goodwill"})["amount"] == 500
    assert refused(shop, payment_intent=intent["id"]) == (409, "payment_disputed", "amount")
    assert shop.get(f"payment_intents/{intent['id']}")["amount_disputed"] == 1500

    dispute(intent, -1500)
    assert shop.post("refunds", {"payment_intent": intent["id"], "reason": "goodwill"})["amount"] == 1500
    factories.work()
    assert selectors.refundable(PaymentIntent.objects.get(pk=intent["id"])) == money.zero("USD")


def test_lines_of_a_disputed_payment_are_refused_alike(shop: factories.Shop) -> None:
    order = order_of(shop, (2, 500))
    intent = shop.get(f"payment_intents?order={order['id']}")["data"][0]
    dispute(intent, 600)
    line = {"line": order["lines"][0]["id"], "quantity": 1}
    assert refused(shop, order=order["id"], lines=[line]) == (409, "payment_disputed", "lines")


def test_a_method_whose_time_is_over_says_until_when_and_what_instead(
    shop: factories.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paid with a card; as if cards had a window."""
    intent = shop.paid(2000)
    narrow = dataclasses.replace(catalogue.METHODS["card"], refund_window_days=180)
    monkeypatch.setattr(catalogue, "METHODS", {**catalogue.METHODS, "card": narrow})
    captured_at = Capture.objects.get().captured_at
    assert captured_at is not None
    with clock.at(captured_at + timedelta(days=180)):
        assert ask(intent, 1).status == "held"
    with clock.at(captured_at + timedelta(days=180, seconds=1)):
        problem = refund(shop, payment_intent=intent["id"]).json()
    assert (problem["status"], problem["code"], problem["param"]) == (422, "refund_window_over", "payment_intent")
    end = captured_at + timedelta(days=180)
    assert problem["detail"] == (
        f"card gives money back until {end:%Y-%m-%d}, for this payment. Finance can give it back by bank transfer."
    )


def test_lines_and_the_rest_are_checked_for_what_the_provider_can_say(shop: factories.Shop) -> None:
    """Stripe takes dinars in steps of ten fils: an amount that follows from lines is held to that as well."""
    line = {"sku": "S", "name": "Socks", "quantity": 3, "unit_amount": 3340, "discount_amount": 20}
    order = shop.order(lines=[line], currency="KWD")
    shop.confirm(shop.intent(order))
    one = {"line": order["lines"][0]["id"], "quantity": 1}
    assert refund(shop, order=order["id"], lines=[one]).json()["detail"] == "KWD amounts must end in 0 here."
    assert refused(shop, order=order["id"], lines=[one]) == (422, "refund_amount_not_supported", "lines")
    assert refused(shop, order=order["id"], amount=3333) == (422, "refund_amount_not_supported", "amount")
    assert not Refund.objects.exists()
    assert refund(shop, order=order["id"], amount=3330).status_code == 201
    assert refund(shop, order=order["id"]).json()["amount"] == 6670
    factories.work()
    factories.assert_books_close()
