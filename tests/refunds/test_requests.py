"""Asking for refunds by the API: by amount, by lines, by order, all that is left; and every refusal."""

from typing import Any

import pytest

from payments.kernel.jobs import Queue
from payments.ledger import selectors as ledger
from payments.webhooks.models import Event
from refunds.models import Refund
from tests import factories

NOBODY = "0" * 32


def refund(shop: factories.Shop, **facts: Any) -> Any:
    """Ask for a refund; the response, whatever it is."""
    return shop.call("POST", "refunds", {"reason": "requested_by_customer", **facts})


def refused(shop: factories.Shop, **facts: Any) -> tuple[int, str, str | None]:
    """Ask for a refund that is refused: status, code, and the parameter that is to blame."""
    problem = refund(shop, **facts).json()
    return problem["status"], problem["code"], problem.get("param") or None


def order_of(shop: factories.Shop, *lines: tuple[int, int], **facts: Any) -> dict[str, Any]:
    """A paid order with lines of (quantity, unit amount)."""
    drafts = [
        {"sku": f"S-{n}", "name": f"Article {n}", "quantity": quantity, "unit_amount": unit}
        for n, (quantity, unit) in enumerate(lines)
    ]
    order = shop.order(lines=drafts, **facts)
    shop.confirm(shop.intent(order))
    return shop.get(f"orders/{order['id']}")


def balance(account: str) -> int:
    """A ledger balance in cents."""
    return int(ledger.balance(account, "USD").amount * 100)


