"""Closed books take nothing more, whoever writes: it stands in the open period and says where it belonged."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from payments.gateway import books
from payments.gateway.models import LegalEntity, ProviderAccount
from payments.kernel import clock, ids, money, unit
from payments.ledger import postings, services
from payments.ledger.models import Transfer
from tests.byhand import behind_the_guards
from tests.ledger.conftest import post, sql

pytestmark = pytest.mark.django_db(transaction=True)

CLOSED = datetime(2026, 11, 1, tzinfo=UTC)
BEFORE, AFTER = CLOSED - timedelta(hours=3), CLOSED + timedelta(hours=3)


@pytest.fixture
def entity() -> LegalEntity:
    """The company of the account stripe-us, and another one with an account of its own."""
    call_command("provision", verbosity=0)
    other = LegalEntity.objects.create(name="Elsewhere Ltd", functional_currency="GBP")
    ProviderAccount.objects.create(code="elsewhere", psp="stripe", legal_entity=other)
    return ProviderAccount.objects.get(code="stripe-us").legal_entity


def close(entity: LegalEntity) -> None:
    """Nothing more before this."""
    with unit.work():
        books.close(books.hold(entity.pk), CLOSED)


def booked(source: str) -> Transfer:
    """The transfer of a movement."""
    return Transfer.objects.get(source_id=source)


def test_what_moved_in_closed_books_stands_in_the_open_period_and_keeps_its_date(entity: LegalEntity) -> None:
    close(entity)
    late, in_time = booked(post(effective_at=BEFORE)), booked(post(effective_at=CLOSED))
    assert (late.effective_at, late.original_effective_at, late.place) == (late.booked_at, BEFORE, "stripe-us")
    assert (in_time.effective_at, in_time.original_effective_at) == (CLOSED, None)


def test_what_was_booked_before_the_books_closed_stays_where_it_was(entity: LegalEntity) -> None:
    source = post(effective_at=BEFORE)
    close(entity)
    assert booked(source).effective_at == BEFORE


def test_what_is_written_down_in_closed_books_stands_at_the_first_moment_of_the_open_period(
    entity: LegalEntity,
) -> None:
    close(entity)
    with clock.at(BEFORE):
        late = booked(post())
    assert (late.effective_at, late.original_effective_at) == (CLOSED, BEFORE)


def test_only_the_entitys_own_books_are_closed(entity: LegalEntity) -> None:
    close(entity)
    assert booked(post(effective_at=BEFORE, account="elsewhere")).effective_at == BEFORE


def test_what_is_in_nobodys_books_keeps_out_of_all_that_are_closed(entity: LegalEntity) -> None:
    close(entity)
    with unit.work():
        lines = postings.revalued(money.from_minor(100, "EUR"))
        services.post(postings.Event.REVALUED, "rev_1", lines, narrative="worth more", refs={}, effective_at=BEFORE)
    assert (booked("rev_1").place, booked("rev_1").original_effective_at) == (None, BEFORE)


def test_books_that_are_opened_again_take_what_belongs_to_them(entity: LegalEntity) -> None:
    close(entity)
    with behind_the_guards():  # in front of them it takes two people
        LegalEntity.objects.update(closed_until=None)
    assert booked(post(effective_at=BEFORE)).effective_at == BEFORE


def test_many_at_once_obey_too(entity: LegalEntity) -> None:
    close(entity)
    fees = """
        SELECT 'sl_' || n AS source_id, %(at)s::timestamptz AS effective_at, 'A fee' AS narrative, '{}'::jsonb AS refs,
               side.code, 'EUR'::text AS currency, side.sign AS amount_minor
          FROM generate_series(1, 20) AS n,
               (VALUES ('psp_fees/stripe-us', 1), ('psp_receivable/stripe-us', -1)) AS side (code, sign)"""
    with transaction.atomic():
        assert services.post_all(postings.Event.FEE_CHARGED, fees, {"at": BEFORE}) == 20
    rows = Transfer.objects.filter(event="fee_charged")
    assert set(rows.values_list("place", "original_effective_at")) == {("stripe-us", BEFORE)}
    assert all(row.effective_at == row.booked_at for row in rows)


def test_sql_by_hand_obeys_and_cannot_say_where_it_belonged(entity: LegalEntity) -> None:
    close(entity)
    with transaction.atomic(), pytest.raises(IntegrityError, match="fewer than two"):  # noqa: PT012
        sql(
            "INSERT INTO payments_transfer (id, event, source_id, place, effective_at, original_effective_at,"
            " booked_at, narrative, refs) VALUES (%s, 'captured', 'cap_1', 'stripe-us', %s, NULL, now(), '', '{}'),"
            " (%s, 'captured', 'cap_2', 'stripe-us', now(), %s, now(), '', '{}')",
            ids.uuid7(), BEFORE, ids.uuid7(), BEFORE,
        )  # fmt: skip
        assert booked("cap_1").original_effective_at == BEFORE
        assert booked("cap_1").effective_at > CLOSED
        assert booked("cap_2").original_effective_at is None
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_snapshot_that_may_not_see_what_was_closed_writes_nothing(entity: LegalEntity) -> None:
    fee = """
        SELECT 'sl_1' AS source_id, now() AS effective_at, '' AS narrative, '{}'::jsonb AS refs, code, 'EUR'::text AS
               currency, sign AS amount_minor FROM (VALUES ('psp_fees/x', 1), ('suspense/x', -1)) AS s (code, sign)"""
    with transaction.atomic():
        sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(IntegrityError, match="READ COMMITTED"):
            services.post_all(postings.Event.FEE_CHARGED, fee, {})
        transaction.set_rollback(True)


@pytest.fixture
def writing(entity: LegalEntity) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Somebody who has written a capture of before the close and has not committed; set the second to let him."""
    written, commit = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                services.post_all(
                    postings.Event.CAPTURED,
                    "SELECT 'cap_open' AS source_id, %(at)s::timestamptz AS effective_at, '' AS narrative, '{}'::jsonb"
                    " AS refs, code, 'EUR'::text AS currency, sign AS amount_minor"
                    " FROM (VALUES ('psp_receivable/stripe-us', 5), ('order_clearing', -5)) AS s (code, sign)",
                    {"at": BEFORE},
                )
                written.set()
                assert commit.wait(120)
        finally:
            written.set()
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert written.wait(120)
    yield written, commit
    commit.set()
    thread.join()


