"""A provider goes dark in the middle of payments: nobody is lost or charged twice, and soon nobody notices."""

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from payments.gateway import circuits
from payments.gateway.circuits import Standing
from payments.gateway.models import ProviderAccount
from payments.intents import rulebook
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.kernel import clock
from tests import factories
from tests.connectors.adyen_bench import fields
from tests.kernel.conftest import at_once
from tests.services.test_confirm import settle

PAYMENTS, THREADS, CALM = 500, 4, 150
"""How many customers pay, so many at once, and after how many of them the provider goes dark."""

WINDOW = 25
"""Approval is the share of so many payments, in the order in which they began, that were paid at once."""

APPROVED, RECOVERED, SLOWLY = 0.7, timedelta(minutes=1), 2
"""Approval is back when it stays at this share: probes may still fail, the more of a window the slower payments come.

It is after a minute, in which a circuit's window has gone by twice; where so little comes, after so many of ours.
"""

DARK = {
    "refuses": (("reset_after", 2), ("reset_before", 2), ("rate_limit_429", None)),
    "is silent": (("reset_after", 5), ("reset_before", None)),
}
"""Answers are lost after the effect, then requests before it; then nothing is taken, or nothing is said any more."""


@pytest.fixture
def two(shop: factories.Shop) -> factories.Shop:
    """A shop of which two accounts take euros by what the client's card fields give."""
    ProviderAccount.objects.filter(psp="adyen").update(countries=[], currencies=[], weight=100)
    rulebook.forget()
    return shop


def pay(shop: factories.Shop) -> tuple[str, str]:
    """One customer by card fields: the payment, and its state as he is told."""
    wish = shop.intent(shop.order(3000, "EUR", country="NL"))
    method = {"payment_method": {"type": "card", "details": fields()}}
    answer = shop.call("POST", f"payment_intents/{wish['id']}/confirm", method)
    return wish["id"], str(answer.json()["status"])


def go_dark(sim: factories.Simulator, how: str) -> datetime:
    """From now on adyen-eu is dark."""
    for fault, times in DARK[how]:
        sim.scenario("payments", fault, account="adyen-eu", **({"times": times} if times else {}))
    return clock.now()


@pytest.mark.parametrize("how", DARK)
def test_five_hundred_payments_while_a_provider_goes_dark_in_their_middle(
    two: factories.Shop, sim: factories.Simulator, how: str
) -> None:
    begun, struck = itertools.count(1), []

    def pays(_number: int) -> list[tuple[str, str]]:
        told = []
        for _ in range(PAYMENTS // THREADS):
            if next(begun) == CALM:
                struck.append(go_dark(sim, how))
            told.append(pay(two))
        return told

    told = dict(one for part in at_once(THREADS, pays) for one in part)
    assert len(told) == PAYMENTS
    assert set(told.values()) <= {"succeeded", "processing"}, "no customer is told that it failed"
    assert circuits.standing("adyen-eu") is not Standing.CLOSED
    sim.forgive()
    factories.until(_settled, seconds=900)

    assert PaymentIntent.objects.count() == PAYMENTS
    assert set(PaymentIntent.objects.values_list("status", flat=True)) == {"succeeded"}, "none is lost"
    assert Capture.objects.filter(status="succeeded").count() == PAYMENTS, "and none is doubled"
    shares = approval(struck[0], told)
    assert min(share for _, share in shares) < 1, "it was felt"
    good = [place for place in range(len(shares)) if min(share for _, share in shares[place:]) >= APPROVED]
    assert good, shares
    assert good[0] <= SLOWLY or shares[good[0]][0] <= RECOVERED, shares
    says_why(struck[0])
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def approval(struck: datetime, told: Mapping[str, str]) -> list[tuple[timedelta, float]]:
    """How long after the blow each window of payments began, and the share whose customers were told that they paid."""
    later = PaymentIntent.objects.filter(created_at__gte=struck).order_by("created_at").values_list("pk", "created_at")
    windows = [list(later)[first : first + WINDOW] for first in range(0, len(later) - WINDOW + 1, WINDOW)]
    return [(one[0][1] - struck, sum(told[pk] == "succeeded" for pk, _ in one) / WINDOW) for one in windows]


def says_why(struck: datetime) -> None:
    """Each attempt that another provider took over says so, and so do those that passed it by."""
    failed = PaymentAttempt.objects.filter(created_at__gte=struck, status="failed").values_list("intent_id", flat=True)
    moved = PaymentAttempt.objects.filter(intent_id__in=failed, status="captured").select_related("account")
    for row in moved:
        assert row.reason_for_route.startswith("adyen-eu could not be reached; "), row.reason_for_route
        assert row.account.code == "adyen-apac"
    assert moved.count() == len(failed)
    last = PaymentAttempt.objects.order_by("-pk").values_list("account__code", "route__next__0__why")[:WINDOW]
    passed_by = [code for code, why in last if str(why).endswith("last, because its circuit is open")]
    assert set(passed_by) == {"adyen-apac"}
    assert len(passed_by) >= APPROVED * WINDOW


def _settled() -> bool:
    settle()
    return not PaymentIntent.objects.filter(status="processing").exists()


def test_when_it_is_back_a_probe_finds_out_and_it_takes_its_share_again(
    two: factories.Shop, sim: factories.Simulator
) -> None:
    sim.scenario("payments", "rate_limit_429", account="adyen-eu")
    for _ in range(30):
        assert pay(two)[1] == "succeeded"
    assert circuits.standing("adyen-eu") is Standing.OPEN
    failed = PaymentAttempt.objects.filter(status="failed").count()
    assert failed == circuits.FEWEST_FAILURES, "then it was passed by"

    with clock.at(clock.now() + timedelta(seconds=circuits.OPEN_SECONDS)):
        for _ in range(16):
            assert pay(two)[1] == "succeeded"
    assert PaymentAttempt.objects.filter(status="failed").count() == failed + 1, "one probe, which moved on too"
    sim.forgive()
    with clock.at(clock.now() + timedelta(seconds=2 * circuits.OPEN_SECONDS)):
        for _ in range(16):
            assert pay(two)[1] == "succeeded"
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
    with clock.at(clock.now()):  # what a window holds is counted, and no probe becomes due on a slow machine
        calm = [follow(shop) for _ in range(16)]
        assert all(one["approved"] for one in calm)
        assert {one["account"] for one in calm} == {"stripe-us", "stripe-eu"}
        sim.scenario("payment_intents.create", "error_503_before", account="stripe-us")
        dark = [follow(shop) for _ in range(60)]
    opened = [n for n, one in enumerate(dark) if not one["approved"]]
    went_well = sum(one["account"] == "stripe-us" for one in calm)
    assert len(opened) == max(circuits.FEWEST_FAILURES, went_well), "half of what the window holds"
    assert all(one["approved"] and one["account"] == "stripe-eu" for one in dark[opened[-1] + 1 :])
    factories.work()
    factories.assert_books_agree(sim)
    factories.assert_books_close()
