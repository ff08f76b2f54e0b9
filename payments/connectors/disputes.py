"""What a PSP says of disputes and warnings of fraud, and what it is told about them: neutral values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

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


class DisputeReason(StrEnum):
    """Why the customer or the bank disputes a payment."""

    FRAUDULENT = "fraudulent"
    UNRECOGNIZED = "unrecognized"
    PRODUCT_NOT_RECEIVED = "product_not_received"
    PRODUCT_UNACCEPTABLE = "product_unacceptable"
    CREDIT_NOT_PROCESSED = "credit_not_processed"
    DUPLICATE = "duplicate"
    """Charged twice, or paid by other means."""
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    DEBIT_NOT_AUTHORIZED = "debit_not_authorized"
    PROCESSING_ERROR = "processing_error"
    """The bank cannot take the payment as it was made: wrong data, too late, no funds."""
    NONCOMPLIANT = "noncompliant"
    GENERAL = "general"


class EvidenceText(StrEnum):
    """What can be said in answer to a dispute."""

    PRODUCT_DESCRIPTION = "product_description"
    CUSTOMER_NAME = "customer_name"
    CUSTOMER_EMAIL = "customer_email"
    CUSTOMER_IP = "customer_ip"
    BILLING_ADDRESS = "billing_address"
    SHIPPING_ADDRESS = "shipping_address"
    SHIPPING_CARRIER = "shipping_carrier"
    SHIPPING_DATE = "shipping_date"
    SHIPPING_TRACKING = "shipping_tracking"
    SERVICE_DATE = "service_date"
    ACCESS_LOG = "access_log"
    REFUND_POLICY_DISCLOSURE = "refund_policy_disclosure"
    REFUND_REFUSAL = "refund_refusal"
    DUPLICATE_CHARGE_ID = "duplicate_charge_id"
    """The PSP's id of the other payment."""
    DUPLICATE_EXPLANATION = "duplicate_explanation"
    OTHER = "other"


class EvidenceDocument(StrEnum):
    """What can be shown in answer to a dispute; one document of a kind."""

    RECEIPT = "receipt"
    SHIPPING_DOCUMENTATION = "shipping_documentation"
    SERVICE_DOCUMENTATION = "service_documentation"
    CUSTOMER_COMMUNICATION = "customer_communication"
    CUSTOMER_SIGNATURE = "customer_signature"
    REFUND_POLICY = "refund_policy"
    DUPLICATE_DOCUMENTATION = "duplicate_documentation"
    OTHER = "other"


CONTENT_TYPES: Final = frozenset(["application/pdf", "image/jpeg", "image/png"])
"""Of documents; a PSP may take fewer."""


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

    `reference` is the PSP's id of the dispute, `network_reason_code` the scheme's own reason. `movements` are those
    that this notification proves. Stage and standing are as of the notification's `occurred_at`: later ones go before
    earlier ones, movements hold in any order. The stage is the least that it has come to: it may have been further.
    Without a standing the dispute stands as it did; one that nothing was known of needs a response. What people only
    read is in `raw`, by the PSP's own names.
    """

    reference: str
    stage: Stage | None = None
    standing: Standing | None = None
    amount: Money | None = None
    reason: DisputeReason | None = None
    network_reason_code: str = ""
    respond_by: datetime | None = None
    defendable: bool | None = None
    movements: Sequence[Movement] = ()
    raw: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarning:
    """The card scheme was told that a payment was fraud; nothing has moved.

    `kind` is the PSP's or the scheme's own word or number. `actionable`: a refund made now may still prevent the
    dispute (None: the PSP does not say).
    """

    reference: str
    kind: str = ""
    actionable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """A document, as it goes to the PSP; `content_type` is one of `CONTENT_TYPES`."""

    kind: EvidenceDocument
    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitEvidence:
    """Answer a dispute; it cannot be answered again.

    `dispute_reference` is the PSP's id of the dispute, `provider_reference` that of its payment, `reference` our id.
    """

    key: str
    reference: str
    provider_reference: str
    dispute_reference: str
    texts: Mapping[EvidenceText, str] = field(default_factory=dict, repr=False)
    files: Sequence[EvidenceFile] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptDispute:
    """Let the customer's bank have it; that cannot be taken back."""

    key: str
    reference: str
    provider_reference: str
    dispute_reference: str
