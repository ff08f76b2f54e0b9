"""Idempotency keys: one effect, the same answer, for a day."""

import concurrent.futures
import json
from typing import Any

import pytest
import stripe

from tests.simulator import process

WISH = {"amount": 1_000, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}


def create(merchant: process.Merchant, key: str, **more: Any) -> stripe.PaymentIntent:
    params: Any = {**WISH, **more}
    return merchant.v1.payment_intents.create(params=params, options={"idempotency_key": key})


def count(merchant: process.Merchant) -> int:
    return len(merchant.v1.payment_intents.list(params={"limit": 100}).data)


def test_the_same_key_gives_the_same_answer_once(merchant: process.Merchant) -> None:
    first = create(merchant, "k")
    second = create(merchant, "k")

    assert second.to_dict() == first.to_dict()
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert first.last_response is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert count(merchant) == 1


def test_a_decline_is_kept_as_well(merchant: process.Merchant) -> None:
    charges = set()
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            create(merchant, "k", payment_method="pm_card_visa_chargeDeclined")
        assert declined.value.error is not None
        charges.add(declined.value.error.charge)
    assert len(charges) == 1


def test_other_parameters_or_another_path_are_a_mismatch(merchant: process.Merchant) -> None:
    intent = create(merchant, "k")
    with pytest.raises(stripe.IdempotencyError) as refused:
        create(merchant, "k", amount=1_001)
    assert refused.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        merchant.v1.refunds.create(params={"payment_intent": intent.id}, options={"idempotency_key": "k"})
    assert merchant.v1.refunds.list().data == []


def test_a_request_that_was_never_executed_leaves_the_key_free(merchant: process.Merchant) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        create(merchant, "k", amount=1)
    assert create(merchant, "k").status == "succeeded"


def test_a_refusal_that_was_executed_is_kept(merchant: process.Merchant) -> None:
    intent = merchant.pay()
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            merchant.v1.payment_intents.cancel(intent.id, options={"idempotency_key": "k"})
    assert refused.value.headers is not None
    assert refused.value.headers["Idempotent-Replayed"] == "true"


def test_two_at_once_are_one_and_a_conflict(merchant: process.Merchant) -> None:
    scenario = merchant.fault("slow", operation="payment_intents.create", ms=1_500, times=1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(create, merchant, "k")
        process.until(lambda: merchant.fired(scenario), "the slow request to begin")
        with pytest.raises(stripe.APIError) as conflict:
            create(merchant, "k")
        assert conflict.value.http_status == 409
        assert json.loads(str(conflict.value.http_body))["error"]["code"] == "idempotency_key_in_use"
        assert slow.result(120).status == "succeeded"
    assert create(merchant, "k").id == slow.result().id
    assert count(merchant) == 1


def test_a_500_is_kept_although_the_payment_went_through(merchant: process.Merchant) -> None:
    merchant.fault("error_500_after", operation="payment_intents.create", times=1)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            create(merchant, "k", metadata={"attempt": "1"})
        assert failed.value.http_status == 500
    found = merchant.v1.payment_intents.search(params={"query": 'metadata["attempt"]:"1"'}).data
    assert [i.status for i in found] == ["succeeded"]


def test_after_a_day_the_key_is_new(own: process.Simulator) -> None:
    merchant = own.merchant()
    first = create(merchant, "k")
    own.advance(86_400 - 60)
    assert create(merchant, "k").id == first.id
    own.advance(120)
    assert create(merchant, "k").id != first.id


def test_keys_of_two_accounts_are_two(shared: process.Simulator, merchant: process.Merchant) -> None:
    assert create(merchant, "k").id != create(shared.merchant(), "k").id


def test_a_key_may_have_255_characters(merchant: process.Merchant) -> None:
    assert create(merchant, "k" * 255).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        create(merchant, "k" * 256)
