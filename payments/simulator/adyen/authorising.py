"""How a payment ends: authorised, refused, or closed because nobody came. Each saves and tells."""

from payments.simulator import banks
from payments.simulator.adyen import accounting, capturing, methods, notifications, objects, refusals, tokens, words
from payments.simulator.adyen.shop import Shop
from payments.simulator.clock import DAY

REVIEW = 3_600
TROUBLE_AFTER = 3 * DAY
DISPUTE_AFTER = 1.0
# What a word means for the captures and refunds of a payment.
FATES = {
    words.CAPTURE_FAILED: ("late_capture_failure", TROUBLE_AFTER),
    words.REFUND_FAILED: ("bounced_refund", TROUBLE_AFTER),
    words.REFUND_REVERSED: ("reversed_refund", TROUBLE_AFTER),
}
STATUS = {"Refused": "refused", "Cancelled": "cancelled", "Error": "error"}
OPEN = frozenset({"waiting", "received"})


def decide(shop: Shop, payment: objects.Payment) -> None:
    """The issuer does what was planned for it."""
    outcome = refusals.OUTCOMES[payment.planned]
    if outcome.result == "Received":
        payment.status, payment.step, payment.planned = "received", "", 1
        shop.save(payment)
        shop.later(REVIEW, "pay", payment.id)
    elif outcome.result == "Authorised":
        approve(shop, payment)
    else:
        refuse(shop, payment, outcome)


def approve(shop: Shop, payment: objects.Payment) -> None:
    """The money is held; if nobody else captures it, it is captured when its delay is over."""
    payment.status, payment.step = "authorised", ""
    payment.authorised = payment.amount
    payment.auth_code = f"{int(payment.id, 36) % 1_000_000:06d}"
    if payment.word in FATES:
        fate, seconds = FATES[payment.word]
        payment.fate.setdefault(fate, seconds)
    fresh = _store(shop, payment) if payment.store and payment.shopper else None
    shop.save(payment)
    accounting.note(shop, payment, "Authorised", payment.amount)
    _tell_authorised(shop, payment)
    if fresh:
        _tell_stored(shop, payment, fresh)
    if payment.capture_delay == 0:
        capturing.capture_by_itself(shop, payment)
    else:
        capturing.hold(shop, payment)
        if payment.capture_delay is not None:
            shop.later(payment.capture_delay * 3_600, "capture", payment.id)
    if payment.word in words.DISPUTES and methods.METHODS[payment.method].disputable:
        shop.later(DISPUTE_AFTER, f"dispute.{payment.word}", payment.id)


def _store(shop: Shop, payment: objects.Payment) -> objects.Token | None:
    """The new token; None when the shopper has stored it before: then the payment tells of that one."""
    shopper = str(payment.shopper)
    for known in shop.tokens(shopper):
        if (payment.card or payment.bank) and (known.method, known.card, known.bank) == (
            payment.method,
            payment.card,
            payment.bank,
        ):
            payment.token = known.id
            tokens.tell(shop, known, tokens.EXISTS, because=payment.id)
            return None
    token = objects.Token(
        id=shop.new_psp(),
        created=shop.now(),
        shopper=shopper,
        method=payment.method,
        variant=payment.variant,
        payment=payment.id,
        card=payment.card,
        bank=payment.bank,
    )
    payment.token = token.id
    shop.save(token)
    return token


def additional(payment: objects.Payment) -> dict[str, str]:
    """additionalData of an authorised or refused payment, in answers and notifications."""
    data = {"paymentMethodVariant": payment.variant}
    if payment.card:
        card = payment.card
        data |= {
            "cardSummary": card["last4"],
            "cardBin": card["bin"],
            "cardIssuingBank": banks.issuer(card["bin"]),
            "cardIssuingCountry": card["country"],
            "fundingSource": card["funding"],
            "expiryDate": f"{int(card['month'])}/{card['year']}",
            "refusalReasonRaw": refusals.OUTCOMES[payment.planned if payment.refusal is None else payment.refusal].raw,
            "threeDAuthenticated": "true" if payment.authenticated else "false",
            "threeDOffered": "true" if payment.authenticated else "false",
        }
        if card.get("holder"):
            data["cardHolderName"] = card["holder"]
    if payment.auth_code:
        data["authCode"] = payment.auth_code
    if payment.store and payment.token and payment.status == "authorised":
        data |= {
            "tokenization.shopperReference": str(payment.shopper),
            "tokenization.storedPaymentMethodId": payment.token,
            "tokenization.store.operationType": "created",
        }
    return data


def _tell_authorised(shop: Shop, payment: objects.Payment) -> None:
    card = payment.card
    reason = f"{payment.auth_code}:{card['last4']}:{card['month']}/{card['year']}" if card else ""
    _authorisation(shop, payment, success=True, reason=reason)


def _authorisation(shop: Shop, payment: objects.Payment, *, success: bool, reason: str) -> None:
    more = additional(payment)
    # The notification's schema has no such field.
    more.pop("cardHolderName", None)
    news = notifications.about(payment, "AUTHORISATION", success=success, reason=reason, more=more)
    notifications.tell(shop, news)


def _tell_stored(shop: Shop, payment: objects.Payment, token: objects.Token) -> None:
    news = notifications.about(
        payment,
        "RECURRING_CONTRACT",
        psp=token.id,
        original=payment.id,
        amount=0,
        more={
            "recurring.recurringDetailReference": token.id,
            "recurring.shopperReference": token.shopper,
            "shopperReference": token.shopper,
        },
        beside={"originalPsp": payment.id},
    )
    notifications.tell(shop, news)
    tokens.tell(shop, token, tokens.CREATED, because=payment.id)


def refuse(shop: Shop, payment: objects.Payment, outcome: refusals.Outcome) -> None:
    """The issuer, Adyen or the shopper says no."""
    payment.status, payment.step = STATUS[outcome.result], ""
    payment.refusal = outcome.code
    shop.save(payment)
    accounting.note(shop, payment, outcome.result, payment.amount)
    _authorisation(shop, payment, success=False, reason=outcome.reason)


def pay(shop: Shop, payment: objects.Payment) -> bool:
    """The shopper has paid, be it too late; False when that cannot be any more."""
    if payment.status not in OPEN | {"expired"} or payment.authorised:
        return False
    decide(shop, payment)
    return True


def fail(shop: Shop, payment: objects.Payment, outcome: refusals.Outcome = refusals.REFUSED) -> bool:
    """The shopper's bank says no, or the shopper does; False when that cannot be any more."""
    if payment.status not in OPEN:
        return False
    refuse(shop, payment, outcome)
    return True


def close_offer(shop: Shop, payment: objects.Payment) -> bool:
    """The shopper's time is over. In the app of a native 3-D Secure that is a failed authentication."""
    if payment.status != "waiting":
        return False
    if payment.step in {"fingerprint", "challenge"}:
        refuse(shop, payment, refusals.NOT_AUTHENTICATED)
        return True
    payment.status, payment.step = "expired", ""
    shop.save(payment)
    accounting.note(shop, payment, "Expired", payment.amount)
    notifications.tell(shop, notifications.about(payment, "OFFER_CLOSED"))
    return True
