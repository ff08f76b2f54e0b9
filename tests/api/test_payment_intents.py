"""/v1/payment_intents: of an order or standalone, confirmed, captured, canceled, and refused before money moves."""

import json
from typing import Any

import pytest

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.intents.documents import IntentObject, TimelineObject
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.intents.services import lifecycle
from payments.kernel import clock
from tests import factories
from tests.api.conftest import ABSENT, refused, shaped


def test_an_intent_collects_the_open_amount_of_its_order(shop: factories.Shop) -> None:
    order = shop.order(1999)
    made = shop.call("POST", "payment_intents", {"order": order["id"], "metadata": {"cart": "7"}})
    assert made.status_code == 201
    intent = shaped(IntentObject, made)
    assert (intent["status"], intent["amount"], intent["currency"]) == ("requires_payment_method", 1999, "USD")
    assert (intent["order"], intent["capture_method"], intent["metadata"]) == (order["id"], "automatic", {"cart": "7"})
    assert (intent["latest_attempt"], intent["next_action"], intent["last_payment_error"]) == (None, None, None)
    options = {option["provider_account"]: option for option in intent["client_options"]}
    assert options["stripe-us"]["methods"][:2] == ["card", "apple_pay"]
    assert options["stripe-us"]["public"]["publishable_key"].startswith("pk_")
    assert shaped(IntentObject, shop.call("GET", f"payment_intents/{intent['id']}")) == intent


def test_an_intent_may_collect_a_part_or_stand_alone(shop: factories.Shop) -> None:
    order = shop.order(1999)
    part = shop.confirm(shop.intent(order, amount=500))
    assert (part["status"], part["amount_captured"]) == ("succeeded", 500)
    assert shop.get(f"orders/{order['id']}")["status"] == "partially_paid"
    assert shop.intent(order)["amount"] == 1499, "the rest"

    customer = shop.post("customers", {"reference": "ada"})["id"]
    facts = {"amount": 700, "currency": "EUR", "customer": customer, "description": "A gift card"}
    alone = shaped(IntentObject, shop.call("POST", "payment_intents", facts))
    assert (alone["order"], alone["customer"], alone["description"]) == (None, customer, "A gift card")
    assert shop.confirm(alone)["status"] == "succeeded"
    factories.assert_books_close()


def test_an_intent_is_its_orders_customers(shop: factories.Shop) -> None:
    customer = shop.post("customers", {"reference": "ada"})["id"]
    order = shop.order(customer=customer)
    assert shop.intent(order)["customer"] == customer
    assert shop.intent(order, customer=customer)["customer"] == customer


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "order"),
        ({"amount": 100}, "parameter_missing", "order"),
        ({"currency": "EUR"}, "parameter_missing", "order"),
        ({"amount": 100, "currency": "EUR", "colour": "blue"}, "parameter_unknown", "colour"),
        ({"amount": 100, "currency": "EUR", "status": "succeeded"}, "parameter_unknown", "status"),
        ({"amount": 0, "currency": "EUR"}, "parameter_invalid", "amount"),
        ({"amount": -100, "currency": "EUR"}, "parameter_invalid", "amount"),
        ({"amount": 19.99, "currency": "EUR"}, "parameter_invalid", "amount"),
        ({"amount": 100.0, "currency": "EUR"}, "parameter_invalid", "amount"),
        ({"amount": "100", "currency": "EUR"}, "parameter_invalid", "amount"),
        ({"amount": True, "currency": "EUR"}, "parameter_invalid", "amount"),
        ({"amount": 10**14, "currency": "EUR"}, "parameter_invalid", "amount"),
        ({"amount": 100, "currency": "eur"}, "currency_unknown", "currency"),
        ({"amount": 100, "currency": "EURO"}, "currency_unknown", "currency"),
        ({"amount": 100, "currency": "EUR", "capture_method": "later"}, "parameter_invalid", "capture_method"),
        ({"amount": 100, "currency": "EUR", "customer": "ada"}, "parameter_invalid", "customer"),
        ({"amount": 100, "currency": "EUR", "customer": "cus_" + ABSENT}, "customer_unknown", "customer"),
        ({"order": "A-1001"}, "parameter_invalid", "order"),
        ({"order": "pi_" + ABSENT}, "parameter_invalid", "order"),
        ({"order": "ord_" + ABSENT}, "order_unknown", "order"),
        ({"amount": 1, "currency": "EUR", "description": "4242424242424242"}, "card_number_refused", "description"),
        ({"amount": 1, "currency": "EUR", "metadata": {"c": "378282246310005"}}, "card_number_refused", "metadata.c"),
    ],
)
def test_an_intent_is_refused(shop: factories.Shop, body: dict[str, Any], code: str, param: str | None) -> None:
    refused(shop, "POST payment_intents", body, code, param=param)


