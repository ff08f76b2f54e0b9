"""Stripe's two steps and what becomes of a call without an answer: no effect is claimed without proof."""

from datetime import timedelta
from typing import Any, Final

import pytest
from moneyed import Money

from payments.connectors.base import Authorize, Complete, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel import clock, ids
from tests.connectors.benches import (
    Moved,
    StripeBench,
    authorize,
    cancel_of,
    capture_of,
    eur,
    just_now,
    paid,
    refund_of,
)
from tests.connectors.relay import Relay

CREATE: Final = "payment_intents.create"
TYPE: Final = {"type": "invalid_request_error"}
STORED: Final = {"Idempotent-Replayed": "true"}


def long_ago() -> Any:
    """Longer ago than keys are remembered."""
    return clock.now() - timedelta(hours=23, seconds=1)


def intents_of(bench: StripeBench, request: Authorize) -> list[str]:
    """The status of each intent with the attempt's id."""
    lines = bench.simulator.book(bench.account)
    return [
        n["status"] for n in lines if n["object"] == "payment" and n["reference"].get("attempt") == request.reference
    ]


# --- create: harmless, so that whatever goes wrong is proof of no effect ---


@pytest.mark.parametrize(
    "fault",
    [
        "reset_before",
        "reset_after",
        "error_500_before",
        "error_500_after",
        "error_503_before",
        "rate_limit_429",
        "hang",
        "garbage_200",
        "wrong_amount",
    ],
)
def test_whatever_goes_wrong_before_confirming_has_no_effect(
    stripe_bench: StripeBench, wire: Relay, impatient: None, fault: str
) -> None:
    request = authorize(stripe_bench)
    stripe_bench.simulator.fault(CREATE, fault, stripe_bench.account)
    outcome = stripe_bench.connector(base_url=wire.url).authorize(request)

    assert (outcome.verdict, outcome.decline) == (Verdict.UNAVAILABLE, None)
    assert stripe_bench.moved(request.reference) == Moved()
    assert not any(passed.path.endswith("/confirm") for passed in wire.passed)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_api_key_has_no_effect(stripe_bench: StripeBench, wire: Relay, status: int) -> None:
    wire.answer("POST /v1/payment_intents", status, {"error": TYPE})
    outcome = stripe_bench.connector(base_url=wire.url).authorize(authorize(stripe_bench))

    assert (outcome.verdict, outcome.detail) == (Verdict.UNAVAILABLE, f"HTTP {status} invalid_request_error")


def test_an_amount_that_stripe_cannot_take_is_declined_before_anything_is_sent(
    stripe_bench: StripeBench, wire: Relay
) -> None:
    outcome = stripe_bench.connector(base_url=wire.url).authorize(authorize(stripe_bench, amount=Money("1.234", "KWD")))
    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["amount_not_supported"])
    assert wire.passed == []


def test_a_request_that_stripe_does_not_accept_is_declined(stripe_bench: StripeBench) -> None:
    outcome = stripe_bench.connector().authorize(authorize(stripe_bench, amount=eur("0.01")))
    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["amount_not_supported"])


# --- the other environment ---


def test_an_answer_of_the_other_environment_is_not_believed(stripe_bench: StripeBench, wire: Relay) -> None:
    request = authorize(stripe_bench)
    live = {"object": "payment_intent", "id": "pi_live", "status": "succeeded", "livemode": True}
    live |= {"amount": 3000, "amount_received": 3000, "currency": "eur"}
    stripe = stripe_bench.connector(base_url=wire.url)

    wire.answer("/confirm", 200, live)
    outcome = stripe.authorize(request)
    assert outcome.verdict is Verdict.UNKNOWN
    assert "livemode" in outcome.detail

    wire.answer("POST /v1/payment_intents", 200, live)
    outcome = stripe.authorize(authorize(stripe_bench))
    assert outcome.verdict is Verdict.UNAVAILABLE, "it is never confirmed"
    assert not any("pi_live" in passed.path for passed in wire.passed)


# --- confirm: answers that only a relay can give ---


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Verdict.UNKNOWN),
        (400, {"type": "idempotency_error"}, Verdict.UNKNOWN),
        (429, {"type": "invalid_request_error", "code": "lock_timeout"}, Verdict.UNAVAILABLE),
        (502, b"<html>bad gateway</html>", Verdict.UNKNOWN),
        (404, b"not here", Verdict.UNKNOWN),
        (200, b"[]", Verdict.UNKNOWN),
        (200, b'"succeeded"', Verdict.UNKNOWN),
        (200, b"{}", Verdict.UNKNOWN),
        (200, b'{"object": "payment_intent", "id": "pi_1", "status": "made_up", "livemode": false}', Verdict.UNKNOWN),
        (200, b"\xff\xfe", Verdict.UNKNOWN),
        (204, b"", Verdict.UNKNOWN),
        (402, {"error": "not an object"}, Verdict.UNKNOWN),
        (404, {"type": "invalid_request_error", "code": "resource_missing"}, Verdict.DECLINED),
    ],
)
def test_what_an_answer_to_confirm_proves(
    stripe_bench: StripeBench, wire: Relay, status: int, error: Any, verdict: Verdict
) -> None:
    wire.answer("/confirm", status, error if isinstance(error, bytes) or "error" in error else {"error": error})
    request = authorize(stripe_bench)
    outcome = stripe_bench.connector(base_url=wire.url).authorize(request)

    assert outcome.verdict is verdict
    assert outcome.provider_reference.startswith("pi_"), "the created intent is known all the same"


