"""What the simulated Stripe remembers: small records, turned into Stripe's objects by `render`."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from payments.simulator import settlement

Json = dict[str, Any]


@dataclass(slots=True)
class Customer:
    """cus_"""

    kind: ClassVar[str] = "customer"
    id: str
    created: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    description: str | None = None
    address: Json | None = None
    shipping: Json | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    preferred_locales: list[str] = field(default_factory=list)
    default_payment_method: str | None = None
    deleted: bool = False


@dataclass(slots=True)
class PaymentMethod:
    """pm_. `card` is a name in `cards`; `details` and `behaviour` belong to the other types."""

    kind: ClassVar[str] = "payment_method"
    id: str
    created: int
    type: str = "card"
    card: str = ""
    exp_month: int = 12
    exp_year: int = 2034
    billing: Json = field(default_factory=dict)
    details: Json = field(default_factory=dict)
    behaviour: str = "success"
    metadata: dict[str, str] = field(default_factory=dict)
    customer: str | None = None
    allow_redisplay: str = "unspecified"
    set_up: bool = False
    spent: bool = False


@dataclass(slots=True)
class PaymentIntent:
    """pi_. Amounts in the smallest unit."""

    kind: ClassVar[str] = "payment_intent"
    id: str
    created: int
    amount: int
    currency: str
    client_secret: str
    idempotency_key: str | None = None
    status: str = "requires_payment_method"
    capture_method: str = "automatic_async"
    confirmation_method: str = "automatic"
    customer: str | None = None
    payment_method: str | None = None
    latest_charge: str | None = None
    amount_capturable: int = 0
    amount_received: int = 0
    last_payment_error: Json | None = None
    next_action: Json | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    attempt: int = 0
    authenticated: bool = False
    return_url: str | None = None
    off_session: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    # Given by the caller and shown again as given: description, shipping, receipt_email ...
    given: Json = field(default_factory=dict)
    # Faults that this payment will meet later: action -> seconds.
    fate: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Charge:
    """ch_ (py_ for methods other than cards)."""

    kind: ClassVar[str] = "charge"
    id: str
    created: int
    amount: int
    currency: str
    payment_intent: str
    payment_method: str
    status: str = "succeeded"
    amount_captured: int = 0
    amount_refunded: int = 0
    captured: bool = False
    disputed: bool = False
    customer: str | None = None
    balance_transaction: str | None = None
    failure_balance_transaction: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    decline_code: str | None = None
    outcome: Json | None = None
    three_d_secure: Json | None = None
    capture_before: int | None = None
    expired: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    given: Json = field(default_factory=dict)


@dataclass(slots=True)
class Capture:
    """Not an object of Stripe's API: what the book of truth knows about one capture."""

    kind: ClassVar[str] = "capture"
    id: str
    created: int
    payment_intent: str
    charge: str
    amount: int
    currency: str
    automatic: bool
    status: str = "succeeded"
    idempotency_key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Refund:
    """re_ (pyr_ for methods other than cards)."""

    kind: ClassVar[str] = "refund"
    id: str
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    payment_method: str
    status: str = "succeeded"
    reason: str | None = None
    customer: str | None = None
    balance_transaction: str | None = None
    failure_balance_transaction: str | None = None
    failure_reason: str | None = None
    pending_reason: str | None = None
    idempotency_key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class BalanceTransaction:
    """txn_. Signed amounts in the account's settlement currency."""

    kind: ClassVar[str] = "balance_transaction"
    id: str
    created: int
    available_on: int
    type: str
    reporting_category: str
    amount: int
    fee: int
    currency: str
    source: str | None
    description: str | None = None
    exchange_rate: float | None = None
    payout: str | None = None
    # The same in what the customer paid in, signed.
    facing: int | None = None


def changed(row: BalanceTransaction, **fields: Any) -> BalanceTransaction:
    """Another row that differs in these fields."""
    return replace(row, **fields)


@dataclass(slots=True)
class Dispute:
    """du_"""

    kind: ClassVar[str] = "dispute"
    id: str
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    reason: str
    status: str
    case_type: str
    due_by: int
    network_reason_code: str = "10.4"
    brand: str = "visa"
    submissions: int = 0
    evidence: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    balance_transactions: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Payout:
    """po_. An `amount` below 0 is taken from the bank."""

    kind: ClassVar[str] = "payout"
    id: str
    created: int
    amount: int
    currency: str
    arrival_date: int
    status: str = "in_transit"
    reconciliation_status: str = "in_progress"
    automatic: bool = True
    arrived: bool = False
    balance_transaction: str | None = None
    failure_balance_transaction: str | None = None
    failure_code: str | None = None
    reversed_at: int | None = None
    trace: str | None = None
    description: str | None = "STRIPE PAYOUT"
    statement_descriptor: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Event:
    """evt_. The body is the finished JSON, compressed; `waiting` are endpoints that have not had it."""

    kind: ClassVar[str] = "event"
    id: str
    created: int
    type: str
    body: bytes
    waiting: list[str] = field(default_factory=list)
    method: str | None = None


@dataclass(slots=True)
class WebhookEndpoint:
    """we_"""

    kind: ClassVar[str] = "webhook_endpoint"
    id: str
    created: int
    url: str
    secret: str
    enabled_events: list[str]
    description: str | None = None
    disabled: bool = False
    configured: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ReportRun:
    """frr_"""

    kind: ClassVar[str] = "report_run"
    id: str
    created: int
    report_type: str
    parameters: Json
    status: str = "pending"
    url: str = ""
    file: str | None = None
    error: str | None = None
    succeeded_at: int | None = None


@dataclass(slots=True)
class File:
    """file_: the result of a report run, or a document that was uploaded: of that one only the size is kept."""

    kind: ClassVar[str] = "file"
    id: str
    created: int
    filename: str
    content: str
    url: str
    purpose: str = "finance_report_run"
    type: str = "csv"
    size: int = 0


@dataclass(slots=True)
class Answer:
    """The kept answer of a request with an Idempotency-Key."""

    kind: ClassVar[str] = "answer"
    id: str
    created: int
    fingerprint: str
    status: int
    body: bytes
    request_id: str
    path: str


Record = (
    Customer
    | PaymentMethod
    | PaymentIntent
    | Charge
    | Capture
    | Refund
    | BalanceTransaction
    | Dispute
    | Payout
    | Event
    | WebhookEndpoint
    | ReportRun
    | File
    | Answer
)
KINDS: dict[str, type[Any]] = settlement.KINDS | {
    cls.kind: cls
    for cls in (
        Customer,
        PaymentMethod,
        PaymentIntent,
        Charge,
        Capture,
        Refund,
        BalanceTransaction,
        Dispute,
        Payout,
        Event,
        WebhookEndpoint,
        ReportRun,
        File,
        Answer,
    )
}