def test_an_intent_does_not_exceed_its_order(shop: factories.Shop) -> None:
    order = shop.order(1999)
    body = {"order": order["id"]}
    refused(shop, "POST payment_intents", {**body, "amount": 2000}, "amount_exceeds_order", param="amount")
    refused(shop, "POST payment_intents", {**body, "currency": "EUR"}, "currency_mismatch", param="currency")
    shop.confirm(shop.intent(order))
    refused(shop, "POST payment_intents", body, "order_already_paid", param="order")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "payment_method"),
        ({"payment_method": "pm_card_visa"}, "parameter_invalid", "payment_method"),
        ({"payment_method": {"type": "card"}}, "parameter_missing", "payment_method"),
        ({"payment_method": {"token": "pm_card_visa"}}, "parameter_missing", "payment_method.type"),
        ({"payment_method": {"type": "cash", "token": "x"}}, "parameter_invalid", "payment_method.type"),
        ({"payment_method": {"type": "card", "token": ""}}, "parameter_invalid", "payment_method.token"),
        (
            {"payment_method": {"type": "card", "token": "4242424242424242"}},
            "card_number_refused",
            "payment_method.token",
        ),
        (
            {"payment_method": {"type": "card", "token": "x", "number": "4242424242424242"}},
            "parameter_unknown",
            "payment_method.number",
        ),
        ({**factories.card(), "amount": 1}, "parameter_unknown", "amount"),
        ({**factories.card(), "off_session": "yes"}, "parameter_invalid", "off_session"),
        ({**factories.card(), "return_url": "https://evil.example/"}, "return_url_refused", "return_url"),
        ({**factories.card(), "return_url": "javascript:alert(1)"}, "return_url_refused", "return_url"),
        (
            factories.card(account="stripe-mars"),
            "payment_method_not_available",
            "payment_method.provider_account",
        ),
    ],
)
def test_a_confirmation_is_refused_before_anything_is_asked_of_a_psp(
    shop: factories.Shop, sim: factories.Simulator, body: dict[str, Any], code: str, param: str
) -> None:
    intent = shop.intent()
    refused(shop, f"POST payment_intents/{intent['id']}/confirm", body, code, param=param)
    assert sim.book() == []
    assert shop.get(f"payment_intents/{intent['id']}") == intent
    assert shop.confirm(intent)["status"] == "succeeded"


