"""Delivering: signed, in order per object, tried for three days, recorded."""

import contextlib
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from payments.kernel import clock, drain, ids, invariants, unit
from payments.kernel.errors import Bug
from payments.kernel.jobs import Job, Queue, Retry
from payments.rest.models import ApiClient
from payments.webhooks.models import Delivery, Endpoint, Event
from payments.webhooks.services import delivery, endpoints, outbox
from tests.webhooks.conftest import Emit, deliver_all, delivery_of
from tests.webhooks.receiver import Answer, Received, Receiver

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_client_learns_of_a_change_and_can_check_who_says_so(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    event_id = emit(order_id, "order.paid", status="paid")
    deliver_all()
    (request,) = receiver.received
    event = Event.objects.get(pk=event_id)
    assert request.verified(endpoint.secret) == {
        "id": event_id,
        "object": "event",
        "type": "order.paid",
        "sequence": 1,
        "object_id": order_id,
        "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
        "data": {"object": {"id": order_id, "status": "paid"}},
    }
    assert request.headers["webhook-id"] == event_id
    assert request.headers["content-type"] == "application/json"
    row = delivery_of(event_id)
    assert (row.state, row.attempts, row.last_status, row.next_attempt_at) == ("succeeded", 1, 204, None)
    assert row.delivered_at is not None
    assert not Job.objects.exists()


def test_what_changed_is_told_along(
    client_row: ApiClient, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    with unit.work():
        outbox.emit(order_id, client_row.pk, "order.paid", {"status": "paid"}, 1, previous={"status": "open"})
    deliver_all()
    assert receiver.received[0].event["previous"] == {"status": "open"}


def test_a_connection_is_kept_for_the_next_event(emit: Emit, endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.answer = lambda _: Answer(200, b"thank you")
    for number in range(5):
        emit(f"ord_{number}")
    deliver_all()
    assert len(receiver.received) == 5
    assert receiver.connections == 1


def test_no_transaction_is_open_while_a_client_answers(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    event_id = emit(order_id)
    outbox.plan_deliveries()
    with pytest.raises(Bug, match="database transaction"), transaction.atomic():
        delivery.deliver(delivery_of(event_id).pk)
    assert receiver.received == []
    held: list[int] = []

    def look(_: Received) -> Answer:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
            )
            held.append(cursor.fetchone()[0])
        connection.close()
        return Answer()

    receiver.answer = look
    deliver_all()
    assert held == [0]


def test_an_event_waits_for_the_earlier_ones_of_its_object_and_for_no_others(
    emit: Emit, endpoint: Endpoint, receiver: Receiver
) -> None:
    receiver.answer = lambda request: Answer(500 if request.event["object_id"] == "ord_a" else 204)
    for _ in range(3):
        emit("ord_a")
        emit("ord_b")
    deliver_all()
    assert [(request.event["object_id"], request.event["sequence"]) for request in receiver.received] == [
        ("ord_a", 1),
        ("ord_b", 1),
        ("ord_b", 2),
        ("ord_b", 3),
    ]
    receiver.received.clear()
    receiver.answer = lambda _: Answer()
    deliver_all(after=timedelta(seconds=7))
    assert receiver.sequences == [1, 2, 3]  # at once, one after the other: each calls the next
    assert not Delivery.objects.exclude(state="succeeded").exists()


def test_one_that_looks_while_the_earlier_one_ends_is_called_all_the_same(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    first, second = emit(order_id), emit(order_id)
    outbox.plan_deliveries()
    looking = Job.objects.filter(arguments={"delivery_id": delivery_of(second).pk})
    looking.update(state="running", due_at=timezone.now() + timedelta(minutes=1))
    delivery.deliver(delivery_of(first).pk)
    assert dict(looking.values_list("state", "fence")) == {"running": 0, "ready": 0}
    assert looking.get(state="ready").due_at <= timezone.now()
    looking.filter(state="running").delete()  # it has looked too early, and leaves it to the other
    drain.drain(Queue.DELIVERIES)
    assert receiver.sequences == [1, 2]


def test_one_endpoint_does_not_wait_for_another(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, client_row: ApiClient
) -> None:
    other = Receiver()
    try:
        endpoints.create(client_row, url=other.url, event_types=["*"])
        receiver.answer = lambda _: Answer(503)
        emit("ord_a")
        emit("ord_a")
        deliver_all()
        assert receiver.sequences == [1]
        assert other.sequences == [1, 2]
    finally:
        other.stop()


def again(endpoint: Endpoint) -> Endpoint:
    """The endpoint as it is now."""
    return Endpoint.objects.get(pk=endpoint.pk)


def at_once(number: int, action: Callable[[], None]) -> None:
    """Do something in so many threads, and wait for all."""
    threads = [threading.Thread(target=action) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)


def test_events_arrive_in_order_whatever_fails_and_however_many_deliver(
    emit: Emit, endpoint: Endpoint, receiver: Receiver
) -> None:
    luck = random.Random(20261122)
    accepted: dict[str, list[int]] = {}
    lock = threading.Lock()

    def unreliable(request: Received) -> Answer:
        with lock:
            if luck.random() < 0.3:
                return Answer(500)
            accepted.setdefault(request.event["object_id"], []).append(request.event["sequence"])
            return Answer()

    receiver.answer = unreliable
    for number in range(40):
        emit(f"ord_{number % 8}")

    def work(after: timedelta) -> None:
        try:
            with clock.at(timezone.now() + after):
                drain.drain(Queue.DELIVERIES)
        finally:
            connection.close()

    outbox.plan_deliveries()
    rounds = 0
    while Job.objects.exists() and rounds < 40:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE payments_job SET due_at = now() WHERE state = 'ready'")
        at_once(4, partial(work, rounds * HOUR))
        rounds += 1
    assert accepted == {f"ord_{number}": list(range(1, 6)) for number in range(8)}


def test_a_refused_event_is_tried_for_three_days_and_then_later_ones_flow(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    receiver.answer = lambda request: Answer(500, b"out of order") if request.event["sequence"] == 1 else Answer()
    first, second = emit(order_id), emit(order_id)
    outbox.plan_deliveries()
    row, waiting = delivery_of(first), delivery_of(second)
    attempts, now = [], row.created_at
    while row.state == "pending":
        assert row.next_attempt_at is not None
        now = max(now, row.next_attempt_at)
        attempts.append(now - row.created_at)
        with clock.at(now):
            if row.attempts:
                with pytest.raises(Retry):
                    delivery.deliver(waiting.pk)
            with contextlib.suppress(Retry):  # until the last attempt
                delivery.deliver(row.pk)
        row.refresh_from_db()
    assert 16 <= len(attempts) <= 21  # the waits vary by a fifth
    assert attempts[-1] == 3 * DAY
    assert (row.state, row.last_status, row.response) == ("failed", 500, "out of order")
    with clock.at(now):
        delivery.deliver(waiting.pk)
    assert receiver.sequences[-1] == 2  # and the client sees the gap
    assert delivery_of(second).state == "succeeded"


def test_an_attempt_waits_for_its_time(emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str) -> None:
    receiver.answer = lambda _: Answer(500)
    event_id = emit(order_id)
    deliver_all()
    deliver_all(after=timedelta(seconds=3.5))
    assert len(receiver.received) == 1
    assert delivery_of(event_id).attempts == 1
    assert Job.objects.get().state == "ready"
    deliver_all(after=timedelta(seconds=7))
    assert len(receiver.received) == 2


def test_an_endpoint_that_is_gone_is_disabled_at_once(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    receiver.answer = lambda _: Answer(410)
    gone, next_one = emit(order_id), emit(order_id)
    deliver_all()
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "The endpoint answered 410 Gone.")
    assert (delivery_of(gone).state, delivery_of(gone).last_status) == ("failed", 410)
    assert (delivery_of(next_one).state, delivery_of(next_one).last_error) == ("failed", "the endpoint is disabled")
    assert len(receiver.received) == 1
    assert not Job.objects.exists()
    emit(order_id)
    deliver_all()
    assert Delivery.objects.count() == 2


def test_an_endpoint_without_one_success_for_five_days_is_disabled(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, client_row: ApiClient
) -> None:
    receiver.answer = lambda _: Answer(500)
    emit("ord_a")
    deliver_all()
    emit("ord_b")
    deliver_all(after=4.9 * DAY)
    assert again(endpoint).enabled
    emit("ord_c")
    deliver_all(after=5.1 * DAY)
    assert not again(endpoint).enabled
    assert again(endpoint).disabled_reason.startswith("No delivery succeeded since")

    endpoints.change(endpoint.pk, client=client_row, enabled=True)
    receiver.answer = lambda _: Answer()
    event_id = emit("ord_d")
    deliver_all(after=5.2 * DAY)
    endpoint = again(endpoint)
    assert (endpoint.enabled, endpoint.disabled_reason, endpoint.failing_since) == (True, "", None)
    assert delivery_of(event_id).state == "succeeded"


def test_one_success_starts_the_five_days_anew(emit: Emit, endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.answer = lambda request: Answer(500 if request.event["object_id"] == "ord_bad" else 204)
    emit("ord_bad")
    deliver_all()
    emit("ord_good")
    deliver_all(after=4 * DAY)
    emit("ord_bad")
    deliver_all(after=6 * DAY)
    endpoint.refresh_from_db()
    assert endpoint.enabled
    assert endpoint.failing_since is not None


def test_a_silent_endpoint_is_left_alone_for_a_while_and_then_gets_everything(
    emit: Emit, client_row: ApiClient
) -> None:
    silent = Receiver()
    endpoint = endpoints.create(client_row, url=silent.url, event_types=["*"])
    silent.stop()
    first, second = emit("ord_a"), emit("ord_b")
    deliver_all()
    assert (delivery_of(first).attempts, delivery_of(first).last_error) == (1, "no connection")
    assert delivery_of(first).last_status is None
    assert delivery_of(second).attempts == 0  # others do not queue up behind it
    assert again(endpoint).paused_until is not None
    back = Receiver()
    try:
        Endpoint.objects.filter(pk=endpoint.pk).update(url=back.url)
        deliver_all(after=timedelta(seconds=7))
        assert {request.event["object_id"] for request in back.received} == {"ord_a", "ord_b"}
        assert (again(endpoint).paused_until, again(endpoint).failing_since) == (None, None)
    finally:
        back.stop()


def test_an_event_whose_worker_lost_its_lease_comes_again_with_the_same_id(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    def overtaken(_: Received) -> Answer:
        with connection.cursor() as cursor:  # the lease has run out, and another worker took the job over
            cursor.execute("UPDATE payments_job SET fence = fence + 1, state = 'ready', due_at = now() + '1 h'")
        connection.close()
        return Answer()

    receiver.answer = overtaken
    event_id = emit(order_id)
    deliver_all()
    assert delivery_of(event_id).state == "pending"
    receiver.answer = lambda _: Answer()
    deliver_all()
    assert delivery_of(event_id).state == "succeeded"
    assert [request.headers["webhook-id"] for request in receiver.received] == [event_id, event_id]


def test_a_delivery_that_is_done_is_not_made_again(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    event_id = emit(order_id)
    deliver_all()
    delivery.deliver(delivery_of(event_id).pk)
    assert len(receiver.received) == 1


def test_a_delivery_without_its_job_is_found(emit: Emit, endpoint: Endpoint, order_id: str) -> None:
    event_id = emit(order_id)
    outbox.plan_deliveries()
    (whole,) = invariants.verify("delivery_owned")
    assert (whole.looked_at, whole.broken) == (1, [])
    Job.objects.all().delete()
    (lost,) = invariants.verify("delivery_owned")
    assert [ids.encode("wd", UUID(subject)) for subject, _ in lost.broken] == [delivery_of(event_id).pk]
