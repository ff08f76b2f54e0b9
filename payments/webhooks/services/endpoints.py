"""Making, changing and deleting the addresses that receive events."""

from collections.abc import Sequence
from typing import Any

from payments.kernel import clock, unit
from payments.kernel.errors import Refusal
from payments.rest.models import ApiClient
from payments.webhooks import policy, selectors
from payments.webhooks.models import Endpoint
from payments.webhooks.services import targets


class WebhookUrlRefused(Refusal):
    """Events are not sent to this address: it is not https, not public, or not an address."""

    code, status = "webhook_url_refused", 422


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


def _require_callable(url: str) -> None:
    objection = policy.objection(url, loopback=targets.loopback_allowed())
    if objection is not None:
        raise WebhookUrlRefused(objection, param="url")
