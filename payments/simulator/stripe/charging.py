"""What happens to money: authorize, decline, capture, release, fail late. Each saves and tells by events."""

from typing import Any

from payments.simulator.clock import DAY
from payments.simulator.stripe import balance, cards, events, objects, payment_methods, render
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

AUTHORIZATION_LIFE = 7 * DAY
# With capture_method automatic_async the fee and the balance transaction are known a moment later.
ASYNC_BOOKING = 0.5
DISPUTE_AFTER = 1.0
SHOWN = (
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def tell_intent(shop: Shop, intent: objects.PaymentIntent, event: str, previous: Json | None = None) -> None:
    """An event about the intent."""
    method = shop.find(objects.PaymentMethod, intent.payment_method)
    kind = method.type if method else None
    events.emit(shop, f"payment_intent.{event}", render.payment_intent(intent, shop), previous, kind)


def tell_charge(shop: Shop, charge: objects.Charge, event: str, previous: Json | None = None) -> None:
    """An event about the charge."""
    kind = shop.known(objects.PaymentMethod, charge.payment_method).type
    events.emit(shop, f"charge.{event}", render.charge(charge, shop), previous, kind)


def new_charge(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod) -> objects.Charge:
    """A charge of the intent's amount, not yet saved."""
    return objects.Charge(
        id=shop.new_id("ch_3" if method.type == "card" else "py_3"),
        created=shop.now(),
        amount=intent.amount,
        currency=intent.currency,
        payment_intent=intent.id,
        payment_method=method.id,
        customer=intent.customer,
        metadata=dict(intent.metadata),
        given={name: intent.given[name] for name in SHOWN if name in intent.given},
        three_d_secure=_authentication() if intent.authenticated else None,
    )


def _authentication() -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": "5f8e0a4c-3f5a-4e0f-9c2d-1f2e3d4c5b6a",
        "version": "2.2.0",
    }


def authorize(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod) -> None:
    """The issuer says yes: hold the money (manual), or take it."""
    charge = new_charge(shop, intent, method)
    card = cards.get(method.card) if method.type == "card" else cards.PLAIN
    charge.outcome = outcome("authorized", "approved_by_network", card.risk, "Payment complete.")
    intent.latest_charge = charge.id
    intent.next_action = None
    intent.last_payment_error = None
    method.spent = method.customer is None
    manual = intent.capture_method == "manual"
    if manual:
        charge.capture_before = shop.now() + AUTHORIZATION_LIFE
        intent.status = "requires_capture"
        intent.amount_capturable = intent.amount
        shop.later(AUTHORIZATION_LIFE, "expire_authorization", intent.id)
    shop.save(charge)
    remember(shop, intent, method)
    shop.save(method)
    if manual:
        shop.save(intent)
        tell_charge(shop, charge, "succeeded")
        tell_intent(shop, intent, "amount_capturable_updated")
    else:
        take(shop, intent, charge, intent.amount, automatic=True)
    _troubles(shop, charge, card)


def outcome(kind: str, network: str, risk: str, message: str) -> Json:
    """Why a charge succeeded or failed, in Stripe's words."""
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": "elevated_risk_level" if risk == "elevated" else None,
        "risk_level": risk,
        "risk_score": {"normal": 14, "elevated": 66, "highest": 91}[risk],
        "seller_message": message,
        "type": kind,
    }


def remember(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod) -> None:
    """setup_future_usage: the method is saved for the customer and counts as set up."""
    if intent.given.get("setup_future_usage"):
        method.set_up = True
        if intent.customer is not None and method.customer is None:
            payment_methods.bind(shop, method, intent.customer)


def _disputes(shop: Shop, charge: objects.Charge, card: cards.Card) -> None:
    """Test cards that end in a dispute do so a moment after the money was taken: what is held is nobody's to take."""
    for reason in card.disputes:
        shop.later(DISPUTE_AFTER, f"dispute.{reason}", charge.id)


def _troubles(shop: Shop, charge: objects.Charge, card: cards.Card) -> None:
    """Test cards that end in a dispute or a fraud warning do so a moment after they succeeded."""
    if charge.captured:
        _disputes(shop, charge, card)
    if card.fraud_warning:
        shop.later(DISPUTE_AFTER, "fraud_warning", charge.id)


def take(shop: Shop, intent: objects.PaymentIntent, charge: objects.Charge, amount: int, *, automatic: bool) -> None:
    """Capture at once what was just authorized."""
    charge.captured, charge.amount_captured = True, amount
    intent.status, intent.amount_received, intent.amount_capturable = "succeeded", amount, 0
    if intent.capture_method == "automatic_async":
        shop.later(ASYNC_BOOKING, "book_charge", charge.id)
    else:
        charge.balance_transaction = balance.book_capture(shop, charge, amount, 0)
    keep_capture(shop, intent, charge, amount, automatic=automatic)
    shop.save(charge)
    shop.save(intent)
    tell_charge(shop, charge, "succeeded")
    tell_intent(shop, intent, "succeeded")


def book_charge(shop: Shop, charge: objects.Charge) -> None:
    """The balance transaction of an asynchronous capture has arrived."""
    charge.balance_transaction = balance.book_capture(shop, charge, charge.amount_captured, 0)
    shop.save(charge)
    tell_charge(shop, charge, "updated", {"balance_transaction": None})


