"""What wins which kind of dispute: what to say and what to show, by the reason, in words for people. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from payments.connectors.disputes import DisputeReason, EvidenceDocument, EvidenceText

T, F, R = EvidenceText, EvidenceDocument, DisputeReason

MAX_TEXT: Final = 20_000
"""Stripe takes 20,000 characters of a text (docs.stripe.com/api/disputes/evidence_object)."""
MAX_FILE: Final = 2 * 1024 * 1024
"""Adyen takes PDF documents of at most 2 MB (docs.adyen.com/risk-management/disputes-api/defend-dispute)."""
MAX_FILES: Final = 4_500_000
"""Stripe takes 4.5 MB of all files together (docs.stripe.com/disputes/best-practices)."""

TEXTS: Final[Mapping[EvidenceText, str]] = {
    T.PRODUCT_DESCRIPTION: "What was bought",
    T.CUSTOMER_NAME: "Customer's name",
    T.CUSTOMER_EMAIL: "Customer's e-mail",
    T.CUSTOMER_IP: "Internet address from which it was bought",
    T.BILLING_ADDRESS: "Billing address",
    T.SHIPPING_ADDRESS: "Address it was sent to",
    T.SHIPPING_CARRIER: "Carrier",
    T.SHIPPING_DATE: "Day it was sent",
    T.SHIPPING_TRACKING: "Tracking number",
    T.SERVICE_DATE: "Day of the service",
    T.ACCESS_LOG: "Log of how the customer used it",
    T.REFUND_POLICY_DISCLOSURE: "Where the customer saw the refund policy",
    T.REFUND_REFUSAL: "Why there is no refund",
    T.DUPLICATE_CHARGE_ID: "The PSP's id of the other payment",
    T.DUPLICATE_EXPLANATION: "Why the two payments are not the same",
    T.OTHER: "Anything else the bank should know",
}
"""Everything that can be said, in the order in which it is asked for."""

DOCUMENTS: Final[Mapping[EvidenceDocument, str]] = {
    F.RECEIPT: "Receipt or invoice",
    F.SHIPPING_DOCUMENTATION: "Proof of shipping or delivery",
    F.SERVICE_DOCUMENTATION: "Proof of the service",
    F.CUSTOMER_COMMUNICATION: "Messages with the customer",
    F.CUSTOMER_SIGNATURE: "Customer's signature",
    F.REFUND_POLICY: "Refund policy",
    F.DUPLICATE_DOCUMENTATION: "Both receipts",
    F.OTHER: "Another document",
}
"""Everything that can be shown."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What convinces a bank: in words, and which texts and documents carry it."""

    words: str
    texts: tuple[EvidenceText, ...]
    documents: tuple[EvidenceDocument, ...]


_DELIVERY: Final = (T.SHIPPING_ADDRESS, T.SHIPPING_CARRIER, T.SHIPPING_DATE, T.SHIPPING_TRACKING)
_PERSON: Final = (T.CUSTOMER_NAME, T.CUSTOMER_EMAIL, T.BILLING_ADDRESS)

_FRAUD: Final = Advice(
    "Show that the cardholder bought it: confirmed with their bank (3-D Secure), delivered to their own address, bought"
    " before without a dispute.",
    (T.PRODUCT_DESCRIPTION, *_PERSON, T.CUSTOMER_IP, *_DELIVERY, T.ACCESS_LOG),
    (F.SHIPPING_DOCUMENTATION, F.CUSTOMER_SIGNATURE, F.CUSTOMER_COMMUNICATION),
)
_OTHERWISE: Final = Advice(
    "Show what was bought, that the customer agreed to it, and that they got it.",
    (T.PRODUCT_DESCRIPTION, *_PERSON, *_DELIVERY),
    (F.RECEIPT, F.CUSTOMER_COMMUNICATION),
)

WINS: Final[Mapping[DisputeReason, Advice]] = {
    R.FRAUDULENT: _FRAUD,
    R.UNRECOGNIZED: Advice(
        "Show what it was and that it went to the customer: many remember once they see the goods and the shop's name.",
        (T.PRODUCT_DESCRIPTION, *_PERSON, *_DELIVERY),
        (F.RECEIPT, F.SHIPPING_DOCUMENTATION, F.CUSTOMER_COMMUNICATION),
    ),
    R.PRODUCT_NOT_RECEIVED: Advice(
        "Show that it arrived: carrier, tracking number and day, at the address that the customer gave.",
        (T.PRODUCT_DESCRIPTION, *_DELIVERY, T.SERVICE_DATE),
        (F.SHIPPING_DOCUMENTATION, F.CUSTOMER_SIGNATURE, F.CUSTOMER_COMMUNICATION),
    ),
    R.PRODUCT_UNACCEPTABLE: Advice(
        "Show that it was what you had described, and what you offered when the customer complained.",
        (T.PRODUCT_DESCRIPTION, T.REFUND_POLICY_DISCLOSURE, T.REFUND_REFUSAL),
        (F.CUSTOMER_COMMUNICATION, F.REFUND_POLICY, F.RECEIPT),
    ),
    R.CREDIT_NOT_PROCESSED: Advice(
        "Show that the refund was made, or that none was owed and the customer knew your policy.",
        (T.REFUND_POLICY_DISCLOSURE, T.REFUND_REFUSAL, T.PRODUCT_DESCRIPTION),
        (F.REFUND_POLICY, F.CUSTOMER_COMMUNICATION, F.RECEIPT),
    ),
    R.DUPLICATE: Advice(
        "Show that the two payments were for two different things, each with its receipt.",
        (T.DUPLICATE_CHARGE_ID, T.DUPLICATE_EXPLANATION, T.PRODUCT_DESCRIPTION),
        (F.DUPLICATE_DOCUMENTATION, F.RECEIPT, F.SHIPPING_DOCUMENTATION),
    ),
    R.SUBSCRIPTION_CANCELED: Advice(
        "Show that it was not canceled in time, or was used afterwards, and that the customer knew the terms.",
        (T.PRODUCT_DESCRIPTION, T.ACCESS_LOG, T.SERVICE_DATE, T.REFUND_POLICY_DISCLOSURE, T.REFUND_REFUSAL),
        (F.CUSTOMER_COMMUNICATION, F.REFUND_POLICY, F.SERVICE_DOCUMENTATION),
    ),
    R.DEBIT_NOT_AUTHORIZED: _FRAUD,
    R.PROCESSING_ERROR: _OTHERWISE,
    R.NONCOMPLIANT: _OTHERWISE,
    R.GENERAL: _OTHERWISE,
}
"""By the reason; after what Stripe and the schemes ask for (docs.stripe.com/disputes/categories)."""


def advice(reason: str) -> Advice:
    """What wins a dispute of this reason."""
    return WINS[DisputeReason(reason)]


def kind_of(content: bytes) -> str:
    """The media type that the first bytes of a document show, "" when it is none that banks take."""
    signs = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
    return next((type_ for sign, type_ in signs.items() if content.startswith(sign)), "")
