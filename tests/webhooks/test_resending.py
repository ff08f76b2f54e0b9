"""Events are sent once more, an endpoint is tried, and its secret changes while both are good."""

from datetime import timedelta
from typing import Any

import pytest
import standardwebhooks
from django.utils import timezone

from payments.kernel import clock
from payments.rest.models import IdempotencyKey
from payments.webhooks.models import Delivery, DeliveryTry, Endpoint, Event, EventReplay
from payments.webhooks.services import endpoints, resending
from tests import factories
from tests.webhooks.conftest import Emit, deliver_all
from tests.webhooks.receiver import Answer, Receiver
from tests.webhooks.test_endpoints import client, happen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(transactional_db: None) -> factories.Shop:
    return client("shop")


@pytest.fixture
def made(shop: factories.Shop, receiver: Receiver) -> dict[str, Any]:
    """The shop's endpoint, which wants what happens to orders."""
    return shop.post("webhook_endpoints", {"url": receiver.url, "event_types": ["order.*"]})


def test_an_endpoint_is_tried_with_an_event_that_it_need_not_want(
    shop: factories.Shop, made: dict[str, Any], receiver: Receiver
) -> None:
    first = shop.call("POST", f"webhook_endpoints/{made['id']}/test", key="once")
    assert (first.status_code, first.json()["state"]) == (200, "pending")
    again = shop.call("POST", f"webhook_endpoints/{made['id']}/test", key="once")
    assert again.content == first.content
    assert shop.post(f"webhook_endpoints/{made['id']}/test", {})["sequence"] == 2
    deliver_all()

    assert [one.event["type"] for one in receiver.received] == ["webhook_endpoint.test"] * 2
    assert receiver.sequences == [1, 2]
    receiver.received[0].verified(made["secret"])
    assert shop.get(f"webhook_endpoints/{made['id']}/deliveries")["data"][0]["last_status"] == 204
    shop.call("PATCH", f"webhook_endpoints/{made['id']}", {"enabled": False})
    refused = shop.call("POST", f"webhook_endpoints/{made['id']}/test", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_endpoint_disabled")


def test_both_secrets_sign_until_the_overlap_is_over(
    shop: factories.Shop, made: dict[str, Any], receiver: Receiver
) -> None:
    address = f"webhook_endpoints/{made['id']}/rotate_secret"
    answer = shop.call("POST", address, {"overlap_hours": 2}, key="once")
    new = answer.json()["secret"]
    assert new not in ("", made["secret"])
    again = shop.call("POST", address, {"overlap_hours": 2}, key="once")
    assert "secret" not in again.json()
    assert not [row for row in IdempotencyKey.objects.all() if b"whsec_" in bytes(row.body or b"")]

    happen(shop, "ord_1", "order.paid")
    deliver_all()
    for secret in (made["secret"], new):
        assert receiver.received[0].verified(secret)["type"] == "order.paid"
    happen(shop, "ord_2", "order.paid")
    with clock.at(timezone.now() + timedelta(hours=2, seconds=1)):
        deliver_all()
    later = receiver.received[1]
    assert " " not in later.headers["webhook-signature"], "the old secret signs no longer"

    now_alone = shop.post(address, {"overlap_hours": 0})["secret"]
    happen(shop, "ord_3", "order.paid")
    deliver_all()
    receiver.received[2].verified(now_alone)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        receiver.received[2].verified(new)
    for wrong in (-1, 169, "2", 1.5):
        assert shop.call("POST", address, {"overlap_hours": wrong}).status_code == 400


def test_everything_from_an_event_or_a_moment_on_is_sent_again_in_order(
    shop: factories.Shop, made: dict[str, Any], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resending, "BATCH", 2)  # so that a replay takes several turns
    happen(shop, "ord_1", "order.created", "order.updated", "order.paid", "order.refunded")
    happen(shop, "re_1", "refund.created")
    deliver_all()
    assert receiver.sequences == [1, 2, 3, 4]
    events = list(Event.objects.filter(object_id="ord_1").order_by("sequence"))

    answer = shop.call("POST", f"webhook_endpoints/{made['id']}/replay", {"from_event": events[1].pk}, key="once")
    assert answer.status_code == 201
    assert (answer.json()["from_event"], answer.json()["done"]) == (events[1].pk, False)
    again = shop.call("POST", f"webhook_endpoints/{made['id']}/replay", {"from_event": events[1].pk}, key="once")
    assert again.content == answer.content
    for _ in range(4):
        deliver_all()
    assert receiver.sequences == [1, 2, 3, 4, 2, 3, 4], "what the endpoint wants, once, in order"
    assert receiver.received[4].headers["webhook-id"] == events[1].pk, "known by its id"
    row = EventReplay.objects.get()
    assert (row.planned, row.by, row.done_at is None) == (3, "client shop", False)

    shop.post(f"webhook_endpoints/{made['id']}/replay", {"since": events[0].created_at.isoformat()})
    for _ in range(4):
        deliver_all()
    assert receiver.sequences[7:] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "parameter_invalid"),
        ({"since": "2026-11-01T00:00:00Z", "from_event": "evt_" + "0" * 32}, 400, "parameter_invalid"),
        ({"from_event": "evt_" + "0" * 32}, 422, "event_unknown"),
    ],
)
def test_a_replay_says_where_it_begins(
    shop: factories.Shop, made: dict[str, Any], body: dict[str, str], status: int, code: str
) -> None:
    answer = shop.call("POST", f"webhook_endpoints/{made['id']}/replay", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not EventReplay.objects.exists()


def test_every_try_is_kept(endpoint: Endpoint, receiver: Receiver, emit: Emit) -> None:
    emit("ord_1")
    receiver.answer = lambda _: Answer(500, b"the database is away")
    deliver_all()
    receiver.answer = lambda _: Answer(200, b"ok")
    deliver_all(timedelta(minutes=1))

    tries = list(DeliveryTry.objects.order_by("pk").values_list("status", "response", "error"))
    assert tries == [(500, "the database is away", ""), (200, "ok", "")]
    assert all(row.milliseconds is not None and row.milliseconds < 5000 for row in DeliveryTry.objects.all())
    endpoints.create(endpoint.client, url="http://127.0.0.1:9/nobody", event_types=["*"])
    emit("ord_2")
    deliver_all()
    assert DeliveryTry.objects.get(status=None).error == "no connection"


def test_what_was_given_up_is_sent_again_once(endpoint: Endpoint, receiver: Receiver, emit: Emit) -> None:
    began = timezone.now()
    for number in range(3):
        emit(f"ord_{number}")
    deliver_all()
    Delivery.objects.filter(object_id__in=("ord_0", "ord_1")).update(state="failed")
    assert resending.failed_since(endpoint, began) == 2

    resending.replay_failed(endpoint, since=began, because="their server is back", by="staff lena")
    deliver_all()
    deliver_all()
    assert [one.event["object_id"] for one in receiver.received[3:]] == ["ord_0", "ord_1"]
    assert resending.failed_since(endpoint, began) == 0, "what was sent again is no longer counted"
    assert EventReplay.objects.get().planned == 2


def test_a_replay_waits_while_too_much_waits(
    endpoint: Endpoint, receiver: Receiver, emit: Emit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resending, "WAITING_AT_MOST", 1)
    emit("ord_1")
    deliver_all()
    receiver.answer = lambda _: Answer(503)
    emit("ord_2")
    deliver_all()
    resending.replay(endpoint.pk, client=endpoint.client, by="client shop", since=timezone.now() - timedelta(hours=1))
    deliver_all()
    assert EventReplay.objects.get().planned == 0
    receiver.answer = lambda _: Answer()
    for _ in range(3):
        deliver_all(timedelta(minutes=1))
    assert EventReplay.objects.get().planned == 2


def test_an_endpoint_that_is_switched_off_is_sent_nothing_again(endpoint: Endpoint, emit: Emit) -> None:
    emit("ord_1")
    deliver_all()
    endpoints.change(endpoint.pk, client=endpoint.client, enabled=False)
    assert resending.again([Delivery.objects.get().pk]) == 0
    with pytest.raises(endpoints.EndpointDisabled):
        resending.send(Event.objects.get().pk, endpoint.pk)
