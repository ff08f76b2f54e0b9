"""/v1/webhook_endpoints and /v1/events, as a client's program uses them."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from payments.kernel import unit
from payments.rest import keys
from payments.rest.models import ApiClient, IdempotencyKey, KeyKind
from payments.webhooks.models import Endpoint, Event
from payments.webhooks.services import outbox
from tests import factories
from tests.webhooks.conftest import deliver_all
from tests.webhooks.receiver import Answer, Receiver

pytestmark = pytest.mark.django_db(transaction=True)

NEW = {"url": "https://shop.example/hooks", "event_types": ["order.*", "refund.sent"], "description": "Backend"}


def client(name: str) -> factories.Shop:
    """A client with a key that may do everything."""
    key = keys.create_for(name, kind=KeyKind.SECRET, scopes=keys.SCOPES)
    return factories.Shop(ApiClient.objects.get(name=name), key, Client())


@pytest.fixture
def shop(transactional_db: None) -> factories.Shop:
    return client("shop")


@pytest.fixture
def stranger(transactional_db: None) -> factories.Shop:
    return client("another shop")


def happen(shop: factories.Shop, object_id: str, *types: str) -> None:
    """Let events of one object happen."""
    for sequence, type_ in enumerate(types, 1):
        with unit.work():
            outbox.emit(object_id, shop.client.pk, type_, {"id": object_id}, sequence)


def test_an_endpoint_is_made_and_its_secret_shown_once(shop: factories.Shop) -> None:
    answer = shop.call("POST", "webhook_endpoints", NEW)
    assert answer.status_code == 201
    made = answer.json()
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44  # 32 bytes in base64
    row = Endpoint.objects.get()
    assert made == {
        "id": row.pk,
        "object": "webhook_endpoint",
        "url": "https://shop.example/hooks",
        "description": "Backend",
        "event_types": ["order.*", "refund.sent"],
        "enabled": True,
        "disabled_reason": None,
        "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert shop.get(f"webhook_endpoints/{row.pk}") == made
    assert shop.get("webhook_endpoints") == {"data": [made], "has_more": False, "next_cursor": None}


def test_the_same_key_makes_one_endpoint_and_does_not_repeat_its_secret(shop: factories.Shop) -> None:
    first = shop.call("POST", "webhook_endpoints", NEW, key="once").json()
    again = shop.call("POST", "webhook_endpoints", NEW, key="once")
    assert again["Idempotent-Replayed"] == "true"
    assert first.pop("secret") == Endpoint.objects.get().secret
    assert (again.status_code, again.json()) == (201, first)
    assert b"whsec_" not in bytes(IdempotencyKey.objects.get().body or b"")


def test_the_newest_endpoint_is_listed_first(shop: factories.Shop) -> None:
    first, second = shop.post("webhook_endpoints", NEW), shop.post("webhook_endpoints", NEW)
    assert [row["id"] for row in shop.get("webhook_endpoints")["data"]] == [second["id"], first["id"]]


def test_an_endpoint_is_changed(shop: factories.Shop) -> None:
    made = shop.post("webhook_endpoints", NEW)
    changes = {"url": "https://shop.example/new", "enabled": False}
    changed = shop.call("PATCH", f"webhook_endpoints/{made['id']}", changes)
    assert changed.status_code == 200
    assert (changed.json()["url"], changed.json()["enabled"]) == ("https://shop.example/new", False)
    assert changed.json()["event_types"] == NEW["event_types"]
    assert "secret" not in changed.json()


def test_what_is_not_given_stays_and_a_description_can_be_taken_away(shop: factories.Shop) -> None:
    path = f"webhook_endpoints/{shop.post('webhook_endpoints', NEW)['id']}"
    unchanged = shop.call("PATCH", path, {})
    assert (unchanged.status_code, unchanged.json()) == (200, shop.get(path))
    for nothing in (None, ""):
        assert shop.call("PATCH", path, {"description": "Shop"}).json()["description"] == "Shop"
        assert shop.call("PATCH", path, {"description": nothing}).json()["description"] is None
    assert shop.get(path)["url"] == NEW["url"]


@pytest.mark.parametrize("name", ["url", "event_types", "enabled"])
def test_what_an_endpoint_needs_is_not_taken_away(shop: factories.Shop, name: str) -> None:
    path = f"webhook_endpoints/{shop.post('webhook_endpoints', NEW)['id']}"
    answer = shop.call("PATCH", path, {name: None})
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "parameter_invalid", name)


def test_events_are_listed_by_type_or_by_a_prefix(shop: factories.Shop) -> None:
    happen(shop, "ord_1", "order.created", "order.paid")
    happen(shop, "pi_1", "payment_intent.succeeded")

    def types(pattern: str) -> list[str]:
        return sorted(event["type"] for event in shop.get(f"events?type={pattern}")["data"])

    assert types("order.paid") == ["order.paid"]
    assert types("order.*") == ["order.created", "order.paid"]
    assert len(types("*")) == 3
    for unknown in ("order.shipped", "orders.*", "order", ""):
        answer = shop.call("GET", f"events?type={unknown}")
        assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "parameter_invalid", "type")


def test_an_endpoint_is_deleted(shop: factories.Shop, receiver: Receiver) -> None:
    made = shop.post("webhook_endpoints", {**NEW, "url": receiver.url})
    happen(shop, "ord_1", "order.paid")
    outbox.plan_deliveries()
    assert shop.call("DELETE", f"webhook_endpoints/{made['id']}").status_code == 204
    assert shop.call("GET", f"webhook_endpoints/{made['id']}").status_code == 404
    assert shop.call("DELETE", f"webhook_endpoints/{made['id']}").status_code == 404
    assert shop.get("webhook_endpoints")["data"] == []
    deliver_all()
    assert receiver.received == []


def test_deliveries_are_listed_with_what_was_answered(shop: factories.Shop, receiver: Receiver) -> None:
    answers = {"order.created": Answer(200, b"ok"), "order.paid": Answer(500, b"no")}
    receiver.answer = lambda request: answers[request.event["type"]]
    made = shop.post("webhook_endpoints", {**NEW, "url": receiver.url, "event_types": ["*"]})
    happen(shop, "ord_1", "order.created", "order.paid")
    deliver_all()
    failing, fine = shop.get(f"webhook_endpoints/{made['id']}/deliveries")["data"]
    assert (fine["state"], fine["attempts"], fine["last_status"], fine["response"]) == ("succeeded", 1, 200, "ok")
    assert (failing["state"], failing["attempts"], failing["last_status"]) == ("pending", 1, 500)
    assert failing["response"] == "no"
    assert failing["next_attempt_at"] > failing["created_at"]
    assert (failing["object_id"], failing["sequence"]) == ("ord_1", 2)
    assert failing["event"] == Event.objects.get(sequence=2).pk
    only = shop.get(f"webhook_endpoints/{made['id']}/deliveries?state=succeeded")
    assert [row["id"] for row in only["data"]] == [fine["id"]]


def test_events_are_listed_by_type_and_object(shop: factories.Shop) -> None:
    happen(shop, "ord_1", "order.created", "order.paid")
    happen(shop, "ord_2", "order.created")
    everything = shop.get("events")["data"]
    assert [(row["object_id"], row["sequence"]) for row in everything] == [("ord_2", 1), ("ord_1", 2), ("ord_1", 1)]
    assert [row["object_id"] for row in shop.get("events?type=order.created")["data"]] == ["ord_2", "ord_1"]
    assert [row["sequence"] for row in shop.get("events?object_id=ord_1")["data"]] == [2, 1]
    page = shop.get("events?limit=2")
    assert page["has_more"]
    assert shop.get(f"events?limit=2&starting_after={page['next_cursor']}")["data"] == everything[2:]
    assert shop.get(f"events/{everything[1]['id']}") == everything[1]


def test_an_event_looks_the_same_everywhere(shop: factories.Shop, receiver: Receiver) -> None:
    shop.post("webhook_endpoints", {**NEW, "url": receiver.url})
    happen(shop, "ord_1", "order.paid")
    deliver_all()
    (delivered,) = receiver.received
    assert shop.get(f"events/{delivered.event['id']}") == delivered.event


def test_another_clients_objects_do_not_exist(
    shop: factories.Shop, stranger: factories.Shop, receiver: Receiver
) -> None:
    made = shop.post("webhook_endpoints", {**NEW, "url": receiver.url})
    happen(shop, "ord_1", "order.paid")
    event = Event.objects.get()
    for method, path in [
        ("GET", f"webhook_endpoints/{made['id']}"),
        ("PATCH", f"webhook_endpoints/{made['id']}"),
        ("DELETE", f"webhook_endpoints/{made['id']}"),
        ("GET", f"webhook_endpoints/{made['id']}/deliveries"),
        ("GET", f"events/{event.pk}"),
    ]:
        answer = stranger.call(method, path, {} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert stranger.get("webhook_endpoints")["data"] == []
    assert stranger.get("events")["data"] == []
    assert shop.get(f"webhook_endpoints/{made['id']}")["enabled"]


@pytest.mark.parametrize(
    "path",
    [
        "webhook_endpoints/we_1",
        "webhook_endpoints/evt_" + "0" * 32,
        "events/nonsense",
        "webhook_endpoints/x/deliveries",
    ],
)
def test_an_id_of_nothing_is_not_found(shop: factories.Shop, path: str) -> None:
    assert shop.call("GET", path).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://user:word@shop.example/",
        "nonsense",
        "https://[64:ff9b::a00:1]/",
    ],
)
def test_an_address_that_is_never_called_is_refused(shop: factories.Shop, settings: Settings, url: str) -> None:
    settings.WEBHOOK_TARGETS_ON_LOOPBACK = False
    made = shop.post("webhook_endpoints", NEW)
    for method, path in [("POST", "webhook_endpoints"), ("PATCH", f"webhook_endpoints/{made['id']}")]:
        answer = shop.call(method, path, {**NEW, "url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "webhook_url_refused")
        assert answer.json()["param"] == "url"
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    "types",
    [
        [],
        ["order"],
        ["*.paid"],
        ["order.*.x"],
        ["Order.paid"],
        ["order.paid; DROP"],
        [""],
        ["order."],
        ["order.shipped"],
        ["refunds.*"],
        ["." * 61],
        "order.paid",
    ],
)
def test_patterns_that_mean_nothing_are_refused(shop: factories.Shop, types: object) -> None:
    answer = shop.call("POST", "webhook_endpoints", {**NEW, "event_types": types})
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")
    assert answer.json()["param"].startswith("event_types")


@pytest.mark.parametrize(
    ("scopes", "method", "path", "allowed"),
    [
        (("webhooks:read",), "GET", "webhook_endpoints", True),
        (("webhooks:read",), "POST", "webhook_endpoints", False),
        (("events:read",), "GET", "webhook_endpoints", False),
        (("webhooks:read", "webhooks:write"), "GET", "events", False),
        (("events:read",), "GET", "events", True),
    ],
)
def test_a_key_needs_the_scope(
    shop: factories.Shop, scopes: tuple[str, ...], method: str, path: str, *, allowed: bool
) -> None:
    shop.key = keys.create(shop.client, scopes=scopes)
    answer = shop.call(method, path, NEW if method == "POST" else None)
    assert answer.status_code == (200 if allowed else 403)
