"""Reading events, endpoints and deliveries: a client's own, never another's."""

from django.db.models import QuerySet

from payments.kernel import invariants
from payments.rest.models import ApiClient
from payments.webhooks.models import Delivery, DeliveryState, Endpoint, Event, EventReplay


def endpoints_of(client: ApiClient) -> QuerySet[Endpoint]:
    """The client's endpoints."""
    return Endpoint.objects.filter(client_id=client.pk, deleted_at__isnull=True)


def endpoint_of(client: ApiClient, endpoint_id: str) -> Endpoint:
    """One endpoint of the client; `DoesNotExist` for anybody else's."""
    return endpoints_of(client).get(pk=endpoint_id)


def deliveries_of(endpoint: Endpoint, *, state: DeliveryState | None = None) -> QuerySet[Delivery]:
    """What was and is to be delivered to an endpoint."""
    rows = Delivery.objects.filter(endpoint=endpoint)
    return rows if state is None else rows.filter(state=state)


def replay_of(client: ApiClient, replay_id: str) -> EventReplay:
    """A replay that the client asked for."""
    return EventReplay.objects.get(pk=replay_id, endpoint__client_id=client.pk)


def last_test_of(client: ApiClient, endpoint_id: str) -> Delivery:
    """The newest test of one of the client's endpoints."""
    endpoint = endpoint_of(client, endpoint_id)
    return Delivery.objects.filter(endpoint=endpoint, object_id=endpoint.pk).order_by("-pk")[0]


def events_of(client: ApiClient, *, type_: str | None = None, object_id: str | None = None) -> QuerySet[Event]:
    """The client's events: of the types that a pattern (`*`, `order.paid`, `order.*`) covers, of one object, or all."""
    rows = Event.objects.filter(client_id=client.pk)
    if type_ is not None and type_ != "*":
        rows = rows.filter(type=type_) if not type_.endswith(".*") else rows.filter(type__startswith=type_[:-1])
    return rows if object_id is None else rows.filter(object_id=object_id)


invariants.declare(
    13,
    "delivery_owned",
    "Every event that is still to be delivered has a job",
    """SELECT id::text, 'pending without a job' FROM payments_delivery d
        WHERE state = 'pending' AND NOT EXISTS (
              SELECT FROM payments_job WHERE unique_key = 'deliver:wd_' || replace(d.id::text, '-', ''))""",
    "SELECT count(*) FROM payments_delivery WHERE state = 'pending'",
)
invariants.declare(
    13,
    "notification_owned",
    "Every notification that is not processed has a job, or a person",
    """WITH open AS (SELECT 'in_' || replace(id::text, '-', '') AS id, state FROM payments_inboundevent
                      WHERE state IN ('received', 'waiting', 'failed'))
       SELECT id, state FROM open o
        WHERE NOT EXISTS (SELECT FROM payments_job
                           WHERE name = 'process_inbound' AND arguments ->> 'inbound_id' = o.id)
          AND NOT EXISTS (SELECT FROM payments_attentionitem WHERE object_id = o.id AND closed_at IS NULL)""",
    "SELECT count(*) FROM payments_inboundevent WHERE state IN ('received', 'waiting', 'failed')",
)
