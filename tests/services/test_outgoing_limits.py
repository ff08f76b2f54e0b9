"""No account asks more of its PSP than it may: tokens, shared through Redis, payments first, and nobody waits long."""

import itertools
import time
from collections.abc import Iterator

import pytest
import redis
from pytest_django.fixtures import Settings

from config import embedded
from payments.connectors import http
from payments.connectors.base import Authorize, Outcome, Refund, Verdict
from payments.gateway import accounts, calls, events, limits
from payments.gateway.limits import RESERVED, Gate, Limits, Priority, Rates
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, money
from tests import factories


@pytest.fixture(autouse=True)
def fresh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No bucket was ever used, here or in Redis, which is there, however busy the machine is."""
    monkeypatch.setattr(limits, "REDIS_SECONDS", 120)
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    limits._limits.clear()
    accounts._connector.cache_clear()
    yield
    limits._limits.clear()
    accounts._connector.cache_clear()


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands, so that nothing flows into the buckets of this process."""
    now = time.monotonic()
    monkeypatch.setattr(limits, "monotonic", lambda: now)


def taken(of: Limits, priority: Priority = Priority.PAYMENTS, endpoint: str = "pay", *, most: int = 1000) -> int:
    """How many tokens are given at once."""
    for count in range(most):
        if of.take(endpoint, RESERVED[priority]):
            return count
    return most


def settle(*of: Limits) -> None:
    """Tell Redis now, as the thread does soon after."""
    script = limits.Settler()._connected()
    for one in of:
        one.settle(script)


def test_no_second_sees_more_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    began, steps = time.monotonic(), itertools.count()
    monkeypatch.setattr(limits, "monotonic", lambda: began + next(steps) / 1000)
    one = Limits("stripe-us", Rates(50, 0))
    assert 45 <= sum(not one.take("pay", 0.0) for _ in range(1000)) <= 50


def test_an_endpoint_has_its_own_limit_within_that_of_the_account(still: None) -> None:
    one = Limits("stripe-us", Rates(100, 25))
    assert [taken(one, endpoint=endpoint) for endpoint in "abcdef"] == [5, 5, 5, 5, 0, 0]


def test_payments_go_before_refunds_and_those_before_reports(still: None) -> None:
    one = Limits("stripe-us", Rates(100, 0))
    first_the_last = (Priority.REPORTS, Priority.BULK, Priority.REFUNDS, Priority.PAYMENTS)
    assert [taken(one, priority) for priority in first_the_last] == [10, 2, 3, 5]


def test_nobody_gets_before_those_behind_whom_he_stands() -> None:
    with limits.behind(Priority.BULK), limits.behind(Priority.REFUNDS):
        assert limits._priority.get() is Priority.BULK
    with limits.behind(Priority.REFUNDS), limits.behind(Priority.REPORTS):
        assert limits._priority.get() is Priority.REPORTS


def test_processes_share_what_there_is(still: None) -> None:
    here, there = (Limits("stripe-us", Rates(100, 0)) for _ in range(2))
    assert taken(here) == 20
    settle(here)
    assert taken(there, most=10) == 10, "nobody waits for Redis"
    settle(there)
    assert there.take("pay", 0.0) > 0.05, "what was taken too much is waited for"
    assert Limits("stripe-eu", Rates(100, 0)).take("pay", 0.0) == 0


def test_a_429_halves_the_speed_everywhere_for_a_while(still: None) -> None:
    here, there = (Limits("stripe-us", Rates(100, 0)) for _ in range(2))
    for one in (here, there):
        one.take("pay", 0.0)
    here.slow_down()
    settle(here, there)
    assert (here.speed, there.speed) == (0.5, 0.5)
    assert here.take("pay", 0.0) > 0
    here.slow_until = 0
    here.take("pay", 0.0)
    assert here.speed == 1


def test_without_redis_each_process_keeps_the_limit_by_itself(settings: Settings, still: None) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{embedded.free_port()}/0"
    one = limits.of("stripe-us", Rates(100, 0))
    assert taken(one) == 20
    settler = limits.Settler()
    settler.settle()
    assert settler._silent_until > time.monotonic()
    assert one.take("pay", 0.0) >= 0


def test_the_thread_settles_soon_after(settings: Settings) -> None:
    gate = limits.gate("stripe-us", Rates(100, 25), interactive=True)
    gate.enter("pay")
    client = redis.Redis.from_url(settings.REDIS_URL)
    factories.until(lambda: client.exists("countinghouse:limit:{stripe-us}:pay"))
    assert float(client.hget("countinghouse:limit:{stripe-us}:", "level") or 99) < 20


def test_who_waits_at_the_gate_gets_through_or_gives_up() -> None:
    one = Limits("stripe-us", Rates(20, 0))
    taken(one)
    Gate(one, 5).enter("pay")
    one.buckets[""].level = -100
    with pytest.raises(http.UnsentError, match="our own limit"):
        Gate(one, 0.5).enter("pay")


# --- through the connectors ---


@pytest.fixture
def account(shop: factories.Shop) -> ProviderAccount:
    """An account that may ask two things at once, and then one in two seconds."""
    ProviderAccount.objects.update(requests_per_second=1, requests_per_second_each=0)
    accounts.forget()
    return accounts.account("stripe-us")


def pay(account: ProviderAccount) -> Outcome:
    request = Authorize(
        key=ids.new("call"),
        reference=ids.new("att"),
        amount=money.from_minor(3000, "USD"),
        type="card",
        token="pm_card_visa",
        capture=True,
    )
    return calls.send(account, request)


def test_beyond_the_limit_nothing_is_sent(account: ProviderAccount, sim: factories.Simulator) -> None:
    verdicts = [pay(account).verdict for _ in range(3)]
    assert verdicts[0] is Verdict.APPROVED
    assert verdicts[1:] == [Verdict.UNAVAILABLE] * 2
    assert sum(line["amount_captured"] for line in sim.book() if line["object"] == "payment") == 3000


def test_refunds_and_reports_find_the_gate_closed_first(account: ProviderAccount) -> None:
    paid = pay(account)
    now = clock.now()
    bucket = limits._limits["stripe-us"].buckets[""]
    bucket.level = 1.1
    refund = Refund(
        key=ids.new("call"),
        reference=ids.new("re"),
        provider_reference=paid.provider_reference,
        amount=money.from_minor(3000, "USD"),
        reason="duplicate",
    )
    assert calls.send(account, refund, interactive=True).verdict in (Verdict.APPROVED, Verdict.UNAVAILABLE)
    bucket.level = -100
    with pytest.raises(events.NotTold, match="our own limit"):
        list(events.told(account, now, now))


def test_a_429_of_the_psp_makes_the_account_slower(
    shop: factories.Shop, sim: factories.Simulator, account: ProviderAccount
) -> None:
    sim.scenario("payment_intents.create", "rate_limit_429", times=1)
    assert pay(account).verdict is Verdict.UNAVAILABLE
    assert limits._limits["stripe-us"].speed == 0.5


def test_a_row_says_what_may_be_asked_else_the_psp_does(account: ProviderAccount) -> None:
    assert limits.rates(account) == Rates(1, 0)
    account.requests_per_second = account.requests_per_second_each = None
    assert limits.rates(account) == Rates(100, 25)
    account.psp = "adyen"
    assert limits.rates(account) == Rates(100, 0)
    assert limits.of("x", Rates(1, 1)).take("a", 0.0) == 0
    assert limits.of("x", Rates(100, 1)).buckets == {}