def test_money_does_not_move_without_an_idempotency_key(shop: factories.Shop) -> None:
    intent = shop.intent()
    for path, body in (("confirm", factories.card()), ("capture", {}), ("cancel", {})):
        answer = shop.http.post(
            f"/v1/payment_intents/{intent['id']}/{path}",
            json.dumps(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {shop.key}"},
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert PaymentAttempt.objects.count() == 0


def test_a_country_and_currency_that_no_account_serves(shop: factories.Shop) -> None:
    ProviderAccount.objects.update(currencies=["USD"])
    accounts.forget()
    try:
        intent = shop.intent(shop.order(100, "EUR"))
        assert intent["client_options"] == []
        body = {"payment_method": {"type": "card", "token": "pm_card_visa"}}
        refused(
            shop,
            f"POST payment_intents/{intent['id']}/confirm",
            body,
            "payment_method_not_available",
            param="payment_method",
        )
    finally:
        accounts.forget()


def test_the_first_answer_to_a_confirmation_comes_again_and_charges_once(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    path = f"payment_intents/{shop.intent()['id']}/confirm"
    first = shop.call("POST", path, factories.card(), key="k")
    assert shaped(IntentObject, first)["status"] == "succeeded"
    again = shop.call("POST", path, factories.card(), key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    refused(shop, f"POST {path}", factories.card("pm_card_mastercard"), "idempotency_key_reused", key="k")
    assert len([line for line in sim.book() if line["object"] == "payment"]) == 1


def test_a_decline_is_an_answer_and_is_kept_under_its_key(shop: factories.Shop, sim: factories.Simulator) -> None:
    path = f"payment_intents/{shop.intent()['id']}/confirm"
    body = factories.card("pm_card_visa_chargeDeclined")
    first = shop.call("POST", path, body, key="k")
    declined = shaped(IntentObject, first)
    assert (first.status_code, declined["status"]) == (200, "requires_payment_method")
    assert declined["last_payment_error"]["code"] == "payment_declined"
    assert declined["latest_attempt"]["status"] == "declined"
    assert shop.call("POST", path, body, key="k").content == first.content
    assert PaymentAttempt.objects.count() == 1


def test_a_challenge_is_an_answer_with_a_next_action(shop: factories.Shop) -> None:
    answer = shop.call(
        "POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card("pm_card_threeDSecure2Required")
    )
    intent = shaped(IntentObject, answer)
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "redirect")
    assert intent["client_options"], "the customer may still pay otherwise"


def test_what_has_ended_is_neither_confirmed_nor_captured_nor_canceled(shop: factories.Shop) -> None:
    paid = shop.confirm(shop.intent())["id"]
    canceled = shop.post(f"payment_intents/{shop.intent()['id']}/cancel", {})["id"]
    expired = shop.intent()["id"]
    PaymentIntent.objects.filter(pk=expired).update(expires_at=clock.now())
    lifecycle.expire_due()
    for intent, status in ((paid, "succeeded"), (canceled, "canceled"), (expired, "expired")):
        assert shop.get(f"payment_intents/{intent}")["status"] == status
        for action, body in (("confirm", factories.card()), ("capture", {}), ("cancel", {})):
            path = f"POST payment_intents/{intent}/{action}"
            assert refused(shop, path, body, "payment_intent_unexpected_state")["status"] == 409
    factories.assert_books_close()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid", "amount"),
        ({"amount": 32.0}, "parameter_invalid", "amount"),
        ({"amount": -1}, "parameter_invalid", "amount"),
        ({"amount": 2000}, "amount_too_large", "amount"),
        ({"final": "yes"}, "parameter_invalid", "final"),
        ({"amount": 5, "final": False}, "multiple_captures_not_supported", "final"),
        ({"currency": "USD"}, "parameter_unknown", "currency"),
    ],
)
def test_a_capture_is_refused(shop: factories.Shop, body: dict[str, Any], code: str, param: str) -> None:
    held = shop.confirm(shop.intent(shop.order(1999), capture_method="manual"))
    refused(shop, f"POST payment_intents/{held['id']}/capture", body, code, param=param)
    assert Capture.objects.count() == 0
    assert shop.get(f"payment_intents/{held['id']}")["amount_capturable"] == 1999


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"reason": "bored"}, "parameter_invalid", "reason"),
        ({"reason": None}, "parameter_invalid", "reason"),
        ({"why": "bored"}, "parameter_unknown", "why"),
    ],
)
def test_a_cancel_is_refused(shop: factories.Shop, body: dict[str, Any], code: str, param: str) -> None:
    held = shop.confirm(shop.intent(shop.order(1999), capture_method="manual"))
    refused(shop, f"POST payment_intents/{held['id']}/cancel", body, code, param=param)
    assert shop.get(f"payment_intents/{held['id']}")["status"] == "requires_capture"


