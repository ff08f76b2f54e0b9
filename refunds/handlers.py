"""What reaches refunds from elsewhere: notifications of PSPs, and jobs by name. Each is one service call."""

from datetime import timedelta

from payments.connectors.base import EventKind, PspEvent
from payments.kernel.jobs import Queue, job
from payments.webhooks.dispatch import handles
from refunds.services import (
    answer_calls,
    bulk_check,
    bulk_run,
    deadlines,
    disputes,
    duplicates,
    evidence,
    forgetting,
    fraud,
    reversals,
    sending,
)


@handles(EventKind.REFUND_UPDATED)
def refund_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says how a refund stands."""
    evidence.accept(account_id, event)


@handles(EventKind.DISPUTE_UPDATED)
def dispute_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says how a dispute stands."""
    disputes.accept(account_id, event)


@handles(EventKind.FRAUD_WARNING)
def fraud_warning(account_id: str, event: PspEvent) -> None:
    """A card scheme was told that a payment was fraud."""
    fraud.accept(account_id, event)


@job("forget_evidence", Queue.UPKEEP)
def forget_evidence(customer_id: str) -> None:
    """A customer was erased: also of refunds and disputes nothing says who it was, once no bank waits for it."""
    forgetting.forget(customer_id)


@job("send_refund", Queue.MONEY)
def send_refund(refund_id: str) -> None:
    """Send a refund to its PSP."""
    sending.send(refund_id)


@job("send_bulk_refund", Queue.BULK)
def send_bulk_refund(refund_id: str) -> None:
    """Send a refund of a batch to its PSP."""
    sending.send_one_of_many(refund_id)


@job("check_refund_batch", Queue.BULK)
def check_refund_batch(batch_id: str) -> None:
    """Say of every row of a batch whether it can be refunded."""
    bulk_check.check(batch_id)


@job("run_refund_batch", Queue.BULK)
def run_refund_batch(batch_id: str) -> None:
    """Make refunds of the next rows of a batch."""
    bulk_run.run(batch_id)


@job("recover_refund", Queue.MONEY)
def recover_refund(call_id: str) -> None:
    """Settle a refund whose answer is not known."""
    sending.recover(call_id)


@job("refund_duplicate", Queue.MONEY)
def refund_duplicate(capture_id: str, amount: str = "") -> None:
    """Give back money that came too late, or the part of it that nobody has asked for."""
    duplicates.give_back(capture_id, part=int(amount or 0))


@job("record_reversal", Queue.MONEY)
def record_reversal(attempt_id: str, given_back: str = "") -> None:
    """A payment that was captured is being undone at its PSP: that is a refund like any other."""
    reversals.record(attempt_id, given_back=int(given_back or 0))


@job("watch_disputes", Queue.UPKEEP, every=timedelta(minutes=5))
def watch_disputes() -> None:
    """Disputes that must be answered soon, or were not, get a person."""
    deadlines.watch_due()


@job("answer_dispute", Queue.MONEY)
def answer_dispute(stage_id: str) -> None:
    """Tell the PSP our answer; with documents that is several requests."""
    answer_calls.send(stage_id)


@job("recover_defend", Queue.MONEY)
def recover_defend(call_id: str) -> None:
    """Settle evidence of which nobody knows whether the PSP has it."""
    answer_calls.recover(call_id)


@job("recover_accept", Queue.MONEY)
def recover_accept(call_id: str) -> None:
    """Settle a dispute of which nobody knows whether the PSP has taken it as accepted."""
    answer_calls.recover(call_id)
