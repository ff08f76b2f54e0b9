"""Methods other than cards: redirects, vouchers, QR codes, approvals in an app, bank debits."""

import pytest
import stripe

from tests.simulator import process

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
METHODS = [
    ("ideal", "eur", "redirect_to_url"),
    ("bancontact", "eur", "redirect_to_url"),
    ("p24", "pln", "redirect_to_url"),
    ("klarna", "sek", "redirect_to_url"),
    ("paypal", "usd", "redirect_to_url"),
    ("twint", "chf", "redirect_to_url"),
    ("alipay", "cny", "alipay_handle_redirect"),
    ("boleto", "brl", "boleto_display_details"),
    ("oxxo", "mxn", "oxxo_display_details"),
    ("multibanco", "eur", "multibanco_display_details"),
    ("konbini", "jpy", "konbini_display_details"),
    ("pix", "brl", "pix_display_qr_code"),
    ("wechat_pay", "cny", "wechat_pay_display_qr_code"),
    ("promptpay", "thb", "promptpay_display_qr_code"),
    ("paynow", "sgd", "paynow_display_qr_code"),
    ("upi", "inr", "upi_handle_redirect_or_display_qr_code"),
    ("swish", "sek", "swish_handle_redirect_or_display_qr_code"),
    ("blik", "pln", "blik_authorize"),
]


def start(merchant: process.Merchant, kind: str, currency: str, **more: object) -> stripe.PaymentIntent:
    return merchant.pay(None, amount=100_000, currency=currency, payment_method_data={"type": kind}, **more)


def press(merchant: process.Merchant, intent: stripe.PaymentIntent, result: str) -> None:
    assert merchant.simulator.ask("POST", f"/_sim/3ds/{intent.id}", f"result={result}", FORM).status == 303


@pytest.mark.parametrize(("kind", "currency", "action"), METHODS)
def test_the_customer_acts_and_it_is_paid(merchant: process.Merchant, kind: str, currency: str, action: str) -> None:
    intent = start(merchant, kind, currency)
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type == action
    press(merchant, intent, "success")
    intent = merchant.v1.payment_intents.retrieve(intent.id, params={"expand": ["latest_charge"]})
    assert (intent.status, intent.payment_method_types) == ("succeeded", [kind])
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.type == kind


def test_the_customer_declines(merchant: process.Merchant) -> None:
    intent = start(merchant, "ideal", "eur")
    press(merchant, intent, "fail")
    intent = merchant.v1.payment_intents.retrieve(intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_method_customer_decline"


def test_a_voucher_expires(own: process.Simulator) -> None:
    merchant = own.merchant()
    intent = start(merchant, "boleto", "brl")
    own.advance(4 * 86_400)
    intent = merchant.v1.payment_intents.retrieve(intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_payment_attempt_expired"


@pytest.mark.parametrize(
    ("token", "currency", "status"),
    [
        ("pm_sepaDebit_success_de", "eur", "succeeded"),
        ("pm_sepaDebit_failed_de", "eur", "requires_payment_method"),
        ("pm_usBankAccount_success", "usd", "succeeded"),
        ("pm_usBankAccount_insufficientFunds", "usd", "requires_payment_method"),
        ("pm_usBankAccount_processing", "usd", "processing"),
    ],
)
def test_a_debit_takes_days(own: process.Simulator, token: str, currency: str, status: str) -> None:
    merchant = own.merchant()
    intent = merchant.pay(token, currency=currency)
    assert intent.status == "processing"
    assert merchant.events()[-2:] == ["charge.pending", "payment_intent.processing"]
    own.advance(5 * 86_400)
    assert merchant.v1.payment_intents.retrieve(intent.id).status == status


def test_a_debit_by_account_number(own: process.Simulator) -> None:
    merchant = own.merchant()
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "DE35370400440532013002"}}
    merchant.pay(None, currency="eur", payment_method_data=debit)
    own.advance(4 * 86_400)
    assert merchant.happened("charge.dispute.created")["data"]["object"]["reason"] == "insufficient_funds"


def test_what_a_method_cannot_do(merchant: process.Merchant) -> None:
    for wish in ({"currency": "usd"}, {"capture_method": "manual"}, {"return_url": None}):
        with pytest.raises(stripe.InvalidRequestError):
            start(merchant, "ideal", **{"currency": "eur", **wish})  # type: ignore[arg-type]
    assert start(merchant, "klarna", "eur", capture_method="manual").status == "requires_action"
    paid = start(merchant, "boleto", "brl")
    press(merchant, paid, "success")
    with pytest.raises(stripe.InvalidRequestError, match="cannot be refunded"):
        merchant.v1.refunds.create(params={"payment_intent": paid.id})
