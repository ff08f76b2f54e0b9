"""What monitoring scrapes, and what clients that keep books can ask: the unexplained amounts."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from payments.kernel import clock, jobs, unit
from payments.kernel.jobs import Queue
from payments.ledger import services as postings
from reporting.models import PspBalance
from reporting.services import tieout
from reporting.uptime import figures, resting, rollups
from tests import byhand, factories
from tests.reporting.settling import BEGAN, Account, of


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """What was found for another test is of no use."""
    figures.forget()


def scraped() -> dict[str, float]:
    """What monitoring reads: each sample's name and its labels' values."""
    figures.forget()
    text = Client().get("/metrics").content.decode()
    return {
        ":".join([sample.name.removeprefix("countinghouse_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def grown(before: dict[str, float]) -> dict[str, float]:
    """What is more now."""
    return {name: value - before.get(name, 0) for name, value in scraped().items() if value != before.get(name, 0)}


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


def test_a_payment_and_what_is_given_back_of_it_are_counted_with_their_money(shop: factories.Shop) -> None:
    before = scraped()
    intent = shop.paid(2500)
    shop.confirm(shop.intent(shop.order(700)), "pm_card_chargeDeclined")
    shop.post("refunds", {"payment_intent": intent["id"], "amount": 500, "reason": "goodwill"}, key="once")
    factories.work(Queue.MONEY)
    more = grown(before)
    assert more["attempts_total:stripe-us:card:approved"] == 1
    assert more["attempted_minor_total:stripe-us:USD:approved"] == 2500
    [declined] = [name for name in more if name.startswith("attempts_total:stripe-us:card:declined_")]
    assert more[declined] == 1
    assert more["captured_minor_total:stripe-us:USD"] == 2500
    assert more["refunded_minor_total:stripe-us:USD"] == 500
    assert more["psp_seconds_count:stripe-us:authorize:approved"] == 1
    assert more["psp_seconds_count:stripe-us:refund:approved"] == 1
    assert more["http_seconds_count:POST:v1/payment_intents/<str:intent_id>/confirm:2xx"] == 2
    assert (
        more["http_own_seconds_sum:POST:v1/payment_intents/<str:intent_id>/confirm"]
        < (more["http_seconds_sum:POST:v1/payment_intents/<str:intent_id>/confirm:2xx"])
    )


def test_queues_lag_and_money_at_rest_are_told(shop: factories.Shop) -> None:
    with unit.work():
        jobs.enqueue("count_rollups")
    jobs.Job.objects.filter(name="count_rollups").update(due_at=clock.now() - timedelta(seconds=90))
    rollups.advance()
    resting.measure()
    found = scraped()
    assert found["jobs:upkeep:due"] >= 1
    assert 90 <= found["jobs_oldest_seconds:upkeep"] < 600
    assert found["rollup_lag_seconds"] < 600
    assert found["database_figures_up"] == 1
    assert found["discrepancies_open:amount_differs"] == 1


def test_whatever_is_asked_for_there_are_not_more_series(shop: factories.Shop) -> None:
    shop.get("orders")
    noise = Client()
    for number in (1, 2):
        noise.get(f"/v1/orders/ord_{number:032x}")
        noise.get(f"/v1/nothing/{number}")
        noise.get(f"/nowhere/{number}")
        noise.generic(f"BREW{number}", f"/v1/orders/{number}")
        noise.post(f"/webhooks/stripe/account-{number}", b"{}", content_type="application/json")
        noise.post("/webhooks/stripe/stripe-us", b"{}", content_type="application/json")
        if number == 1:
            known = scraped().keys()
    for number in range(3, 60):
        noise.get(f"/v1/orders/ord_{number:032x}", {"limit": number})
        noise.get(f"/v1/nothing/{number}")
        noise.get(f"/nowhere/{number}")
        noise.generic(f"BREW{number}", f"/v1/orders/{number}")
        noise.post(f"/webhooks/stripe/account-{number}", b"{}", content_type="application/json")
    assert scraped().keys() == known
    assert not [name for name in known if "account-" in name or "BREW" in name or "nowhere" in name]


@pytest.mark.parametrize("header", [{}, {"X-Forwarded-For": "203.0.113.9"}])
def test_with_a_token_it_is_there_for_who_shows_it_and_for_nobody_else(
    transactional_db: None, settings: Settings, header: dict[str, str]
) -> None:
    settings.METRICS_TOKEN = "a token of monitoring"

    def asked(**shown: str) -> int:
        return Client().get("/metrics", headers={**header, **shown}).status_code

    assert asked() == 404
    assert asked(Authorization="Bearer another token") == 404
    assert asked(Authorization="Bearer a token of monitorin\xe9") == 404
    assert asked(Authorization="Bearer a token of monitoring") == 200


def test_without_a_database_what_was_counted_is_still_told(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "AT_MOST", 1)
    with unit.work():
        jobs.enqueue("count_rollups")
    with byhand.locked("reporting_atrest", mode="ACCESS EXCLUSIVE"):
        found = scraped()
    assert found["database_figures_up"] == 0
    assert not [name for name in found if name.startswith("jobs")]
    assert [name for name in found if name.startswith("http_seconds")]
