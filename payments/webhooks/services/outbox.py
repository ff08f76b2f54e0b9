"""The outbox: events are committed with the change that they tell, and planned for delivery afterwards."""

from collections.abc import Mapping
from typing import Any

from payments.kernel import clock, doorbell, unit
from payments.kernel.jobs import Queue
from payments.webhooks.models import Event


def emit(
    object_id: str,
    client_id: str,
    type_: str,
    data: Mapping[str, Any],
    sequence: int,
    previous: Mapping[str, Any] | None = None,
) -> None:
    """Add an event to the open unit of work: `data` is the object as its client sees it after the change.

    The caller counts `sequence` on the object's own row, in this unit, so that it has no gaps and events of one
    object commit in its order. `previous` holds changed fields as they were before.
    """
    unit.current().add(Event(client_id=client_id, type=type_, object_id=object_id, sequence=sequence, data=data,
                             previous=previous, created_at=clock.now()))
    unit.after_commit(_ring)


def _ring() -> None:
    doorbell.ring(Queue.DELIVERIES)
