"""/v1/orders: what is bought, to the unit; refused when it does not add up."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.intents.services import lifecycle
from payments.kernel import clock
from payments.kernel.records import StateChange
from payments.orders.documents import OrderObject
from payments.orders.models import Order, OrderLine
from tests import factories
from tests.api.conftest import ABSENT, refused, shaped

MUG = {"sku": "MUG-01", "name": "Blue mug", "quantity": 2, "unit_amount": 750, "tax_amount": 300, "seller": "potter"}
BODY: dict[str, Any] = {"reference": "A-1001", "currency": "EUR", "country": "NL", "lines": [MUG]}
BEYOND = 10**14


def line(**facts: Any) -> dict[str, Any]:
    """The body with one line that differs."""
    return {**BODY, "lines": [MUG | facts]}


def test_an_order_is_opened_and_adds_up(shop: factories.Shop) -> None:
    customer = shop.post("customers", {"reference": "ada"})
    socks = {"sku": "S", "name": "Socks", "quantity": 3, "unit_amount": 500, "discount_amount": 250}
    body = {
        **BODY,
        "customer": customer["id"],
        "lines": [MUG, socks],
        "shipping_amount": 499,
        "discount_amount": 100,
        "amount_total": 3449,
        "metadata": {"channel": "app"},
    }
    made = shop.call("POST", "orders", body)
    assert made.status_code == 201
    order = shaped(OrderObject, made)
    assert (order["status"], order["amount_total"], order["amount_paid"]) == ("open", 3449, 0)
    assert [row["amount_total"] for row in order["lines"]] == [1800, 1250]
    assert [row["seller"] for row in order["lines"]] == ["potter", None]
    assert (order["customer"], order["metadata"]) == (customer["id"], {"channel": "app"})
    assert shaped(OrderObject, shop.call("GET", f"orders/{order['id']}")) == order


def test_an_order_without_decimals(shop: factories.Shop) -> None:
    made = shop.post("orders", {**BODY, "currency": "JPY"})
    assert (made["amount_total"], made["currency"]) == (1800, "JPY")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.fixed_dictionaries(
            {
                "quantity": st.integers(1, 1000),
                "unit_amount": st.integers(0, 10**6),
                "tax_amount": st.integers(0, 10**5),
                "discount_amount": st.integers(0, 10**5),
            }
        ),
        min_size=1,
        max_size=6,
    ),
    shipping=st.integers(0, 10**4),
    discount=st.integers(0, 10**4),
)
def test_a_total_is_always_the_sum_or_a_clear_refusal(
    shop: factories.Shop, lines: list[dict[str, int]], shipping: int, discount: int
) -> None:
    sums = [one["quantity"] * one["unit_amount"] + one["tax_amount"] - one["discount_amount"] for one in lines]
    total = sum(sums) + shipping - discount
    sent = [{"sku": f"s{n}", "name": "x", **one} for n, one in enumerate(lines)]
    body = {**BODY, "reference": f"A-{Order.objects.count()}", "lines": sent}
    answer = shop.call("POST", "orders", {**body, "shipping_amount": shipping, "discount_amount": discount})
    if min(sums) < 0 or total <= 0:
        assert (answer.status_code, answer.json()["code"]) == (422, "order_total_mismatch")
    else:
        assert (answer.status_code, answer.json()["amount_total"]) == (201, total)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "reference"),
        ({**BODY, "colour": "blue"}, "parameter_unknown", "colour"),
        ({**BODY, "status": "paid"}, "parameter_unknown", "status"),
        ({**BODY, "amount_paid": 1999}, "parameter_unknown", "amount_paid"),
        ({**BODY, "reference": 1001}, "parameter_invalid", "reference"),
        ({**BODY, "reference": "4242-4242-4242-4242"}, "card_number_refused", "reference"),
        ({**BODY, "currency": "eur"}, "currency_unknown", "currency"),
        ({**BODY, "currency": "XAU"}, "currency_unknown", "currency"),
        ({**BODY, "currency": "BTC"}, "currency_unknown", "currency"),
        ({**BODY, "currency": 978}, "parameter_invalid", "currency"),
        ({**BODY, "country": "XX"}, "parameter_invalid", "country"),
        ({**BODY, "country": None}, "parameter_invalid", "country"),
        ({**BODY, "customer": "ada"}, "parameter_invalid", "customer"),
        ({**BODY, "customer": "ord_" + ABSENT}, "parameter_invalid", "customer"),
        ({**BODY, "customer": "cus_" + ABSENT}, "customer_unknown", "customer"),
        ({**BODY, "lines": []}, "parameter_invalid", "lines"),
        ({**BODY, "lines": {}}, "parameter_invalid", "lines"),
        ({**BODY, "lines": [MUG] * 501}, "parameter_invalid", "lines"),
        ({**BODY, "lines": [MUG, "mug"]}, "parameter_invalid", "lines[1]"),
        (line(colour="blue"), "parameter_unknown", "lines[0].colour"),
        (line(amount_total=1), "parameter_unknown", "lines[0].amount_total"),
        (line(quantity=0), "parameter_invalid", "lines[0].quantity"),
        (line(quantity=-1), "parameter_invalid", "lines[0].quantity"),
        (line(quantity=1.5), "parameter_invalid", "lines[0].quantity"),
        (line(quantity=100_001), "parameter_invalid", "lines[0].quantity"),
        (line(quantity="2"), "parameter_invalid", "lines[0].quantity"),
        (line(quantity=True), "parameter_invalid", "lines[0].quantity"),
        (line(unit_amount=7.5), "parameter_invalid", "lines[0].unit_amount"),
        (line(unit_amount="7.50"), "parameter_invalid", "lines[0].unit_amount"),
        (line(unit_amount=-1), "parameter_invalid", "lines[0].unit_amount"),
        (line(unit_amount=BEYOND), "parameter_invalid", "lines[0].unit_amount"),
        (line(unit_amount=10**400), "parameter_invalid", "lines[0].unit_amount"),
        (line(tax_amount=0.1), "parameter_invalid", "lines[0].tax_amount"),
        (line(discount_amount=-1), "parameter_invalid", "lines[0].discount_amount"),
        (line(name=""), "parameter_invalid", "lines[0].name"),
        (line(sku="4242424242424242"), "card_number_refused", "lines[0].sku"),
        (line(discount_amount=1801), "order_total_mismatch", "lines[0]"),
        (line(unit_amount=0, tax_amount=0), "order_total_mismatch", "lines"),
        ({**BODY, "discount_amount": 1800}, "order_total_mismatch", "lines"),
        ({**BODY, "discount_amount": 1801}, "order_total_mismatch", "lines"),
        ({**BODY, "amount_total": 1799}, "order_total_mismatch", "amount_total"),
        ({**BODY, "amount_total": 1801}, "order_total_mismatch", "amount_total"),
        ({**BODY, "amount_total": 0}, "parameter_invalid", "amount_total"),
        ({**BODY, "amount_total": 1800.0}, "parameter_invalid", "amount_total"),
        ({**BODY, "shipping_amount": -1}, "parameter_invalid", "shipping_amount"),
        (line(unit_amount=BEYOND - 1), "amount_invalid", "lines"),
        (line(quantity=100_000, unit_amount=BEYOND - 1), "amount_invalid", "lines"),
        ({**BODY, "metadata": {"card": "4000 0025 0000 3155"}}, "card_number_refused", "metadata.card"),
        ({**BODY, "metadata": {"a": None}}, "parameter_invalid", "metadata.a"),
    ],
)
def test_an_order_is_refused(shop: factories.Shop, body: dict[str, Any], code: str, param: str) -> None:
    refused(shop, "POST orders", body, code, param=param)


def test_every_mistake_is_told_at_once(shop: factories.Shop) -> None:
    problem = refused(shop, "POST orders", {"currency": "???", "lines": []}, "parameter_missing", param="reference")
    assert {(one["param"], one["code"]) for one in problem["errors"]} == {
        ("reference", "parameter_missing"),
        ("country", "parameter_missing"),
        ("currency", "currency_unknown"),
        ("lines", "parameter_invalid"),
    }


def test_a_reference_is_taken_once(shop: factories.Shop, stranger: factories.Shop) -> None:
    shop.post("orders", BODY)
    assert refused(shop, "POST orders", BODY, "order_reference_taken", param="reference")["status"] == 409
    assert stranger.post("orders", BODY)["status"] == "open"


def test_a_retried_order_is_the_same_order(shop: factories.Shop) -> None:
    first = shop.call("POST", "orders", BODY, key="k")
    again = shop.call("POST", "orders", BODY, key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    other = refused(shop, "POST orders", {**BODY, "shipping_amount": 1}, "idempotency_key_reused", key="k")
    assert other["status"] == 422
    assert (Order.objects.count(), OrderLine.objects.count()) == (1, 1)


def test_orders_are_listed_by_reference_customer_and_status(shop: factories.Shop) -> None:
    ada = shop.post("customers", {"reference": "ada"})["id"]
    plain, hers = shop.order(), shop.order(customer=ada)
    paid = shop.confirm(shop.intent(shop.order()))["order"]

    def listed(query: str = "") -> list[str]:
        return [row["id"] for row in shop.get(f"orders?{query}")["data"]]

    assert listed() == [paid, hers["id"], plain["id"]]
    assert listed(f"reference={plain['reference']}") == [plain["id"]]
    assert listed(f"customer={ada}") == [hers["id"]]
    assert listed("status=paid") == [paid]
    assert listed("status=open&limit=1") == [hers["id"]]
    assert listed(f"status=open&starting_after={hers['id']}") == [plain["id"]]
    for row in shop.get("orders")["data"]:
        OrderObject.model_validate_json(json.dumps(row))
        assert shop.get(f"orders/{row['id']}") == row


@pytest.mark.parametrize(
    ("query", "param"),
    [("status=lost", "status"), ("customer=ada", "customer"), ("reference=", "reference"), ("limit=0", "limit")],
)
def test_a_list_is_refused(shop: factories.Shop, query: str, param: str) -> None:
    refused(shop, f"GET orders?{query}", None, "parameter_invalid", param=param)


def test_the_metadata_of_an_open_order_changes(shop: factories.Shop) -> None:
    order = shop.order(metadata={"a": "1"})
    changed = shaped(OrderObject, shop.call("PATCH", f"orders/{order['id']}", {"metadata": {"b": "2"}}))
    assert changed == order | {"metadata": {"b": "2"}}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "metadata"),
        ({"metadata": {}, "status": "paid"}, "parameter_unknown", "status"),
        ({"metadata": {"card": "4242424242424242"}}, "card_number_refused", "metadata.card"),
        ({"metadata": "x"}, "parameter_invalid", "metadata"),
    ],
)
def test_a_change_is_refused(shop: factories.Shop, body: dict[str, Any], code: str, param: str) -> None:
    refused(shop, f"PATCH orders/{shop.order()['id']}", body, code, param=param)


def test_a_paid_order_is_neither_changed_nor_canceled(shop: factories.Shop) -> None:
    order = shop.confirm(shop.intent(shop.order()))["order"]
    assert refused(shop, f"PATCH orders/{order}", {"metadata": {}}, "order_not_open")["status"] == 409
    assert refused(shop, f"POST orders/{order}/cancel", {}, "order_not_open")["status"] == 409


def test_an_open_order_is_canceled_and_that_is_the_end(shop: factories.Shop) -> None:
    order = shop.order()
    intent = shop.intent(order)
    canceled = shaped(OrderObject, shop.call("POST", f"orders/{order['id']}/cancel", {}))
    assert canceled == order | {"status": "canceled"}
    change = StateChange.objects.get(object_id=order["id"])
    assert (change.event, change.by) == ("cancel", "api shop")

    refused(shop, f"POST orders/{order['id']}/cancel", {}, "order_not_open")
    refused(shop, "POST payment_intents", {"order": order["id"]}, "order_not_payable", param="order")
    refused(shop, f"POST payment_intents/{intent['id']}/confirm", factories.card(), "order_not_payable")
    factories.assert_books_close()


def test_an_order_of_which_a_payment_lives_is_not_canceled(shop: factories.Shop) -> None:
    order = shop.order()
    shop.confirm(shop.intent(order, capture_method="manual"))
    refused(shop, f"POST orders/{order['id']}/cancel", {}, "order_payment_in_progress")
    assert shop.get(f"orders/{order['id']}")["status"] == "open"


def test_an_order_expires_when_its_time_is_over(shop: factories.Shop) -> None:
    order = shop.order()
    Order.objects.filter(pk=order["id"]).update(expires_at=clock.now())
    lifecycle.expire_due()
    assert shop.get(f"orders/{order['id']}")["status"] == "expired"
    refused(shop, f"POST orders/{order['id']}/cancel", {}, "order_not_open")


@pytest.mark.parametrize("request_", ["GET orders/{}", "PATCH orders/{}", "POST orders/{}/cancel"])
@pytest.mark.parametrize("name", ["ord_" + ABSENT, "cus_" + ABSENT, "A-1001"])
def test_what_is_not_there_is_not_found(shop: factories.Shop, request_: str, name: str) -> None:
    bodies: dict[str, Any] = {"PATCH": {"metadata": {}}, "POST": {}}
    body = bodies.get(request_.partition(" ")[0])
    assert refused(shop, request_.format(name), body, "not_found")["status"] == 404


def test_a_body_where_none_is_wanted(shop: factories.Shop) -> None:
    refused(shop, f"POST orders/{shop.order()['id']}/cancel", {"why": "x"}, "parameter_unknown", param="why")
