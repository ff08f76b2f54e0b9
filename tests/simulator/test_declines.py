"""Every documented test card does what the documentation says."""

from typing import Any

import pytest
import stripe

from tests.simulator import process

DECLINES = [
    ("pm_card_visa_chargeDeclined", "4000000000000002", "card_declined", "generic_decline", "try_again_later"),
    (
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "card_declined",
        "insufficient_funds",
        "try_again_later",
    ),
    ("pm_card_visa_chargeDeclinedLostCard", "4000000000009987", "card_declined", "lost_card", "do_not_try_again"),
    ("pm_card_visa_chargeDeclinedStolenCard", "4000000000009979", "card_declined", "stolen_card", "do_not_try_again"),
    ("pm_card_chargeDeclinedExpiredCard", "4000000000000069", "expired_card", None, "do_not_try_again"),
    ("pm_card_chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc", None, "confirm_card_data"),
    ("pm_card_chargeDeclinedProcessingError", "4000000000000119", "processing_error", None, "try_again_later"),
    (
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "4000000000006975",
        "card_declined",
        "card_velocity_exceeded",
        "try_again_later",
    ),
    ("pm_card_chargeDeclined", "4000000000000002", "card_declined", "generic_decline", "try_again_later"),
    ("pm_card_chargeCustomerFail", "4000000000000341", "card_declined", "generic_decline", "try_again_later"),
    ("pm_card_radarBlock", "4100000000000019", "card_declined", "fraudulent", "do_not_try_again"),
    ("pm_card_riskLevelHighest", "4000000000004954", "card_declined", "fraudulent", "do_not_try_again"),
    (
        "pm_card_threeDSecureRequiredProcessingError",
        "4000008400001280",
        "card_declined",
        "generic_decline",
        "try_again_later",
    ),
]
GOOD = [
    ("pm_card_visa", "4242424242424242"),
    ("pm_card_visa_debit", "4000056655665556"),
    ("pm_card_mastercard", "5555555555554444"),
    ("pm_card_amex", "378282246310005"),
    ("pm_card_us", "4242424242424242"),
    ("pm_card_de", "4000002760000016"),
    ("pm_card_jp", "4000003920000003"),
    ("pm_card_threeDSecureOptional", "4000000000003055"),
    ("pm_card_amex_threeDSecureNotSupported", "378282246310005"),
    ("pm_card_riskLevelElevated", "4000000000009235"),
    ("pm_card_createDispute", "4000000000000259"),
    ("pm_card_createDisputeProductNotReceived", "4000000000002685"),
    ("pm_card_createDisputeInquiry", "4000000000001976"),
    ("pm_card_createIssuerFraudRecord", "4000000000005423"),
    ("pm_card_createMultipleDisputes", "4000000404000079"),
    ("pm_card_pendingRefund", "4000000000007726"),
    ("pm_card_refundFail", "4000000000005126"),
    ("pm_card_bypassPending", "4000000000000077"),
    ("pm_card_bypassPendingInternational", "4000003720000278"),
]


def card(number: str) -> dict[str, object]:
    return {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}}


@pytest.mark.parametrize(("token", "number", "code", "decline_code", "advice"), DECLINES)
def test_a_declined_card(
    merchant: process.Merchant, token: str, number: str, code: str, decline_code: str | None, advice: str
) -> None:
    for params in ({"method": token}, {"method": None, "payment_method_data": card(number)}):
        with pytest.raises(stripe.CardError) as declined:
            merchant.pay(**params)
        error = declined.value.error
        assert error is not None
        assert (declined.value.http_status, declined.value.code) == (402, code)
        assert (error.decline_code, error.advice_code) == (decline_code, advice)
        intent = error.payment_intent
        assert intent is not None
        assert intent.status == "requires_payment_method"
        assert intent.payment_method is None
        assert intent.latest_charge == error.charge
        assert intent.last_payment_error is not None
        assert intent.last_payment_error.code == code
        charge = merchant.v1.charges.retrieve(str(error.charge))
        assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
        assert merchant.events()[-3:] == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


@pytest.mark.parametrize(("token", "number"), GOOD)
def test_a_good_card(merchant: process.Merchant, token: str, number: str) -> None:
    by_token = merchant.pay(token, expand=["payment_method"])
    by_number = merchant.pay(None, payment_method_data=card(number))

    assert (by_token.status, by_number.status) == ("succeeded", "succeeded")
    method = by_token.payment_method
    assert isinstance(method, stripe.PaymentMethod)
    assert method.card is not None
    assert method.card.last4 == number[-4:]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 1999}, "invalid_expiry_year"),
        ({"cvc": "9"}, "invalid_cvc"),
    ],
)
def test_card_data_that_cannot_be(merchant: process.Merchant, wrong: dict[str, object], code: str) -> None:
    data: Any = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123", **wrong}
    with pytest.raises(stripe.CardError) as refused:
        merchant.v1.payment_methods.create(params={"type": "card", "card": data})
    assert refused.value.code == code


def test_a_number_that_is_no_test_card_is_refused(merchant: process.Merchant) -> None:
    with pytest.raises(stripe.CardError) as declined:
        merchant.pay(None, payment_method_data=card("4111111111111111"))
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "test_mode_live_card"


def test_cards_that_decline_cannot_be_attached_but_one(merchant: process.Merchant) -> None:
    customer = merchant.v1.customers.create()
    with pytest.raises(stripe.CardError) as declined:
        merchant.v1.payment_methods.attach("pm_card_visa_chargeDeclined", params={"customer": customer.id})
    assert declined.value.code == "card_declined"
    attached = merchant.v1.payment_methods.attach("pm_card_chargeCustomerFail", params={"customer": customer.id})
    with pytest.raises(stripe.CardError):
        merchant.pay(attached.id, customer=customer.id, off_session=True)


def test_after_a_decline_the_customer_tries_another_card(merchant: process.Merchant) -> None:
    with pytest.raises(stripe.CardError) as declined:
        merchant.pay("pm_card_visa_chargeDeclined")
    assert declined.value.error is not None
    intent_id = str(declined.value.error.payment_intent and declined.value.error.payment_intent.id)
    intent = merchant.v1.payment_intents.confirm(intent_id, params={"payment_method": "pm_card_visa"})
    assert (intent.status, intent.last_payment_error) == ("succeeded", None)
    assert len(merchant.v1.charges.list(params={"payment_intent": intent_id}).data) == 2