def test_a_close_gives_up_while_somebody_writes_and_loses_nothing_of_it(
    entity: LegalEntity, writing: tuple[threading.Event, threading.Event]
) -> None:
    with pytest.raises(books.Busy):
        close(entity)
    entity.refresh_from_db()
    assert entity.closed_until is None
    post(effective_at=AFTER)  # others go on
    writing[1].set()
    closed = False
    while not closed:
        try:
            close(entity)
            closed = True
        except books.Busy:
            continue
    assert booked("cap_open").effective_at == BEFORE
    assert booked(post(effective_at=BEFORE)).original_effective_at == BEFORE


def test_racing_postings_are_before_the_close_or_in_the_open_period(entity: LegalEntity) -> None:
    """Whoever closes reads, while he holds the books, all that will ever stand in what he closes."""
    writers, each = 4, 25
    start, failures = threading.Barrier(writers + 1), []

    def write() -> None:
        try:
            start.wait(120)
            for _ in range(each):
                post(effective_at=BEFORE)
        except Exception as error:  # noqa: BLE001  told below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    start.wait(120)
    seen = None
    while seen is None:
        try:
            with unit.work():
                held = books.hold(entity.pk)
                seen = Transfer.objects.filter(effective_at__lt=CLOSED).count()
                books.close(held, CLOSED)
        except books.Busy:
            continue
    for thread in threads:
        thread.join()
    assert not failures
    assert Transfer.objects.filter(effective_at__lt=CLOSED).count() == seen
    assert Transfer.objects.filter(original_effective_at=BEFORE).count() == writers * each - seen


def test_what_nobody_holds_is_not_closed() -> None:
    with pytest.raises(Exception, match="until the end of a transaction"):
        books.hold(ids.new("le"))
