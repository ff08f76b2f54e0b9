"""What reaches refunds from elsewhere: notifications of PSPs, and jobs by name. Each is one service call."""

from payments.connectors.base import EventKind, PspEvent
from payments.kernel.jobs import Queue, job
from payments.webhooks.dispatch import handles
from refunds.services import duplicates, evidence, sending


@handles(EventKind.REFUND_UPDATED)
def refund_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says how a refund stands."""
    evidence.accept(account_id, event)


@job("send_refund", Queue.MONEY)
def send_refund(refund_id: str) -> None:
    """Send a refund to its PSP."""
    sending.send(refund_id)


@job("recover_refund", Queue.MONEY)
def recover_refund(call_id: str) -> None:
    """Settle a refund whose answer is not known."""
    sending.recover(call_id)


@job("refund_duplicate", Queue.MONEY)
def refund_duplicate(capture_id: str) -> None:
    """Give back money that came too late."""
    duplicates.give_back(capture_id)
