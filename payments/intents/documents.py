"""What payment intents look like on paper: the answer models and examples of the API's document."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime

from payments.intents.states import AttemptStatus, IntentStatus
from payments.orders.documents import ORDER
from payments.rest import wire


class AttemptObject(wire.Output):
    """The latest try with one provider account."""

    id: str
    status: AttemptStatus
    method: str
    saved_payment_method: str | None
    provider_account: str | None
    provider_reference: str | None
    reason_for_route: str | None


class PaymentErrorObject(wire.Output):
    """Why the last try came to nothing, with a sentence for the customer."""

    code: str
    decline_code: str | None
    category: str
    customer_message: str


class ClientOptionObject(wire.Output):
    """What a client needs to make a token with one provider account."""

    provider_account: str
    psp: str
    methods: list[str]
    public: dict[str, str]


class IntentObject(wire.Output):
    """A wish to collect an amount; amounts in minor units of its currency."""

    id: str
    object: Literal["payment_intent"]
    status: IntentStatus
    currency: str
    amount: int
    amount_capturable: int
    amount_captured: int
    amount_refunded: int
    amount_disputed: int
    capture_method: Literal["automatic", "manual"]
    setup_future_usage: Literal["on_session", "off_session"] | None
    order: str | None
    customer: str | None
    client_secret: str
    next_action: dict[str, Any] | None
    last_payment_error: PaymentErrorObject | None
    latest_attempt: AttemptObject | None
    client_options: list[ClientOptionObject]
    description: str | None
    metadata: dict[str, str]
    expires_at: AwareDatetime
    created_at: AwareDatetime


class TimelineEntryObject(wire.Output):
    """One thing that happened."""

    at: AwareDatetime
    kind: Literal["state", "call", "notification", "ledger", "event"]
    object_id: str
    title: str
    detail: str
    by: str


class TimelineObject(wire.Output):
    """What happened, oldest first."""

    object: Literal["timeline"]
    data: list[TimelineEntryObject]


PAYMENT_INTENT: Final[dict[str, Any]] = {
    "id": "pi_01936b2d9c6e7b3f8f4e2a1d5c7b9e04",
    "object": "payment_intent",
    "status": "requires_payment_method",
    "currency": "EUR",
    "amount": 1999,
    "amount_capturable": 0,
    "amount_captured": 0,
    "amount_refunded": 0,
    "amount_disputed": 0,
    "capture_method": "automatic",
    "setup_future_usage": None,
    "order": ORDER["id"],
    "customer": None,
    "client_secret": "u8Zk3vQ1r5Xw9yB2n4Lc7T",
    "next_action": None,
    "last_payment_error": None,
    "latest_attempt": None,
    "client_options": [
        {
            "provider_account": "stripe-us",
            "psp": "stripe",
            "methods": ["card"],
            "public": {"publishable_key": "pk_test_public"},
        }
    ],
    "description": None,
    "metadata": {},
    "expires_at": "2026-11-29T09:30:00Z",
    "created_at": "2026-11-22T09:30:00Z",
}
TIMELINE: Final[dict[str, Any]] = {
    "object": "timeline",
    "data": [
        {
            "at": "2026-11-22T09:31:00Z",
            "kind": "state",
            "object_id": PAYMENT_INTENT["id"],
            "by": "api shop",
            "title": "requires_payment_method → processing",
            "detail": "confirmed with card",
        },
    ],
}
ORDER_CANCELED: Final[dict[str, Any]] = {**ORDER, "status": "canceled"}
