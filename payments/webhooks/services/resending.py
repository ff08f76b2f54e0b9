"""Sending events once more: one delivery, what failed since a moment, or everything from an event on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from payments.kernel import clock, ids, jobs, unit
from payments.kernel.errors import Refusal
from payments.kernel.jobs import Retry
from payments.rest.models import ApiClient
from payments.webhooks import selectors
from payments.webhooks.models import Delivery, DeliveryState, Endpoint, Event, EventReplay
from payments.webhooks.services import endpoints, outbox

BATCH: Final = 200
WAITING_AT_MOST: Final = 1_000
"""While so many deliveries wait for an endpoint, a replay adds none: its news would come last otherwise."""
BREATH: Final = timedelta(seconds=5)
COUNTED: Final = 100_000
LAST: Final = UUID(int=(1 << 128) - 1)


class EventUnknown(Refusal):
    """This client has no such event to begin a replay with."""

    code, status = "event_unknown", 422


def again(delivery_ids: Sequence[str]) -> int:
    """Send these deliveries' events to their endpoints once more, each as a new delivery; how many.

    What is on its way already, and what goes to an endpoint that is switched off, is passed over.
    """
    count = 0
    for start in range(0, len(delivery_ids), BATCH):
        rows = Delivery.objects.filter(pk__in=delivery_ids[start : start + BATCH]).exclude(state=DeliveryState.PENDING)
        open_ones = rows.filter(endpoint__enabled=True, endpoint__deleted_at=None).order_by("event_id")
        with unit.work():
            for row in open_ones:
                _plan(row.endpoint_id, row.event_id, row.object_id, row.sequence)
                count += 1
    return count


def send(event_id: str, endpoint_id: str) -> None:
    """Send one event to one endpoint of its client, whether it wanted it or not; refuses one that is switched off."""
    event, endpoint = Event.objects.get(pk=event_id), Endpoint.objects.get(pk=endpoint_id)
    endpoints.require_enabled(endpoint)
    if endpoint.client_id != event.client_id:
        raise EventUnknown("This event is another client's.")
    with unit.work():
        _plan(endpoint.pk, event.pk, event.object_id, event.sequence)


def lag(endpoint: Endpoint) -> tuple[int, datetime | None]:
    """How many deliveries wait for an endpoint, counted to `WAITING_AT_MOST`, and since when the oldest one does."""
    sql = "SELECT created_at FROM payments_delivery WHERE endpoint_id = %s AND state = 'pending' LIMIT %s"
    with connection.cursor() as cursor:
        counting = f"SELECT count(*), min(created_at) FROM ({sql}) AS w"  # noqa: S608  ours
        cursor.execute(counting, [ids.decode("we", endpoint.pk), WAITING_AT_MOST])
        count, oldest = cursor.fetchone()
        return int(count), oldest


def _plan(endpoint_id: str, event_id: str, object_id: str, sequence: int) -> None:
    delivery = Delivery(endpoint_id=endpoint_id, event_id=event_id, object_id=object_id, sequence=sequence)
    unit.current().add(delivery)
    jobs.enqueue("deliver", unique=f"deliver:{delivery.pk}", delivery_id=delivery.pk)


def replay(
    endpoint_id: str, *, client: ApiClient, by: str, from_event: str | None = None, since: datetime | None = None
) -> EventReplay:
    """Send everything that the endpoint wants once more, from an event or a moment on; in its order, some at a time.

    Refuses an endpoint that is switched off (`EndpointDisabled`), and an event that is not the client's.
    """
    endpoint = selectors.endpoint_of(client, endpoint_id)
    endpoints.require_enabled(endpoint)
    if from_event is not None:
        if not selectors.events_of(client).filter(pk=from_event).exists():
            raise EventUnknown("There is no such event.", param="from_event")
        return _ask(endpoint, ids.decode("evt", from_event), by=by)
    return _ask(endpoint, ids.first(since or clock.now()), by=by, since=since)


def replay_failed(endpoint: Endpoint, *, since: datetime, because: str, by: str) -> EventReplay:
    """Send once more what was given up since a moment, where it has not been received in the meantime."""
    endpoints.require_enabled(endpoint)
    return _ask(endpoint, ids.first(since), by=by, since=since, because=because, only_failed=True)


def _ask(
    endpoint: Endpoint, first: UUID, *, by: str, since: datetime | None = None, because: str = "",
    only_failed: bool = False,
) -> EventReplay:  # fmt: skip
    row = EventReplay(
        endpoint=endpoint, first=first, last=ids.uuid7(), since=since, by=by, because=because, only_failed=only_failed
    )
    with unit.work() as work:
        work.add(row)
        jobs.enqueue("replay_events", unique=f"replay_events:{row.pk}", replay_id=row.pk)
        work.returns(row)
    return row


def failed_since(endpoint: Endpoint, since: datetime) -> int:
    """How many deliveries would be sent once more; at most `COUNTED`."""
    with connection.cursor() as cursor:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM ({_FAILED}) AS f LIMIT %s) AS counted"  # noqa: S608  ours
        cursor.execute(sql, [*_range(endpoint.pk, ids.first(since), LAST), COUNTED])
        return int(cursor.fetchone()[0])


_FAILED: Final = """
    SELECT d.id, d.event_id, d.object_id, d.sequence FROM payments_delivery d
     WHERE d.endpoint_id = %s AND d.id >= %s AND d.id <= %s AND d.state = 'failed'
       AND NOT EXISTS (SELECT FROM payments_delivery o WHERE o.event_id = d.event_id AND o.id > d.id
                          AND o.endpoint_id = d.endpoint_id)
     ORDER BY d.id
