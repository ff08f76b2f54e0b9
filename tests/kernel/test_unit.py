"""The unit of work: one INSERT per table, guarded updates, everything or nothing."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from payments.connectors.base import Cancel
from payments.gateway import accounts, calls
from payments.kernel import attention, unit
from payments.kernel.attention import AttentionItem, AttentionKind
from payments.kernel.errors import Bug
from payments.orders.models import Customer
from payments.rest.models import ApiClient
from tests import factories
from tests.kernel.conftest import at_once, customer, in_a_unit, in_another_connection, sql


def statements(captured: CaptureQueriesContext) -> list[str]:
    """What was sent, without the frames of the transaction."""
    return [q["sql"] for q in captured if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))]


def test_rows_of_one_table_are_one_insert(client_row: ApiClient) -> None:
    with CaptureQueriesContext(connection) as captured, unit.work() as work:
        work.add(*(customer(client_row, f"c{n}") for n in range(50)))
        work.add(customer(client_row, "last"))
        attention.open_item(AttentionKind.OVERPAYMENT, "pi_1", "twice")
        assert not Customer.objects.exists(), "nothing is written before the end"
    sent = [sql for sql in statements(captured) if sql.startswith("INSERT")]
    assert len(sent) == 2
    assert Customer.objects.count() == 51
    assert AttentionItem.objects.count() == 1


def test_changes_of_one_row_are_one_update(client_row: ApiClient) -> None:
    row = customer(client_row)
    with unit.work() as work:
        work.add(row)
    with CaptureQueriesContext(connection) as captured, unit.work() as work:
        work.change(row, name="Ada")
        row.change(country="GB")
        assert (row.name, row.country) == ("Ada", "GB"), "Python sees it at once"
    [update] = statements(captured)
    assert update.startswith('UPDATE "payments_customer" SET "country" = ')
    found = Customer.objects.get(pk=row.pk)
    assert (found.name, found.country, found.version, row.version) == ("Ada", "GB", 2, 2)


def test_a_row_that_is_new_and_changed_is_inserted_as_it_ended(client_row: ApiClient) -> None:
    row = customer(client_row)
    with CaptureQueriesContext(connection) as captured, unit.work() as work:
        work.add(row)
        row.change(name="Ada")
    assert [sql.split()[0] for sql in statements(captured)] == ["INSERT"]
    assert (Customer.objects.get().name, row.version) == ("Ada", 1)


def test_a_change_of_nothing_asks_nothing(client_row: ApiClient) -> None:
    with unit.work() as work:
        work.add(row := customer(client_row))
    with CaptureQueriesContext(connection) as captured, unit.work():
        row.change()
    assert statements(captured) == []
    assert row.version == 1


def test_an_empty_unit_asks_nothing(db: None) -> None:
    with CaptureQueriesContext(connection) as captured, unit.work():
        pass
    assert statements(captured) == []


def test_a_row_that_was_changed_meanwhile_is_stale_and_nothing_of_the_unit_stays(client_row: ApiClient) -> None:
    row, other = customer(client_row), customer(client_row, "bob")
    with unit.work() as work:
        work.add(row, other)
    sql("UPDATE payments_customer SET version = version + 1 WHERE reference = 'ada'")

    def write(work: unit.Unit) -> None:
        work.add(customer(client_row, "eve"))
        other.change(name="Bob")
        row.change(name="Ada")

    with pytest.raises(unit.Stale):
        in_a_unit(write)
    assert set(Customer.objects.values_list("reference", "name")) == {("ada", ""), ("bob", "")}


def test_a_row_that_is_gone_is_stale(client_row: ApiClient) -> None:
    row = customer(client_row)
    with pytest.raises(unit.Stale), unit.work():
        row.change(name="Ada")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_read_the_same_row_the_second_is_stale(client_row: ApiClient) -> None:
    with unit.work() as work:
        work.add(customer(client_row))
    mine = Customer.objects.get()

    def theirs() -> None:
        with unit.work():
            Customer.objects.get().change(name="theirs")

    def write(work: unit.Unit) -> None:
        work.add(customer(client_row, "with mine"))
        mine.change(name="mine")

    in_another_connection(theirs)
    with pytest.raises(unit.Stale):
        in_a_unit(write)
    assert list(Customer.objects.values_list("reference", "name", "version")) == [("ada", "theirs", 2)]


@pytest.mark.django_db(transaction=True)
def test_twenty_who_count_in_one_row_lose_no_count_when_the_stale_try_again(client_row: ApiClient) -> None:
    with unit.work() as work:
        work.add(customer(client_row))

    def count(_: int) -> int:
        tries = 0
        while True:
            tries += 1
            try:
                with unit.work():
                    row = Customer.objects.get()
                    row.change(event_sequence=row.event_sequence + 1)
            except unit.Stale:
                continue
            return tries

    tries = at_once(20, count)
    found = Customer.objects.get()
    assert (found.event_sequence, found.version) == (20, 21)
    assert max(tries) > 1, "they met"


@pytest.mark.django_db(transaction=True)
def test_two_units_that_change_the_same_rows_never_deadlock(client_row: ApiClient) -> None:
    with unit.work() as work:
        work.add(*(customer(client_row, f"c{n}") for n in range(10)))
    meet = threading.Barrier(2, timeout=120)

    def change(number: int) -> str:
        rows = list(Customer.objects.order_by("id" if number else "-id"))
        meet.wait()
        try:
            with unit.work():
                for row in rows:
                    row.change(name=f"by {number}")
        except unit.Stale:
            return "stale"
        return "done"

    assert sorted(at_once(2, change)) == ["done", "stale"]
    assert len(set(Customer.objects.values_list("name", flat=True))) == 1


def test_an_error_inside_leaves_nothing(client_row: ApiClient) -> None:
    def fail(work: unit.Unit) -> None:
        work.add(customer(client_row))
        raise KeyError

    with pytest.raises(KeyError):
        in_a_unit(fail)
    assert not Customer.objects.exists()
    in_a_unit(lambda work: work.add(customer(client_row, "bob")))  # and the next unit is a fresh one
    assert Customer.objects.get().reference == "bob"


def test_what_the_database_refuses_takes_everything_with_it(client_row: ApiClient) -> None:
    def write(work: unit.Unit) -> None:
        work.add(AttentionItem(kind=AttentionKind.OVERPAYMENT, object_id="pi_1", detail=""))
        work.add(customer(client_row), customer(client_row))

    with pytest.raises(IntegrityError, match="customer_reference"):
        in_a_unit(write)
    assert not Customer.objects.exists()
    assert not AttentionItem.objects.exists()


def test_a_unit_inside_a_unit_is_a_bug(client_row: ApiClient) -> None:
    def nest(work: unit.Unit) -> None:
        work.add(customer(client_row))
        in_a_unit(lambda _: None)

    with pytest.raises(Bug, match="open already"):
        in_a_unit(nest)
    assert not Customer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_unit_inside_another_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError), transaction.atomic(), unit.work():
        pass


def test_writing_outside_a_unit_is_a_bug(client_row: ApiClient) -> None:
    with pytest.raises(Bug, match="must run inside"):
        customer(client_row).change(name="Ada")
    with pytest.raises(Bug, match="must run inside"):
        attention.open_item(AttentionKind.OVERPAYMENT, "pi_1", "twice")


def test_once_passes_over_what_is_there_already(client_row: ApiClient) -> None:
    for number in range(3):
        with unit.work() as work:
            attention.open_item(AttentionKind.OVERPAYMENT, "pi_1", f"seen {number}")
            work.add(customer(client_row, f"c{number}"))
    assert AttentionItem.objects.get().detail == "seen 0"
    assert Customer.objects.count() == 3, "the rest of the unit was written"


def test_an_item_that_was_closed_may_be_opened_again(db: None) -> None:
    for _ in range(2):
        with unit.work():
            attention.open_item(AttentionKind.OVERPAYMENT, "pi_1", "twice")
        with unit.work():
            attention.close_items("pi_1", because="refunded", by="ada", kind=AttentionKind.OVERPAYMENT)
    closed = AttentionItem.objects.filter(closed_at__isnull=False).values_list("closed_because", "closed_by")
    assert list(closed) == [("refunded", "ada")] * 2


def test_rows_that_refer_to_one_another_are_one_statement(db: None) -> None:
    shop = factories.shop()
    with CaptureQueriesContext(connection) as captured:
        shop.order(lines=[{"sku": f"s{n}", "name": "x", "quantity": 1, "unit_amount": 5} for n in range(9)])
    inserts = [sql for sql in statements(captured) if sql.startswith("INSERT")]
    assert sum("payments_orderline" in sql for sql in inserts) == 1
    assert sum('INTO "payments_order" ' in sql for sql in inserts) == 1


def test_a_guard_that_finds_no_row_stops_the_unit(client_row: ApiClient) -> None:
    def write(work: unit.Unit) -> None:
        work.guard("SELECT 1 FROM payments_apiclient WHERE name = %s", ["nobody"])
        work.add(customer(client_row))

    with pytest.raises(unit.Stale):
        in_a_unit(write)
    assert not Customer.objects.exists()


def test_a_guard_that_finds_its_row_lets_it_pass(client_row: ApiClient) -> None:
    with unit.work() as work:
        work.guard("SELECT 1 FROM payments_apiclient WHERE name = %s", ["kernel"])
        work.add(customer(client_row))
    assert Customer.objects.exists()


class Witness:
    """Writes an item with every unit, and remembers what the use case said."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def contribute(self, work: unit.Unit, result: object) -> None:
        self.heard.append(result)
        work.add(AttentionItem(kind=AttentionKind.OVERPAYMENT, object_id=f"pi_{len(self.heard)}", detail=""))


