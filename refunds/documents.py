"""What refunds and disputes look like on paper: the answer model and example of the API's document."""

from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field

from payments.connectors.disputes import DisputeReason, EvidenceDocument, Stage
from payments.rest import wire
from refunds.models import Origin, Reason
from refunds.states import DisputeStatus, RefundStatus


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
    acquirer_reference: Annotated[
        str | None, Field(description="The number (ARN) by which the customer's bank finds it, once the PSP tells it.")
    ]
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
    "acquirer_reference": None,
    "approval_reason": None,
    "held_until": None,
    "related": [],
    "metadata": {},
    "created_at": "2026-11-23T10:15:00Z",
    "settled_at": None,
}


class DisputeFileObject(wire.Output):
    """A document that goes with the answer; the hash is of its bytes."""

    id: str
    kind: EvidenceDocument
    filename: str
    content_type: str
    size: int
    sha256: str


class EvidenceObject(wire.Output):
    """What answers the stage that the dispute has come to, or will: `answer` is null while nothing was said."""

    answer: Literal["submit", "accept"] | None
    answered_at: Annotated[AwareDatetime | None, Field(description="When the provider had the answer.")]
    texts: Annotated[dict[str, str], Field(description="By what they prove.")]
    files: list[DisputeFileObject]


class DisputeObject(wire.Output):
    """A customer's bank disputes a payment; the amounts in minor units of its currency, the payment's."""

    id: str
    object: Literal["dispute"]
    status: DisputeStatus
    stage: Stage
    currency: str
    amount: Annotated[int, Field(description="What is disputed.")]
    amount_withdrawn: Annotated[int, Field(description="What the provider has taken, less what it gave back.")]
    amount_lost: Annotated[int, Field(description="As much of that as is lost, for now or for good.")]
    reason: DisputeReason
    network_reason_code: Annotated[str | None, Field(description="The card scheme's own.")]
    payment_intent: str
    order: str | None
    respond_by: AwareDatetime | None
    defendable: Annotated[bool | None, Field(description="False: the bank hears no evidence. Null: it is not said.")]
    evidence: EvidenceObject
    created_at: AwareDatetime
    closed_at: AwareDatetime | None


DISPUTE: Final[dict[str, Any]] = {
    "id": "dp_01936b2d9c6e7b3f8f4e2a1d5c7b9e06",
    "object": "dispute",
    "status": "needs_response",
    "stage": "chargeback",
    "currency": "EUR",
    "amount": 1999,
    "amount_withdrawn": 1999,
    "amount_lost": 0,
    "reason": "product_not_received",
    "network_reason_code": "13.1",
    "payment_intent": "pi_01936b2d9c6e7b3f8f4e2a1d5c7b9e04",
    "order": "ord_01936b2d9c6e7b3f8f4e2a1d5c7b9e02",
    "respond_by": "2026-12-07T23:59:59Z",
    "defendable": True,
    "evidence": {
        "answer": None,
        "answered_at": None,
        "texts": {"shipping_carrier": "PostNL", "shipping_tracking": "3SABCD1234567"},
        "files": [],
    },
    "created_at": "2026-11-23T10:15:00Z",
    "closed_at": None,
}
