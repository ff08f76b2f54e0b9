"""Refunds at Stripe whose answer was lost: found by their id, or by ours among all of the payment's."""

from datetime import timedelta
from typing import Any, Final

import pytest

from payments.connectors.base import Outcome, Refund, Verdict
from payments.kernel import clock
from tests.connectors.benches import (
    StripeBench,
    eur,
    just_now,
    paid,
    refund_of,
)
from tests.connectors.relay import Relay

CREATE: Final = "payment_intents.create"
TYPE: Final = {"type": "invalid_request_error"}


def long_ago() -> Any:
    """Longer ago than keys are remembered."""
    return clock.now() - timedelta(hours=23, seconds=1)


def lost_refund(bench: StripeBench, payment: Outcome) -> Refund:
    request = refund_of(payment, "0.50")
    bench.simulator.fault("refunds.create", "reset_after", bench.account)
    assert bench.connector().refund(request).verdict is Verdict.UNKNOWN
    return request


def test_an_old_refund_is_found_among_others(stripe_bench: StripeBench) -> None:
    _, done = paid(stripe_bench)
    stripe_bench.connector().refund(refund_of(done, "0.50"))
    request = lost_refund(stripe_bench, done)
    stripe_bench.connector().refund(refund_of(done, "0.50"))
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=long_ago())

    assert (found.verdict, found.amount) == (Verdict.APPROVED, eur("0.50"))
    lines = stripe_bench.simulator.book(stripe_bench.account)
    [ours] = [n for n in lines if n["object"] == "refund" and n["reference"].get("refund") == request.reference]
    assert found.provider_reference == ours["id"]


def test_a_refund_that_is_known_is_read_as_it_is_now(stripe_bench: StripeBench, wire: Relay) -> None:
    """Its key would repeat the first answer for a day, whatever has happened since."""
    _, done = paid(stripe_bench, "pending_refund")
    request = refund_of(done)
    made = stripe_bench.connector().refund(request)
    assert made.verdict is Verdict.PENDING
    now = {"object": "refund", "id": made.provider_reference, "status": "succeeded", "amount": 3000, "currency": "eur"}
    wire.answer(f"GET /v1/refunds/{made.provider_reference}", 200, now)
    stripe = stripe_bench.connector(base_url=wire.url)
    found = stripe.find(request, provider_reference=made.provider_reference, sent_at=just_now())

    assert (found.verdict, found.provider_reference) == (Verdict.APPROVED, made.provider_reference)
    assert [(passed.method, passed.path) for passed in wire.passed] == [
        ("GET", f"/v1/refunds/{made.provider_reference}")
    ]


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_known_refund_that_cannot_be_read_stays_open(stripe_bench: StripeBench, wire: Relay, status: int) -> None:
    wire.answer("GET /v1/refunds/re_1", status, {"error": TYPE})
    request = refund_of(Outcome(verdict=Verdict.APPROVED, provider_reference="pi_1"))
    found = stripe_bench.connector(base_url=wire.url).find(request, provider_reference="re_1", sent_at=just_now())

    assert (found.verdict, found.provider_reference, found.decline) == (Verdict.UNKNOWN, "re_1", None)


def test_a_refused_refund_that_was_made_before_is_the_one_that_was_made(stripe_bench: StripeBench, wire: Relay) -> None:
    payment, done = paid(stripe_bench)
    request = lost_refund(stripe_bench, done)
    wire.answer("POST /v1/refunds", 400, {"error": TYPE | {"code": "charge_already_refunded"}})
    outcome = stripe_bench.connector(base_url=wire.url).refund(request)

    assert (outcome.verdict, outcome.amount) == (Verdict.APPROVED, eur("0.50"))
    assert stripe_bench.moved(payment.reference).refunds == 1


def test_refunds_are_read_to_the_last_page(stripe_bench: StripeBench, wire: Relay) -> None:
    _, done = paid(stripe_bench)
    request = lost_refund(stripe_bench, done)
    row = {"object": "refund", "status": "succeeded", "amount": 1, "currency": "eur", "metadata": {}}
    first = [row | {"id": f"re_{n}"} for n in range(100)]
    wire.answer("GET /v1/refunds", 200, {"object": "list", "data": first, "has_more": True})
    mine = row | {"id": "re_mine", "metadata": {"refund": request.reference}, "amount": 50}
    wire.answer("GET /v1/refunds", 200, {"object": "list", "data": [mine], "has_more": False})
    found = stripe_bench.connector(base_url=wire.url).find(request, provider_reference="", sent_at=long_ago())

    assert found.provider_reference == "re_mine"
    assert "starting_after=re_99" in wire.passed[1].query


@pytest.mark.parametrize("body", [{"object": "list"}, {"object": "list", "data": "x"}, {"object": "list", "data": [1]}])
def test_a_list_that_is_none_proves_nothing(stripe_bench: StripeBench, wire: Relay, body: dict[str, Any]) -> None:
    _, done = paid(stripe_bench)
    wire.answer("GET /v1/refunds", 200, body)
    found = stripe_bench.connector(base_url=wire.url).find(refund_of(done), provider_reference="", sent_at=long_ago())
    assert found.verdict is Verdict.UNKNOWN
