"""What reaches intents from elsewhere: notifications of PSPs, and jobs by name. Each is one service call."""

from datetime import timedelta

from payments.connectors.base import EventKind, PspEvent
from payments.gateway import calls
from payments.intents.services import evidence, extending, forgetting, lifecycle, measuring, recovery, rules, settling
from payments.kernel.jobs import Queue, feeder, job
from payments.webhooks.dispatch import handles


@handles(EventKind.PAYMENT_UPDATED)
def payment_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says how a payment stands."""
    evidence.accept(account_id, event)


@handles(EventKind.CAPTURE_UPDATED)
def capture_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says what came of a capture, at once or much later."""
    evidence.accept_capture(account_id, event)


@handles(EventKind.CANCEL_UPDATED)
def cancel_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says what came of a cancel."""
    evidence.accept_cancel(account_id, event)


@handles(EventKind.ADJUSTMENT_UPDATED)
def adjustment_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says whether it holds a reservation for longer."""
    evidence.accept_adjustment(account_id, event)


@handles(EventKind.REVERSAL_UPDATED)
def reversal_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says what came of undoing a payment."""
    evidence.accept_reversal(account_id, event)


@handles(EventKind.METHOD_UPDATED)
def method_updated(account_id: str, event: PspEvent) -> None:
    """A PSP says something of a saved method: that it keeps it, how it is now, or that it is gone."""
    evidence.accept_method(account_id, event)


@job("look_up_method", Queue.MONEY, dropped="What the PSP kept of a payment method stays unknown.")
def look_up_method(attempt_id: str, token: str) -> None:
    """A PSP keeps a method since an attempt, and has not said which."""
    evidence.look_up_method(attempt_id, token)


@feeder(Queue.MONEY)
def calls_to_look_at() -> bool:
    """Calls whose answer is due become recovery jobs."""
    return calls.feed()


@job("recover_authorize", Queue.MONEY)
def recover_authorize(call_id: str) -> None:
    """Settle an authorisation whose answer is not known."""
    recovery.recover(call_id)


@job("recover_complete", Queue.MONEY)
def recover_complete(call_id: str) -> None:
    """Settle the end of a customer's action whose answer is not known."""
    recovery.recover(call_id)


@job("recover_capture", Queue.MONEY)
def recover_capture(call_id: str) -> None:
    """Settle a capture whose answer is not known."""
    recovery.recover(call_id)


@job("recover_cancel", Queue.MONEY)
def recover_cancel(call_id: str) -> None:
    """Settle a cancel whose answer is not known."""
    recovery.recover(call_id)


@job("recover_reverse", Queue.MONEY)
def recover_reverse(call_id: str) -> None:
    """Settle a reversal whose answer is not known."""
    recovery.recover(call_id)


@job("recover_adjust", Queue.MONEY)
def recover_adjust(call_id: str) -> None:
    """Settle a wish for more time whose answer is not known."""
    recovery.recover(call_id)


@job("extend_reservation", Queue.MONEY)
def extend_reservation(attempt_id: str) -> None:
    """Ask a PSP to hold a reservation for longer."""
    extending.extend(attempt_id)


@job("look_again", Queue.MONEY)
def look_again(attempt_id: str) -> None:
    """The PSP has contradicted itself: ask it."""
    recovery.look_again(attempt_id)


@job("cancel_attempt", Queue.MONEY)
def cancel_attempt(attempt_id: str) -> None:
    """Stop an attempt that nobody waits for any more."""
    lifecycle.cancel_attempt(attempt_id, by="upkeep")


@job("forget_payments", Queue.UPKEEP)
def forget_payments(customer_id: str) -> None:
    """A customer was erased."""
    forgetting.forget(customer_id)


@job("void_attempt", Queue.MONEY)
def void_attempt(attempt_id: str) -> None:
    """Two people want a payment canceled of which the PSP reserved another amount."""
    settling.void(attempt_id)


@job("release_reservations", Queue.MONEY)
def release_reservations(order_id: str) -> None:
    """An order was paid otherwise: what is reserved for it beyond its need goes free."""
    lifecycle.release_reservations(order_id)


@job("expire", Queue.UPKEEP, every=timedelta(minutes=1))
def expire() -> None:
    """End what nobody has paid in time."""
    lifecycle.expire_due()


@job("extend_expiring_reservations", Queue.UPKEEP, every=timedelta(minutes=15))
def extend_expiring_reservations() -> None:
    """What soon expires, and is still waited for, is held for longer where the PSP can."""
    extending.extend_due()


@job("warn_of_expiring_reservations", Queue.UPKEEP, every=timedelta(minutes=15))
def warn_of_expiring_reservations() -> None:
    """Authorisations that run out soon get a person."""
    lifecycle.warn_of_expiring_reservations()


@job("roll_back_rules", Queue.UPKEEP, every=timedelta(minutes=1))
def roll_back_rules() -> None:
    """Routing rules that do worse than what they replaced end."""
    rules.roll_back_losers()


@job("measure_methods", Queue.UPKEEP, every=timedelta(hours=1), lease=timedelta(minutes=5))
def measure_methods() -> None:
    """What is offered first is what customers pay with."""
    measuring.measure_methods()
