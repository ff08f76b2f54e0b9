"""Refunds: create, retrieve, update, list, cancel; pending and bouncing ones move with the clock."""

from typing import Any

from payments.simulator.stripe import (
    balance,
    cards,
    charging,
    errors,
    events,
    listing,
    objects,
    parameters,
    render,
    types,
)
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import BOOL, INT, META, STR
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

CREATE: parameters.Spec = {
    "amount": INT,
    "charge": STR,
    "currency": STR,
    "customer": STR,
    "expand": parameters.LIST,
    "instructions_email": STR,
    "metadata": META,
    "origin": STR,
    "payment_intent": STR,
    "reason": STR,
    "refund_application_fee": BOOL,
    "reverse_transfer": BOOL,
}
UPDATE: parameters.Spec = {"metadata": META, "expand": parameters.LIST}
LIST: parameters.Spec = {**parameters.PAGE, "charge": STR, "payment_intent": STR}

# How long a pending refund takes, and how long one that will bounce looks like a success.
PENDING = 60
BOUNCE = 60
DEAD = ("failed", "canceled")


def create(call: Call) -> Json:
    """POST /v1/refunds: by charge or by payment intent; the whole rest unless an amount is given."""
    shop, params = call.shop, call.params
    parameters.one_of(params, "reason", ("duplicate", "fraudulent", "requested_by_customer"))
    charge = _charge(call)
    amount = _amount(shop, charge, params.get("amount"))
    amount = min(call.wrong(amount), charge.amount_captured - charge.amount_refunded)
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    if method.type in types.TYPES and not types.TYPES[method.type].refundable:
        raise errors.RefusedError(f"Payments with {method.type} cannot be refunded.", param="charge")
    behaviour = cards.get(method.card).refund if method.type == "card" else "ok"
    refund = objects.Refund(
        id=shop.new_id("re_3" if method.type == "card" else "pyr_1"),
        created=call.now,
        amount=amount,
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        payment_method=method.id,
        customer=charge.customer,
        reason=params.get("reason"),
        idempotency_key=call.idempotency_key,
        metadata=parameters.merged({}, params.get("metadata")),
        status="pending" if behaviour == "pending" else "succeeded",
        pending_reason="processing" if behaviour == "pending" else None,
    )
    words = ("refund" if method.type == "card" else "payment_refund", "refund", "REFUND FOR PAYMENT")
    refund.balance_transaction = balance.book_move(shop, charge, -amount, words, refund.id)
    shop.save(refund)
    _refunded(shop, charge, amount)
    tell(shop, refund, "refund.created")
    _plan(call, refund, behaviour)
    return render.refund(refund, shop)


def _plan(call: Call, refund: objects.Refund, behaviour: str) -> None:
    bounced = call.fate("bounced_refund")
    if bounced is not None:
        call.shop.later(bounced, "bounce_refund", refund.id)
    elif behaviour == "pending":
        call.shop.later(PENDING, "pay_refund", refund.id)
    elif behaviour == "fail":
        call.shop.later(BOUNCE, "bounce_refund", refund.id)


