"""Words a tester may put where a name belongs, to decide what becomes of a payment.

They are read from paymentMethod.holderName or ownerName, shopperName, metadata.simulate, and
additionalData.RequestedTestAcquirerResponseCode; in this order, the first that means something. The names and
numbers of `refusals` work in the same places.
"""

from collections.abc import Iterator
from typing import Any

from payments.simulator.adyen import refusals

Json = dict[str, Any]

# What a shopper does who has something to pay: at once, late, after it had expired, not.
PAY, PAY_LATE, PAY_OVERDUE, FAIL, EXPIRE = "PAY", "PAY_LATE", "PAY_OVERDUE", "FAIL", "EXPIRE"
# What happens after the money moved.
CAPTURE_FAILED, REFUND_FAILED, REFUND_REVERSED = "CAPTURE_FAILED", "REFUND_FAILED", "REFUND_REVERSED"
# Disputes: fought and won, fought and lost; a case that begins or ends otherwise.
DISPUTES = frozenset(
    {
        "CHARGEBACK",
        "CHARGEBACK_WON",
        "CHARGEBACK_LOST",
        "PREARBITRATION_WON",
        "PREARBITRATION_LOST",
        "REQUEST_FOR_INFORMATION",
        "NOTIFICATION_OF_FRAUD",
    }
)
FRICTIONLESS = "FRICTIONLESS"
ALL = DISPUTES | {
    PAY,
    PAY_LATE,
    PAY_OVERDUE,
    FAIL,
    EXPIRE,
    CAPTURE_FAILED,
    REFUND_FAILED,
    REFUND_REVERSED,
    FRICTIONLESS,
}


def said(body: Json) -> Iterator[str]:
    """Everything in the request that may be such a word, in capitals."""
    method, name = body["paymentMethod"], body.get("shopperName")
    for source, keys in (
        (method, ("holderName", "ownerName")),
        (name, ("firstName", "lastName")),
        (body.get("metadata"), ("simulate",)),
        (body.get("additionalData"), ("RequestedTestAcquirerResponseCode",)),
    ):
        if isinstance(source, dict):
            for key in keys:
                if source.get(key) is not None:
                    yield str(source[key]).strip().upper().replace(" ", "_")


def word(body: Json) -> str:
    """The word, empty when there is none. A SEPA owner called chargeback:MS03 is a chargeback too."""
    for text in said(body):
        if text in ALL:
            return text
        if text.startswith("CHARGEBACK:"):
            return "CHARGEBACK"
    return ""


def outcome(body: Json) -> refusals.Outcome | None:
    """The outcome that is asked for by its name or number."""
    return next((found for text in said(body) if (found := refusals.asked(text))), None)
