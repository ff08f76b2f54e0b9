"""The doors of webhooks: endpoints, deliveries and events for clients, and where PSPs knock."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from payments.kernel import tracing
from payments.rest import pages, problems, reading, wire
from payments.webhooks import selectors, shapes
from payments.webhooks.models import Delivery, Endpoint, Event, EventReplay
from payments.webhooks.services import endpoints, inbound, resending

_ENDPOINT = {
    "id": "we_0199a1b2c3d47e5f8a6b7c8d9e0f1a2b",
    "object": "webhook_endpoint",
    "url": "https://shop.example/hooks/payments",
    "event_types": ["order.*", "payment_intent.succeeded"],
    "description": "The shop's backend",
    "enabled": True,
    "disabled_reason": None,
    "created_at": "2026-11-22T09:30:00.000123Z",
}
_EVENT = {
    "id": "evt_0199a1b2c3d47e5f8a6b7c8d9e0f1a2c",
    "object": "event",
    "type": "order.paid",
    "created_at": "2026-11-22T09:31:07.220451Z",
    "sequence": 3,
    "object_id": "ord_0199a1b2c3d47e5f8a6b7c8d9e0f1a2d",
    "data": {"object": {"id": "ord_0199a1b2c3d47e5f8a6b7c8d9e0f1a2d", "object": "order", "status": "paid"}},
}
_DELIVERY = {
    "id": "wd_0199a1b2c3d47e5f8a6b7c8d9e0f1a2e",
    "object": "webhook_delivery",
    "webhook_endpoint": _ENDPOINT["id"],
    "event": _EVENT["id"],
    "object_id": _EVENT["object_id"],
    "sequence": 3,
    "state": "succeeded",
    "attempts": 1,
    "next_attempt_at": None,
    "last_status": 204,
    "last_error": None,
    "response": None,
    "delivered_at": "2026-11-22T09:31:07.300042Z",
    "created_at": "2026-11-22T09:31:07.254871Z",
}
_REPLAY = {
    "id": "wr_0199a1b2c3d47e5f8a6b7c8d9e0f1a2f",
    "object": "webhook_replay",
    "webhook_endpoint": _ENDPOINT["id"],
    "since": "2026-11-22T00:00:00Z",
    "from_event": None,
    "planned": 0,
    "done": False,
    "created_at": "2026-11-22T09:40:00.000001Z",
}
_NEW = {"url": _ENDPOINT["url"], "event_types": _ENDPOINT["event_types"], "description": _ENDPOINT["description"]}


def _page(row: object) -> dict[str, object]:
    return {"data": [row], "has_more": False, "next_cursor": None}


class Endpoints(wire.Door):
    """/v1/webhook_endpoints"""

    @wire.operation(
        name="webhook_endpoints.create",
        summary="Make a webhook endpoint",
        scope="webhooks:write",
        status=201,
        body=shapes.NewEndpoint,
        answers=shapes.NewEndpointShape,
        render=shapes.new_endpoint,
        kept=shapes.endpoint,
        recorded=selectors.endpoint_of,
        refuses=(endpoints.WebhookUrlRefused,),
        example_body=_NEW,
        example={**_ENDPOINT, "secret": "whsec_…"},
    )
    def post(self, call: wire.Call, body: shapes.NewEndpoint) -> Endpoint:
        """Events that happen from now on are sent to this address.

        The secret is shown in the first answer only and stored in no answer: the same idempotency key gives the same
        endpoint without it. Whoever has lost it deletes the endpoint and makes another.
        """
        return endpoints.create(call.client, **body.model_dump())

    @wire.operation(
        name="webhook_endpoints.list",
        summary="List webhook endpoints",
        scope="webhooks:read",
        paged=True,
        query=pages.Query,
        answers=shapes.EndpointShape,
        render=shapes.endpoint,
        example=_page(_ENDPOINT),
    )
    def get(self, call: wire.Call, query: pages.Query) -> pages.Page[Endpoint]:
        """Newest first."""
        return pages.page(selectors.endpoints_of(call.client), query)


class OneEndpoint(wire.Door):
    """/v1/webhook_endpoints/{id}"""

    @wire.operation(
        name="webhook_endpoints.retrieve",
        summary="Retrieve a webhook endpoint",
        scope="webhooks:read",
        answers=shapes.EndpointShape,
        render=shapes.endpoint,
        example=_ENDPOINT,
    )
    def get(self, call: wire.Call, endpoint_id: str) -> Endpoint:
        """Without its secret."""
        return selectors.endpoint_of(call.client, endpoint_id)

    @wire.operation(
        name="webhook_endpoints.change",
        summary="Change a webhook endpoint",
        scope="webhooks:write",
        body=shapes.EndpointChanges,
        answers=shapes.EndpointShape,
        render=shapes.endpoint,
        refuses=(endpoints.WebhookUrlRefused,),
        example_body={"enabled": True},
        example=_ENDPOINT,
    )
    def patch(self, call: wire.Call, body: shapes.EndpointChanges, endpoint_id: str) -> Endpoint:
        """What is not given stays. Disabled, it misses what happens until it is enabled again."""
        facts = body.model_dump(exclude_unset=True)
        if facts.get("description", "") is None:
            facts["description"] = ""
        return endpoints.change(endpoint_id, client=call.client, **facts)

    @wire.operation(
        name="webhook_endpoints.delete",
        summary="Delete a webhook endpoint",
        scope="webhooks:write",
        status=204,
        example=None,
    )
    def delete(self, call: wire.Call, endpoint_id: str) -> None:
        """Nothing is sent there any more."""
        endpoints.delete(endpoint_id, client=call.client)


class RotateSecret(wire.Door):
    """/v1/webhook_endpoints/{id}/rotate_secret"""

    @wire.operation(
        name="webhook_endpoints.rotate_secret",
        summary="Change an endpoint's secret",
        scope="webhooks:write",
        body=shapes.Rotation,
        answers=shapes.NewEndpointShape,
        render=shapes.new_endpoint,
        kept=shapes.endpoint,
        recorded=selectors.endpoint_of,
        example_body={"overlap_hours": 24},
        example={**_ENDPOINT, "secret": "whsec_…"},
    )
    def post(self, call: wire.Call, body: shapes.Rotation, endpoint_id: str) -> Endpoint:
        """What is sent within the overlap carries two signatures, so that you change yours at any time in it.

        The new secret is shown in the first answer only, as when an endpoint is made. The one before the last one ends
        at once.
        """
        overlap = timedelta(hours=body.overlap_hours)
        return endpoints.rotate_secret(endpoint_id, client=call.client, overlap=overlap)


class Test(wire.Door):
    """/v1/webhook_endpoints/{id}/test"""

    @wire.operation(
        name="webhook_endpoints.test",
        summary="Send a test event",
        scope="webhooks:write",
        answers=shapes.DeliveryShape,
        render=shapes.delivery,
        recorded=selectors.last_test_of,
        refuses=(endpoints.EndpointDisabled,),
        example={**_DELIVERY, "object_id": _ENDPOINT["id"], "state": "pending", "attempts": 0, "last_status": None,
                 "delivered_at": None},
    )  # fmt: skip
    def post(self, call: wire.Call, endpoint_id: str) -> Delivery:
        """A signed `webhook_endpoint.test` is on its way; the list of deliveries shows what your server answered."""
        return endpoints.test(endpoint_id, client=call.client)


class Replays(wire.Door):
    """/v1/webhook_endpoints/{id}/replay"""

    @wire.operation(
        name="webhook_endpoints.replay",
        summary="Send events once more",
        scope="webhooks:write",
        status=201,
        body=shapes.NewReplay,
        answers=shapes.ReplayShape,
        render=shapes.replay,
        recorded=selectors.replay_of,
        refuses=(endpoints.EndpointDisabled, resending.EventUnknown),
        example_body={"since": "2026-11-22T00:00:00Z"},
        example=_REPLAY,
    )
    def post(self, call: wire.Call, body: shapes.NewReplay, endpoint_id: str) -> EventReplay:
        """Every event that the endpoint wants is sent again, from `from_event` or `since` on, some hundreds at a time.

        They come with the same `webhook-id` as the first time: what you have seen you know by it.
        """
        by = f"client {call.client.name}"
        return resending.replay(endpoint_id, client=call.client, by=by, from_event=body.from_event, since=body.since)


class Deliveries(wire.Door):
    """/v1/webhook_endpoints/{id}/deliveries"""

    @wire.operation(
        name="webhook_endpoints.deliveries",
        summary="List an endpoint's deliveries",
        scope="webhooks:read",
        paged=True,
        query=shapes.DeliveryFilters,
        answers=shapes.DeliveryShape,
        render=shapes.delivery,
        example=_page(_DELIVERY),
    )
    def get(self, call: wire.Call, query: shapes.DeliveryFilters, endpoint_id: str) -> pages.Page[Delivery]:
        """What was sent, what was answered, and when it is tried again."""
        endpoint = selectors.endpoint_of(call.client, endpoint_id)
        return pages.page(selectors.deliveries_of(endpoint, state=query.state), query)


class Events(wire.Door):
    """/v1/events"""

    @wire.operation(
        name="events.list",
        summary="List events",
        scope="events:read",
        paged=True,
        query=shapes.EventFilters,
        answers=shapes.EventShape,
        render=shapes.event,
        example=_page(_EVENT),
    )
    def get(self, call: wire.Call, query: shapes.EventFilters) -> pages.Page[Event]:
        """Every change, newest first; of one object, `sequence` gives the order and shows what is missing."""
        return pages.page(selectors.events_of(call.client, type_=query.type, object_id=query.object_id), query)


class OneEvent(wire.Door):
    """/v1/events/{id}"""

    @wire.operation(
        name="events.retrieve",
        summary="Retrieve an event",
        scope="events:read",
        answers=shapes.EventShape,
        render=shapes.event,
        example=_EVENT,
    )
    def get(self, call: wire.Call, event_id: str) -> Event:
        """As it was delivered."""
        return selectors.events_of(call.client).get(pk=event_id)


@method_decorator(csrf_exempt, name="dispatch")
class Notifications(View):
    """/webhooks/{psp}/{account code}: where PSPs tell us what happened. Signed by them, for nobody else."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, psp: str, account_code: str) -> HttpResponse:
        """200 once the notification is stored; anything else lets the PSP come again."""
        request_id = problems.request_id(request.META.get("HTTP_REQUEST_ID"))
        with tracing.about(request_id=request_id):
            try:
                body = reading.received(request, inbound.MAX_BYTES, inbound.too_large())
                acknowledgement = inbound.receive(psp, account_code, body, request.headers)
            except Exception as error:
                refusal = problems.refusal_for(error)
                if refusal is None:
                    raise
                return problems.response(refusal, request_id)
        return HttpResponse(acknowledgement, content_type="text/plain", status=200)
