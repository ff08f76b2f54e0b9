"""Reading events, endpoints and deliveries: a client's own, never another's."""

from django.db.models import QuerySet

from payments.rest.models import ApiClient
from payments.webhooks.models import Delivery, DeliveryState, Endpoint, Event


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


def events_of(client: ApiClient, *, type_: str | None = None, object_id: str | None = None) -> QuerySet[Event]:
    """The client's events: of one type, of one object, or all."""
    rows = Event.objects.filter(client_id=client.pk)
    if type_ is not None:
        rows = rows.filter(type=type_)
    return rows if object_id is None else rows.filter(object_id=object_id)