def test_a_refused_confirm_of_an_intent_that_was_paid_is_settled_by_the_intent(
    stripe_bench: StripeBench, wire: Relay
) -> None:
    request, _ = paid(stripe_bench)
    wire.answer("/confirm", 400, {"error": TYPE | {"code": "payment_intent_unexpected_state"}})
    outcome = stripe_bench.connector(base_url=wire.url).authorize(request)

    assert (outcome.verdict, outcome.captured, outcome.amount) == (Verdict.APPROVED, True, eur("30.00"))


def test_a_refused_change_whose_payment_cannot_be_read_stays_open(stripe_bench: StripeBench, wire: Relay) -> None:
    _, reserved = paid(stripe_bench, capture=False)
    stripe = stripe_bench.connector(base_url=wire.url)
    for refused in (401, 404, 429, 500):
        wire.answer("/capture", 400, {"error": TYPE | {"code": "payment_intent_unexpected_state"}})
        wire.answer("GET /v1/payment_intents", refused, {"error": TYPE})
        assert stripe.capture(capture_of(reserved)).verdict is Verdict.UNKNOWN

    wire.answer("POST /v1/refunds", 400, {"error": TYPE | {"code": "charge_already_refunded"}})
    wire.answer("GET /v1/refunds", 429, {"error": TYPE})
    assert stripe.refund(refund_of(reserved)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_question_after_the_challenge_that_fails_says_nothing_about_the_payment(
    stripe_bench: StripeBench, wire: Relay, status: int
) -> None:
    wire.answer("GET /v1/payment_intents", status, {"error": TYPE})
    request = Complete(key=ids.uuid7().hex, provider_reference="pi_1", details={})
    outcome = stripe_bench.connector(base_url=wire.url).complete_action(request)

    assert (outcome.verdict, outcome.provider_reference) == (Verdict.UNKNOWN, "pi_1")


# --- find: a process died before it could note the intent's id ---


def test_an_attempt_that_nobody_remembers_is_found_by_creating_it_again(stripe_bench: StripeBench) -> None:
    request, done = paid(stripe_bench)
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=just_now())

    assert (found.verdict, found.provider_reference) == (Verdict.APPROVED, done.provider_reference)
    assert stripe_bench.moved(request.reference) == Moved(captured=3000)
    assert intents_of(stripe_bench, request) == ["succeeded"]


def test_an_attempt_that_never_arrived_is_created_and_canceled_and_charges_nobody(stripe_bench: StripeBench) -> None:
    request = authorize(stripe_bench)
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=just_now())

    assert found.verdict is Verdict.UNAVAILABLE
    assert intents_of(stripe_bench, request) == ["canceled"]
    again = stripe_bench.connector().find(request, provider_reference="", sent_at=just_now())
    assert again.verdict is Verdict.UNAVAILABLE, "asked twice, the answer is the same"


def test_an_old_attempt_is_found_by_its_id_among_the_metadata(stripe_bench: StripeBench, wire: Relay) -> None:
    request, done = paid(stripe_bench)
    found = stripe_bench.connector(base_url=wire.url).find(request, provider_reference="", sent_at=long_ago())

    assert (found.verdict, found.provider_reference) == (Verdict.APPROVED, done.provider_reference)
    assert {passed.method for passed in wire.passed} == {"GET"}, "nothing is created with a forgotten key"


def test_an_empty_search_proves_nothing(stripe_bench: StripeBench) -> None:
    request = authorize(stripe_bench)
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=long_ago())

    assert found.verdict is Verdict.UNKNOWN
    assert intents_of(stripe_bench, request) == [], "nothing is created with a forgotten key"


def test_two_intents_with_the_same_id_are_for_people(stripe_bench: StripeBench) -> None:
    request, _ = paid(stripe_bench)
    paid_again = authorize(stripe_bench, reference=request.reference)
    stripe_bench.connector().authorize(paid_again)
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=long_ago())

    assert found.verdict is Verdict.UNKNOWN
    assert found.detail == "2 payment intents carry the attempt's id"


@pytest.mark.parametrize(
    ("card", "verdict"),
    [("challenge", Verdict.ACTION_REQUIRED), ("pm_card_visa_chargeDeclined", Verdict.DECLINED)],
)
def test_a_lost_answer_that_was_no_payment_is_found_as_it_is(
    stripe_bench: StripeBench, card: str, verdict: Verdict
) -> None:
    request = authorize(stripe_bench, card)
    stripe_bench.simulator.fault("payment_intents.confirm", "reset_after", stripe_bench.account)
    lost = stripe_bench.connector().authorize(request)
    assert lost.verdict is Verdict.UNKNOWN

    found = stripe_bench.connector().find(request, provider_reference=lost.provider_reference, sent_at=just_now())
    assert found.verdict is verdict


