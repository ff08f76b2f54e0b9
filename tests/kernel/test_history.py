"""Whatever changes a row of money past a unit of work is written down: at the prompt, by bulk, by deletion."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from payments.intents.models import PaymentIntent
from payments.kernel import audit, history, unit
from payments.kernel.history import RowChange
from payments.orders.models import Order
from refunds.models import Refund
from tests import factories
from tests.byhand import behind_the_guards, key, refused, sql
from tests.services import conftest as services

pytestmark = pytest.mark.django_db

sim, shop = services.sim, services.shop


def test_every_table_of_money_is_watched() -> None:
    watched = {
        name for (name,) in sql("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname ~ '^history_'")
    }

    assert watched == set(history.TABLES)


def test_payments_refunds_and_jobs_leave_nothing_here(shop: factories.Shop) -> None:
    paid = shop.paid(1999)
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    factories.work()

    assert Refund.objects.get().status == "succeeded"
    assert not RowChange.objects.exists()


def test_what_is_changed_at_the_prompt_shows_with_the_role(shop: factories.Shop) -> None:
    paid = shop.paid(1999)
    sql("UPDATE payments_order SET amount_refunded_minor = 7 WHERE id = %s", key(paid["order"]))
    row = RowChange.objects.get()

    assert (row.object_id, row.table_name, row.operation) == (paid["order"], "payments_order", "update")
    assert (row.before, row.after) == ({"amount_refunded_minor": 0}, {"amount_refunded_minor": 7})
    assert row.by == f"database role {connection.settings_dict['USER']}"
    assert row.program == "countinghouse-shell"


def test_who_does_as_a_unit_does_but_is_not_the_platform_shows(shop: factories.Shop) -> None:
    paid = shop.paid(1999)
    with transaction.atomic():
        sql("SET LOCAL countinghouse.units = ''")
        sql("UPDATE payments_order SET country = 'FR', version = version + 1 WHERE id = %s", key(paid["order"]))

    assert RowChange.objects.get().after == {"country": "FR"}


def test_bulk_changes_show_row_by_row_and_what_did_not_change_does_not(shop: factories.Shop) -> None:
    for amount in (500, 600):
        shop.paid(amount)
    Order.objects.update(country="FR")
    Order.objects.update(country="FR")

    assert [row.after for row in RowChange.objects.all()] == [{"country": "FR"}] * 2


def test_of_what_may_name_somebody_it_shows_that_it_changed(shop: factories.Shop) -> None:
    """The history is for ever, and nobody can be erased from it."""
    intent = shop.intent(description="Mug for Ada Lovelace")
    sql("UPDATE payments_paymentintent SET description = '' WHERE id = %s", key(intent["id"]))
    row = RowChange.objects.get()

    assert (row.before, row.after) == ({"description": "[hidden]"}, {"description": "[hidden]"})


def test_what_is_deleted_shows_whole(shop: factories.Shop) -> None:
    order = shop.order(500, metadata={"note": "a secret of the client's"})
    with behind_the_guards():
        sql("DELETE FROM payments_orderline")
    sql("DELETE FROM payments_order WHERE id = %s", key(order["id"]))
    row = RowChange.objects.get()

    assert (row.object_id, row.operation, row.after) == (order["id"], "delete", {})
    assert (row.before["amount_total_minor"], row.before["metadata"]) == (500, "[hidden]")


@pytest.mark.django_db(transaction=True)
def test_what_staff_ask_for_shows_with_who_and_which_request(shop: factories.Shop) -> None:
    paid = shop.paid(1999)
    intent = PaymentIntent.objects.get(pk=paid["id"])
    with audit.asked_by(audit.Asker(lambda: "staff lena", "192.0.2.7", "req_1")), unit.work():
        intent.change(description="for Jane")
    row = RowChange.objects.get()

    assert (row.by, row.request_id, row.object_id) == ("staff lena", "req_1", paid["id"])
    assert row.after == {"description": "[hidden]"}
    sql("UPDATE payments_order SET reference = 'jane.doe@example.com'")
    row = RowChange.objects.latest("at")
    assert row.by.startswith("database role"), "the signature ends with its transaction"
    assert row.after == {"reference": "j•••@e•••.com"}


def test_rights_of_people_show(db: Any) -> None:
    user = User.objects.create_user("lena", password="correct horse battery staple")
    group = Group.objects.create(name="support")
    user.groups.add(group)
    user.is_superuser = True
    user.set_password("another correct horse")
    user.save()
    user.groups.clear()
    found = list(RowChange.objects.order_by("id").values_list("table_name", "operation"))

    assert found == [("auth_user_groups", "insert"), ("auth_user", "update"), ("auth_user_groups", "delete")]
    assert RowChange.objects.get(table_name="auth_user").after == {"is_superuser": True, "password": "[hidden]"}


def test_the_history_stays(shop: factories.Shop) -> None:
    shop.order(500)
    Order.objects.update(country="FR")
    with refused("stays on record"):
        sql("DELETE FROM payments_rowchange")
    with refused("stays on record"):
        sql("UPDATE payments_rowchange SET by = 'somebody else'")
    with refused("stays on record"):
        sql("TRUNCATE payments_rowchange")