def test_a_part_of_a_payment_goes_back(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.paid(1999)
    asked = shop.post(
        "refunds", {"payment_intent": intent["id"], "amount": 500, "reason": "goodwill", "metadata": {"ticket": "T-1"}}
    )
    assert (asked["status"], asked["amount"], asked["currency"], asked["order"]) == (
        "requested",
        500,
        "USD",
        intent["order"],
    )
    assert (asked["reason"], asked["origin"], asked["metadata"], asked["note"]) == (
        "goodwill",
        "api",
        {"ticket": "T-1"},
        None,
    )

    factories.work(Queue.MONEY)
    found = shop.get(f"refunds/{asked['id']}")
    assert found["status"] == "succeeded"
    assert found["settled_at"]
    assert shop.get(f"payment_intents/{intent['id']}")["amount_refunded"] == 500
    order = shop.get(f"orders/{intent['order']}")
    assert (order["status"], order["amount_refunded"]) == ("partially_refunded", 500)
    assert (balance("psp_receivable/stripe-us"), balance("refunds_in_flight/stripe-us")) == (1499, 0)
    [truth] = [line for line in sim.book() if line["object"] == "refund"]
    assert (truth["amount_refunded"], truth["reference"]["refund"]) == (500, asked["id"])
    factories.assert_books_close()


def test_clients_learn_each_step_in_order(shop: factories.Shop) -> None:
    asked = shop.post("refunds", {"payment_intent": shop.paid()["id"], "reason": "damaged"})
    factories.work(Queue.MONEY)

    told = Event.objects.filter(object_id=asked["id"]).order_by("sequence")
    assert [(event.sequence, event.type, event.data["status"]) for event in told] == [
        (1, "refund.created", "requested"),
        (2, "refund.sent", "sent"),
        (3, "refund.succeeded", "succeeded"),
    ]
    assert told[2].data == {
        **asked,
        "status": "succeeded",
        "acquirer_reference": Refund.objects.get().acquirer_reference,
        "settled_at": told[2].data["settled_at"],
    }


def test_the_rest_is_exact_after_parts(shop: factories.Shop) -> None:
    intent = shop.paid(1999)
    for amount in (700, 333, 1):
        shop.post("refunds", {"payment_intent": intent["id"], "amount": amount, "reason": "goodwill"})
    rest = shop.post("refunds", {"payment_intent": intent["id"], "reason": "goodwill"})
    assert rest["amount"] == 1999 - 700 - 333 - 1

    factories.work(Queue.MONEY)
    assert shop.get(f"orders/{intent['order']}")["status"] == "refunded"
    assert balance("psp_receivable/stripe-us") == 0
    factories.assert_books_close()


def test_a_line_that_goes_back_unit_by_unit_sums_to_its_total(shop: factories.Shop) -> None:
    order = order_of(shop, (3, 333), (2, 500), discount_amount=0, shipping_amount=1)
    shop_lines = order["lines"]
    amounts = []
    for step in range(3):
        asked = shop.post(
            "refunds",
            {
                "order": order["id"],
                "reason": "damaged",
                "confirm_duplicate": True,
                "lines": [{"line": shop_lines[0]["id"], "quantity": 1}],
            },
        )
        amounts.append(asked["amount"])
        assert asked["lines"] == [{"line": shop_lines[0]["id"], "quantity": 1, "amount": asked["amount"]}]
        assert shop.get(f"orders/{order['id']}")["lines"][0]["quantity_refunded"] == step + 1
    assert sum(amounts) == 999

    factories.work(Queue.MONEY)
    assert shop.get(f"orders/{order['id']}")["amount_refunded"] == 999
    factories.assert_books_close()


def test_a_discounted_line_goes_back_in_units_that_sum_to_what_it_cost(shop: factories.Shop) -> None:
    line = {"sku": "S", "name": "Socks", "quantity": 7, "unit_amount": 100, "discount_amount": 51, "tax_amount": 1}
    order = shop.order(lines=[line])
    shop.confirm(shop.intent(order))
    amounts = [
        shop.post(
            "refunds",
            {
                "order": order["id"],
                "reason": "damaged",
                "confirm_duplicate": True,
                "lines": [{"line": order["lines"][0]["id"], "quantity": quantity}],
            },
        )["amount"]
        for quantity in (2, 1, 4)
    ]
    assert sum(amounts) == 650
    assert max(abs(amount - 650 * n / 7) for amount, n in zip(amounts, (2, 1, 4), strict=True)) <= 1


def test_an_order_paid_by_two_payments_goes_back_to_both(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = shop.order(1000)
    first = shop.confirm(shop.intent(order, amount=400))
    second = shop.confirm(shop.intent(order))
    asked = shop.post("refunds", {"order": order["id"], "amount": 700, "reason": "not_delivered"})

    assert (asked["payment_intent"], asked["amount"]) == (second["id"], 600), "the newest capture first"
    [other] = asked["related"]
    sibling = shop.get(f"refunds/{other}")
    assert (sibling["payment_intent"], sibling["amount"], sibling["related"]) == (first["id"], 100, [asked["id"]])
    factories.work(Queue.MONEY)
    assert shop.get(f"orders/{order['id']}")["amount_refunded"] == 700
    assert sorted(line["amount_refunded"] for line in sim.book() if line["object"] == "refund") == [100, 600]

    rest = shop.post("refunds", {"order": order["id"], "reason": "not_delivered"})
    assert (rest["amount"], rest["payment_intent"], rest["related"]) == (300, first["id"], [])
    factories.work(Queue.MONEY)
    assert shop.get(f"orders/{order['id']}")["status"] == "refunded"
    factories.assert_books_close()


def test_a_refund_is_canceled_before_it_is_sent(shop: factories.Shop, sim: factories.Simulator) -> None:
    order = order_of(shop, (2, 500))
    asked = shop.post(
        "refunds",
        {"order": order["id"], "reason": "damaged", "lines": [{"line": order["lines"][0]["id"], "quantity": 2}]},
    )
    canceled = shop.post(f"refunds/{asked['id']}/cancel", {})
    assert canceled["status"] == "canceled"
    assert shop.get(f"orders/{order['id']}")["lines"][0]["quantity_refunded"] == 0

    factories.work(Queue.MONEY)
    assert shop.get(f"refunds/{asked['id']}")["status"] == "canceled"
    assert not [line for line in sim.book() if line["object"] == "refund"]
    again = shop.call("POST", f"refunds/{asked['id']}/cancel", {})
    assert (again.status_code, again.json()["code"]) == (409, "refund_unexpected_state")
    assert shop.post("refunds", {"order": order["id"], "reason": "damaged"})["amount"] == 1000
    factories.assert_books_close()


def test_a_double_click_gives_back_once(shop: factories.Shop) -> None:
    body = {"payment_intent": shop.paid()["id"], "amount": 500, "reason": "goodwill"}
    first = shop.call("POST", "refunds", body, key="click")
    second = shop.call("POST", "refunds", body, key="click")

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second["Idempotent-Replayed"] == "true"
    assert Refund.objects.count() == 1
    assert refused(shop, **body) == (409, "refund_duplicate_suspected", "confirm_duplicate")
    assert refund(shop, **body, confirm_duplicate=True).status_code == 201


def test_each_refusal_in_the_order_of_the_code(shop: factories.Shop) -> None:
    order = order_of(shop, (2, 500), (1, 0))
    intent = shop.get(f"payment_intents?order={order['id']}")["data"][0]
    line, free = (line["id"] for line in order["lines"])
    unpaid = shop.intent()

    assert refused(shop, payment_intent=intent["id"], reason="other") == (422, "refund_note_required", "note")
    assert refused(shop, payment_intent=unpaid["id"]) == (409, "payment_intent_unexpected_state", None)
    assert refused(shop, order=unpaid["order"]) == (409, "payment_intent_unexpected_state", None)
    assert refused(shop, order=order["id"], lines=[{"line": f"line_{NOBODY}", "quantity": 1}]) == (
        422,
        "refund_line_unknown",
        "lines",
    )
    assert refused(shop, order=order["id"], lines=[{"line": line, "quantity": 3}]) == (
        422,
        "refund_line_already_refunded",
        "lines",
    )
    assert refused(shop, order=order["id"], lines=[{"line": free, "quantity": 1}]) == (
        422,
        "refund_nothing_to_refund",
        None,
    )
    assert refused(shop, payment_intent=intent["id"], amount=1001) == (422, "refund_exceeds_refundable", "amount")
    assert refund(shop, payment_intent=intent["id"], amount=1001).json()["refundable"] == 1000
    assert refund(shop, payment_intent=intent["id"], amount=900).status_code == 201
    assert refused(shop, order=order["id"], lines=[{"line": line, "quantity": 1}]) == (
        422,
        "refund_exceeds_refundable",
        "lines",
    )
    assert refund(shop, payment_intent=intent["id"]).status_code == 201
    assert refused(shop, payment_intent=intent["id"]) == (422, "refund_nothing_to_refund", None)
    assert refused(shop, payment_intent=intent["id"], amount=1) == (422, "refund_nothing_to_refund", None)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "payment_intent"),
        ({"payment_intent": f"pi_{NOBODY}", "order": f"ord_{NOBODY}"}, "order"),
        ({"payment_intent": f"pi_{NOBODY}", "amount": 0}, "amount"),
        ({"payment_intent": f"pi_{NOBODY}", "amount": -5}, "amount"),
        ({"payment_intent": f"pi_{NOBODY}", "amount": 5.0}, "amount"),
        (
            {"payment_intent": f"pi_{NOBODY}", "amount": 5, "lines": [{"line": f"line_{NOBODY}", "quantity": 1}]},
            "lines",
        ),
        ({"payment_intent": f"pi_{NOBODY}", "reason": "because"}, "reason"),
        ({"payment_intent": f"pi_{NOBODY}", "lines": []}, "lines"),
        ({"payment_intent": f"pi_{NOBODY}", "lines": [{"line": f"line_{NOBODY}", "quantity": 0}]}, "lines[0].quantity"),
        ({"payment_intent": f"pi_{NOBODY}", "lines": [{"line": f"line_{NOBODY}", "quantity": 1}] * 2}, "lines[1].line"),
        ({"payment_intent": f"ord_{NOBODY}"}, "payment_intent"),
    ],
)
def test_what_cannot_be_meant_is_refused(shop: factories.Shop, body: dict[str, Any], param: str | None) -> None:
    assert refused(shop, **body) == (400, "parameter_invalid", param)


