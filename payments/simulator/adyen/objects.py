"""What the simulated Adyen remembers. Ids are pspReferences; amounts are in Adyen's smallest unit."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from payments.simulator import settlement

Json = dict[str, Any]


@dataclass(slots=True)
class Payment:
    """One payment.

    `status`: waiting (for the shopper), received, authorised, refused, cancelled, error, expired.
    `step`: what a waiting shopper is asked: redirect, fingerprint, challenge, voucher, qr, await.
    """

    kind: ClassVar[str] = "payment"
    id: str
    created: int
    amount: int
    currency: str
    reference: str
    method: str
    variant: str
    status: str = "waiting"
    step: str = ""
    # What the shopper answered on the page of a card's bank: the details call finishes the payment.
    answered: str = ""
    # The outcome of `refusals` that its issuer will give, and the one it has got.
    planned: int = 1
    refusal: int | None = None
    authorised: int = 0
    captured: int = 0
    refunded: int = 0
    disputed: int = 0
    # Hours until the capture that happens by itself; None: the merchant captures.
    capture_delay: int | None = 0
    released: bool = False
    # What is a pre-authorisation may be adjusted, and is held anew from then on; when it ends.
    pre_authorised: bool = False
    ends: int = 0
    authenticated: bool = False
    attempt: int = 0
    card: Json = field(default_factory=dict)
    # The account that a debit is made from.
    bank: Json = field(default_factory=dict)
    auth_code: str = ""
    return_url: str = ""
    country: str | None = None
    shopper: str | None = None
    store: bool = False
    token: str | None = None
    # A word of the tester's: see `words`.
    word: str = ""
    session: str | None = None
    idempotency_key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    # Faults that this payment will meet later: action -> seconds.
    fate: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Modification:
    """capture, refund, cancel, technical_cancel, reversal, adjustment.

    `status`: received, succeeded, refused; a capture or refund that failed later: failed.
    """

    kind: ClassVar[str] = "modification"
    id: str
    created: int
    type: str
    payment: str | None
    amount: int
    currency: str
    reference: str
    status: str = "received"
    automatic: bool = False
    action: str = ""
    reason: str = ""
    refused: bool = False
    idempotency_key: str | None = None
    fate: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Token:
    """A stored payment method."""

    kind: ClassVar[str] = "token"
    id: str
    created: int
    shopper: str
    method: str
    variant: str
    payment: str
    card: Json = field(default_factory=dict)
    bank: Json = field(default_factory=dict)
    models: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Session:
    """CS..."""

    kind: ClassVar[str] = "session"
    id: str
    created: int
    expires: int
    reference: str
    given: Json = field(default_factory=dict)
    payments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Dispute:
    """One case. `status`: open, information, charged_back, defended, won, lost, accepted.

    What happens by itself is its `plan`; whatever the merchant does begins another `turn`.
    """

    kind: ClassVar[str] = "dispute"
    id: str
    created: int
    payment: str
    amount: int
    currency: str
    reason: str
    code: str
    plan: str
    turn: int = 0
    status: str = "open"
    due: int = 0
    documents: list[str] = field(default_factory=list)
    # Money taken minus money given back.
    deducted: int = 0


@dataclass(slots=True)
class Movement:
    """One row of a settlement detail report. Gross and net are signed: credit above 0, debit below.

    Gross in the payment's currency, net and fees in the settlement currency: net = gross × rate − fees.
    """

    kind: ClassVar[str] = "movement"
    id: str
    created: int
    type: str
    net: int
    gross: int = 0
    currency: str = ""
    rate: str = "1"
    payment: str = ""
    modification: str = ""
    commission: int = 0
    markup: int = 0
    scheme: int = 0
    interchange: int = 0
    # When it may be paid out, and in which batch it was.
    available: int = 0
    batch: int | None = None


@dataclass(slots=True)
class Batch:
    """One payable batch; `id` is its number. `amount` is what was paid out, 0 when the balance is `carried`.

    `status` of its payout: sent, arrived, returned; `words` are what the bank shows of it.
    """

    kind: ClassVar[str] = "batch"
    id: str
    created: int
    amount: int
    currency: str
    file: str
    rows: list[str] = field(default_factory=list)
    carried: int = 0
    status: str = "sent"
    arrived: bool = False
    words: str = ""


@dataclass(slots=True)
class Entry:
    """One row of a payments accounting report; `signs` say what it does to received, authorised, captured."""

    kind: ClassVar[str] = "entry"
    id: str
    created: int
    type: str
    payment: str
    amount: int
    signs: list[int]
    modification: str = ""
    reported: bool = False


@dataclass(slots=True)
class Report:
    """One payments accounting report; `id` is the name of its file."""

    kind: ClassVar[str] = "report"
    id: str
    created: int
    rows: list[str]


@dataclass(slots=True)
class Notification:
    """One message to the merchant: the finished JSON, compressed."""

    kind: ClassVar[str] = "notification"
    id: str
    created: int
    event: str
    body: bytes
    method: str | None = None
    waiting: bool = True


@dataclass(slots=True)
class Answer:
    """The kept answer of a request with an Idempotency-Key."""

    kind: ClassVar[str] = "answer"
    id: str
    created: int
    fingerprint: str
    status: int
    body: bytes
    psp: str


Record = Payment | Modification | Token | Session | Dispute | Movement | Batch | Entry | Report | Notification | Answer
KINDS: dict[str, type[Any]] = settlement.KINDS | {
    cls.kind: cls
    for cls in (Payment, Modification, Token, Session, Dispute, Movement, Batch, Entry, Report, Notification, Answer)
}
