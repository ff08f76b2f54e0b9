"""What refunds look like on paper: the answer model and example of the API's document."""

from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field

from payments.rest import wire
from refunds.models import Origin, Reason
from refunds.states import RefundStatus


class RefundLineObject(wire.Output):
    """Units of one line of the order, and what they come to in minor units."""

    line: str
    quantity: int
    amount: int


class RefundObject(wire.Output):
    """Money given back, or on its way; the amount in minor units of its currency."""

    id: str
    object: Literal["refund"]
    status: RefundStatus
    currency: str
    amount: int
    payment_intent: str
    order: str | None
    lines: list[RefundLineObject]
    reason: Reason
    note: str | None
    origin: Origin
    failure_reason: str | None
    approval_reason: Annotated[str | None, Field(description="Why a second person is, or was, asked.")]
    held_until: Annotated[AwareDatetime | None, Field(description="Until then it is held, and can be taken back.")]
    related: Annotated[list[str], Field(description="Other refunds that the same request made.")]
    metadata: dict[str, str]
    created_at: AwareDatetime
    settled_at: AwareDatetime | None


REFUND: Final[dict[str, Any]] = {
    "id": "re_01936b2d9c6e7b3f8f4e2a1d5c7b9e05",
    "object": "refund",
    "status": "requested",
    "currency": "EUR",
    "amount": 750,
    "payment_intent": "pi_01936b2d9c6e7b3f8f4e2a1d5c7b9e04",
    "order": "ord_01936b2d9c6e7b3f8f4e2a1d5c7b9e02",
    "lines": [{"line": "line_01936b2d9c6e7b3f8f4e2a1d5c7b9e03", "quantity": 1, "amount": 750}],
    "reason": "damaged",
    "note": None,
    "origin": "api",
    "failure_reason": None,
    "approval_reason": None,
    "held_until": None,
    "related": [],
    "metadata": {},
    "created_at": "2026-11-23T10:15:00Z",
    "settled_at": None,
}