def test_a_key_is_required(shop: factories.Shop) -> None:
    answer = shop.http.post(
        "/v1/refunds",
        {"payment_intent": f"pi_{NOBODY}", "reason": "damaged"},
        content_type="application/json",
        headers={"authorization": f"Bearer {shop.key}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_another_client_sees_and_refunds_nothing(shop: factories.Shop) -> None:
    intent = shop.paid()
    asked = shop.post("refunds", {"payment_intent": intent["id"], "amount": 1, "reason": "goodwill"})
    other = factories.shop("another")

    assert refused(other, payment_intent=intent["id"]) == (404, "not_found", None)
    assert refused(other, order=intent["order"]) == (404, "not_found", None)
    assert other.call("GET", f"refunds/{asked['id']}").status_code == 404
    assert other.call("POST", f"refunds/{asked['id']}/cancel", {}).status_code == 404
    assert other.get("refunds")["data"] == []


def test_lists_are_filtered(shop: factories.Shop) -> None:
    first, second = shop.paid(1000), shop.paid(2000)
    small = shop.post("refunds", {"payment_intent": first["id"], "amount": 1, "reason": "goodwill"})
    factories.work(Queue.MONEY)
    large = shop.post("refunds", {"payment_intent": second["id"], "amount": 2, "reason": "goodwill"})

    assert [row["id"] for row in shop.get("refunds")["data"]] == [large["id"], small["id"]]
    assert [row["id"] for row in shop.get(f"refunds?payment_intent={first['id']}")["data"]] == [small["id"]]
    assert [row["id"] for row in shop.get(f"refunds?order={second['order']}")["data"]] == [large["id"]]
    assert [row["id"] for row in shop.get("refunds?status=succeeded")["data"]] == [small["id"]]
    assert shop.get("refunds?limit=1")["next_cursor"] == large["id"]
