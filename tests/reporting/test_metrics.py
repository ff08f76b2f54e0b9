"""What monitoring scrapes, and what clients that keep books can ask: the unexplained amounts."""

from collections.abc import Iterator

import pytest
from django.test import Client

from payments.kernel import clock
from payments.ledger import services as postings
from reporting.models import PspBalance
from reporting.services import tieout
from tests import factories
from tests.reporting.settling import BEGAN, Account, of


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> Iterator[factories.Shop]:
    """A payment of 20.00 that was settled with 19.00, at an account that says it owes us 18.50."""
    postings.forget_accounts()
    shop, psp = factories.shop(), Account()
    psp.settle(of(shop.paid(2000), 1900))
    PspBalance.objects.create(account_id=psp.pk, as_of=BEGAN.replace(hour=23), amounts={"USD": 1850})
    tieout.tie_out_all(psp.pk)
    yield shop
    postings.forget_accounts()


def test_monitoring_reads_what_is_unexplained_and_how_old_it_is(shop: factories.Shop) -> None:
    answer = Client().get("/metrics")
    assert answer["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    assert 'countinghouse_unexplained_minor{account="stripe-us",currency="USD"} -50' in lines
    assert 'countinghouse_discrepancies_open{kind="amount_differs"} 1' in lines
    [oldest] = [line for line in lines if line.startswith('countinghouse_discrepancies_oldest_seconds{kind="amount')]
    assert int(oldest.rpartition(" ")[2]) >= (clock.now() - BEGAN).days * 86_400
    assert "# TYPE countinghouse_unexplained_minor gauge" in lines


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto", "X-Real-IP", "Via"])
def test_it_is_not_there_for_who_comes_from_outside(shop: factories.Shop, header: str) -> None:
    assert Client().get("/metrics", headers={header: "203.0.113.9"}).status_code == 404


def test_a_client_with_the_scope_reads_the_newest_of_each(shop: factories.Shop) -> None:
    tieout.tie_out_all(Account().pk)
    found = shop.get("tie_outs")
    assert found["object"] == "tie_outs"
    [row] = found["data"]
    figures = {name: row[name] for name in ("ledger", "timing", "psp", "named", "unexplained")}
    assert figures == {"ledger": 2000, "timing": 0, "psp": 1850, "named": -100, "unexplained": -50}
    assert row["parts"]["ledger"] == {"captured": 2000}
