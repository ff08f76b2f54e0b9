"""What happens to authorised money: captured, given back, failed later, released, expired."""

import zlib

from payments.simulator.adyen import accounting, money, notifications, objects
from payments.simulator.adyen.notifications import News
from payments.simulator.adyen.shop import Shop
from payments.simulator.clock import DAY

AUTHORISATION_LIFE = 28 * DAY


def tell_change(
    shop: Shop, change: objects.Modification, event: str, *, success: bool = True, reason: str = ""
) -> None:
    """A notification about a modification, under its own pspReference."""
    payment = shop.find(objects.Payment, change.payment)
    more = {"paymentMethodVariant": payment.variant} if payment else {}
    if event == "REFUND" and success and payment and payment.card:
        more["arn"] = f"{zlib.crc32(change.id.encode()):023d}"
    if event == "CANCEL_OR_REFUND":
        more = {"modification.action": change.action}
    notifications.tell(
        shop,
        News(
            event=event,
            psp=change.id,
            original=change.payment,
            reference=change.reference or (payment.reference if payment else ""),
            amount=change.amount,
            currency=change.currency,
            success=success,
            method=payment.variant if payment else None,
            reason=reason,
            more=more,
        ),
    )


def room(payment: objects.Payment) -> int:
    """What can still be captured."""
    return 0 if payment.released or payment.status != "authorised" else payment.authorised - payment.captured


def refundable(payment: objects.Payment) -> int:
    """What can still be given back."""
    return payment.captured - payment.refunded - payment.disputed


def capture_by_itself(shop: Shop, payment: objects.Payment) -> None:
    """The account's or the request's capture delay is over."""
    amount = room(payment)
    if amount <= 0:
        return
    change = objects.Modification(
        id=shop.new_psp(),
        created=shop.now(),
        type="capture",
        payment=payment.id,
        amount=amount,
        currency=payment.currency,
        reference=payment.reference,
        automatic=True,
        idempotency_key=payment.idempotency_key,
        fate=dict(payment.fate),
    )
    take(shop, payment, change)


def take(shop: Shop, payment: objects.Payment, capture: objects.Modification) -> None:
    """The money is the merchant's; what was not asked for is released unless the account captures in parts."""
    payment.captured += capture.amount
    if not shop.setting("multiple_partial_captures", default=False):
        if rest := room(payment):
            accounting.note(shop, payment, "Cancelled", rest)
        payment.released = True
    capture.status = "succeeded"
    shop.save(payment)
    shop.save(capture)
    money.book(shop, payment, "Settled", capture.amount, capture.id)
    accounting.note(shop, payment, "SentForSettle", capture.amount, capture)
    if (seconds := capture.fate.get("late_capture_failure")) is not None:
        shop.later(seconds, "fail_capture", capture.id)


def fail_capture(shop: Shop, capture: objects.Modification) -> None:
    """A captured amount turns out not to come: CAPTURE_FAILED, with success true."""
    payment = shop.known(objects.Payment, str(capture.payment))
    if capture.status != "succeeded" or refundable(payment) < capture.amount:
        return
    capture.status = "failed"
    payment.captured -= capture.amount
    shop.save(capture)
    shop.save(payment)
    money.book(shop, payment, "SettledReversed", -capture.amount, capture.id)
    accounting.note(shop, payment, "CaptureFailed", capture.amount, capture)
    tell_change(shop, capture, "CAPTURE_FAILED", reason="Capture Failed")


def give_back(shop: Shop, payment: objects.Payment, refund: objects.Modification) -> None:
    """Money goes back to the shopper; a scenario may have it bounce."""
    payment.refunded += refund.amount
    refund.status = "succeeded"
    shop.save(payment)
    shop.save(refund)
    money.book(shop, payment, "Refunded", -refund.amount, refund.id)
    accounting.note(shop, payment, "SentForRefund", refund.amount, refund)
    for fate, action in (("bounced_refund", "fail_refund"), ("reversed_refund", "reverse_refund")):
        if (seconds := refund.fate.get(fate)) is not None:
            shop.later(seconds, action, refund.id)


def fail_refund(shop: Shop, refund: objects.Modification, *, bounced: bool) -> None:
    """A refund did not reach the shopper: REFUND_FAILED, or REFUNDED_REVERSED when the bank sent it back."""
    if refund.status != "succeeded":
        return
    payment = shop.known(objects.Payment, str(refund.payment))
    refund.status = "failed"
    payment.refunded -= refund.amount
    shop.save(refund)
    shop.save(payment)
    money.book(shop, payment, "RefundedReversed", refund.amount, refund.id)
    accounting.note(shop, payment, "RefundedReversed" if bounced else "RefundFailed", refund.amount, refund)
    if bounced:
        tell_change(shop, refund, "REFUNDED_REVERSED", reason="Refund returned by the shopper's bank")
    else:
        tell_change(shop, refund, "REFUND_FAILED", reason="Refund Failed")


def release(shop: Shop, payment: objects.Payment, cancel: objects.Modification) -> None:
    """What is authorised and not captured goes back to the shopper."""
    accounting.note(shop, payment, "Cancelled", room(payment), cancel)
    payment.released = True
    if payment.captured == 0:
        payment.status = "cancelled"
    shop.save(payment)


def hold(shop: Shop, payment: objects.Payment) -> None:
    """The authorisation is held from now on for as long as it may be."""
    payment.ends = shop.now() + AUTHORISATION_LIFE
    shop.save(payment)
    shop.later(AUTHORISATION_LIFE, "expire_authorisation", payment.id)


def expire(shop: Shop, payment: objects.Payment) -> None:
    """The authorisation has come of age, unless it was extended since."""
    rest = room(payment)
    if rest <= 0 or shop.now() < payment.ends:
        return
    payment.released = True
    if payment.captured == 0:
        payment.status = "expired"
    shop.save(payment)
    accounting.note(shop, payment, "Expired", rest)
    notifications.tell(shop, notifications.about(payment, "EXPIRE", amount=rest))
