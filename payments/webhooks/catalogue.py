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
    "payment_intent.requires_action": "The customer must do something: see `next_action`.",
    "payment_intent.processing": "The provider has the payment, or its answer is not known yet. Nothing is to be done.",
    "payment_intent.requires_capture": "The amount is reserved and waits for a capture.",
    "payment_intent.succeeded": "The amount was captured.",
    "payment_intent.payment_failed": "An attempt came to nothing: see `last_payment_error`. It can be paid again.",
    "payment_intent.canceled": "The intent was canceled; nothing was or will be taken.",
    "payment_intent.expired": "The intent's, or its authorisation's, time ran out.",
    "payment_intent.reversed": "A capture that had succeeded failed afterwards.",
    "refund.created": "A refund was asked for.",
    "refund.sent": "The refund was sent to the provider.",
    "refund.succeeded": "The provider has made the refund; the customer's bank shows it some days later.",
    "refund.failed": "The provider could not refund: see `failure_reason`.",
    "refund.bounced": "A refund that had succeeded came back.",
    "refund.canceled": "The refund was canceled before it was sent, or by the provider: nothing went back.",
    "payment_method.saved": "A customer's payment method was saved: they can pay with it again.",
    "payment_method.updated": "What is known of a saved payment method has changed, as the expiry of a renewed card.",
    "payment_method.deleted": "A saved payment method was deleted: it cannot be paid with any more.",
    "report.ready": "A report can be downloaded.",
}