def test_a_cancel_that_is_slower_than_the_payment_finds_the_payment(stripe_bench: StripeBench, wire: Relay) -> None:
    request, done = paid(stripe_bench)
    waiting = {"object": "payment_intent", "id": done.provider_reference, "status": "requires_confirmation"}
    wire.answer("GET /v1/payment_intents", 200, waiting | {"livemode": False})
    found = stripe_bench.connector(base_url=wire.url).find(
        request, provider_reference=done.provider_reference, sent_at=just_now()
    )

    assert [passed.path.rpartition("/")[2] for passed in wire.passed][1] == "cancel"
    assert (found.verdict, found.captured) == (Verdict.APPROVED, True)


def test_a_cancel_without_an_answer_is_tried_again_with_a_key_of_its_own(
    stripe_bench: StripeBench, wire: Relay
) -> None:
    request = authorize(stripe_bench)
    stripe = stripe_bench.connector(base_url=wire.url)
    stripe_bench.simulator.fault("payment_intents.cancel", "error_500_before", stripe_bench.account)

    assert stripe.find(request, provider_reference="", sent_at=just_now()).verdict is Verdict.UNKNOWN
    assert stripe.find(request, provider_reference="", sent_at=just_now()).verdict is Verdict.UNAVAILABLE
    keys = [passed.headers["Idempotency-Key"] for passed in wire.passed if passed.path.endswith("/cancel")]
    assert len(set(keys)) == len(keys) == 2


# --- a stored 500 that replays for ever is no trap ---


@pytest.mark.parametrize("fault", ["error_500_before", "error_500_after"])
def test_a_create_that_answers_500_for_ever_was_never_confirmed(stripe_bench: StripeBench, fault: str) -> None:
    request = authorize(stripe_bench)
    stripe_bench.simulator.fault(CREATE, fault, stripe_bench.account)
    stripe_bench.connector().authorize(request)

    found = stripe_bench.connector().find(request, provider_reference="", sent_at=just_now())
    assert found.verdict is Verdict.UNAVAILABLE
    assert stripe_bench.moved(request.reference) == Moved()


def test_a_create_that_answers_503_now_says_nothing_about_then(stripe_bench: StripeBench) -> None:
    request = authorize(stripe_bench)
    stripe_bench.simulator.fault(CREATE, "error_503_before", stripe_bench.account)
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=just_now())
    assert found.verdict is Verdict.UNKNOWN

    request, _ = paid(stripe_bench)
    stripe_bench.simulator.fault(CREATE, "error_503_before", stripe_bench.account)
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=just_now())
    assert found.verdict is Verdict.APPROVED, "the search helps where it can"


@pytest.mark.parametrize("status", [401, 409, 429])
def test_a_create_that_is_turned_away_now_says_nothing_about_then(
    stripe_bench: StripeBench, wire: Relay, status: int
) -> None:
    request, _ = paid(stripe_bench)
    wire.answer("POST /v1/payment_intents", status, {"error": {"type": "invalid_request_error"}})
    found = stripe_bench.connector(base_url=wire.url).find(request, provider_reference="", sent_at=just_now())

    assert (found.verdict, found.decline) == (Verdict.UNKNOWN, None)


def test_an_attempt_whose_token_stripe_never_took_is_declined(stripe_bench: StripeBench) -> None:
    request = authorize(stripe_bench, "unknown")
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=just_now())
    assert (found.verdict, found.decline) == (Verdict.DECLINED, DECLINES["payment_method_invalid"])


@pytest.mark.parametrize("stored", [True, False])
def test_a_capture_is_over_only_when_its_own_error_is_repeated(
    stripe_bench: StripeBench,
    wire: Relay,
    stored: bool,  # noqa: FBT001
) -> None:
    _, reserved = paid(stripe_bench, capture=False)
    request = capture_of(reserved)
    wire.answer("/capture", 500, {"error": {"type": "api_error"}}, STORED if stored else {})
    found = stripe_bench.connector(base_url=wire.url).find(request, provider_reference="", sent_at=just_now())

    assert found.verdict is (Verdict.UNAVAILABLE if stored else Verdict.UNKNOWN)


def test_a_capture_that_never_arrived_is_made_by_asking_for_it(stripe_bench: StripeBench) -> None:
    payment, reserved = paid(stripe_bench, capture=False)
    found = stripe_bench.connector().find(capture_of(reserved), provider_reference="", sent_at=just_now())

    assert (found.verdict, found.amount) == (Verdict.APPROVED, eur("30.00"))
    assert stripe_bench.moved(payment.reference) == Moved(captured=3000)


def test_an_old_cancel_that_lost_against_the_capture_says_so(stripe_bench: StripeBench) -> None:
    _, reserved = paid(stripe_bench, capture=False)
    request = cancel_of(reserved)
    stripe_bench.connector().capture(capture_of(reserved))
    found = stripe_bench.connector().find(request, provider_reference="", sent_at=long_ago())

    assert (found.verdict, found.captured) == (Verdict.APPROVED, True)
