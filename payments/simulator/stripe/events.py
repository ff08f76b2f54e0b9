"""Events: made when something happens, kept, listed, delivered to the account's endpoints."""

import functools
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import orjson

from payments.simulator.notifier import Delivery
from payments.simulator.scenarios import Facts
from payments.simulator.stripe import objects
from payments.simulator.stripe.shop import API_VERSION, PSP, Shop
from payments.simulator.tables import dumps, packed, unpacked

Json = dict[str, Any]


def emit(shop: Shop, event_type: str, obj: Json, previous: Json | None = None, method: str | None = None) -> None:
    """Something happened to `obj`: keep the event and send it to every endpoint that wants it."""
    endpoints = [e for e in shop.tables["webhook_endpoint"].values() if _wants(e, event_type)]
    event_id, now = shop.new_id("evt_3"), shop.now()
    data: Json = {"object": obj}
    if previous:
        data["previous_attributes"] = previous
    body = dumps(
        {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": now,
            "data": data,
            "livemode": False,
            "pending_webhooks": len(endpoints),
            "request": {"id": shop.request.id, "idempotency_key": shop.request.idempotency_key},
            "type": event_type,
        }
    )
    event = objects.Event(event_id, now, event_type, packed(body), [e.id for e in endpoints], method)
    shop.save(event)
    for endpoint in endpoints:
        submit(shop, event, endpoint)


def _wants(endpoint: objects.WebhookEndpoint, event_type: str) -> bool:
    if endpoint.disabled or not endpoint.url:
        return False
    return "*" in endpoint.enabled_events or event_type in endpoint.enabled_events


def submit(shop: Shop, event: objects.Event, endpoint: objects.WebhookEndpoint) -> None:
    """Hand one event to the notifier for one endpoint."""
    shop.world.notifier.submit(
        Delivery(
            account=shop.account.code,
            id=event.id,
            facts=Facts(method=event.method, event=event.type),
            channel=StripeChannel(endpoint),
            body=functools.partial(_body, event),
            created=event.created,
            done=functools.partial(delivered, shop, event, endpoint.id),
        )
    )


def _body(event: objects.Event) -> bytes:
    return unpacked(event.body)


def delivered(shop: Shop, event: objects.Event, endpoint_id: str) -> None:
    """An endpoint has the event, or will never get it: it is not sent again after a restart."""
    if endpoint_id in event.waiting:
        event.waiting.remove(endpoint_id)
        row = {"id": event.id, "endpoint": endpoint_id}
        shop.world.journal.note(shop.account.code, f"{PSP}.delivered", f"{event.id}/{endpoint_id}", row)


def resume(shop: Shop) -> None:
    """After a restart: deliver what had not been delivered."""
    endpoints = shop.tables["webhook_endpoint"]
    for event in shop.tables["event"].values():
        for endpoint_id in list(event.waiting):
            if endpoint_id in endpoints:
                submit(shop, event, endpoints[endpoint_id])


def render(event: objects.Event) -> Json:
    """The event as the API shows it."""
    shown: Json = orjson.loads(unpacked(event.body))
    shown["pending_webhooks"] = len(event.waiting)
    return shown


@dataclass(frozen=True, slots=True)
class StripeChannel:
    """A webhook endpoint: address and signature."""

    endpoint: objects.WebhookEndpoint

    @property
    def url(self) -> str:
        """Where to."""
        return self.endpoint.url

    def headers(self, body: bytes, now: int) -> dict[str, str]:
        """A signature of this attempt: `t` is the time of the attempt, not of the event."""
        return _headers(body, now, self.endpoint.secret)

    def forge(self, body: bytes, now: int) -> tuple[dict[str, str], bytes]:
        """Another event id, a paid amount a hundred times as large, signed with a guessed secret."""
        event = orjson.loads(body)
        event["id"] = event["id"][:-4] + "FAKE"
        obj = event["data"]["object"]
        for name in ("amount", "amount_received", "amount_captured", "amount_refunded"):
            if isinstance(obj.get(name), int):
                obj[name] *= 100
        forged = dumps(event)
        return _headers(forged, now, "whsec_guessed"), forged

    def accepts(self, status: int, _answer: bytes) -> bool:
        """Any 2xx."""
        return 200 <= status < 300


def _headers(body: bytes, now: int, secret: str) -> dict[str, str]:
    signature = hmac.new(secret.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": f"t={now},v1={signature}",
    }
