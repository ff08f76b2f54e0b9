"""/v1/customers: who buys, by the client's own reference, and how they are forgotten."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from payments.kernel import clock
from payments.orders.documents import CustomerObject
from payments.orders.models import Customer
from tests import factories
from tests.api.conftest import ABSENT, counts, refused, shaped

ADA: dict[str, Any] = {
    "reference": "shopper-81",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "country": "GB",
    "locale": "en-GB",
    "metadata": {"vip": "yes"},
}


def test_a_customer_is_made_read_changed_and_erased(shop: factories.Shop) -> None:
    made = shop.call("POST", "customers", ADA)
    assert made.status_code == 201
    customer = shaped(CustomerObject, made)
    assert customer | ADA == customer
    assert (customer["object"], customer["erased_at"]) == ("customer", None)
    path = f"customers/{customer['id']}"
    assert shaped(CustomerObject, shop.call("GET", path)) == customer

    changed = shaped(CustomerObject, shop.call("PATCH", path, {"email": "ada@example.org", "name": None}))
    assert changed == customer | {"email": "ada@example.org", "name": None}, "what is absent stays, what is null goes"

    erased = shaped(CustomerObject, shop.call("DELETE", path))
    assert {erased[name] for name in ("email", "name", "country", "locale")} == {None}
    assert (erased["id"], erased["metadata"], erased["reference"]) == (customer["id"], {}, f"erased-{customer['id']}")
    assert erased["erased_at"]


def test_a_change_of_nothing_changes_nothing(shop: factories.Shop) -> None:
    made = shop.post("customers", {"reference": "shopper-81", "name": "Ada"})
    answer = shop.call("PATCH", f"customers/{made['id']}", {})
    assert (answer.status_code, answer.json()) == (200, made)


def test_nothing_but_a_reference_is_needed(shop: factories.Shop) -> None:
    customer = shaped(CustomerObject, shop.call("POST", "customers", {"reference": "x"}))
    assert {customer[name] for name in ("email", "name", "country", "locale")} == {None}


def tables_that_know(text: str) -> list[str]:
    """Every table that has a row with this text in it, plain or as bytes."""
    pattern = f"({re.escape(text)}|{text.encode().hex()})"
    with connection.cursor() as cursor:
        found = []
        for name in counts():
            cursor.execute(f'SELECT EXISTS (SELECT FROM "{name}" t WHERE t::text ~* %s)', [pattern])
            found += [name] if cursor.fetchone()[0] else []
    return found


def test_nothing_personal_stays_after_erasure_and_the_reference_is_free(shop: factories.Shop) -> None:
    customer = shop.post("customers", ADA, key="k")
    for personal in (ADA["email"], ADA["name"]):
        assert tables_that_know(personal) == [], "it is encrypted"
    assert tables_that_know(ADA["reference"]) == ["payments_customer"]
    order = shop.order(customer=customer["id"])
    paid = shop.confirm(shop.intent(order))
    shop.call("DELETE", f"customers/{customer['id']}")

    for personal in (ADA["email"], ADA["name"], ADA["reference"]):
        assert tables_that_know(personal) == []
    assert shop.get(f"orders/{order['id']}")["customer"] == customer["id"], "the books stay"
    assert shop.get(f"payment_intents/{paid['id']}")["customer"] == customer["id"]
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert shop.post("customers", ADA, key="k")["email"] is None, "the old key answers from the record"
    assert shop.post("customers", ADA)["id"] != customer["id"]


def test_an_erased_customer_buys_no_more(shop: factories.Shop) -> None:
    customer = shop.post("customers", ADA)
    shop.call("DELETE", f"customers/{customer['id']}")
    order = {"reference": "B", "currency": "USD", "country": "US", "customer": customer["id"], "lines": [LINE]}
    refused(shop, "POST orders", order, "customer_unknown", param="customer")
    refused(
        shop,
        "POST payment_intents",
        {"amount": 100, "currency": "USD", "customer": customer["id"]},
        "customer_unknown",
        param="customer",
    )


def test_nothing_is_written_about_who_was_erased(shop: factories.Shop) -> None:
    customer = shop.post("customers", ADA)
    shop.call("DELETE", f"customers/{customer['id']}")
    for facts in ({"name": "Ada"}, {"metadata": {"of": "Ada"}}, {"country": "GB"}):
        refused(shop, f"PATCH customers/{customer['id']}", facts, "customer_erased")
    assert shop.get(f"customers/{customer['id']}")["metadata"] == {}


LINE = {"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 100}


def test_customers_are_listed_newest_first_and_found_by_reference(shop: factories.Shop) -> None:
    made = [shop.post("customers", {"reference": f"c{n}"})["id"] for n in range(5)]
    first = shop.get("customers?limit=2")
    assert [row["id"] for row in first["data"]] == made[:2:-1]
    rest = shop.get(f"customers?starting_after={first['next_cursor']}")
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == (made[2::-1], False)
    newer = shop.get(f"customers?ending_before={made[3]}")
    assert [row["id"] for row in newer["data"]] == made[4:]

    [found] = shop.get("customers?reference=c3")["data"]
    assert found["id"] == made[3]
    assert shop.get("customers?reference=nobody")["data"] == []
    for row in first["data"]:
        CustomerObject.model_validate_json(json.dumps(row))


def test_a_list_is_bounded_by_time(shop: factories.Shop) -> None:
    shop.post("customers", ADA)
    before, after = (f"{clock.now() + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (-1, 1))
    assert len(shop.get(f"customers?created[gte]={before}&created[lt]={after}")["data"]) == 1
    assert shop.get(f"customers?created[gte]={after}")["data"] == []


def test_a_page_that_has_not_changed_is_not_sent_again(shop: factories.Shop) -> None:
    path = f"customers/{shop.post('customers', ADA)['id']}"
    first = shop.call("GET", path)
    again = shop.call("GET", path, **{"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    shop.call("PATCH", path, {"name": "Augusta"})
    assert shop.call("GET", path, **{"if-none-match": first["ETag"]}).status_code == 200


def test_the_same_key_makes_one_customer(shop: factories.Shop) -> None:
    first = shop.call("POST", "customers", ADA, key="once")
    again = shop.call("POST", "customers", ADA, key="once")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "reference"),
        ({"reference": None}, "parameter_invalid", "reference"),
        ({"reference": 81}, "parameter_invalid", "reference"),
        ({"reference": ""}, "parameter_invalid", "reference"),
        ({"reference": "x" * 101}, "parameter_invalid", "reference"),
        ({"reference": "a\nb"}, "parameter_invalid", "reference"),
        ({"reference": "4242 4242 4242 4242"}, "card_number_refused", "reference"),
        ({**ADA, "surname": "Lovelace"}, "parameter_unknown", "surname"),
        ({**ADA, "email": "ada"}, "parameter_invalid", "email"),
        ({**ADA, "email": ["ada@example.com"]}, "parameter_invalid", "email"),
        ({**ADA, "email": "a" * 250 + "@example.com"}, "parameter_invalid", "email"),
        ({**ADA, "name": "Ada 4242424242424242"}, "card_number_refused", "name"),
        ({**ADA, "country": "UK"}, "parameter_invalid", "country"),
        ({**ADA, "country": "gb"}, "parameter_invalid", "country"),
        ({**ADA, "metadata": []}, "parameter_invalid", "metadata"),
        ({**ADA, "metadata": {"n": 1}}, "parameter_invalid", "metadata.n"),
        ({**ADA, "metadata": {"card": "5555555555554444"}}, "card_number_refused", "metadata.card"),
        ({**ADA, "metadata": {str(n): "x" for n in range(51)}}, "parameter_invalid", "metadata"),
        ({**ADA, "metadata": {"k" * 41: "x"}}, "parameter_invalid", "metadata." + "k" * 41),
        ({**ADA, "metadata": {"k": "x" * 501}}, "parameter_invalid", "metadata.k"),
    ],
)
def test_a_customer_is_refused(shop: factories.Shop, body: dict[str, Any], code: str, param: str) -> None:
    refused(shop, "POST customers", body, code, param=param)


def test_a_reference_is_taken_once(shop: factories.Shop, stranger: factories.Shop) -> None:
    shop.post("customers", ADA)
    problem = refused(
        shop, "POST customers", {"reference": ADA["reference"]}, "customer_reference_taken", param="reference"
    )
    assert problem["status"] == 409
    assert stranger.post("customers", ADA)["id"], "it is taken in this shop only"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"reference": "other"}, "parameter_unknown", "reference"),
        ({"email": "ada"}, "parameter_invalid", "email"),
        ({"erased_at": None}, "parameter_unknown", "erased_at"),
        ({"metadata": {"card": "4242424242424242"}}, "card_number_refused", "metadata.card"),
    ],
)
def test_a_change_is_refused(shop: factories.Shop, body: dict[str, Any], code: str, param: str) -> None:
    made = shop.post("customers", ADA)
    refused(shop, f"PATCH customers/{made['id']}", body, code, param=param)
    assert shop.get(f"customers/{made['id']}") == made


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("name", ["cus_" + ABSENT, "ord_" + ABSENT, "nobody", "cus_" + "Z" * 32])
def test_who_is_not_there_is_not_found(shop: factories.Shop, method: str, name: str) -> None:
    body = {"name": "Ada"} if method == "PATCH" else None
    assert refused(shop, f"{method} customers/{name}", body, "not_found")["status"] == 404


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("colour=blue", "parameter_unknown", "colour"),
        ("limit=101", "parameter_invalid", "limit"),
        ("reference=", "parameter_invalid", "reference"),
        ("starting_after=ord_" + ABSENT, "parameter_invalid", "starting_after"),
        ("created[gte]=today", "parameter_invalid", "created[gte]"),
    ],
)
def test_a_list_is_refused(shop: factories.Shop, query: str, code: str, param: str) -> None:
    refused(shop, f"GET customers?{query}", None, code, param=param)
