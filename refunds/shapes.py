"""How refunds look to clients, in answers and in events."""

from collections.abc import Iterable
from typing import Any

from refunds.models import Refund, RefundLine


def refund(row: Refund, lines: Iterable[RefundLine]) -> dict[str, Any]:
    """The `refund` object of the API; amounts are minor units of its currency."""
    return {
        "id": row.pk,
        "object": "refund",
        "status": row.status,
        "currency": row.currency,
        "amount": row.amount_minor,
        "payment_intent": row.intent_id,
        "order": row.order_id or None,
        "lines": [{"line": line.line_id, "quantity": line.quantity, "amount": line.amount_minor} for line in lines],
        "reason": row.reason,
        "note": row.note or None,
        "origin": row.origin,
        "failure_reason": row.failure_reason or None,
        "related": row.related,
        "metadata": row.metadata,
        "created_at": row.created_at,
        "settled_at": row.settled_at,
    }
