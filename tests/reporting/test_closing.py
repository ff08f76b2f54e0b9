"""The daily close: begins by itself, says what is missing, locks in order, and what comes late goes to the open day."""

import hashlib
import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from payments.gateway.models import LegalEntity
from payments.kernel import clock, money, unit
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from payments.kernel.records import StateChange
from payments.ledger import postings
from payments.ledger import services as ledger
from payments.ledger.models import Transfer
from reporting.models import (
    BankAccount,
    BankStatement,
    Close,
    Discrepancy,
    Payout,
    ReportRun,
    SettlementFile,
    SettlementLine,
)
from reporting.reports.base import Parameters
from reporting.services import closing, closing_reports, exports
from tests import factories
from tests.byhand import key, refused, sql
from tests.reporting import books
from tests.reporting import desk as desks
from tests.reporting.desk import Desk

DAY = desks.moment(3)
NEXT = desks.moment(4)


@pytest.fixture
def sold(desk: Desk) -> Desk:
    """19.99 USD on the third and 5.00 USD on the fourth of October, in the books of a company whose days are UTC's."""
    books.in_utc()
    desk.paid(DAY, 1999)
    desk.paid(NEXT, 500)
    return desk


def test_days_begin_with_the_first_booking_and_go_on_without_a_gap(sold: Desk) -> None:
    with clock.at(desks.moment(6)):
        closing.begin(books.entity().pk)
        closing.begin(books.entity().pk)
    rows = Close.objects.filter(kind="day").order_by("day")
    assert [row.day.day for row in rows] == [3, 4, 5, 6]
    assert all(before.ends_at == after.starts_at for before, after in itertools.pairwise(rows))
    [month] = Close.objects.filter(kind="month")
    assert (month.day, month.starts_at, month.ends_at) == (
        date(2026, 10, 1), rows[0].starts_at, datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip


def test_a_client_with_the_scope_reads_the_last_of_each_entity(sold: Desk) -> None:
    assert sold.shop.get("closes") == {"object": "closes", "data": []}
    books.told(DAY)
    books.run(desks.moment(4, 6))
    with clock.at(desks.moment(4, 7)):
        [row] = sold.shop.get("closes")["data"]
    assert (row["legal_entity"], row["kind"], row["period"], row["status"]) == (
        books.entity().pk, "day", "2026-10-03", "locked",
    )  # fmt: skip
    assert {one["item"] for one in row["checklist"]} >= {"files", "matched", "unexplained"}
    assert {one["state"] for one in row["checklist"]} <= {"done", "accepted"}


def test_a_day_in_new_york_waits_for_both_of_its_days_in_utc(desk: Desk) -> None:
    desk.paid(DAY, 1999)
    desk.paid(desks.moment(4, 3), 100)
    books.told(DAY)
    books.run(desks.moment(4, 6))
    close = books.close_of(DAY)
    assert (close.starts_at, close.ends_at) == (desks.moment(3, 4), desks.moment(4, 4))
    assert books.says(close)["files"][1] == "stripe-us has not told of 2026-10-04."
    books.told(NEXT)
    books.run(desks.moment(5, 3))
    close.refresh_from_db()
    assert close.status == "locked"
    run = next(ReportRun.objects.get(pk=one["run"]) for one in close.reports if one["report"] == "payments")
    assert (run.rows, run.parameters["timezone"]) == (2, "America/New_York")


def test_the_reports_of_a_close_are_of_its_own_entity(sold: Desk) -> None:
    with clock.at(DAY):
        sold.shop.confirm(sold.shop.intent(sold.shop.order(777)), account="stripe-eu")
    books.told(DAY)
    books.run(desks.moment(4, 6))
    kept = closing_reports.runs(books.close_of(DAY), 1)
    assert (kept["payments"].rows, kept["ledger"].rows) == (1, 2)
    assert kept["payments"].manifest["control_totals"][0]["amount_minor"] == 1999  # type: ignore[index]
    assert sold.file(**desks.OCTOBER).summed() == [("captured", "USD", 3, 3276)]


def test_an_entity_without_bookings_has_nothing_to_close(shop: factories.Shop) -> None:
    closing.begin(books.entity().pk)
    assert not Close.objects.exists()


def test_a_day_waits_for_its_settlement_and_says_so(sold: Desk) -> None:
    books.run(desks.moment(4, 6))
    close = books.close_of(DAY)
    assert close.status == "checking"
    assert books.says(close) == {
        "files": ("missing", "stripe-us has told nothing, not 2026-10-03."),
        "matched": ("done", "No line waits to be compared with our books."),
        "unexplained": ("missing", "stripe-us was not compared since."),
        "balance": ("waiting", "Looked at when nothing above is missing."),
        "invariants": ("waiting", "Looked at when nothing above is missing."),
        "reports": ("waiting", "Looked at when nothing above is missing."),
    }
    assert not ReportRun.objects.exists()
    assert not AttentionItem.objects.exists(), "it is not late yet"


def test_a_day_of_which_all_is_there_is_locked_by_itself_and_its_reports_are_kept(sold: Desk) -> None:
    books.told(DAY)
    books.run(desks.moment(4, 6))
    close = books.close_of(DAY)
    assert (close.status, close.edition, close.locked_by) == ("locked", 1, "close")
    assert close.proven_at is not None
    assert {state for state, _ in books.says(close).values()} == {"done"}
    assert books.entity().closed_until == close.ends_at == datetime(2026, 10, 4, tzinfo=UTC)
    runs = ReportRun.objects.in_bulk([one["run"] for one in close.reports])
    assert {run.report for run in runs.values()} >= {"payments", "refunds"}
    assert all(run.tied and run.manifest["as_of"]["complete"] for run in runs.values())  # type: ignore[index]
    assert books.close_of(NEXT).status == "open", "it is not over"
    moves = StateChange.objects.filter(object_id=close.pk)
    assert set(moves.values_list("from_state", "to_state")) == {
        ("open", "checking"), ("checking", "ready"), ("ready", "locked"),
    }  # fmt: skip
    factories.assert_books_close()


def test_days_are_locked_in_their_order(sold: Desk) -> None:
    books.told(NEXT, unexplained=7)
    books.run(desks.moment(5, 6))
    assert books.close_of(DAY).status == "checking"
    assert books.close_of(NEXT).status == "open", "the day before comes first"
    with refused("not locked yet"):
        sql("UPDATE reporting_close SET status = 'locked', locked_at = now(), locked_by = 'x' WHERE id = %s",
            key(books.close_of(NEXT).pk))  # fmt: skip


def test_what_waits_to_be_reconciled_keeps_a_day_open(sold: Desk) -> None:
    books.told(DAY)
    file = SettlementFile.objects.get()
    SettlementLine.objects.create(
        account=file.account, file=file, number=1, key="txn_1", type="fee", psp_type="fee", occurred_at=DAY,
        gross_minor=0, gross_currency="USD", settled_minor=0, currency="USD", fee_minor=30,
    )  # fmt: skip
    books.run(desks.moment(4, 6))
    assert books.says(books.close_of(DAY))["matched"] == ("missing", "1 lines wait to be compared with our books.")


def test_what_is_unexplained_is_accepted_by_a_person_with_a_reason(sold: Desk) -> None:
    books.told(DAY, unexplained=-12)
    books.run(desks.moment(4, 6))
    check = books.close_of(DAY).checks.get(item="unexplained")
    assert (check.state, check.says) == ("missing", "stripe-us: -0.12 USD unexplained.")
    closing.accept(check.pk, because="asked Stripe, ticket 81", by="staff fin")
    books.run(desks.moment(4, 7))
    close = books.close_of(DAY)
    assert close.status == "locked"
    check.refresh_from_db()
    assert (check.state, check.accepted_by, check.accepted_because) == (
        "accepted", "staff fin", "asked Stripe, ticket 81",
    )  # fmt: skip


def test_a_comparison_from_before_the_days_file_was_read_says_nothing_of_it(sold: Desk) -> None:
    books.told(DAY)
    SettlementFile.objects.update(matched_at=desks.moment(4, 5))
    books.run(desks.moment(4, 6))
    assert books.says(books.close_of(DAY))["unexplained"] == ("missing", "stripe-us was not compared since.")
    books.compared(desks.moment(4, 7))
    books.run(desks.moment(4, 8))
    assert books.close_of(DAY).status == "locked"


def test_an_acceptance_is_of_what_was_missing_then(sold: Desk) -> None:
    books.told(DAY, unexplained=-12)
    books.run(desks.moment(4, 6))
    closing.accept(books.close_of(DAY).checks.get(item="unexplained").pk, because="a rounding", by="staff fin")
    books.compared(desks.moment(4, 7), unexplained=-5000)
    books.run(desks.moment(4, 8))
    assert books.close_of(DAY).status == "checking"


def test_who_looks_again_after_accepting_comes_to_the_reports(sold: Desk) -> None:
    books.told(DAY, unexplained=-12)
    books.run(desks.moment(4, 6))
    closing.accept(books.close_of(DAY).checks.get(item="unexplained").pk, because="a rounding", by="staff fin")
    with clock.at(desks.moment(4, 7)):
        close = closing.check(books.close_of(DAY).pk, by="staff fin", anew=True)
    assert {name: state for name, (state, _) in books.says(close).items()} == {
        "files": "done", "matched": "done", "unexplained": "accepted", "balance": "done", "invariants": "done",
        "reports": "waiting",
    }  # fmt: skip


def test_a_file_that_is_missed_keeps_a_day_open(sold: Desk) -> None:
    books.told(DAY)
    account = SettlementFile.objects.get().account
    Discrepancy.objects.create(
        account=account, kind="file_missing", subject_id="st_lost", currency="USD", amount_minor=0, detail="lost",
        since=DAY,
    )  # fmt: skip
    books.run(desks.moment(4, 6))
    assert books.says(books.close_of(DAY))["files"] == ("missing", "missing or in conflict: st_lost.")


def test_a_month_waits_for_the_statements_and_payouts_of_its_bank(desk: Desk) -> None:
    books.in_utc()
    last = desks.moment(31)
    desk.paid(last, 1999)
    books.told(last)
    bank = BankAccount.objects.create(
        code="main-usd", legal_entity=books.entity(), currency="USD", number="12", made_by="test"
    )
    account = SettlementFile.objects.get().account
    payout = Payout.objects.create(
        account=account, provider_reference="po_1", currency="USD", amount_minor=1900, status="paid",
        announced_at=last, arrives_on=last.date(),
    )  # fmt: skip
    books.run(last + timedelta(hours=14))
    month = books.close_of(desks.moment(1), "month")
    assert books.close_of(last).status == "locked"
    assert (month.status, books.says(month)["bank"]) == (
        "checking", ("missing", "main-usd has statements of no day; 1 payouts were not seen: po_1."),
    )  # fmt: skip
    Payout.objects.filter(pk=payout.pk).update(status="arrived")
    BankStatement.objects.create(
        account=bank, kind="CSV", name="october.csv", size=1, sha256="0" * 64, position=1, from_day=date(2026, 10, 1),
        to_day=last.date(), currency="USD", opening_minor=0, closing_minor=0, lines=0, uploaded_by="test",
    )  # fmt: skip
    books.run(last + timedelta(hours=15))
    month.refresh_from_db()
    assert (month.status, month.edition) == ("locked", 1)


def test_what_only_a_bank_moves_is_in_the_books_of_its_owner(sold: Desk) -> None:
    BankAccount.objects.create(
        code="main-eur", legal_entity=LegalEntity.objects.get(name="Countinghouse B.V."), currency="EUR", number="12",
        made_by="test",
    )  # fmt: skip
    BankAccount.objects.create(
        code="main-usd", legal_entity=books.entity(), currency="USD", number="13", made_by="test"
    )
    books.told(DAY)
    books.run(desks.moment(4, 6))
    with clock.at(desks.moment(4, 8)), unit.work():
        for code in ("main-eur", "main-usd"):
            lines = postings.refund_transferred(code, money.from_minor(300, "USD"))
            event = postings.Event.REFUND_TRANSFERRED
            ledger.post(event, f"re_{code}", lines, narrative="by bank", refs={}, effective_at=DAY)
    rows = Transfer.objects.filter(event="refund_transferred")
    assert {(row.place, row.original_effective_at) for row in rows} == {("main-eur", None), ("main-usd", DAY)}


def test_our_own_books_are_put_right_and_never_accepted(sold: Desk) -> None:
    books.run(desks.moment(4, 6))
    for item in ("balance", "invariants", "reports", "matched"):
        with pytest.raises(closing.CheckNotAcceptable):
            closing.accept(books.close_of(DAY).checks.get(item=item).pk, because="never mind", by="staff fin")


def test_an_acceptance_without_a_reason_is_refused_by_the_database(sold: Desk) -> None:
    books.run(desks.moment(4, 6))
    check = books.close_of(DAY).checks.get(item="files")
    with refused("close_check_accepted_says_why"):
        sql("UPDATE reporting_closecheck SET state = 'accepted', accepted_at = now(), accepted_by = 'x' WHERE id = %s",
            key(check.pk))  # fmt: skip


def test_a_late_close_calls_a_person_until_it_is_locked(sold: Desk) -> None:
    books.run(desks.moment(5, 11))
    assert not AttentionItem.objects.exists()
    books.run(desks.moment(5, 13))
    item = AttentionItem.objects.get()
    assert (item.kind, item.object_id) == ("close_late", books.close_of(DAY).pk)
    assert "All settlement files are in; Nothing is unexplained" in item.detail
    books.told(DAY)
    books.run(desks.moment(5, 14))
    item.refresh_from_db()
    assert (item.closed_by, item.closed_because) == ("close", "It is locked.")


def test_what_comes_late_stands_in_the_open_day_and_the_closed_days_bytes_stay(sold: Desk) -> None:
    books.told(DAY)
    books.run(desks.moment(4, 6))
    close = books.close_of(DAY)
    before = {run.report: run for run in ReportRun.objects.in_bulk([r["run"] for r in close.reports]).values()}
    late = {
        "cap_late": (postings.Event.CAPTURED, postings.captured),
        "re_late": (postings.Event.REFUND_SENT, postings.refund_sent),
        "dpm_late": (postings.Event.DISPUTE_WITHDRAWN, postings.dispute_withdrawn),
        "sl_late": (postings.Event.FEE_CHARGED, postings.fee_charged),
    }
    with clock.at(desks.moment(4, 8)), unit.work():
        for source, (event, recipe) in late.items():
            lines = recipe("stripe-us", money.from_minor(300, "USD"))
            ledger.post(event, source, lines, narrative="late", refs={}, effective_at=DAY)
    rows = Transfer.objects.filter(source_id__in=late)
    assert {(row.effective_at, row.original_effective_at) for row in rows} == {(desks.moment(4, 8), DAY)}
    for name, run in before.items():
        again = exports.request(name, Parameters.from_json(run.parameters), by="test")
        factories.work()
        again.refresh_from_db()
        assert (again.sha256, again.rows) == (run.sha256, run.rows)
        with exports.file_of(again, untied=False).open() as file:
            assert hashlib.sha256(file.read()).hexdigest() == run.sha256


def test_what_was_booked_between_the_reports_and_the_lock_is_in_the_reports_that_are_kept(sold: Desk) -> None:
    """The period was still open: the capture is rightly in it, and the reports are written once more."""
    books.told(DAY)
    entity = books.entity().pk
    with clock.at(desks.moment(4, 6)):
        with pytest.raises(Exception, match="being written"):
            closing.run(entity)
        factories.work()
        assert closing.check(books.close_of(DAY).pk, by="test").status == "ready"
        sold.paid(DAY + timedelta(hours=1), 100)
        closing.lock(books.close_of(DAY).pk, by="test")
    first = books.close_of(DAY)
    assert first.proven_at is None
    books.run(desks.moment(4, 7))
    close = books.close_of(DAY)
    assert close.proven_at is not None
    assert (close.edition, close.reports != first.reports) == (1, True)
    run = next(ReportRun.objects.get(pk=one["run"]) for one in close.reports if one["report"] == "payments")
    assert run.rows == 2


def test_two_who_lock_at_once_lock_once(sold: Desk) -> None:
    books.told(DAY)
    with clock.at(desks.moment(4, 6)):
        with pytest.raises(Exception, match="being written"):
            closing.run(books.entity().pk)
        factories.work()
        close = closing.check(books.close_of(DAY).pk, by="test")

    def lock() -> str:
        return closing.patiently(lambda: closing.lock(close.pk, by="test")).status

    with books.side_by_side(lock, lock) as found:
        assert sorted(map(str, found)) == [f"{close} is locked.", "locked"]
    assert StateChange.objects.filter(object_id=close.pk, event="lock").count() == 1
    assert books.close_of(DAY).edition == 1


def test_the_timetable_closes_every_entity(sold: Desk) -> None:
    closing.run_all()
    closing.run_all()
    waiting = Job.objects.filter(name="close_entity")
    assert {job.arguments["entity_id"] for job in waiting} == {row.pk for row in LegalEntity.objects.all()}
    assert waiting.count() == LegalEntity.objects.count()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Amsterdam", date(2026, 3, 29), 23),
        ("Europe/Amsterdam", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("America/Santiago", date(2026, 9, 6), 23),  # the clocks skip midnight
        ("Asia/Kolkata", date(2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_it_is_where_the_entity_is(zone: str, day: date, hours: float) -> None:
    length = closing.midnight(day + timedelta(days=1), zone) - closing.midnight(day, zone)
    assert length == timedelta(hours=hours)


def test_an_entity_that_moves_to_another_time_zone_leaves_no_hour_out(sold: Desk) -> None:
    entity = books.entity()
    with clock.at(desks.moment(4)):
        closing.begin(entity.pk)
    LegalEntity.objects.filter(pk=entity.pk).update(time_zone="America/New_York")
    with clock.at(desks.moment(7)):
        closing.begin(entity.pk)
    rows = list(Close.objects.filter(kind="day").order_by("day"))
    assert [(row.ends_at - row.starts_at) / timedelta(hours=1) for row in rows] == [24, 24, 28, 24, 24]
    assert all(before.ends_at == after.starts_at for before, after in itertools.pairwise(rows))
