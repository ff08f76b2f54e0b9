"""What a payment looks like in Adyen's answers."""

from typing import Any

from payments.simulator.adyen import authorising, objects, refusals, waiting
from payments.simulator.adyen.shop import Shop

Json = dict[str, Any]

RESULTS = {
    "authorised": "Authorised",
    "received": "Received",
    "refused": "Refused",
    "cancelled": "Cancelled",
    "error": "Error",
    "expired": "Cancelled",
}


def result(payment: objects.Payment) -> str:
    """Its resultCode. An authorisation that was cancelled or has expired had been authorised."""
    if payment.status == "waiting":
        return waiting.RESULTS[payment.step]
    if payment.authorised:
        return "Authorised"
    return RESULTS[payment.status]


def shown(shop: Shop, payment: objects.Payment, base_url: str | None = None) -> Json:
    """PaymentResponse; without base_url it has no action."""
    code = result(payment)
    answer: Json = {
        "pspReference": payment.id,
        "resultCode": code,
        "merchantReference": payment.reference,
        "amount": {"value": payment.amount, "currency": payment.currency},
        "paymentMethod": {"type": payment.method},
    }
    if payment.card:
        answer["paymentMethod"]["brand"] = payment.card["brand"]
    if payment.status != "waiting":
        answer["additionalData"] = authorising.additional(payment)
    elif base_url:
        answer["action"] = waiting.action(payment, base_url, shop.merchant)
        if code in {"IdentifyShopper", "ChallengeShopper"}:
            del answer["pspReference"]
    if payment.refusal is not None:
        answer["refusalReason"] = refusals.OUTCOMES[payment.refusal].reason
        answer["refusalReasonCode"] = str(payment.refusal)
    return answer
