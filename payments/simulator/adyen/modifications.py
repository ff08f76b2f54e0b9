"""Captures, refunds, cancels, reversals, amount updates: received now, decided a moment later by notification."""

from typing import Any

from payments.simulator.adyen import accounting, capturing, errors, methods, objects, reading
from payments.simulator.adyen.calls import Call
from payments.simulator.adyen.shop import Shop

Json = dict[str, Any]

DECIDED_AFTER = 0.2
EVENTS = {
    "capture": "CAPTURE",
    "refund": "REFUND",
    "cancel": "CANCELLATION",
    "technical_cancel": "TECHNICAL_CANCEL",
    "reversal": "CANCEL_OR_REFUND",
    "adjustment": "AUTHORISATION_ADJUSTMENT",
}
NO_BALANCE = "Insufficient balance on payment"
NOT_CAPTURED = "Transaction hasn't been captured, refund not possible"


def _payment(call: Call) -> objects.Payment:
    payment = call.shop.find(objects.Payment, call.args[0])
    if payment is None:
        raise errors.unknown_payment()
    return payment


def _open(call: Call, kind: str, payment: objects.Payment | None, amount: int, reference: str) -> objects.Modification:
    """Write down what was asked; it is decided a moment later."""
    change = objects.Modification(
        id=call.shop.new_psp(),
        created=call.shop.now(),
        type=kind,
        payment=payment.id if payment else None,
        amount=amount,
        currency=payment.currency if payment else call.shop.currency,
        reference=reference,
        refused=call.struck("refused_modification"),
        idempotency_key=call.idempotency_key,
    )
    call.shop.save(change)
    delay = call.fate("delayed_modification")
    call.shop.later(DECIDED_AFTER if delay is None else delay, "decide_modification", change.id)
    return change


def _received(call: Call, change: objects.Modification) -> Json:
    answer: Json = {
        "merchantAccount": call.shop.merchant,
        "paymentPspReference": change.payment,
        "pspReference": change.id,
        "status": "received",
    }
    if change.reference:
        answer["reference"] = change.reference
    return answer


def _with_amount(call: Call, kind: str) -> tuple[objects.Payment, objects.Modification]:
    payment = _payment(call)
    value, currency = reading.amount(call.body)
    if currency != payment.currency:
        raise errors.InvalidError("138", "Currency Not Supported: the payment is in another one")
    change = _open(call, kind, payment, call.wrong(value), reading.reference(call.body, required=False))
    return payment, change


def _amount(change: objects.Modification) -> Json:
    return {"value": change.amount, "currency": change.currency}


def capture(call: Call) -> Json:
    """POST /payments/{psp}/captures"""
    payment, change = _with_amount(call, "capture")
    change.fate = {**payment.fate, **call.fates("late_capture_failure")}
    call.shop.save(change)
    return {**_received(call, change), "amount": _amount(change)}


def refund(call: Call) -> Json:
    """POST /payments/{psp}/refunds"""
    payment, change = _with_amount(call, "refund")
    change.fate = {**payment.fate, **call.fates("bounced_refund", "reversed_refund")}
    call.shop.save(change)
    return {**_received(call, change), "amount": _amount(change)}


def cancel(call: Call) -> Json:
    """POST /payments/{psp}/cancels"""
    payment = _payment(call)
    change = _open(call, "cancel", payment, payment.amount, reading.reference(call.body, required=False))
    return _received(call, change)


def technical_cancel(call: Call) -> Json:
    """POST /cancels: by the merchant's own reference; received even when no payment has it."""
    reference = reading.reference(call.body, "paymentReference")
    # A reference used twice: the newest payment is meant.
    found = call.shop.by_reference.get(reference)
    payment = call.shop.find(objects.Payment, found[-1]) if found else None
    change = _open(call, "technical_cancel", payment, payment.amount if payment else 0, reference)
    answer = _received(call, change)
    del answer["paymentPspReference"]
    if own := reading.reference(call.body, required=False):
        answer["reference"] = own
    return {**answer, "paymentReference": reference}


def reverse(call: Call) -> Json:
    """POST /payments/{psp}/reversals: cancel what is held, or give all back."""
    payment = _payment(call)
    change = _open(call, "reversal", payment, payment.amount, reading.reference(call.body, required=False))
    change.fate = {**payment.fate, **call.fates("bounced_refund", "reversed_refund")}
    call.shop.save(change)
    return _received(call, change)


def update_amount(call: Call) -> Json:
    """POST /payments/{psp}/amountUpdates"""
    _, change = _with_amount(call, "adjustment")
    return {**_received(call, change), "amount": _amount(change), "reference": change.reference}


def decide(shop: Shop, change: objects.Modification) -> None:
    """Do it or not, and say so."""
    if change.status != "received":
        return
    payment = shop.find(objects.Payment, change.payment)
    if payment is None:
        reason = "Original pspReference required for this operation"
    elif change.refused:
        reason = "Refused"
    else:
        reason = _DECIDE[change.type](shop, payment, change)
    change.status, change.reason = ("refused", reason) if reason else ("succeeded", "")
    shop.save(change)
    capturing.tell_change(shop, change, EVENTS[change.type], success=not reason, reason=reason)


def _capture(shop: Shop, payment: objects.Payment, change: objects.Modification) -> str:
    if payment.status == "cancelled":
        return "Transaction is cancelled"
    if payment.status != "authorised":
        return "Transaction is not authorised"
    if change.amount > capturing.room(payment):
        return NO_BALANCE
    capturing.take(shop, payment, change)
    return ""


def _refund(shop: Shop, payment: objects.Payment, change: objects.Modification) -> str:
    if not methods.METHODS[payment.method].refundable:
        return "Refund is not supported for this payment method"
    if payment.captured == 0:
        return NOT_CAPTURED
    if change.amount > capturing.refundable(payment):
        return NO_BALANCE
    capturing.give_back(shop, payment, change)
    return ""


def _cancel(shop: Shop, payment: objects.Payment, change: objects.Modification) -> str:
    if payment.status == "waiting" and payment.step != "voucher":
        payment.status, payment.step = "cancelled", ""
        shop.save(payment)
        accounting.note(shop, payment, "Cancelled", payment.amount, change)
        return ""
    if payment.status != "authorised":
        return "Transaction is not authorised"
    if payment.captured:
        return "Transaction has been captured"
    if capturing.room(payment) <= 0:
        return "Transaction is already cancelled"
    capturing.release(shop, payment, change)
    return ""


def _reverse(shop: Shop, payment: objects.Payment, change: objects.Modification) -> str:
    if payment.captured == 0:
        change.action = "cancel"
        return _cancel(shop, payment, change)
    change.action = "refund"
    if len([c for c in shop.modifications(payment, "capture") if c.status == "succeeded"]) > 1:
        return "Reversal is not possible after several partial captures"
    change.amount = capturing.refundable(payment)
    if change.amount <= 0:
        return NO_BALANCE
    return _refund(shop, payment, change)


def _adjust(shop: Shop, payment: objects.Payment, change: objects.Modification) -> str:
    if payment.status != "authorised" or payment.captured or not payment.card or capturing.room(payment) <= 0:
        return "Authorisation cannot be adjusted"
    if not payment.pre_authorised:
        return "Authorisation is not a pre-authorisation"
    payment.authorised = payment.amount = change.amount
    capturing.hold(shop, payment)
    return ""


_DECIDE = {
    "capture": _capture,
    "refund": _refund,
    "cancel": _cancel,
    "technical_cancel": _cancel,
    "reversal": _reverse,
    "adjustment": _adjust,
}
