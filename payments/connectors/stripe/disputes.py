"""What Stripe says of disputes and early fraud warnings, translated."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from moneyed import Money

from payments.connectors.disputes import DisputeNews, DisputeReason, FraudWarning, Movement, Stage, Standing
from payments.connectors.stripe import mapping
from payments.kernel import money

Json = Mapping[str, Any]

STATUSES: Final[Mapping[str, tuple[Stage, Standing]]] = {
    "warning_needs_response": (Stage.INQUIRY, Standing.NEEDS_RESPONSE),
    "warning_under_review": (Stage.INQUIRY, Standing.UNDER_REVIEW),
    "warning_closed": (Stage.INQUIRY, Standing.WITHDRAWN),
    "prevented": (Stage.INQUIRY, Standing.WITHDRAWN),
    "needs_response": (Stage.CHARGEBACK, Standing.NEEDS_RESPONSE),
    "under_review": (Stage.CHARGEBACK, Standing.UNDER_REVIEW),
    "appeal_needs_response": (Stage.SECOND, Standing.NEEDS_RESPONSE),
    "appeal_under_review": (Stage.SECOND, Standing.UNDER_REVIEW),
    "won": (Stage.CHARGEBACK, Standing.WON),
    "lost": (Stage.CHARGEBACK, Standing.LOST),
}
"""`status` (docs.stripe.com/api/disputes/object). Won and lost do not say at which stage: at least a chargeback."""

ANSWERABLE: Final = frozenset(s for s, (_, standing) in STATUSES.items() if standing is Standing.NEEDS_RESPONSE)
"""In which evidence may be submitted and the dispute closed."""

REASONS: Final[Mapping[str, DisputeReason]] = {
    "bank_cannot_process": DisputeReason.PROCESSING_ERROR,
    "check_returned": DisputeReason.PROCESSING_ERROR,
    "credit_not_processed": DisputeReason.CREDIT_NOT_PROCESSED,
    "customer_initiated": DisputeReason.GENERAL,
    "debit_not_authorized": DisputeReason.DEBIT_NOT_AUTHORIZED,
    "duplicate": DisputeReason.DUPLICATE,
    "fraudulent": DisputeReason.FRAUDULENT,
    "general": DisputeReason.GENERAL,
    "incorrect_account_details": DisputeReason.PROCESSING_ERROR,
    "insufficient_funds": DisputeReason.PROCESSING_ERROR,
    "noncompliant": DisputeReason.NONCOMPLIANT,
    "product_not_received": DisputeReason.PRODUCT_NOT_RECEIVED,
    "product_unacceptable": DisputeReason.PRODUCT_UNACCEPTABLE,
    "subscription_canceled": DisputeReason.SUBSCRIPTION_CANCELED,
    "unrecognized": DisputeReason.UNRECOGNIZED,
}
"""`reason`, and our word (docs.stripe.com/disputes/categories)."""


def news(dispute: Json) -> DisputeNews:
    """What a Dispute says; one whose status, or whose money, is not understood says nothing at all."""
    if dispute.get("object") != "dispute":
        raise mapping.UnreadableError("the event is not about a dispute")
    status, reason = mapping.text(dispute, "status"), mapping.optional(dispute, "reason")
    if status not in STATUSES:
        raise mapping.UnreadableError("the dispute has a status that is not known")
    stage, standing = STATUSES[status]
    whole = mapping.from_stripe(dispute.get("amount"), dispute.get("currency"))
    respond_by, defendable = _due(mapping.part(dispute, "evidence_details").get("due_by"))
    card = mapping.part(mapping.part(dispute, "payment_method_details"), "card")
    code = mapping.optional(dispute, "network_reason_code") or mapping.optional(card, "network_reason_code")
    said = {"status": status, "reason": reason, "charge": mapping.expandable(dispute, "charge")}
    return DisputeNews(
        reference=mapping.text(dispute, "id"),
        stage=stage,
        standing=standing,
        amount=whole,
        reason=REASONS.get(reason, DisputeReason.GENERAL) if reason else None,
        network_reason_code=code,
        respond_by=respond_by,
        defendable=defendable,
        movements=_movements(dispute, whole),
        raw={**said, "case_type": mapping.optional(card, "case_type")},
    )


def _due(by: object) -> tuple[datetime | None, bool | None]:
    """0 is for a dispute that cannot be answered; None for one that need not be any more."""
    if by == 0:
        return None, False
    try:
        return (datetime.fromtimestamp(by, UTC), True) if type(by) is int else (None, None)
    except (OverflowError, OSError, ValueError):
        raise mapping.UnreadableError("due_by is no time") from None


# --- money ---------------------------------------------------------------------------------------------------------


def _movements(dispute: Json, whole: Money) -> tuple[Movement, ...]:
    """Every balance transaction that there has been, in the payment's currency; fees are no part of them.

    One in that currency says its amount itself. Of one in the currency of settlement Stripe does not: the first
    withdrawal is taken for the whole dispute, and of every other one the proportion to it is what counts, the rates of
    both allowed for: each is converted at that day's (docs.stripe.com/currencies/disputes-refunds). Such a part may be
    off by what rounding has hidden: settlement tells it by the key.
    """
    rows = dispute.get("balance_transactions")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise mapping.UnreadableError("the dispute does not say what it moved")
    settled = [mapping.from_stripe(row.get("amount"), row.get("currency")) for row in rows]
    first = next(((row, moved) for row, moved in zip(rows, settled, strict=True) if moved.amount < 0), None)
    found = [
        Movement(key=mapping.text(row, "id"), amount=_part(row, moved, whole, first), withdrawn=moved.amount < 0)
        for row, moved in zip(rows, settled, strict=True)
    ]
    return tuple(movement for movement in found if movement.amount.amount > 0)


def _part(row: Json, moved: Money, whole: Money, first: tuple[Json, Money] | None) -> Money:
    """What a balance transaction moved of the dispute, never more than all of it."""
    currency = whole.currency.code
    if moved.currency == whole.currency:
        return abs(moved)
    if first is None or first[1].currency != moved.currency or not moved.amount:
        raise mapping.UnreadableError("a dispute's money is in a currency that says nothing of the payment's")
    taken = abs(first[1].amount)
    exact = whole.amount * abs(moved.amount) / taken * _rate(first[0]) / _rate(row)
    unit = Decimal(1).scaleb(-money.exponent(currency))
    hidden = max(unit, whole.amount / taken * Decimal(1).scaleb(-money.exponent(moved.currency.code)))
    return whole if exact >= whole.amount - hidden else Money(exact.quantize(unit), currency)


def _rate(row: Json) -> Decimal:
    """By which a balance transaction was converted; 1 where it does not say, so that it is the same for all."""
    rate = row.get("exchange_rate")
    known = isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0
    return Decimal(str(rate)) if known else Decimal(1)


# --- warnings ------------------------------------------------------------------------------------------------------


def warning(said: Json) -> FraudWarning:
    """What an early fraud warning says."""
    if said.get("object") != "radar.early_fraud_warning":
        raise mapping.UnreadableError("the event is not about an early fraud warning")
    actionable = said.get("actionable")
    return FraudWarning(
        reference=mapping.text(said, "id"),
        kind=mapping.optional(said, "fraud_type")[:40],
        actionable=actionable if isinstance(actionable, bool) else None,
    )