def keep_capture(
    shop: Shop, intent: objects.PaymentIntent, charge: objects.Charge, amount: int, *, automatic: bool
) -> objects.Capture:
    """Write the capture into the book, and start what a scenario has planned for it."""
    capture = objects.Capture(
        id=shop.new_id("cap_"),
        created=shop.now(),
        payment_intent=intent.id,
        charge=charge.id,
        amount=amount,
        currency=intent.currency,
        automatic=automatic,
        idempotency_key=shop.request.idempotency_key,
        metadata=dict(intent.metadata),
    )
    shop.save(capture)
    if (seconds := intent.fate.pop("late_capture_failure", None)) is not None:
        shop.later(seconds, "fail_late", charge.id)
    return capture


def capture(
    shop: Shop, intent: objects.PaymentIntent, amount: int, *, final: bool, metadata: dict[str, str] | None
) -> None:
    """Capture a held amount; a final capture releases the rest."""
    charge = shop.known(objects.Charge, str(intent.latest_charge))
    before = {"captured": charge.captured, "amount_captured": charge.amount_captured}
    rest = intent.amount_capturable - amount
    first = not charge.captured
    released = rest if final and first else 0
    row = balance.book_capture(shop, charge, amount, released)
    charge.balance_transaction = charge.balance_transaction or row
    charge.captured, charge.amount_captured = True, charge.amount_captured + amount
    intent.amount_received += amount
    intent.amount_capturable = 0 if final else rest
    intent.metadata = intent.metadata if metadata is None else metadata
    if intent.amount_capturable == 0:
        intent.status = "succeeded"
        charge.capture_before = None
    keep_capture(shop, intent, charge, amount, automatic=False)
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    if first and method.type == "card":
        _disputes(shop, charge, cards.get(method.card))
    shop.save(charge)
    shop.save(intent)
    tell_charge(shop, charge, "captured", before)
    if intent.status == "succeeded":
        tell_intent(shop, intent, "succeeded")
    else:
        tell_intent(shop, intent, "amount_capturable_updated")


def decline(shop: Shop, intent: objects.PaymentIntent, method: objects.PaymentMethod, reason: cards.Decline) -> Json:
    """The issuer (or Radar) says no. Returns the error object; the intent wants another method."""
    charge = new_charge(shop, intent, method)
    charge.status = "failed"
    charge.failure_code, charge.failure_message = reason.code, reason.message
    charge.decline_code = reason.decline_code
    risk = cards.get(method.card).risk
    status = "not_sent_to_network" if reason.kind == "blocked" else "declined_by_network"
    charge.outcome = outcome(reason.kind, status, risk, "The bank did not approve this payment.")
    charge.outcome["reason"] = reason.reason or reason.decline_code or reason.code
    charge.outcome["advice_code"] = reason.advice
    charge.outcome["network_decline_code"] = reason.network
    shop.save(charge)
    intent.latest_charge = charge.id
    error = {"type": "card_error", "message": reason.message, "charge": charge.id}
    error.update({k: v for k, v in payment_methods.decline_fields(reason).items() if v is not None})
    return fail(shop, intent, method, error, charge)


def fail(
    shop: Shop,
    intent: objects.PaymentIntent,
    method: objects.PaymentMethod,
    error: Json,
    charge: objects.Charge | None = None,
) -> Json:
    """The attempt is over; returns the error object without the intent in it."""
    error["payment_method"] = render.payment_method(method)
    if "code" in error:
        error["doc_url"] = f"https://docs.stripe.com/error-codes/{error['code'].replace('_', '-')}"
    intent.status = "requires_payment_method"
    intent.payment_method = None
    intent.next_action = None
    intent.authenticated = False
    intent.amount_capturable = intent.amount_received = 0
    intent.last_payment_error = error
    shop.save(intent)
    if charge is not None:
        tell_charge(shop, charge, "failed")
    events.emit(shop, "payment_intent.payment_failed", render.payment_intent(intent, shop), None, method.type)
    return error


def release(shop: Shop, intent: objects.PaymentIntent, reason: str | None, *, expired: bool) -> None:
    """Cancel the intent; what was held and not captured goes back to the customer."""
    held = intent.amount_capturable
    intent.status = "succeeded" if held and intent.amount_received else "canceled"
    intent.amount_capturable = 0
    intent.next_action = None
    if intent.status == "canceled":
        intent.canceled_at = shop.now()
        intent.cancellation_reason = reason
    charge = shop.find(objects.Charge, intent.latest_charge)
    if charge is not None and charge.status == "pending":
        charge.status, charge.failure_code = "failed", "payment_intent_payment_attempt_failed"
        shop.save(charge)
    if held and charge is not None:
        charge.capture_before = None
        if not charge.captured:
            charge.expired = True
            charge.amount_refunded = charge.amount
        shop.save(charge)
        tell_charge(shop, charge, "expired" if expired else "refunded")
    shop.save(intent)
    tell_intent(shop, intent, intent.status)


def fail_late(shop: Shop, charge: objects.Charge) -> None:
    """A captured payment turns out to have failed: the money leaves the balance again."""
    if charge.status != "succeeded":
        return
    intent = shop.known(objects.PaymentIntent, charge.payment_intent)
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    words = ("payment_failure_refund", "charge_failure", "PAYMENT FAILURE")
    charge.status = "failed"
    charge.failure_code = "payment_intent_payment_attempt_failed"
    charge.failure_message = "The payment failed after it had been captured."
    charge.failure_balance_transaction = balance.book_move(
        shop, charge, -(charge.amount_captured - charge.amount_refunded), words, charge.id
    )
    shop.save(charge)
    for record in shop.captures_of(intent.id):
        record.status = "failed"
        shop.save(record)
    error = {"type": "card_error", "code": charge.failure_code, "message": charge.failure_message}
    fail(shop, intent, method, {**error, "charge": charge.id}, charge)
