"""The same period, the same bytes: whatever happens later, and nothing is lost that commits late."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from payments.intents import selectors
from payments.intents.models import Capture
from payments.intents.services import moves
from payments.kernel import unit
from tests import factories
from tests.reporting import desk as desks
from tests.reporting.desk import Desk

DOOR = 7
"""The advisory lock that holds a late transaction back."""


def test_a_closed_period_has_the_same_bytes_for_ever(desk: Desk, shop: factories.Shop) -> None:
    customer = shop.post("customers", {"reference": "shopper-9", "email": "ada@example.com", "name": "Ada"})
    intent = desk.paid(desks.moment(3), 1999, customer=customer["id"], metadata={"gift": "no"})
    desk.refunded(desks.moment(4), intent, 500)
    before = {report: desk.file(report, **desks.OCTOBER) for report in ("payments", "refunds")}

    shop.paid(777)
    now = shop.post("refunds", {"payment_intent": intent["id"], "reason": "damaged"})
    factories.work()
    assert shop.get(f"refunds/{now['id']}")["status"] == "succeeded"
    capture = Capture.objects.get(intent=intent["id"])
    with unit.work():
        moves.reverse(selectors.hold_with_attempt(capture.attempt_id), capture, because="refused after all", by="test")
    assert shop.call("DELETE", f"customers/{customer['id']}").status_code == 200

    for report, earlier in before.items():
        later = desk.file(report, **desks.OCTOBER)
        assert later.raw == earlier.raw
        assert len(later.rows) == 1
        assert later.manifest["sha256"] == earlier.manifest["sha256"]
        assert later.manifest["as_of"]["complete"] is True
        assert later.manifest["hash"] != earlier.manifest["hash"], "as of another moment"
    factories.assert_books_close()


@contextmanager
def another_connection() -> Iterator[BaseDatabaseWrapper]:
    """A second session of the same database."""
    other = connection.copy()
    try:
        yield other
    finally:
        other.close()


class HeldBack:
    """Lets a unit write everything, and then wait at the door before it commits."""

    def contribute(self, work: unit.Unit, result: object) -> None:
        work.run("SELECT pg_advisory_xact_lock(%s)", [DOOR])


def reverse_late(capture: Capture) -> None:
    """Book that a capture has failed, in a transaction that waits at the door."""
    try:
        with unit.joined_by(HeldBack()), unit.work():
            moves.reverse(selectors.hold_with_attempt(capture.attempt_id), capture, because="refused", by="test")
    finally:
        connections.close_all()


def waits() -> bool:
    """True once somebody waits at the door."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
        return bool(cursor.fetchone()[0])


def test_what_commits_late_is_in_the_next_file(desk: Desk, shop: factories.Shop) -> None:
    """While the reversal is written and not committed, what came after it is left out too: a file is one clean cut."""
    shop.paid(1000)
    late = threading.Thread(target=reverse_late, args=(Capture.objects.get(),))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [DOOR])
        late.start()
        factories.until(waits)
        shop.paid(2000)
        first = desk.file()
        cursor.execute("SELECT pg_advisory_unlock(%s)", [DOOR])
    late.join(timeout=120)

    assert first.summed() == [("captured", "USD", 1, 1000)]
    assert (first.manifest["tied"], first.manifest["as_of"]["complete"]) == (True, False)
    second = desk.file()
    assert second.summed() == [("capture_reversed", "USD", 1, -1000), ("captured", "USD", 2, 3000)]
    assert second.manifest["tied"] is True
    assert int(second.manifest["as_of"]["xid"]) > int(first.manifest["as_of"]["xid"])
    factories.assert_books_close()


def test_rows_that_came_with_a_dump_of_another_server_are_there(desk: Desk) -> None:
    """Their transaction ids are ahead of ours, and must not hide them until ours have caught up."""
    desk.paid(desks.moment(3), 1999)
    before = desk.file(**desks.OCTOBER)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payments_transfer SET xid = '9000000000000'")

    assert desk.file(**desks.OCTOBER).raw == before.raw


def test_a_period_is_complete_once_nothing_runs_that_began_within_it(desk: Desk) -> None:
    with another_connection() as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT xact_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        began = cursor.fetchone()[0]
        end = began + timedelta(seconds=0.2)
        factories.until(lambda: timezone.now() > end + timedelta(seconds=0.1))
        parameters = {"interval_end": (end - timedelta(seconds=5)).isoformat()}
        assert desk.file(**parameters).manifest["as_of"]["complete"] is False
        cursor.execute("COMMIT")
        assert desk.file(**parameters).manifest["as_of"]["complete"] is True
    soon = timezone.now() + timedelta(hours=1)
    assert desk.file(interval_end=soon.isoformat()).manifest["as_of"]["complete"] is False


@pytest.mark.parametrize("timezone_", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_the_time_zone_changes_how_a_moment_is_written_and_nothing_else(desk: Desk, timezone_: str) -> None:
    desk.paid(desks.moment(3, 20, 15), 1999)
    [row] = desk.file(**desks.OCTOBER, timezone=timezone_).rows
    local = {"UTC": "2026-10-03T20:15:00+00:00", "Asia/Kathmandu": "2026-10-04T02:00:00+05:45",
             "America/St_Johns": "2026-10-03T17:45:00-02:30"}  # fmt: skip
    assert (row["created_utc"], row["created_local"]) == ("2026-10-03T20:15:00Z", local[timezone_])
