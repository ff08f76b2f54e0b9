"""A locked period is opened again by two people, only the last one, and what changes by that can be seen."""

from datetime import timedelta

import pytest

from payments.gateway.models import LegalEntity
from payments.kernel import clock, money, unit
from payments.kernel.records import StateChange
from payments.ledger import postings
from payments.ledger import services as ledger
from payments.ledger.models import Transfer
from reporting.services import closing, closing_reports, reopening
from tests import factories
from tests.byhand import key, refused, sql
from tests.reporting import books
from tests.reporting import desk as desks
from tests.reporting.desk import Desk

DAY = desks.moment(3)
NEXT = desks.moment(4)


@pytest.fixture
def closed(desk: Desk) -> Desk:
    """The third of October, on which 19.99 USD were taken, is locked."""
    books.in_utc()
    desk.paid(DAY, 1999)
    books.told(DAY)
    books.run(desks.moment(4, 6))
    assert books.close_of(DAY).status == "locked"
    return desk


def reopened() -> None:
    """By two people."""
    close = books.close_of(DAY)
    reopening.ask(close.pk, because="a capture was forgotten", by="staff ada")
    reopening.agree(close.pk, by="staff bob")


def test_two_people_open_it_and_the_books_take_what_belongs_to_it(closed: Desk) -> None:
    reopened()
    close = books.close_of(DAY)
    assert (close.status, close.reopen_asked_by, close.reopened_by) == ("reopened", "staff ada", "staff bob")
    assert books.entity().closed_until == close.starts_at
    closed.paid(DAY + timedelta(hours=2), 100)
    late = Transfer.objects.get(effective_at=DAY + timedelta(hours=2))
    assert late.original_effective_at is None
    move = StateChange.objects.get(object_id=close.pk, event="reopen")
    assert (move.by, move.because) == ("staff bob", "a capture was forgotten (asked by staff ada)")


def test_closed_anew_it_is_a_second_edition_that_says_what_differs(closed: Desk) -> None:
    reopened()
    closed.paid(DAY + timedelta(hours=2), 100)
    books.run(desks.moment(4, 9))
    close = books.close_of(DAY)
    assert (close.status, close.edition, close.reopen_asked_by) == ("locked", 2, "")
    assert set(closing_reports.changed(close)) == {"payments", "balance", "ledger", "trial_balance"}
    first, second = (closing_reports.runs(close, edition)["payments"] for edition in (1, 2))
    assert (first.rows, second.rows) == (1, 2)
    note = StateChange.objects.get(object_id=close.pk, event="changed")
    assert note.because.startswith("edition 2 differs: payments")
    factories.assert_books_close()


def test_closed_anew_without_a_change_it_has_the_same_bytes(closed: Desk) -> None:
    reopened()
    books.run(desks.moment(4, 9))
    close = books.close_of(DAY)
    assert (close.edition, closing_reports.changed(close)) == (2, [])
    assert not StateChange.objects.filter(object_id=close.pk, event="changed").exists()


def test_what_was_moved_into_the_open_period_stays_there(closed: Desk) -> None:
    with clock.at(desks.moment(4, 7)), unit.work():
        lines = postings.fee_charged("stripe-us", money.from_minor(30, "USD"))
        ledger.post(postings.Event.FEE_CHARGED, "sl_1", lines, narrative="a fee", refs={}, effective_at=DAY)
    reopened()
    assert Transfer.objects.get(source_id="sl_1").effective_at == desks.moment(4, 7)


def test_who_asks_does_not_agree(closed: Desk) -> None:
    close = books.close_of(DAY)
    with pytest.raises(closing.CloseUnexpectedState, match="Nobody wants"):
        reopening.agree(close.pk, by="staff ada")
    reopening.ask(close.pk, because="a capture was forgotten", by="staff ada")
    with pytest.raises(closing.CloseUnexpectedState, match="already"):
        reopening.ask(close.pk, because="me too", by="staff bob")
    with pytest.raises(reopening.CloseSecondPersonNeeded):
        reopening.agree(close.pk, by="staff ada")
    assert books.entity().closed_until == close.ends_at


def test_the_wish_is_withdrawn(closed: Desk) -> None:
    close = books.close_of(DAY)
    reopening.ask(close.pk, because="a capture was forgotten", by="staff ada")
    reopening.withdraw(close.pk, by="staff bob")
    close.refresh_from_db()
    assert (close.status, close.reopen_asked_by) == ("locked", "")


def test_only_the_last_locked_day_is_opened(closed: Desk) -> None:
    books.told(NEXT)
    books.run(desks.moment(5, 6))
    assert books.close_of(NEXT).status == "locked"
    with pytest.raises(reopening.CloseNotLast, match="2026-10-04 is locked as well"):
        reopening.ask(books.close_of(DAY).pk, because="a capture was forgotten", by="staff ada")


STOLEN = "UPDATE reporting_close SET status = 'reopened', reopened_at = now(), reopen_because = 'x', {} WHERE id = %s"


def test_the_database_refuses_one_person_and_shortcuts(closed: Desk) -> None:
    close = key(books.close_of(DAY).pk)
    with refused("close_maker_is_not_checker"):
        sql(STOLEN.format("reopen_asked_by = 'ada', reopened_by = 'ada'"), close)
    with refused("close_reopened_by_two"):
        sql(STOLEN.format("reopen_asked_by = 'ada'"), close)
    with refused("close_wish_says_why"):
        sql("UPDATE reporting_close SET reopen_asked_by = 'ada' WHERE id = %s", close)
    for status in ("open", "checking", "ready"):
        with refused("two people only"):
            sql("UPDATE reporting_close SET status = %s WHERE id = %s", status, close)
    with refused("never deleted"):
        sql("DELETE FROM reporting_close WHERE id = %s", close)
    with refused("keeps its entity, its period"):
        sql("UPDATE reporting_close SET ends_at = ends_at + interval '1 day' WHERE id = %s", close)


@pytest.mark.parametrize("until", ["NULL", "closed_until - interval '1 hour'", "closed_until - interval '1 day'"])
def test_the_database_opens_books_only_with_a_close_that_two_people_opened(closed: Desk, until: str) -> None:
    with refused("two people only"):
        sql(f"UPDATE payments_legalentity SET closed_until = {until} WHERE id = %s", key(books.entity().pk))
    assert LegalEntity.objects.get(pk=books.entity().pk).closed_until == books.close_of(DAY).ends_at


def test_a_month_is_opened_before_its_days(desk: Desk) -> None:
    books.in_utc()
    last = desks.moment(31)
    desk.paid(desks.moment(30), 1999)
    for day in (desks.moment(30), last):
        books.told(day)
    books.run(last + timedelta(days=1))
    month = books.close_of(desks.moment(1), "month")
    assert (month.status, books.says(month)["days"]) == ("locked", ("done", "Every day is locked."))
    with pytest.raises(reopening.CloseNotLast, match="2026-10 is locked as well"):
        reopening.ask(books.close_of(last).pk, because="forgotten", by="staff ada")
    reopening.ask(month.pk, because="forgotten", by="staff ada")
    reopening.agree(month.pk, by="staff bob")
    assert books.entity().closed_until == month.ends_at, "its days are still locked"
    reopening.ask(books.close_of(last).pk, because="forgotten", by="staff ada")
    reopening.agree(books.close_of(last).pk, by="staff bob")
    with refused("2026-10-31 is not locked yet"):
        sql("UPDATE reporting_close SET status = 'locked' WHERE id = %s", key(month.pk))
