"""Twenty at once: whoever asks, and however often, an order is paid once, captured once, and ends in one state."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from payments.intents.models import Capture, PaymentAttempt
from payments.ledger import services as ledger
from tests import factories
from tests.api.conftest import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    """A client of the API whose commits are real."""
    ledger.forget_accounts()
    yield factories.shop()
    ledger.forget_accounts()


def ask(shop: factories.Shop, path: str, body: dict[str, Any], key: str) -> Any:
    """One request of a client of its own."""
    return factories.Shop(shop.client, shop.key, Client()).call("POST", path, body, key=key)


def told(answers: list[Any]) -> Counter[str]:
    """How often each answer was given: the status of an object, or the code of a problem."""
    return Counter(str(answer.json().get("code", answer.json()["status"])) for answer in answers)


def charges(sim: factories.Simulator) -> list[int]:
    """What the PSP has taken, payment by payment."""
    return [line["amount_captured"] for line in sim.book() if line["object"] == "payment" and line["amount_captured"]]


def test_the_same_key_twenty_times_is_one_payment(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.intent()
    path = f"payment_intents/{intent['id']}/confirm"
    answers = at_once(20, lambda _: ask(shop, path, factories.card(), "k"))

    assert set(told(answers)) <= {"succeeded", "idempotency_key_in_use"}
    assert told(answers)["succeeded"] >= 1
    bodies = {answer.content for answer in answers if answer.status_code == 200}
    assert bodies == {shop.call("POST", path, factories.card(), key="k").content}
    assert charges(sim) == [1999]
    assert len([line for line in sim.book() if line["object"] == "payment"]) == 1
    assert PaymentAttempt.objects.count() == 1
    factories.assert_books_close()


def test_two_intents_of_one_order_and_twenty_keys_are_one_charge(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    order = shop.order()
    intents = [shop.intent(order)["id"] for _ in range(2)]
    answers = at_once(20, lambda n: ask(shop, f"payment_intents/{intents[n % 2]}/confirm", factories.card(), f"k{n}"))

    assert told(answers)["succeeded"] == 1
    refusals = {"order_payment_in_progress", "order_already_paid", "payment_intent_unexpected_state"}
    assert set(told(answers)) - {"succeeded"} <= refusals
    assert charges(sim) == [1999]
    assert PaymentAttempt.objects.count() == 1
    assert shop.get(f"orders/{order['id']}")["status"] == "paid"
    factories.assert_books_close()


def test_parts_that_fit_are_all_paid_and_no_unit_more(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    intents = [shop.intent(order, amount=300)["id"] for _ in range(8)]
    answers = at_once(8, lambda n: ask(shop, f"payment_intents/{intents[n]}/confirm", factories.card(), f"k{n}"))

    assert told(answers)["succeeded"] == 3
    assert charges(sim) == [300, 300, 300]
    assert shop.get(f"orders/{order['id']}")["amount_paid"] == 900
    factories.assert_books_close()


def test_a_reservation_is_captured_once(shop: factories.Shop, sim: factories.Simulator) -> None:
    held = shop.confirm(shop.intent(capture_method="manual"))["id"]
    answers = at_once(12, lambda n: ask(shop, f"payment_intents/{held}/capture", {}, f"k{n}"))

    assert told(answers)["succeeded"] == 1
    assert set(told(answers)) <= {"succeeded", "capture_in_progress", "payment_intent_unexpected_state"}
    assert charges(sim) == [1999]
    assert Capture.objects.count() == 1
    factories.assert_books_close()


@pytest.mark.parametrize("_again", range(3))
def test_of_capture_and_cancel_one_wins_and_the_books_say_which(
    shop: factories.Shop, sim: factories.Simulator, _again: int
) -> None:
    held = shop.confirm(shop.intent(capture_method="manual"))["id"]
    at_once(6, lambda n: ask(shop, f"payment_intents/{held}/{('capture', 'cancel')[n % 2]}", {}, f"k{n}"))
    factories.work()

    ended = shop.get(f"payment_intents/{held}")
    assert (ended["status"], charges(sim)) in [("succeeded", [1999]), ("canceled", [])]
    factories.assert_books_close()
    factories.assert_books_agree(sim)


def test_twenty_customers_of_one_reference_are_one(shop: factories.Shop) -> None:
    answers = at_once(20, lambda n: ask(shop, "customers", {"reference": "ada"}, f"k{n}"))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {201: 1, 409: 19}


def test_twenty_who_open_one_order_with_one_key_get_one_answer(shop: factories.Shop) -> None:
    line = {"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 100}
    body = {"reference": "A-1", "currency": "USD", "country": "US", "lines": [line]}
    answers = at_once(20, lambda _: ask(shop, "orders", body, "k"))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
