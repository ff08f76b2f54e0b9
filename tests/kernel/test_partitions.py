"""Large tables are split by month: months are made ahead, rows land in theirs, old deliveries leave."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from payments.kernel import clock, drain, ids, money, partitions, unit
from payments.kernel.jobs import Queue
from payments.kernel.records import StateChange
from payments.ledger import postings
from payments.ledger import services as ledger
from tests import factories
from tests.kernel.conftest import sql

pytestmark = pytest.mark.django_db


def months(table: str) -> set[str]:
    """The months that a table has partitions for, as YYYYMM."""
    rows = sql(
        "SELECT right(c.relname, 6) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(%s) AND c.relname ~ '_[0-9]{6}$'",
        table,
    )
    return {month for (month,) in rows}


def month(ahead: int) -> str:
    """YYYYMM so many months from now."""
    number = clock.now().year * 12 + clock.now().month - 1 + ahead
    return f"{number // 12:04}{number % 12 + 1:02}"


@pytest.mark.parametrize("table", partitions.PARTITIONED)
def test_a_year_is_made_ahead(table: str) -> None:
    assert {month(ahead) for ahead in range(13)} <= months(table)


@pytest.mark.parametrize("table", partitions.PARTITIONED)
def test_a_month_that_is_missing_is_made(table: str) -> None:
    gone = month(12)
    sql(f"DROP TABLE {table}_{gone}")
    assert gone not in months(table)
    partitions.keep()
    assert gone in months(table)
    partitions.keep()  # and again changes nothing


def test_the_timetable_keeps_them() -> None:
    sql(f"DROP TABLE payments_entry_{month(12)}")
    drain.keep_timetable()
    while drain.drain(Queue.UPKEEP):
        pass
    assert month(12) in months("payments_entry")


def test_a_month_that_was_made_later_is_guarded_too() -> None:
    sql(f"DROP TABLE payments_entry_{month(12)}")
    partitions.keep()
    guards = "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal"
    [later], [first] = (sql(guards, f"payments_entry_{month(ahead)}") for ahead in (12, 0))
    assert later == first > (2,)


def test_rows_land_in_the_month_that_their_id_carries() -> None:
    start = clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = start - timedelta(milliseconds=1)
    for moment in (before, start, clock.now()):
        with clock.at(moment), unit.work() as work:
            work.add(StateChange(object_id="x", from_state="a", to_state="b", event="e", because="", by="", at=moment))
    landed = sql("SELECT right(tableoid::regclass::text, 6), at FROM payments_statechange ORDER BY at")
    assert [(part, at.strftime("%Y%m")) for part, at in landed] == [(f"{at:%Y%m}", f"{at:%Y%m}") for _, at in landed]
    assert [part for part, _ in landed] == [month(-1), month(0), month(0)]


def test_the_borders_of_a_month_are_those_of_utc_whatever_the_session_thinks() -> None:
    sql("SET LOCAL TIME ZONE 'Pacific/Auckland'")
    sql("SELECT payments_ensure_partition('payments_statechange', '2031-03-01')")
    [(bounds,)] = sql(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = 'payments_statechange_203103'::regclass"
    )
    since, until = (str(ids.uuid7(datetime(2031, m, 1, tzinfo=UTC)))[:13] for m in (3, 4))
    assert f"FROM ('{since}-0000-0000-000000000000') TO ('{until}-0000-0000-000000000000')" in bounds


def test_the_first_uuid_of_a_moment_is_below_all_of_that_moment_and_above_all_before() -> None:
    moment = datetime(2026, 11, 22, 9, 30, 15, 123_000, tzinfo=UTC)
    [(floor,)] = sql("SELECT payments_uuid_floor(%s)", moment)
    assert ids.uuid7(moment - timedelta(milliseconds=1)) < floor < ids.uuid7(moment)


def test_nothing_falls_into_the_default_partitions() -> None:
    factories.shop().order()
    with unit.work():
        ledger.post(
            postings.Event.CAPTURED,
            "cap_1",
            postings.captured("stripe-us", money.from_minor(100, "USD")),
            narrative="",
            refs={},
        )
    for table in partitions.PARTITIONED:
        assert sql(f"SELECT count(*) FROM {table}_default") == [(0,)]
    assert sql("SELECT count(*) FROM payments_entry") == [(2,)]


def test_a_row_of_a_month_that_nobody_made_is_kept_in_the_default_partition() -> None:
    past = datetime(2001, 1, 1, tzinfo=UTC)
    with clock.at(past), unit.work() as work:
        work.add(StateChange(object_id="x", from_state="a", to_state="b", event="e", because="", by="", at=past))
    assert sql("SELECT tableoid::regclass::text FROM payments_statechange") == [("payments_statechange_default",)]


def test_old_deliveries_leave_and_what_proves_money_stays() -> None:
    for table in partitions.PARTITIONED:
        sql(f"SELECT payments_ensure_months('{table}', 16, 0)")
    partitions.keep()
    assert month(-14) not in months("payments_delivery")
    assert month(-13) in months("payments_delivery")
    assert {month(-16), month(-14)} <= months("payments_entry") & months("payments_statechange")
    assert sql("SELECT to_regclass(%s) IS NULL", f"payments_delivery_{month(-14)}") == [(False,)], "not dropped"


def test_months_are_made_while_entries_are_written() -> None:
    with transaction.atomic():
        sql("SELECT payments_ensure_partition('payments_entry', '2040-01-01')")
        sql("SELECT payments_ensure_partition('payments_entry', '2040-01-15')")
    assert "204001" in months("payments_entry")


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_locked_does_not_stop_the_others() -> None:
    gone = month(12)
    sql(f"DROP TABLE payments_entry_{gone}, payments_statechange_{gone}")
    sql("SET lock_timeout = '200ms'")
    somebody = connection.copy()
    try:
        with somebody.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE payments_entry")
        with pytest.raises(ExceptionGroup, match="not every partition is kept"):
            partitions.keep()
    finally:
        somebody.close()
        sql("RESET lock_timeout")
    assert gone in months("payments_statechange")
    assert gone not in months("payments_entry")
    partitions.keep()
    assert gone in months("payments_entry")
