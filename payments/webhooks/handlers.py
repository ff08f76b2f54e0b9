"""The jobs of webhooks: events to plan, deliveries to make, notifications to act on. Each is one service call."""

from datetime import timedelta

from payments.kernel.jobs import Queue, feeder, job
from payments.webhooks.services import delivery, inbound, outbox


@feeder(Queue.DELIVERIES)
def events_to_plan() -> bool:
    """New events become deliveries."""
    return outbox.plan_deliveries()


@job("deliver", Queue.DELIVERIES, lease=timedelta(seconds=60))
def deliver(delivery_id: str) -> None:
    """Send one event to one endpoint. Longer than this takes: 3 connects of 2 s, TLS 2 s, an answer 10 s."""
    delivery.deliver(delivery_id)


@job("process_inbound", Queue.WEBHOOKS)
def process_inbound(inbound_id: str) -> None:
    """Act on a stored notification."""
    inbound.process(inbound_id)