def test_who_joins_writes_with_every_unit_and_hears_its_result(client_row: ApiClient) -> None:
    witness = Witness()
    with unit.joined_by(witness):
        with unit.work() as work:
            work.add(customer(client_row))
            work.returns("made")
        with unit.work() as work:
            work.add(customer(client_row, "bob"))
        with pytest.raises(KeyError), unit.work():
            raise KeyError
    with unit.work() as work:
        work.add(customer(client_row, "eve"))
    assert witness.heard == ["made", None]
    assert AttentionItem.objects.count() == 2


def test_what_comes_after_the_commit_does_not_come_after_a_rollback(
    client_row: ApiClient, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[str] = []

    def fail(_work: unit.Unit) -> None:
        unit.after_commit(lambda: told.append("rolled back"))
        raise KeyError

    with django_capture_on_commit_callbacks(execute=True):
        in_a_unit(lambda _: unit.after_commit(lambda: told.append("committed")))
        with pytest.raises(KeyError):
            in_a_unit(fail)
    assert told == ["committed"]


CANCEL = Cancel(key="call_1", provider_reference="pi_nobody", reason="abandoned")


def test_nobody_waits_for_a_psp_inside_a_transaction(db: None, simulator: str) -> None:
    factories.shop()
    account = accounts.account("stripe-us")
    with pytest.raises(Bug, match="inside a database transaction"), unit.work():
        calls.send(account, CANCEL)
    with pytest.raises(Bug, match="inside a database transaction"), transaction.atomic():
        calls.send(account, CANCEL)
    assert calls.send(account, CANCEL).verdict  # outside it is answered


def test_not_even_by_way_of_the_connector(db: None, simulator: str) -> None:
    factories.shop()
    connector = accounts.connector(accounts.account("stripe-us"))
    with pytest.raises(Bug, match="inside a database transaction"), unit.work():
        connector.cancel(CANCEL)
