"""The jobs of webhooks: events to plan, deliveries to make, notifications to act on. Each is one service call."""

from datetime import timedelta

from payments.kernel.jobs import Queue, feeder, job
from payments.webhooks.services import delivery, inbound, outbox, replaying, resending, sweep


@feeder(Queue.DELIVERIES)
def events_to_plan() -> bool:
    """New events become deliveries."""
    return outbox.plan_deliveries()


@job("deliver", Queue.DELIVERIES, lease=timedelta(seconds=60))
def deliver(delivery_id: str) -> None:
    """Send one event to one endpoint. Longer than this takes: 3 connects of 2 s, TLS 2 s, an answer 10 s."""
    delivery.deliver(delivery_id)


@job("replay_events", Queue.DELIVERIES, dropped="Events that were not sent again yet are not.")
def replay_events(replay_id: str) -> None:
    """Plan the next deliveries of a replay that somebody asked for."""
    resending.run(replay_id)


@job("process_inbound", Queue.WEBHOOKS)
def process_inbound(inbound_id: str) -> None:
    """Act on a stored notification."""
    inbound.process(inbound_id)


@job("replay_inbound", Queue.WEBHOOKS, dropped="The notification is not acted upon once more.")
def replay_inbound(replay_id: str) -> None:
    """Act on a stored notification once more, because somebody asked for it."""
    replaying.run(replay_id)


@job("sweep_accounts", Queue.FINANCE, every=timedelta(hours=1))
def sweep_accounts() -> None:
    """Ask every PSP that has a list of its events for what no webhook has brought."""
    sweep.sweep_all()


@job(
    "sweep_account",
    Queue.FINANCE,
    lease=timedelta(minutes=10),
    dropped="It is looked at within the hour.",
)
def sweep_account(account_id: str) -> None:
    """Ask one account's PSP. Longer than this takes: `sweep.SECONDS`, and the pages of its last minute."""
    sweep.sweep(account_id)
