"""Every type of event there is, and what it tells; clients find the same table in docs/events.md."""

from collections.abc import Mapping
from typing import Final

TYPES: Final[Mapping[str, str]] = {
    "order.created": "An order was opened.",
    "order.updated": "An open order's metadata was changed.",
    "order.partially_paid": "Some of the order's total was captured.",
    "order.paid": "The order's total was captured.",
    "order.partially_refunded": "Some of what was paid went back.",
    "order.refunded": "All of what was paid went back.",
    "order.reopened": "A capture failed afterwards: the order is to be paid again.",
    "order.canceled": "The order was canceled; nothing can be paid any more.",
    "order.expired": "The order's time ran out unpaid.",
    "payment_intent.created": "Somebody wishes to collect an amount.",
    "payment_intent.requires_action": "The customer must do something: see `next_action`; the API has all of it.",
    "payment_intent.processing": "The provider has the payment, or its answer is not known yet. Nothing is to be done.",
    "payment_intent.requires_capture": "The amount is reserved and waits for a capture.",
    "payment_intent.succeeded": "The amount was captured.",
    "payment_intent.payment_failed": "An attempt came to nothing: see `last_payment_error`. It can be paid again.",
    "payment_intent.canceled": "The intent was canceled; nothing was or will be taken.",
    "payment_intent.expired": "The intent's, or its authorisation's, time ran out.",
    "payment_intent.reversed": "A capture that had succeeded failed afterwards.",
    "refund.created": "A refund was asked for.",
    "refund.pending_approval": "The refund is beyond a limit: a second person decides, see `approval_reason`.",
    "refund.rejected": "A second person has decided against the refund: nothing goes back.",
    "refund.sent": "The refund was sent to the provider.",
    "refund.succeeded": "The provider has made the refund, or finance by bank transfer; the customer's bank shows it"
    " some days later.",
    "refund.failed": "The provider could not refund: see `failure_reason`.",
    "refund.bounced": "A refund that had succeeded came back.",
    "refund.canceled": "The refund was canceled before it was sent, or by the provider, or a bank transfer was not"
    " confirmed: nothing went back.",
    "dispute.created": "A customer's bank disputes a payment, or asks about it.",
    "dispute.updated": "Something else of a dispute has changed, as the day by which it must be answered.",
    "dispute.response_due": "A dispute waits for an answer that is due within 7, 3 or 1 days: see `respond_by`.",
    "dispute.response_overdue": "A dispute was not answered in time.",
    "dispute.evidence_submitted": "The provider has our evidence.",
    "dispute.under_review": "The bank looks at a dispute; nothing is to be done.",
    "dispute.needs_response": "A dispute must be answered by `respond_by`; also when the bank comes back.",
    "dispute.funds_withdrawn": "The provider has taken disputed money: see `amount_withdrawn`.",
    "dispute.funds_reinstated": "Disputed money, or some of it, has come back.",
    "dispute.won": "The bank has decided for us; it may still come back with a second stage.",
    "dispute.lost": "The bank has decided against us.",
    "dispute.accepted": "The dispute was accepted: the customer keeps the money.",
    "dispute.expired": "Nobody answered in time: the customer keeps the money.",
    "dispute.withdrawn": "The bank or the customer has given the dispute up.",
    "fraud_warning.created": "A payment was reported as fraud. A refund may prevent the dispute.",
    "payment_method.saved": "A customer's payment method was saved: they can pay with it again.",
    "payment_method.updated": "What is known of a saved payment method has changed, as the expiry of a renewed card.",
    "payment_method.deleted": "A saved payment method was deleted: it cannot be paid with any more.",
    "webhook_endpoint.test": "Somebody tries whether this endpoint receives: nothing has happened.",
    "report.ready": "A report can be downloaded.",
}

TEST: Final = "webhook_endpoint.test"
"""The type that is sent to one endpoint because somebody asked for it, whichever types that one wants."""
