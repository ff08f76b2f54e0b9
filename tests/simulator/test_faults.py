"""Faults: each happens where it was ordered, and the book of truth knows what is true."""

import time

import pytest
import stripe

from tests.simulator import process

CREATE = "payment_intents.create"


def payments(merchant: process.Merchant) -> list[str]:
    """The states of the account's payments, as the book of truth has them."""
    return [line["status"] for line in merchant.book() if line["object"] == "payment"]


def test_reset_before_the_effect(merchant: process.Merchant) -> None:
    scenario = merchant.fault("reset_before", operation=CREATE, times=1)
    with pytest.raises(stripe.APIConnectionError, match="reset by peer"):
        merchant.pay()
    assert payments(merchant) == []
    assert merchant.fired(scenario) == 1
    assert merchant.pay().status == "succeeded"


def test_reset_after_the_effect(merchant: process.Merchant) -> None:
    merchant.fault("reset_after", operation=CREATE, times=1)
    options: stripe.RequestOptions = {"idempotency_key": "k"}
    wish = {"amount": 900, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    with pytest.raises(stripe.APIConnectionError, match="reset by peer"):
        merchant.v1.payment_intents.create(params=wish, options=options)  # type: ignore[arg-type]
    assert payments(merchant) == ["succeeded"]
    assert merchant.v1.payment_intents.create(params=wish, options=options).status == "succeeded"  # type: ignore[arg-type]
    assert payments(merchant) == ["succeeded"], "the key found the first answer"


@pytest.mark.parametrize(
    ("fault", "status", "effect"),
    [
        ("error_500_before", 500, []),
        ("error_500_after", 500, ["succeeded"]),
        ("error_503_before", 503, []),
        ("rate_limit_429", 429, []),
        ("garbage_200", 200, ["succeeded"]),
    ],
)
def test_answers_that_are_errors(merchant: process.Merchant, fault: str, status: int, effect: list[str]) -> None:
    merchant.fault(fault, operation=CREATE, times=1)
    with pytest.raises(stripe.StripeError) as failed:
        merchant.pay()
    assert failed.value.http_status == status
    assert isinstance(failed.value, stripe.RateLimitError if status == 429 else stripe.APIError)
    assert payments(merchant) == effect


def test_slow(merchant: process.Merchant) -> None:
    merchant.fault("slow", operation=CREATE, ms=300)
    begun = time.monotonic()
    assert merchant.pay().status == "succeeded"
    assert time.monotonic() - begun >= 0.3


def test_hang(merchant: process.Merchant) -> None:
    merchant.fault("hang", operation=CREATE, seconds=5)
    patient = merchant.connect(timeout=0.5)
    with pytest.raises(stripe.APIConnectionError, match="timed out"):
        patient.v1.payment_intents.create(
            params={"amount": 900, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
        )
    process.until(lambda: payments(merchant) == ["succeeded"], "money that moves though nobody waits for the answer")


def test_wrong_amount(merchant: process.Merchant) -> None:
    merchant.fault("wrong_amount", operation="payment_intents.capture", delta=-300)
    intent = merchant.pay(capture_method="manual")
    assert merchant.v1.payment_intents.capture(intent.id).amount_received == 1_700
    merchant.fault("wrong_amount", operation=CREATE, delta=5)
    assert merchant.pay().amount == 2_005


def test_issuer_outage(merchant: process.Merchant) -> None:
    scenario = merchant.fault("issuer_outage", operation="payment_intents.confirm", approval=0.5)
    outcomes = set()
    for _ in range(20):
        try:
            outcomes.add(merchant.pay().status)
        except stripe.CardError as declined:
            outcomes.add(str(declined.error and declined.error.decline_code))
    assert outcomes == {"succeeded", "issuer_not_available"}
    assert 0 < merchant.fired(scenario) < 20


def test_an_outage_of_one_issuer(merchant: process.Merchant) -> None:
    merchant.fault("issuer_outage", operation="payment_intents.confirm", issuer="424242")
    assert merchant.pay("pm_card_mastercard").status == "succeeded"
    with pytest.raises(stripe.CardError) as declined:
        merchant.pay()
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "issuer_not_available"


def test_late_capture_failure(own: process.Simulator) -> None:
    merchant = own.merchant()
    merchant.fault("late_capture_failure", operation="payment_intents.capture", seconds=7_200)
    intent = merchant.pay(capture_method="manual")
    assert merchant.v1.payment_intents.capture(intent.id).status == "succeeded"

    own.advance(7_201)

    intent = merchant.v1.payment_intents.retrieve(intent.id, params={"expand": ["latest_charge"]})
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (intent.status, charge.status) == ("requires_payment_method", "failed")
    row = merchant.v1.balance_transactions.retrieve(str(charge.failure_balance_transaction))
    assert (row.type, row.amount) == ("payment_failure_refund", -2_000)
    assert merchant.events()[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    assert {line["status"] for line in merchant.book() if line["object"] == "capture"} == {"failed"}


def test_bounced_refund(own: process.Simulator) -> None:
    merchant = own.merchant()
    merchant.fault("bounced_refund", operation="refunds.create", seconds=60)
    intent = merchant.pay()
    refund = merchant.v1.refunds.create(params={"payment_intent": intent.id})
    assert refund.status == "succeeded"
    own.advance(61)
    refund = merchant.v1.refunds.retrieve(refund.id)
    assert (refund.status, refund.failure_reason) == ("failed", "expired_or_canceled_card")


def test_only_the_nth(merchant: process.Merchant) -> None:
    scenario = merchant.fault("error_503_before", operation=CREATE, nth=[2])
    assert merchant.pay().status == "succeeded"
    with pytest.raises(stripe.APIError):
        merchant.pay()
    assert merchant.pay().status == "succeeded"
    assert merchant.fired(scenario) == 1


def test_only_some_methods_and_countries(merchant: process.Merchant) -> None:
    merchant.fault("error_503_before", operation=CREATE, method="ideal")
    merchant.fault("error_503_before", operation=CREATE, country="DE")
    assert merchant.pay("pm_card_fr").status == "succeeded"
    with pytest.raises(stripe.APIError):
        merchant.pay("pm_card_de")
    with pytest.raises(stripe.APIError):
        merchant.pay(None, currency="eur", payment_method_data={"type": "ideal"})


def test_the_same_dice_every_time() -> None:
    def story() -> list[bool]:
        simulator = process.Simulator("--seed", "dice")
        try:
            merchant = simulator.merchant()
            merchant.fault("error_503_before", operation=CREATE, rate=0.4)
            lucky = []
            for _ in range(12):
                try:
                    lucky.append(merchant.pay().status == "succeeded")
                except stripe.APIError:
                    lucky.append(False)
            return lucky
        finally:
            simulator.stop()

    first = story()
    assert first == story()
    assert len(set(first)) == 2


def test_faults_end(merchant: process.Merchant) -> None:
    simulator = merchant.simulator
    scenario = merchant.fault("error_503_before")
    assert simulator.ask("DELETE", f"/_sim/scenarios/{scenario}").status == 204
    assert simulator.ask("DELETE", f"/_sim/scenarios/{scenario}").status == 404
    assert merchant.pay().status == "succeeded"


@pytest.mark.parametrize(
    "wish", [{"fault": "earthquake"}, {"fault": "slow", "colour": "red"}, {"fault": "slow", "ms": "x"}]
)
def test_a_fault_that_cannot_be_understood(shared: process.Simulator, wish: dict[str, object]) -> None:
    assert shared.ask("POST", "/_sim/scenarios", wish).status == 400


def test_latency_for_all(own: process.Simulator) -> None:
    merchant = own.merchant()
    assert own.ask("PUT", "/_sim/latency", {"ms": 200}).status == 200
    begun = time.monotonic()
    merchant.pay()
    assert time.monotonic() - begun >= 0.2
