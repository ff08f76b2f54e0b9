"""What a PSP says of disputes and warnings of fraud, and what it is told about them: neutral values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from moneyed import Money


class Stage(StrEnum):
    """How far a dispute has gone with the customer's bank; a later stage is never followed by an earlier one."""

    INQUIRY = "inquiry"
    """The bank asks, and has taken nothing."""
    CHARGEBACK = "chargeback"
    SECOND = "second"
    """A second chargeback, pre-arbitration, an appeal."""
    ARBITRATION = "arbitration"


class Standing(StrEnum):
    """How a dispute stands within its stage, as the PSP says."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    """Nobody answered in time."""
    WITHDRAWN = "withdrawn"
    """The bank or the customer has given it up, or it was settled before it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money of a dispute that the PSP took (`withdrawn`) or gave back.

    `key` is the PSP's id of this movement, the same in whatever tells of it: it is booked once. `amount` is above zero
    and in the payment's currency.
    """

    key: str
    amount: Money
    withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeNews:
    """What one notification says of a dispute; what it does not say is None or empty.

    `reference` is the PSP's id of the dispute. `reason` is one of ours (`refunds` lists them), `network_reason_code`
    the scheme's own. `movements` are those that this notification proves. Stage and standing are as of the
    notification's `occurred_at`: later ones go before earlier ones, movements hold in any order.
    """

    reference: str
    stage: Stage | None = None
    standing: Standing | None = None
    amount: Money | None = None
    reason: str = ""
    network_reason_code: str = ""
    respond_by: datetime | None = None
    defendable: bool | None = None
    movements: Sequence[Movement] = ()
    raw: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarning:
    """The card scheme was told that a payment was fraud; nothing has moved.

    `actionable`: a refund made now may still prevent the dispute (None: the PSP does not say).
    """

    reference: str
    kind: str = ""
    actionable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """A document; `kind` is what it proves, by our name of it."""

    kind: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitEvidence:
    """Answer a dispute; it cannot be answered again. `texts` are by our name of what they prove.

    `dispute_reference` is the PSP's id of the dispute, `provider_reference` that of its payment, `reference` our id.
    """

    key: str
    reference: str
    provider_reference: str
    dispute_reference: str
    reason: str
    texts: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[EvidenceFile] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptDispute:
    """Let the customer's bank have it; that cannot be taken back."""

    key: str
    reference: str
    provider_reference: str
    dispute_reference: str
