"""manage.py grants: the application's role can do its work and nothing to the books, the reports' role only reads."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction

from payments.kernel import audit, clock, partitions
from tests import factories
from tests.byhand import sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def roles(db: None) -> tuple[str, str]:
    """Two roles of this database's tests, gone with their transaction."""
    names = tuple(f"{connection.settings_dict['NAME']}_{kind}" for kind in ("app", "reports"))
    for name in names:
        sql(f"CREATE ROLE {name}")
    call_command("grants", app=names[0], reports=names[1], verbosity=0)
    return names[0], names[1]


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """The connection has this role's rights only."""
    sql(f"SET ROLE {role}")
    try:
        yield
    finally:
        if connection.needs_rollback is False:
            sql("RESET ROLE")


def denied(statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        sql(statement)


def test_the_application_can_do_all_its_work(shop: factories.Shop, roles: tuple[str, str]) -> None:
    with acting_as(roles[0]):
        ada = shop.post("customers", {"reference": "ada", "name": "Ada Lovelace"})["id"]
        order = shop.order(500, customer=ada, metadata={"to": "Ada Lovelace"})
        shop.confirm(shop.intent(order))
        lines = [{"line": order["lines"][0]["id"], "quantity": 1}]
        shop.post("refunds", {"order": order["id"], "lines": lines, "reason": "damaged"})
        reserved = shop.confirm(shop.intent(shop.order(700), capture_method="manual"))
        shop.post(f"payment_intents/{reserved['id']}/capture", {"amount": 300})
        shop.call("DELETE", f"customers/{ada}")
        factories.work()
        assert sql("SELECT count(*) FROM payments_event e WHERE e::text LIKE '%Lovelace%'") == [(0,)]
        assert sql("SELECT count(*) FROM payments_job WHERE name LIKE 'forget%' AND state <> 'done'") == [(0,)]
        factories.assert_books_close()


def test_it_keeps_the_months_but_lets_go_of_none_that_proves_money(roles: tuple[str, str]) -> None:
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    gone, old = f"payments_entry_{clock.now().year + 1}{clock.now():%m}", "payments_delivery_202001"
    sql(f"DROP TABLE {gone}")
    sql("SELECT payments_ensure_partition('payments_delivery', '2020-01-01')")
    with acting_as(roles[0]):
        partitions.keep()
        with pytest.raises(DatabaseError, match="they prove money"), transaction.atomic():
            sql("SELECT payments_detach_partition('payments_entry', %s)", gone)
    assert sql("SELECT to_regclass(%s) IS NOT NULL", gone) == [(True,)]
    assert sql("SELECT relispartition FROM pg_class WHERE relname = %s", old) == [(False,)]


@pytest.mark.parametrize(
    "table", ["payments_account", "payments_transfer", "payments_entry", "payments_statechange", "payments_event"]
)
def test_it_adds_to_the_books_and_changes_nothing_in_them(
    shop: factories.Shop, roles: tuple[str, str], table: str
) -> None:
    shop.paid()
    with acting_as(roles[0]):
        assert sql(f"SELECT count(*) > 0 FROM {table}") == [(True,)]
        denied(f"UPDATE {table} SET id = id")
        denied(f"DELETE FROM {table}")
        denied(f"TRUNCATE {table}")
        sql("UPDATE payments_event SET dispatched_at = now()")
        denied("UPDATE payments_event SET data = '{}'")


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM payments_entry_{clock.now():%Y%m}",
        "DELETE FROM payments_order",
        "DELETE FROM payments_capture",
        "DELETE FROM payments_providercall",
        "DELETE FROM refunds_refund",
        "UPDATE django_migrations SET name = ''",
        "CREATE TABLE mine ()",
        "SET LOCAL session_replication_role = replica",
        "ALTER TABLE payments_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON payments_transfer",
    ],
)
def test_nor_does_it_get_around_that(roles: tuple[str, str], statement: str) -> None:
    with acting_as(roles[0]), pytest.raises(DatabaseError, match=r"denied|owner"), transaction.atomic():
        sql(statement)


def test_what_staff_did_is_added_and_placed_by_the_database_alone(roles: tuple[str, str]) -> None:
    with acting_as(roles[0]):
        audit.record("refund.approved", "re_1")
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        assert sql("SELECT sequence FROM payments_auditevent") == [(1,)]
        for statement in (
            "UPDATE payments_auditevent SET sequence = 2",
            "DELETE FROM payments_auditevent",
            "UPDATE payments_audithead SET sequence = 0",
            "DELETE FROM payments_audithead",
            "INSERT INTO payments_audithead VALUES (true, 0, '')",
        ):
            denied(statement)


def test_reports_only_read_and_never_a_secret(shop: factories.Shop, roles: tuple[str, str]) -> None:
    shop.paid()
    with acting_as(roles[1]):
        assert sql("SELECT count(*) FROM payments_capture JOIN payments_order ON true") == [(1,)]
        for table in ("payments_order", "payments_transfer", "payments_job", "refunds_refund"):
            for statement in ("DELETE FROM {}", "UPDATE {} SET id = id", "INSERT INTO {} DEFAULT VALUES"):
                denied(statement.format(table))
        for table in ("auth_user", "django_session", "payments_auditevent", "payments_apikey", "payments_endpoint"):
            denied(f"SELECT * FROM {table}")
        denied("SELECT payments_ensure_partition('payments_entry', '2030-01-01')")


def test_running_it_again_takes_back_what_was_given_by_hand(roles: tuple[str, str]) -> None:
    sql(f"GRANT UPDATE ON payments_entry TO {roles[0]}; GRANT UPDATE (data) ON payments_event TO {roles[0]}")
    call_command("grants", app=roles[0], verbosity=0)
    with acting_as(roles[0]):
        denied("UPDATE payments_entry SET amount_minor = 1")
        denied("UPDATE payments_event SET data = '{}'")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Name a role"),
        ({"app": "nobody_of_that_name"}, "There is no role"),
        ({"reports": "postgres"}, "is a superuser or owns the tables"),
    ],
)
def test_a_role_that_nothing_can_be_kept_from_is_refused(db: None, options: dict[str, str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("grants", **options)
