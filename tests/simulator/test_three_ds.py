"""3-D Secure: who is asked, what the answer does, and what happens when nobody is there."""

import urllib.parse

import pytest
import stripe

from tests.simulator import process

CHALLENGED = [
    "pm_card_authenticationRequired",
    "pm_card_authenticationRequiredOnSetup",
    "pm_card_authenticationRequiredSetupForOffSession",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
    "pm_card_threeDSecure2Required",
    "pm_card_threeDSecureRequiredChargeDeclined",
]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def path_of(intent: stripe.PaymentIntent) -> str:
    action = intent.next_action
    assert action is not None
    assert action.type == "redirect_to_url"
    assert action.redirect_to_url is not None
    return urllib.parse.urlsplit(str(action.redirect_to_url.url)).path


def answer(merchant: process.Merchant, intent: stripe.PaymentIntent, result: str) -> dict[str, str]:
    """Press a button; the parameters with which the customer comes back."""
    reply = merchant.simulator.ask("POST", path_of(intent), f"result={result}", FORM)
    assert reply.status == 303
    back = urllib.parse.urlsplit(reply.headers["location"])
    assert back.netloc == "shop.example"
    return dict(urllib.parse.parse_qsl(back.query))


@pytest.mark.parametrize("token", CHALLENGED)
def test_the_customer_is_asked(merchant: process.Merchant, token: str) -> None:
    intent = merchant.pay(token)

    assert intent.status == "requires_action"
    assert merchant.events()[-1] == "payment_intent.requires_action"
    page = merchant.simulator.ask("GET", path_of(intent))
    assert page.status == 200
    assert b"Complete" in page.body
    assert b"Fail" in page.body
    assert b"20.00 USD" in page.body


def test_who_passes_pays(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_authenticationRequired", return_url="https://shop.example/back?order=1")
    back = answer(merchant, intent, "success")

    assert back == {
        "order": "1",
        "payment_intent": intent.id,
        "payment_intent_client_secret": str(intent.client_secret),
        "redirect_status": "succeeded",
    }
    intent = merchant.v1.payment_intents.retrieve(intent.id, params={"expand": ["latest_charge"]})
    assert (intent.status, intent.next_action) == ("succeeded", None)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    details = charge.payment_method_details
    assert details is not None
    assert details.card is not None
    assert details.card.three_d_secure is not None
    assert details.card.three_d_secure.result == "authenticated"
    assert answer_again(merchant, intent.id) == 303, "a second answer only sends the customer back"
    assert len(merchant.v1.charges.list(params={"payment_intent": intent.id}).data) == 1


def answer_again(merchant: process.Merchant, intent_id: str) -> int:
    return merchant.simulator.ask("POST", f"/_sim/3ds/{intent_id}", "result=fail", FORM).status


def test_who_fails_does_not(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_threeDSecure2Required")
    back = answer(merchant, intent, "fail")

    assert back["redirect_status"] == "failed"
    intent = merchant.v1.payment_intents.retrieve(intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert merchant.events()[-1] == "payment_intent.payment_failed"
    assert merchant.v1.charges.list(params={"payment_intent": intent.id}).data == []


@pytest.mark.parametrize(
    ("token", "decline_code"),
    [
        ("pm_card_threeDSecureRequiredChargeDeclined", "generic_decline"),
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_passed_and_still_declined(merchant: process.Merchant, token: str, decline_code: str) -> None:
    intent = merchant.pay(token)
    assert answer(merchant, intent, "success")["redirect_status"] == "failed"
    error = merchant.v1.payment_intents.retrieve(intent.id).last_payment_error
    assert error is not None
    assert error.decline_code == decline_code


@pytest.mark.parametrize("token", ["pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup"])
def test_nobody_there_to_answer(merchant: process.Merchant, token: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        merchant.pay(token, off_session=True)
    assert declined.value.code == "authentication_required"


def test_set_up_earlier_needs_no_question(merchant: process.Merchant) -> None:
    customer = merchant.v1.customers.create()
    intent = merchant.pay(
        "pm_card_authenticationRequiredOnSetup", customer=customer.id, setup_future_usage="off_session"
    )
    answer(merchant, intent, "success")
    method = str(merchant.v1.payment_intents.retrieve(intent.id).payment_method)
    assert merchant.pay(method, customer=customer.id, off_session=True).status == "succeeded"
    assert merchant.pay("pm_card_authenticationRequiredSetupForOffSession", off_session=True).status == "succeeded"


def test_asked_for_by_the_merchant(merchant: process.Merchant) -> None:
    wish = {"card": {"request_three_d_secure": "any"}}
    assert merchant.pay("pm_card_threeDSecureOptional", payment_method_options=wish).status == "requires_action"
    assert merchant.pay("pm_card_visa", payment_method_options=wish).status == "succeeded"


def test_held_after_the_answer_when_captured_by_hand(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_threeDSecure2Required", capture_method="manual")
    answer(merchant, intent, "success")
    assert merchant.v1.payment_intents.retrieve(intent.id).status == "requires_capture"


def test_confirmed_again_by_the_server(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_threeDSecure2Required", confirmation_method="manual")
    answer(merchant, intent, "success")
    assert merchant.v1.payment_intents.retrieve(intent.id).status == "requires_confirmation"
    assert merchant.v1.payment_intents.confirm(intent.id).status == "succeeded"


def test_without_return_url_the_sdk_shows_the_challenge(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_threeDSecure2Required", return_url=None)
    assert intent.next_action is not None
    assert intent.next_action.type == "use_stripe_sdk"


def test_the_question_expires(own: process.Simulator) -> None:
    merchant = own.merchant()
    intent = merchant.pay("pm_card_threeDSecure2Required")
    own.advance(3_601)
    assert merchant.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_a_button_that_does_not_exist(merchant: process.Merchant) -> None:
    intent = merchant.pay("pm_card_threeDSecure2Required")
    assert merchant.simulator.ask("POST", path_of(intent), "result=maybe", FORM).status == 400
    assert merchant.simulator.ask("GET", "/_sim/3ds/pi_none").status == 404