def _charge(call: Call) -> objects.Charge:
    shop, params = call.shop, call.params
    if params.get("charge") is not None:
        charge = shop.get(objects.Charge, params["charge"], "charge")
    elif params.get("payment_intent") is not None:
        intent = shop.get(objects.PaymentIntent, params["payment_intent"], "payment_intent")
        found = shop.find(objects.Charge, intent.latest_charge)
        if found is None or not found.captured or found.status != "succeeded":
            raise errors.RefusedError(
                f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        charge = found
    else:
        raise errors.InvalidError(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if charge.status != "succeeded" or not charge.captured:
        raise errors.RefusedError(f"Charge {charge.id} has not been captured; it cannot be refunded.", param="charge")
    return charge


def _amount(shop: Shop, charge: objects.Charge, wanted: int | None) -> int:
    left = charge.amount_captured - charge.amount_refunded
    if any(d.case_type == "chargeback" and d.status != "won" for d in shop.disputes_of(charge)):
        raise errors.RefusedError(
            f"Charge {charge.id} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if left == 0:
        raise errors.RefusedError(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    amount = left if wanted is None else wanted
    if amount < 1:
        raise errors.InvalidError(
            "This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer"
        )
    if amount > left:
        raise errors.RefusedError(
            f"Refund amount ({render.shown_amount(amount, charge.currency)}) is greater than unrefunded amount on "
            f"charge ({render.shown_amount(left, charge.currency)})",
            param="amount",
        )
    return amount


def _refunded(shop: Shop, charge: objects.Charge, amount: int) -> None:
    before = {"amount_refunded": charge.amount_refunded}
    if charge.amount_refunded + amount == charge.amount:
        before["refunded"] = False
    charge.amount_refunded += amount
    shop.save(charge)
    charging.tell_charge(shop, charge, "refunded", before)


def tell(shop: Shop, refund: objects.Refund, event: str, previous: Json | None = None) -> None:
    """An event about the refund."""
    kind = shop.known(objects.PaymentMethod, refund.payment_method).type
    events.emit(shop, event, render.refund(refund, shop), previous, kind)


def pay(shop: Shop, refund: objects.Refund) -> None:
    """A pending refund has arrived."""
    if refund.status == "pending":
        refund.status, refund.pending_reason = "succeeded", None
        shop.save(refund)
        _changed(shop, refund, {"status": "pending"})


def bounce(shop: Shop, refund: objects.Refund) -> None:
    """A refund that looked done comes back: the money is ours again and owed again."""
    if refund.status in DEAD:
        return
    previous = {"status": refund.status}
    charge = shop.known(objects.Charge, refund.charge)
    words = ("refund_failure", "refund_failure", "REFUND FAILURE")
    refund.status, refund.pending_reason = "failed", None
    refund.failure_reason = "expired_or_canceled_card"
    refund.failure_balance_transaction = balance.book_move(shop, charge, refund.amount, words, refund.id)
    charge.amount_refunded -= refund.amount
    shop.save(charge)
    shop.save(refund)
    _changed(shop, refund, previous)
    tell(shop, refund, "refund.failed")


def _changed(shop: Shop, refund: objects.Refund, previous: Json) -> None:
    tell(shop, refund, "refund.updated", previous)
    tell(shop, refund, "charge.refund.updated", previous)


def retrieve(call: Call) -> Json:
    """GET /v1/refunds/{id}"""
    return render.refund(call.shop.get(objects.Refund, call.args[0]), call.shop)


def update(call: Call) -> Json:
    """POST /v1/refunds/{id}: metadata only."""
    refund = call.shop.get(objects.Refund, call.args[0])
    previous = {"metadata": refund.metadata}
    refund.metadata = parameters.merged(refund.metadata, call.params.get("metadata"))
    call.shop.save(refund)
    _changed(call.shop, refund, previous)
    return render.refund(refund, call.shop)


def cancel(call: Call) -> Json:
    """POST /v1/refunds/{id}/cancel: only a refund that waits for the customer can be canceled."""
    refund = call.shop.get(objects.Refund, call.args[0])
    if refund.status != "requires_action":
        raise errors.RefusedError(
            f"Refund {refund.id} has a status of {refund.status}. Only a refund with status requires_action "
            "can be canceled."
        )
    charge = call.shop.known(objects.Charge, refund.charge)
    refund.status = "canceled"
    charge.amount_refunded -= refund.amount
    words = ("refund_failure", "refund_failure", "REFUND CANCELED")
    refund.failure_balance_transaction = balance.book_move(call.shop, charge, refund.amount, words, refund.id)
    call.shop.save(charge)
    call.shop.save(refund)
    _changed(call.shop, refund, {"status": "requires_action"})
    return render.refund(refund, call.shop)


def list_all(call: Call) -> Json:
    """GET /v1/refunds?charge=&payment_intent="""
    shop, charge, intent = call.shop, call.params.get("charge"), call.params.get("payment_intent")
    refunds = shop.newest(objects.Refund)
    if intent is not None:
        charges = shop.charges_of(shop.get(objects.PaymentIntent, intent, "payment_intent").id)
        refunds = reversed([refund for made in charges for refund in shop.refunds_of(made)])
    rows = (record for record in refunds if charge in {None, record.charge})
    return listing.page(rows, call.params, lambda record: render.refund(record, shop), "/v1/refunds")
