"""Rows that change: every move leaves its trace in the same commit, and the trace stays."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from payments.kernel import clock, unit
from payments.kernel.machine import IllegalMove
from payments.kernel.records import StateChange
from payments.orders.models import Order
from payments.orders.states import OrderStatus
from payments.rest.models import ApiClient
from tests.kernel.conftest import in_a_unit, sql


def order(client: ApiClient, reference: str = "A-1") -> Order:
    """An open order, written."""
    row = Order(
        client=client, reference=reference, country="US", currency="USD", amount_total_minor=1, expires_at=clock.now()
    )
    with unit.work() as work:
        work.add(row)
    return row


@pytest.fixture
def opened(client_row: ApiClient) -> Order:
    """An open order."""
    return order(client_row)


def test_a_move_is_on_record_with_its_reason(opened: Order) -> None:
    before = clock.now()
    with unit.work():
        opened.advance("cancel", because="the customer called", by="ada", metadata={"call": "1"})
    found = Order.objects.get()
    assert (found.status, found.metadata, found.version) == ("canceled", {"call": "1"}, 2)
    change = StateChange.objects.get()
    assert (change.object_id, change.from_state, change.to_state) == (opened.pk, "open", "canceled")
    assert (change.event, change.because, change.by) == ("cancel", "the customer called", "ada")
    assert before <= change.at <= clock.now()


def test_several_moves_in_one_unit_are_several_records(opened: Order) -> None:
    with unit.work():
        opened.advance("pay_part", because="half", by="psp")
        opened.advance("pay", because="the rest", by="psp")
    assert Order.objects.get().status == "paid"
    moves = StateChange.objects.order_by("id").values_list("from_state", "to_state")
    assert list(moves) == [("open", "partially_paid"), ("partially_paid", "paid")]


def test_a_move_that_the_machine_lacks_changes_nothing(opened: Order) -> None:
    def move(_work: unit.Unit) -> None:
        opened.advance("cancel", because="", by="ada")
        opened.advance("pay", because="", by="psp")

    with pytest.raises(IllegalMove):
        in_a_unit(move)
    assert Order.objects.get().status == "open"
    assert not StateChange.objects.exists()


def test_a_stale_move_leaves_no_record(opened: Order) -> None:
    sql("UPDATE payments_order SET version = 7")
    with pytest.raises(unit.Stale), unit.work():
        opened.advance("cancel", because="", by="ada")
    assert not StateChange.objects.exists()


def test_what_an_order_may_do(opened: Order) -> None:
    assert opened.may("cancel")
    opened.status = OrderStatus.PAID
    assert not opened.may("cancel")


@pytest.mark.django_db(transaction=True)
def test_the_state_and_its_record_are_one_transaction(client_row: ApiClient) -> None:
    row = order(client_row)
    with unit.work():
        row.advance("cancel", because="", by="ada")
    assert sql("SELECT xmin FROM payments_order") == sql("SELECT xmin FROM payments_statechange")


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE payments_statechange SET because = 'another reason'",
        "DELETE FROM payments_statechange",
        "TRUNCATE payments_statechange",
        "UPDATE {part} SET because = 'another reason'",
        "DELETE FROM {part}",
        "TRUNCATE {part}",
        "TRUNCATE payments_statechange_default",
    ],
)
def test_the_record_of_moves_only_grows(opened: Order, tamper: str) -> None:
    with unit.work():
        opened.advance("cancel", because="the customer called", by="ada")
    [(part,)] = sql("SELECT tableoid::regclass::text FROM payments_statechange")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(tamper.format(part=part))
    assert StateChange.objects.get().because == "the customer called"


@pytest.mark.parametrize(
    "query", [lambda: StateChange.objects.all().delete(), lambda: StateChange.objects.update(by="")]
)
def test_not_even_by_way_of_the_models(opened: Order, query: Callable[[], object]) -> None:
    with unit.work():
        opened.advance("cancel", because="", by="ada")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        query()
