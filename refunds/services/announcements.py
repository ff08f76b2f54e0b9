"""Telling clients what became of a refund."""

from payments.webhooks.services import outbox
from refunds import shapes
from refunds.selectors import Held


def announce(held: Held, type_: str) -> None:
    """Write an event with the open unit, with the next number of this refund's events."""
    refund = held.refund
    refund.change(event_sequence=refund.event_sequence + 1)
    outbox.emit(refund.pk, refund.client_id, type_, shapes.refund(refund, held.lines), refund.event_sequence)
