"""A day that a PSP has settled closes by its own comparison, and what the PSP tells late stands in the open day."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from payments.kernel import clock
from payments.kernel.jobs import Queue
from payments.ledger import services as ledger
from payments.ledger.models import Transfer
from reporting.models import PspBalance
from reporting.reports.base import Parameters
from reporting.services import closing_reports, exports, tieout
from tests import factories
from tests.reporting import books
from tests.reporting.settling import BEGAN, Account, line, of

MORNING = datetime(2026, 10, 2, 6, tzinfo=UTC)


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator, directory: object) -> Iterator[factories.Shop]:
    """A shop on the first of October, in the books of a company whose days are UTC's."""
    ledger.forget_accounts()
    with clock.at(BEGAN):
        shop = factories.shop()
        books.in_utc()
        yield shop
    ledger.forget_accounts()


def says(psp: Account, minor: int) -> None:
    """What the PSP says it owed at midnight, and what our books make of that."""
    PspBalance.objects.create(account_id=psp.pk, as_of=datetime(2026, 10, 2, tzinfo=UTC), amounts={"USD": minor})
    tieout.tie_out_all(psp.pk)


def test_a_settled_day_closes_and_what_is_told_late_leaves_its_bytes(shop: factories.Shop) -> None:
    psp = Account()
    paid = shop.paid(2000)
    with clock.at(MORNING - timedelta(hours=2)):
        psp.settle(of(paid, fee=59))
        says(psp, 1941)
    books.run(MORNING)
    close = books.close_of(BEGAN)
    assert close.status == "locked", books.says(close)
    kept = closing_reports.runs(close, 1)
    assert {"fees", "balance", "payouts"} <= kept.keys()
    assert kept["fees"].rows == 1

    with clock.at(MORNING + timedelta(hours=2)):
        psp.settle(line("fee", 0, fee=30))
    late = Transfer.objects.exclude(original_effective_at=None).get()
    assert (late.event, late.place) == ("fee_charged", "stripe-us")
    assert (late.original_effective_at.date(), late.effective_at) == (BEGAN.date(), MORNING + timedelta(hours=2))  # type: ignore[union-attr]
    for name, run in kept.items():
        again = exports.request(name, Parameters.from_json(run.parameters), by="test")
        factories.work(Queue.FINANCE)
        again.refresh_from_db()
        assert (name, again.sha256) == (name, run.sha256)
    factories.assert_books_close()


def test_a_day_with_something_unexplained_stays_open(shop: factories.Shop) -> None:
    psp = Account()
    paid = shop.paid(2000)
    with clock.at(MORNING - timedelta(hours=2)):
        psp.settle(of(paid, fee=59))
        says(psp, 1929)
    books.run(MORNING)
    close = books.close_of(BEGAN)
    assert (close.status, books.says(close)["unexplained"]) == (
        "checking", ("missing", "stripe-us: -0.12 USD unexplained."),
    )  # fmt: skip