"""
"""What was given up and never sent again: a later delivery of the same event has made an end of it, or will."""


def _range(endpoint_id: str, first: UUID, last: UUID) -> list[UUID]:
    return [ids.decode("we", endpoint_id), first, last]


def run(replay_id: str) -> None:
    """Plan the next deliveries of a replay; `Retry` while there may be more, or while too many wait."""
    row = EventReplay.objects.select_related("endpoint").get(pk=replay_id)
    if row.done_at is not None:
        return
    if not row.endpoint.enabled or row.endpoint.deleted_at is not None:
        with unit.work():
            row.change(done_at=clock.now())
        return
    if lag(row.endpoint)[0] >= WAITING_AT_MOST:
        raise Retry(BREATH, "the endpoint has not received the last ones yet")
    with unit.work():
        reached, planned, more = (_plan_failed if row.only_failed else _plan_events)(row)
        done = None if more else clock.now()
        row.change(reached=reached, planned=row.planned + planned, done_at=done)
    if more:
        raise Retry(timedelta(0), "the next ones follow")


def _after(row: EventReplay) -> UUID:
    return row.first if row.reached is None else UUID(int=row.reached.int + 1)


def _plan_events(row: EventReplay) -> tuple[UUID | None, int, bool]:
    """How far it came, how many deliveries were planned, and whether there may be more."""
    first, last = ids.encode("evt", _after(row)), ids.encode("evt", row.last)
    events = Event.objects.filter(client_id=row.endpoint.client_id, pk__gte=first, pk__lte=last).order_by("pk")
    found = [
        outbox.News(ids.decode("evt", pk), ids.decode("cli", client), type_, about, sequence)
        for pk, client, type_, about, sequence in events.values_list(
            "pk", "client_id", "type", "object_id", "sequence"
        )[:BATCH]
    ]
    planned = sum(outbox.plan(event, [(row.endpoint_id, row.endpoint.event_types)]) for event in found)
    return (found[-1].id if found else row.reached), planned, len(found) == BATCH


def _plan_failed(row: EventReplay) -> tuple[UUID | None, int, bool]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_FAILED} LIMIT %s", [*_range(row.endpoint_id, _after(row), row.last), BATCH])
        found = cursor.fetchall()
    for _, event_id, object_id, sequence in found:
        _plan(row.endpoint_id, ids.encode("evt", event_id), object_id, sequence)
    return (found[-1][0] if found else row.reached), len(found), len(found) == BATCH
