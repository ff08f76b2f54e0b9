"""The outbox: events are committed with the change that they tell, and planned for delivery afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from payments.kernel import clock, doorbell, ids, jobs, unit
from payments.kernel.errors import invariant
from payments.kernel.jobs import Queue
from payments.webhooks import catalogue, policy
from payments.webhooks.models import Delivery, Event

BATCH: Final = 200


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
    invariant(type_ in catalogue.TYPES, f"{type_!r} stands in the catalogue of events")
    unit.current().add(
        Event(
            client_id=client_id,
            type=type_,
            object_id=object_id,
            sequence=sequence,
            data=data,
            previous=previous,
            created_at=clock.now(),
        )
    )
    unit.after_commit(_ring)


def forget(object_ids: Sequence[str]) -> None:
    """Empty what clients wrote about somebody who was erased in the events of these objects; all else stays as told."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT payments_forget_events(%s)", [list(object_ids)])


def _ring() -> None:
    doorbell.ring(Queue.DELIVERIES)


def plan_deliveries() -> bool:
    """Plan the deliveries of new events, a batch at a time; True when there may be more.

    What is new is what carries no mark, whenever its transaction committed: a late one is seen when it comes.
    Several processes may plan at once, each its own events; `delivery` keeps the order of an object.
    """
    if not _any_new():
        return False
    with unit.work() as work:
        events = _new_events()
        endpoints = _endpoints({event.client_id for event in events})
        for event in events:
            plan(event, endpoints.get(event.client_id, ()))
        work.run(
            "UPDATE payments_event SET dispatched_at = %s WHERE id = ANY(%s)",
            [clock.now(), [event.id for event in events]],
        )
    return len(events) == BATCH


def _any_new() -> bool:
    """Asked before every single delivery, so without a transaction and without building a query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM payments_event WHERE dispatched_at IS NULL)")
        return bool(cursor.fetchone()[0])


class News(NamedTuple):
    """What planning needs to know of an event."""

    id: UUID
    client_id: UUID
    type: str
    object_id: str
    sequence: int


NEW: Final = """
    SELECT id, client_id, type, object_id, sequence FROM payments_event
     WHERE dispatched_at IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""


def _new_events() -> list[News]:
    """The oldest unplanned events that nobody else is planning, locked."""
    with connection.cursor() as cursor:
        cursor.execute(NEW, [BATCH])
        return [News(*row) for row in cursor.fetchall()]


RECEIVING: Final = """
    SELECT client_id, id, event_types FROM payments_endpoint
     WHERE client_id = ANY(%s) AND enabled AND deleted_at IS NULL
"""


def _endpoints(client_ids: Iterable[UUID]) -> Mapping[UUID, Sequence[tuple[str, Sequence[str]]]]:
    """The endpoints that receive at present, with the types that they want, by client."""
    found: dict[UUID, list[tuple[str, Sequence[str]]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(RECEIVING, [list(client_ids)])
        for client_id, endpoint_id, types in cursor.fetchall():
            found.setdefault(client_id, []).append((ids.encode("we", endpoint_id), types))
    return found


def plan(event: News, endpoints: Iterable[tuple[str, Sequence[str]]]) -> int:
    """One delivery, and the job that makes it, for each endpoint that wants the event; how many. With the open unit."""
    planned = 0
    for endpoint_id, types in endpoints:
        if policy.wants(types, event.type):
            delivery = Delivery(
                endpoint_id=endpoint_id,
                event_id=ids.encode("evt", event.id),
                object_id=event.object_id,
                sequence=event.sequence,
            )
            unit.current().add(delivery)
            jobs.enqueue("deliver", unique=f"deliver:{delivery.pk}", delivery_id=delivery.pk)
            planned += 1
    return planned
