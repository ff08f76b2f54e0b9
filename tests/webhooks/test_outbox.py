"""Events: committed with their change, planned once, whenever their transaction commits."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError

from payments.kernel import unit
from payments.kernel.errors import Bug, Refusal
from payments.kernel.jobs import Job
from payments.rest.models import ApiClient
from payments.webhooks.models import Delivery, Endpoint, Event
from payments.webhooks.services import endpoints, outbox
from tests.webhooks.conftest import Elsewhere, Emit, deliver_all, delivery_of
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_event_is_committed_with_its_change(client_row: ApiClient, order_id: str, moment: datetime) -> None:
    with unit.work():
        outbox.emit(order_id, client_row.pk, "order.created", {"id": order_id, "created_at": moment}, 1)
        outbox.emit(order_id, client_row.pk, "order.paid", {"id": order_id}, 2, previous={"status": "open"})
    created, paid = Event.objects.order_by("sequence")
    assert (created.type, created.object_id, created.sequence) == ("order.created", order_id, 1)
    assert created.data == {"id": order_id, "created_at": "2026-11-22T09:30:00.000123Z"}
    assert (created.previous, paid.previous) == (None, {"status": "open"})
    assert created.dispatched_at is None
    assert created.id < paid.id
    assert created.xid == paid.xid


def test_events_of_one_unit_are_one_statement(
    client_row: ApiClient, order_id: str, django_assert_num_queries: Any
) -> None:
    # BEGIN, one INSERT, COMMIT
    with django_assert_num_queries(3), unit.work():
        for sequence in range(1, 5):
            outbox.emit(order_id, client_row.pk, "order.paid", {}, sequence)


def test_an_event_of_a_change_that_was_rolled_back_never_was(client_row: ApiClient, order_id: str) -> None:
    def fail() -> None:
        with unit.work():
            outbox.emit(order_id, client_row.pk, "order.paid", {}, 1)
            raise Refusal("not today")

    with pytest.raises(Refusal):
        fail()
    assert not Event.objects.exists()


def test_an_event_is_part_of_a_unit_of_work(client_row: ApiClient, order_id: str) -> None:
    with pytest.raises(Bug):
        outbox.emit(order_id, client_row.pk, "order.paid", {}, 1)


def test_a_sequence_number_is_given_once_per_object(emit: Emit, client_row: ApiClient, order_id: str) -> None:
    emit(order_id)
    with pytest.raises(IntegrityError), unit.work():
        outbox.emit(order_id, client_row.pk, "order.paid", {}, 1)


def test_an_event_is_planned_once_for_each_endpoint_that_wants_it(
    emit: Emit, client_row: ApiClient, order_id: str, receiver: Receiver
) -> None:
    all_of_it = endpoints.create(client_row, url=receiver.url, event_types=["*"])
    orders = endpoints.create(client_row, url=receiver.url, event_types=["refund.sent", "order.*"])
    endpoints.create(client_row, url=receiver.url, event_types=["refund.*"])
    disabled = endpoints.create(client_row, url=receiver.url, event_types=["*"])
    endpoints.change(disabled.pk, client=client_row, enabled=False)
    deleted = endpoints.create(client_row, url=receiver.url, event_types=["*"])
    endpoints.delete(deleted.pk, client=client_row)
    stranger = ApiClient.objects.create(name="another shop")
    endpoints.create(stranger, url=receiver.url, event_types=["*"])

    event_id = emit(order_id)
    assert outbox.plan_deliveries() is False
    assert outbox.plan_deliveries() is False
    planned = Delivery.objects.filter(event_id=event_id)
    assert {row.endpoint_id for row in planned} == {all_of_it.pk, orders.pk}
    assert {(row.object_id, row.sequence, row.state) for row in planned} == {(order_id, 1, "pending")}
    assert {job.arguments["delivery_id"] for job in Job.objects.filter(name="deliver")} == {row.pk for row in planned}
    assert Event.objects.get(pk=event_id).dispatched_at is not None


def test_events_are_planned_in_batches(emit: Emit, endpoint: Endpoint, order_id: str) -> None:
    with unit.work():
        for sequence in range(1, outbox.BATCH + 2):
            outbox.emit(order_id, endpoint.client_id, "order.paid", {}, sequence)
    assert outbox.plan_deliveries() is True
    assert Delivery.objects.count() == outbox.BATCH
    assert outbox.plan_deliveries() is False
    assert Delivery.objects.count() == outbox.BATCH + 1


def test_an_event_whose_transaction_commits_late_is_not_lost(
    emit: Emit, endpoint: Endpoint, receiver: Receiver
) -> None:
    late = Elsewhere(
        lambda: Event.objects.create(
            client_id=endpoint.client_id, type="order.paid", object_id="ord_late", sequence=1, data={}
        )
    )
    punctual = emit("ord_punctual")
    deliver_all()
    assert [request.event["object_id"] for request in receiver.received] == ["ord_punctual"]
    late.commit()
    assert Event.objects.get(object_id="ord_late").pk < punctual  # its id says that it was first
    deliver_all()
    assert [request.event["object_id"] for request in receiver.received] == ["ord_punctual", "ord_late"]


def test_events_that_another_process_is_planning_are_left_to_it_and_keep_their_order(
    emit: Emit, endpoint: Endpoint, receiver: Receiver, order_id: str
) -> None:
    first = emit(order_id)
    planner = Elsewhere(lambda: list(Event.objects.filter(pk=first).select_for_update()))
    second = emit(order_id)
    deliver_all()
    assert receiver.received == []  # planned, but not before its predecessor is
    assert delivery_of(second).state == "pending"
    planner.commit()
    deliver_all()
    assert receiver.sequences == [1, 2]
