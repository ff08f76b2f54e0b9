"""A provider goes dark in the middle of payments: nobody is lost or charged twice, and soon nobody notices."""

from datetime import timedelta
from typing import Any

import pytest

from payments.gateway import circuits
from payments.gateway.circuits import Standing
from payments.gateway.models import ProviderAccount
from payments.intents import rulebook
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.kernel import clock
from tests import factories
from tests.connectors.adyen_bench import fields
from tests.kernel.conftest import at_once
from tests.services.test_confirm import settle

DARK = ("reset_after", "reset_before", "rate_limit_429")
"""First two answers are lost after the effect, two requests before it; then nothing is taken any more."""


@pytest.fixture
def two(shop: factories.Shop) -> factories.Shop:
    """A shop of which two accounts take euros by what the client's card fields give."""
    ProviderAccount.objects.filter(psp="adyen").update(countries=[], currencies=[], weight=100)
    rulebook.forget()
    return shop


def pay(shop: factories.Shop, _number: int) -> str:
    """One customer by card fields; the payment's state as he is told."""
    wish = shop.intent(shop.order(3000, "EUR", country="NL"))
    method = {"payment_method": {"type": "card", "details": fields()}}
    answer = shop.call("POST", f"payment_intents/{wish['id']}/confirm", method)
    return str(answer.json()["status"])


def go_dark(sim: factories.Simulator, operation: str, account: str) -> None:
    for fault in DARK:
        sim.scenario(operation, fault, account=account, **({} if fault == DARK[-1] else {"times": 2}))


def test_payments_move_on_while_a_provider_is_dark(two: factories.Shop, sim: factories.Simulator) -> None:
    assert set(at_once(4, lambda n: [pay(two, n) for _ in range(2)][-1])) == {"succeeded"}
    go_dark(sim, "payments", "adyen-eu")
    lately = PaymentAttempt.objects.order_by("-pk").values_list("pk", flat=True).first() or ""
    told = [state for part in at_once(4, lambda n: [pay(two, n) for _ in range(9)]) for state in part]
    assert set(told) <= {"succeeded", "processing"}, "no customer is told that it failed"
    assert told.count("processing") <= 2 * len(DARK)
    assert circuits.standing("adyen-eu") is Standing.OPEN

    opened = PaymentAttempt.objects.order_by("-pk").values_list("pk", flat=True).first() or ""
    assert [pay(two, n) for n in range(16)] == ["succeeded"] * 16
    since = PaymentAttempt.objects.filter(pk__gt=opened).select_related("account")
    assert {row.account.code for row in since} == {"adyen-apac"}, "nobody waits for it any more"
    sim.forgive()
    settle()
    factories.until(_settled)

    assert set(PaymentIntent.objects.values_list("status", flat=True)) == {"succeeded"}
    assert PaymentIntent.objects.count() == 60
    moved = PaymentAttempt.objects.filter(pk__gt=lately, status="failed").values_list("intent_id", flat=True)
    for row in PaymentAttempt.objects.filter(intent_id__in=moved, status="captured").select_related("account"):
        assert row.reason_for_route.startswith("adyen-eu could not be reached; "), row.reason_for_route
        assert row.account.code == "adyen-apac"
    assert moved
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def _settled() -> bool:
    factories.work()
    return not PaymentIntent.objects.filter(status="processing").exists()


def test_when_it_is_back_a_probe_finds_out_and_it_takes_its_share_again(
    two: factories.Shop, sim: factories.Simulator
) -> None:
    sim.scenario("payments", "rate_limit_429", account="adyen-eu")
    for number in range(30):
        assert pay(two, number) == "succeeded"
    assert circuits.standing("adyen-eu") is Standing.OPEN
    failed = PaymentAttempt.objects.filter(status="failed").count()
    assert failed == circuits.FEWEST_FAILURES, "then it was passed by"

    with clock.at(clock.now() + timedelta(seconds=circuits.OPEN_SECONDS)):
        for number in range(16):
            assert pay(two, number) == "succeeded"
    assert PaymentAttempt.objects.filter(status="failed").count() == failed + 1, "one probe, which moved on too"
    sim.forgive()
    with clock.at(clock.now() + timedelta(seconds=2 * circuits.OPEN_SECONDS)):
        for number in range(16):
            assert pay(two, number) == "succeeded"
        assert circuits.standing("adyen-eu") is Standing.CLOSED
    factories.work()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def follow(shop: factories.Shop) -> dict[str, Any]:
    """One customer at a page that shows the fields of the first provider it is told, and tries once."""
    wish = shop.intent()
    account = wish["client_options"][0]["provider_account"]
    answer = shop.call("POST", f"payment_intents/{wish['id']}/confirm", factories.card(account=account))
    return {"account": account, "approved": answer.json().get("status") == "succeeded"}


def test_who_pays_with_tokens_is_sent_to_the_next_provider(shop: factories.Shop, sim: factories.Simulator) -> None:
    calm = [follow(shop) for _ in range(16)]
    assert all(one["approved"] for one in calm)
    assert {one["account"] for one in calm} == {"stripe-us", "stripe-eu"}
    sim.scenario("payment_intents.create", "error_503_before", account="stripe-us")
    dark = [follow(shop) for _ in range(30)]
    opened = [n for n, one in enumerate(dark) if not one["approved"]]
    went_well = sum(one["account"] == "stripe-us" for one in calm)
    assert len(opened) == max(circuits.FEWEST_FAILURES, went_well), "half of what the window holds"
    assert all(one["approved"] and one["account"] == "stripe-eu" for one in dark[opened[-1] + 1 :])
    factories.work()
    factories.assert_books_agree(sim)
    factories.assert_books_close()
