"""How payment intents look to clients, in answers and in events."""

from collections.abc import Sequence
from typing import Any

from payments.intents.models import PaymentAttempt, PaymentIntent

PAYABLE = ("requires_payment_method", "requires_action")


def payment_intent(
    row: PaymentIntent, attempt: PaymentAttempt | None, account_code: str | None, options: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The `payment_intent` object of the API; amounts are minor units.

    `account_code` is the provider account of `attempt`; `options` are shown while the intent can be paid.
    """
    return {
        "id": row.pk,
        "object": "payment_intent",
        "status": row.status,
        "currency": row.currency,
        "amount": row.amount_minor,
        "amount_capturable": row.amount_capturable_minor,
        "amount_captured": row.amount_captured_minor,
        "amount_refunded": row.amount_refunded_minor,
        "capture_method": row.capture_method,
        "order": row.order_id,
        "customer": row.customer_id,
        "client_secret": row.client_secret,
        "next_action": row.next_action,
        "last_payment_error": row.last_payment_error,
        "latest_attempt": _attempt(attempt, account_code) if attempt is not None else None,
        "client_options": list(options) if row.status in PAYABLE else [],
        "description": row.description or None,
        "metadata": row.metadata,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
    }


def event(row: PaymentIntent, attempt: PaymentAttempt | None, account_code: str | None) -> dict[str, Any]:
    """The intent as events carry it: without what only its page needs, and without its secret."""
    whole = payment_intent(row, attempt, account_code, ())
    return {name: value for name, value in whole.items() if name not in ("client_secret", "client_options")}


def _attempt(row: PaymentAttempt, account_code: str | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "status": row.status,
        "method": row.method,
        "provider_account": account_code,
        "provider_reference": row.provider_reference or None,
        "reason_for_route": row.reason_for_route or None,
    }
