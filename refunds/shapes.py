"""How refunds and disputes look to clients, in answers and in events."""

from collections.abc import Iterable
from typing import Any

from refunds.models import Dispute, DisputeFile, DisputeStage, FraudWarning, Refund, RefundLine


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
        "acquirer_reference": row.acquirer_reference or None,
        "approval_reason": row.approval_reason or None,
        "held_until": row.held_until,
        "related": row.related,
        "metadata": row.metadata,
        "created_at": row.created_at,
        "settled_at": row.settled_at,
    }


def dispute(row: Dispute, latest: DisputeStage, files: Iterable[DisputeFile]) -> dict[str, Any]:
    """The `dispute` object of the API; amounts are minor units of its currency, the payment's.

    `latest` is the stage that it has come to, `files` are that one's.
    """
    return {
        "id": row.pk,
        "object": "dispute",
        "status": row.status,
        "stage": row.stage,
        "currency": row.currency,
        "amount": row.amount_minor,
        "amount_withdrawn": row.amount_withdrawn_minor,
        "amount_lost": row.amount_lost_minor,
        "reason": row.reason,
        "network_reason_code": row.network_reason_code or None,
        "payment_intent": row.intent_id,
        "order": row.order_id or None,
        "respond_by": row.respond_by,
        "defendable": row.defendable,
        "evidence": {
            "answer": latest.answer or None,
            "answered_at": latest.answered_at,
            "texts": dict(latest.texts),
            "files": [dispute_file(one) for one in files],
        },
        "created_at": row.opened_at,
        "closed_at": row.closed_at,
    }


def dispute_file(row: DisputeFile) -> dict[str, Any]:
    """A document that goes with an answer; `sha256` is of its bytes."""
    return {"id": row.pk, "kind": row.kind, "filename": row.filename, "content_type": row.content_type,
            "size": row.size, "sha256": row.sha256}  # fmt: skip


def fraud_warning(row: FraudWarning) -> dict[str, Any]:
    """The `fraud_warning` object of events."""
    return {
        "id": row.pk,
        "object": "fraud_warning",
        "payment_intent": row.intent_id,
        "order": row.order_id or None,
        "kind": row.kind or None,
        "actionable": row.actionable,
        "created_at": row.warned_at,
    }