def test_a_reservation_is_released(shop: factories.Shop, sim: factories.Simulator) -> None:
    held = shop.confirm(shop.intent(shop.order(1999), capture_method="manual"))
    answer = shop.call("POST", f"payment_intents/{held['id']}/cancel", {"reason": "duplicate"})
    canceled = shaped(IntentObject, answer)
    assert (canceled["status"], canceled["amount_capturable"]) == ("canceled", 0)
    assert canceled["latest_attempt"]["status"] == "voided"
    assert [line["status"] for line in sim.book() if line["object"] == "payment"] == ["canceled"]
    factories.assert_books_close()


def test_intents_are_listed_by_order_customer_and_status(shop: factories.Shop) -> None:
    ada = shop.post("customers", {"reference": "ada"})["id"]
    order = shop.order(customer=ada)
    first, second = shop.intent(order), shop.intent(order)
    paid = shop.confirm(shop.intent())

    def listed(query: str = "") -> list[str]:
        return [row["id"] for row in shop.get(f"payment_intents?{query}")["data"]]

    assert listed() == [paid["id"], second["id"], first["id"]]
    assert listed(f"order={order['id']}") == listed(f"customer={ada}") == [second["id"], first["id"]]
    assert listed("status=succeeded") == [paid["id"]]
    assert listed(f"starting_after={second['id']}") == [first["id"]]
    assert listed(f"order={order['id']}&ending_before={first['id']}") == [second["id"]]
    for row in shop.get("payment_intents")["data"]:
        IntentObject.model_validate_json(json.dumps(row))
    [row] = shop.get("payment_intents?status=succeeded")["data"]
    assert row == shop.get(f"payment_intents/{paid['id']}")


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("status=lost", "parameter_invalid", "status"),
        ("order=A-1", "parameter_invalid", "order"),
        ("customer=ord_" + ABSENT, "parameter_invalid", "customer"),
        ("amount=1999", "parameter_unknown", "amount"),
    ],
)
def test_a_list_is_refused(shop: factories.Shop, query: str, code: str, param: str) -> None:
    refused(shop, f"GET payment_intents?{query}", None, code, param=param)


def test_the_timeline_tells_the_story_in_order(shop: factories.Shop) -> None:
    intent = shop.confirm(shop.intent())
    told = shaped(TimelineObject, shop.call("GET", f"payment_intents/{intent['id']}/timeline"))["data"]
    assert [row["at"] for row in told] == sorted(row["at"] for row in told)
    kinds = {row["kind"] for row in told}
    assert kinds == {"state", "call", "ledger", "event"}
    assert "requires_payment_method → processing" in {row["title"] for row in told}
    assert intent["latest_attempt"]["id"] in {row["object_id"] for row in told}


def test_what_cannot_be_reached_is_a_503_that_leaves_the_intent_payable(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.create", "error_503_before", times=1)
    answer = shop.call("POST", f"payment_intents/{intent['id']}/confirm", factories.card())
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert answer["Retry-After"]
    found = shop.get(f"payment_intents/{intent['id']}")
    assert (found["status"], found["latest_attempt"]["status"]) == ("requires_payment_method", "failed")
    assert ProviderCall.objects.get().verdict == "unavailable"


@pytest.mark.parametrize(
    "request_", ["GET {}", "POST {}/confirm", "POST {}/capture", "POST {}/cancel", "GET {}/timeline"]
)
@pytest.mark.parametrize("name", ["pi_" + ABSENT, "ord_" + ABSENT, "pi_"])
def test_what_is_not_there_is_not_found(shop: factories.Shop, request_: str, name: str) -> None:
    method, _, path = request_.format(f"payment_intents/{name}").partition(" ")
    body = None if method == "GET" else factories.card() if path.endswith("confirm") else {}
    assert refused(shop, f"{method} {path}", body, "not_found")["status"] == 404
