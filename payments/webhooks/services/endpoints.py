"""Making, changing and deleting the addresses that receive events."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from payments.kernel import clock, jobs, unit
from payments.kernel.errors import Refusal
from payments.rest.models import ApiClient
from payments.webhooks import catalogue, models, policy, selectors, shapes
from payments.webhooks.models import Delivery, Endpoint, Event
from payments.webhooks.services import targets


class WebhookUrlRefused(Refusal):
    """Events are not sent to this address: it is not https, not public, or not an address."""

    code, status = "webhook_url_refused", 422


class EndpointDisabled(Refusal):
    """Nothing is sent to a webhook endpoint that is switched off; enable it first."""

    code, status = "webhook_endpoint_disabled", 409


def create(client: ApiClient, *, url: str, event_types: Sequence[str], description: str = "") -> Endpoint:
    """A new endpoint with a new secret; it receives what happens from now on."""
    _require_callable(url)
    row = Endpoint(client_id=client.pk, url=url, event_types=list(event_types), description=description)
    with unit.work() as work:
        work.add(row)
        work.returns(row)
    return row


def change(endpoint_id: str, *, client: ApiClient, **facts: Any) -> Endpoint:
    """Change facts of an endpoint. Enabled again, it starts with a clean record; what it missed is not sent."""
    if "url" in facts:
        _require_callable(facts["url"])
    if "enabled" in facts:
        facts |= {"disabled_reason": "", "failing_since": None, "paused_until": None}
    with unit.work() as work:
        row = selectors.endpoint_of(client, endpoint_id)
        row.change(**facts)
        work.returns(row)
    return row


def delete(endpoint_id: str, *, client: ApiClient) -> None:
    """Send nothing to this endpoint any more; its deliveries stay on record."""
    with unit.work():
        selectors.endpoint_of(client, endpoint_id).change(enabled=False, deleted_at=clock.now())


def rotate_secret(endpoint_id: str, *, client: ApiClient, overlap: timedelta) -> Endpoint:
    """A new secret; what is sent within `overlap` is signed with the old one as well, afterwards with the new alone."""
    with unit.work() as work:
        row = selectors.endpoint_of(client, endpoint_id)
        until = clock.now() + overlap if overlap else None
        row.change(
            previous_secret=row.secret if overlap else "", previous_secret_until=until, secret=models.new_secret()
        )
        work.returns(row)
    return row


def test(endpoint_id: str, *, client: ApiClient) -> Delivery:
    """Send the endpoint an event that says nothing but that it is a test, whatever types it wants; its delivery.

    The delivery is made at once, and tried again like any other. Refuses an endpoint that is switched off.
    """
    with unit.work() as work:
        row = selectors.endpoint_of(client, endpoint_id)
        require_enabled(row)
        row.change(tests=row.tests + 1)
        event = Event(
            client_id=client.pk,
            type=catalogue.TEST,
            object_id=row.pk,
            sequence=row.tests,
            data=shapes.endpoint(row),
            created_at=clock.now(),
            dispatched_at=clock.now(),
        )
        delivery = Delivery(endpoint=row, event=event, object_id=row.pk, sequence=row.tests)
        work.add(event)
        work.add(delivery)
        jobs.enqueue("deliver", unique=f"deliver:{delivery.pk}", delivery_id=delivery.pk)
        work.returns(delivery)
    return delivery


def require_enabled(row: Endpoint) -> None:
    """Refuse an endpoint that nothing is sent to."""
    if not row.enabled or row.deleted_at is not None:
        raise EndpointDisabled("The endpoint is switched off: enable it first.")


def _require_callable(url: str) -> None:
    objection = policy.objection(url, loopback=targets.loopback_allowed())
    if objection is not None:
        raise WebhookUrlRefused(objection, param="url")
