"""Who may: every operation × no key, an expired one, a wrong scope, a publishable one, and another client's object."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from payments.kernel import clock
from payments.rest import keys
from payments.rest.models import ApiKey, KeyKind
from payments.webhooks.models import Endpoint, Event
from refunds.models import Dispute
from tests import factories
from tests.api.conftest import ABSENT, ROUTES, Route, counts, refused, with_key
from tests.refunds.quarrel import Quarrel


def saved(shop: factories.Shop) -> dict[str, Any]:
    """A card that a customer can pay with again."""
    customer = shop.post("customers", {"reference": "grace"})["id"]
    shop.confirm(shop.intent(shop.order(customer=customer), setup_future_usage="off_session"))
    return dict(shop.get(f"customers/{customer}/payment_methods")["data"][0])


def disputed(shop: factories.Shop) -> Dispute:
    """A payment that a bank disputes."""
    quarrel = Quarrel(shop, f"dp_of_{shop.client.pk}_{uuid.uuid4().hex[:8]}")
    return quarrel.tell(quarrel.news(0, taken=2000))


OBJECTS: dict[str, Callable[[factories.Shop], str]] = {
    "customers/{}": lambda shop: str(shop.post("customers", {"reference": "ada"})["id"]),
    "orders/{}": lambda shop: str(shop.order()["id"]),
    "payment_methods/{}": lambda shop: str(saved(shop)["id"]),
    "payment_intents/{}": lambda shop: str(shop.intent()["id"]),
    "refunds/{}": lambda shop: str(
        shop.post("refunds", {"payment_intent": shop.paid()["id"], "reason": "goodwill"})["id"]
    ),
    "disputes/{}": lambda shop: str(disputed(shop).pk),
    "reports/{}": lambda shop: str(
        shop.post(
            "reports",
            {
                "report": "payments",
                "parameters": {"interval_start": "2026-01-01T00:00:00Z", "interval_end": "2026-01-02T00:00:00Z"},
            },
        )["id"]
    ),
    "webhook_endpoints/{}": lambda shop: (
        Endpoint.objects.create(client=shop.client, url="https://shop.example/hooks", event_types=["*"]).pk
    ),
    "events/{}": lambda shop: Event.objects.filter(client=shop.client, object_id=shop.order()["id"]).first().pk,  # type: ignore[union-attr]
}
"""How a client comes to an object of each kind: a route to a new kind of object needs a row here."""

ADDRESSED = [route for route in ROUTES if "{}" in route.path]
LISTS = [route for route in ROUTES if route.operation.paged and "{}" not in route.path]
names = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)


def kind(route: Route) -> str:
    """`orders/{}/cancel` -> `orders/{}`."""
    return route.path[: route.path.index("{}") + 2]


def body_of(route: Route) -> dict[str, Any] | None:
    """A body that the operation takes; GETs and the like send none."""
    return None if route.operation.body is None else dict(route.operation.example_body or {})


def test_every_kind_of_object_has_its_row() -> None:
    assert {kind(route) for route in ADDRESSED} == set(OBJECTS)
    assert len(ROUTES) > 25
    listed = {path.removesuffix("/{}") for path in OBJECTS} - {"payment_methods"}  # a customer's, listed there
    assert {route.path for route in LISTS} >= listed


@pytest.mark.parametrize("route", ADDRESSED, ids=lambda route: route.name)
def test_anothers_object_is_not_found_and_not_touched(
    shop: factories.Shop, stranger: factories.Shop, route: Route
) -> None:
    mine = OBJECTS[kind(route)](shop)
    seen = shop.call("GET", kind(route).format(mine)).content
    assert refused(stranger, f"{route.method} {route.at(mine)}", body_of(route), "not_found")["status"] == 404
    assert shop.call("GET", kind(route).format(mine)).content == seen


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.name)
def test_a_list_shows_ones_own_only(shop: factories.Shop, stranger: factories.Shop, route: Route) -> None:
    mine, theirs = (OBJECTS[f"{route.path}/{{}}"](who) for who in (shop, stranger))
    mine_listed, theirs_listed = ({row["id"] for row in who.get(route.path)["data"]} for who in (shop, stranger))
    assert mine in mine_listed
    assert theirs in theirs_listed
    assert not mine_listed & theirs_listed
    beyond = stranger.get(f"{route.path}?ending_before={mine}")["data"]
    assert mine not in {row["id"] for row in beyond}, "another's id is a place in time and no door"


def test_nobody_builds_on_what_is_anothers(shop: factories.Shop, stranger: factories.Shop) -> None:
    order, customer, paid = shop.order(), shop.post("customers", {"reference": "ada"}), shop.paid()
    line = {"line": order["lines"][0]["id"], "quantity": 1}
    new = {"reference": "B", "currency": "USD", "country": "US", "lines": [LINE], "customer": customer["id"]}
    refused(stranger, "POST orders", new, "customer_unknown", param="customer")
    refused(stranger, "POST payment_intents", {"order": order["id"]}, "order_unknown", param="order")
    alone = {"amount": 100, "currency": "USD", "customer": customer["id"]}
    refused(stranger, "POST payment_intents", alone, "customer_unknown", param="customer")
    for body in ({"payment_intent": paid["id"]}, {"order": paid["order"]}, {"order": order["id"], "lines": [line]}):
        answer = stranger.call("POST", "refunds", {**body, "reason": "goodwill"})
        assert answer.status_code in (404, 422), answer.content
    assert shop.get(f"payment_intents/{paid['id']}")["amount_refunded"] == 0
    for path in ("orders?customer=" + customer["id"], "payment_intents?order=" + order["id"]):
        assert stranger.get(path)["data"] == []


LINE = {"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 100}


@names
def test_an_operation_is_shut_without_its_key(shop: factories.Shop, route: Route) -> None:
    """None, a wrong one, an expired one, one without the scope, and a publishable one unless it is declared."""
    path = route.at(*["x_" + ABSENT] * route.path.count("{}"))
    before = counts()

    def ask(caller: factories.Shop, **headers: str) -> tuple[int, str]:
        answer = caller.call(route.method, path, body_of(route), **headers)
        return answer.status_code, str(answer.json().get("code"))

    assert ask(shop, authorization="") == (401, "api_key_missing")
    assert ask(shop, authorization="Bearer sk_aaaaaaaa_" + "A" * 32) == (401, "api_key_invalid")
    assert counts() == before

    narrow = with_key(scopes=tuple(scope for scope in keys.SCOPES if scope != route.operation.scope))
    assert ask(narrow) == (403, "scope_missing")
    only = with_key(scopes=(route.operation.scope,))
    assert ask(only)[0] not in (401, 403), "the scope that it names is enough"
    if not route.operation.publishable:
        assert ask(with_key(kind=KeyKind.PUBLISHABLE, scopes=())) == (403, "secret_key_required")
    ApiKey.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    with clock.at(clock.now() + timedelta(seconds=6)):  # a process believes what it read for five seconds
        assert ask(narrow) == (401, "api_key_expired")
