"""What every PSP connector promises: neutral values in, neutral values out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from moneyed import Money

from payments.connectors.declines import Decline
from payments.connectors.disputes import AcceptDispute, DisputeNews, FraudWarning, SubmitEvidence
from payments.connectors.settlements import Announced, PayoutNews, Settling


class Verdict(StrEnum):
    """What a PSP's answer means for the money."""

    APPROVED = "approved"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    """The PSP has it and will say later (bank debit, voucher, review, asynchronous modification)."""
    DECLINED = "declined"
    CANCELED = "canceled"
    """Proof that it was voided, canceled or has expired at the PSP: no money moves any more."""
    UNAVAILABLE = "unavailable"
    """Proof that nothing happened: refused connection, failed TLS or DNS, 429 before execution."""
    UNKNOWN = "unknown"
    """Money may have moved: a timeout after sending, a reset, any 5xx, an unreadable answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedMethod:
    """A payment method that the PSP keeps for the customer: its token, and by what the customer knows it."""

    token: str
    brand: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
    wallet: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to one call, or the evidence found later. A decline, a challenge, a timeout are values, not errors.

    `provider_reference` is the PSP's id of what the call makes or changes: of the refund for a refund, of the
    dispute for an answer to one, else of the payment; `modification` is its id of a capture or cancel that it has
    taken on and will report about. `amount` is what the PSP says was authorised, captured, released or refunded.
    `captured` says whether an approved authorisation has taken the money already; None: it did as it was asked, and
    does not say. A capture that is declined although `captured` had succeeded, and has failed after all. `saved` is
    the method that it keeps since, `payer` its own id of who pays, where it has one; `expires_at` is when a customer's
    action ends. `raw` holds PSP codes and ids for people, never card data or secrets; under `card` it may say
    `brand` and `last4`, by which customers know their card, and `issuer`, who has issued it (`answers.issuer`), and as
    `statement_descriptor` what their statement says.
    `acquirer_reference` is the number (ARN) by which a customer's bank finds a refund, once the PSP tells it.
    """

    verdict: Verdict
    provider_reference: str = ""
    modification: str = ""
    amount: Money | None = None
    captured: bool | None = False
    next_action: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    decline: Decline | None = None
    saved: SavedMethod | None = None
    payer: str = ""
    acquirer_reference: str = ""
    detail: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    latency_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """Who pays, as far as a PSP needs to know; `reference` is our id of the customer, `payer` the PSP's."""

    reference: str = ""
    payer: str = ""
    email: str = ""
    name: str = ""
    country: str = ""
    locale: str = ""
    ip: str = ""

    @property
    def first_name(self) -> str:
        """The name up to its first blank."""
        return self.name.strip().partition(" ")[0]

    @property
    def last_name(self) -> str:
        """The rest of the name; the whole of it where there is one word."""
        return self.name.strip().partition(" ")[2] or self.first_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the order, for PSPs that lend on it: amounts of the whole line, `amount` with tax, less discount."""

    sku: str
    name: str
    quantity: int
    amount: Money
    tax: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """Take or reserve `amount` with a payment method that the PSP's own fields made (`token`, or `details`).

    `key` is our committed idempotency key, `reference` the attempt's id, `type` the PSP's name of the method. `details`
    are what the customer gave in the client's fields (encrypted card fields, a BLIK code, a bank), `fields` where in
    its request the PSP wants them, `from_shopper` what of the shopper it wants there (by our names of it), and `always`
    what besides. A voucher can be paid for `expires_after_days` where the PSP lets us say so (0: it says). `browser` is
    what 3-D Secure wants to know: channel, origin, accept_header, color_depth, java_enabled, language, screen_height,
    screen_width, time_zone_offset, user_agent; and with native_three_ds whether the client shows the challenge itself.
    `lines` are for who lends on them. With `save` the PSP keeps the method for `shopper`, with `unattended` also to be
    charged when they are not there; `saved_token` is one that it has kept before.
    """

    key: str
    reference: str
    amount: Money
    type: str
    token: str
    capture: bool
    off_session: bool = False
    return_url: str = ""
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    from_shopper: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, str] = field(default_factory=dict)
    expires_after_days: int = 0
    browser: Mapping[str, Any] = field(default_factory=dict)
    shopper: Shopper = Shopper()
    lines: Sequence[Line] = ()
    save: bool = False
    unattended: bool = False
    saved_token: str = ""

    def placed(self) -> dict[str, Any]:
        """The details where the PSP wants them: `a.b` is b inside a; what no field names is left out."""
        known = [(path, getattr(self.shopper, name)) for name, path in self.from_shopper.items()]
        given = [(self.fields[name], value) for name, value in self.details.items() if name in self.fields]
        whole: dict[str, Any] = {}
        for path, value in (*self.always.items(), *known, *given):
            *steps, last = path.split(".")
            place = whole
            for step in steps:
                place = place.setdefault(step, {})
            if isinstance(value, str) and value:
                place[last] = value
        return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Finish a payment after the customer's action; `details` is what the action gave back.

    `reference` is the attempt's id; `capture` says, as when it was authorised, whether the money is taken at once.
    """

    key: str
    provider_reference: str
    details: Mapping[str, Any]
    reference: str = ""
    capture: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Take `amount` of an authorisation; `final` releases the rest. `lines` are for who lends on them.

    Only where the PSP takes several captures of one method may it not be final.
    """

    key: str
    reference: str
    provider_reference: str
    amount: Money
    final: bool
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Void an authorisation, or stop a payment that still waits for its customer.

    `reference` is the attempt's id: the PSP may know the payment by it when its own id never reached us.
    """

    key: str
    provider_reference: str
    reason: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Give `amount` of a captured payment back; `reference` is the refund's id."""

    key: str
    reference: str
    provider_reference: str
    amount: Money
    reason: str
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust:
    """Reserve `amount` from now on; the same amount as before is only held for longer, as if it were reserved anew.

    `reference` is the attempt's id.
    """

    key: str
    reference: str
    provider_reference: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """Undo a payment as a whole, whether or not it has been captured by then; `reference` is the attempt's id."""

    key: str
    reference: str
    provider_reference: str


AnyRequest = Authorize | Complete | Capture | Cancel | Adjust | Reverse | Refund | SubmitEvidence | AcceptDispute


class EventKind(StrEnum):
    """What a notification is about; exactly one handler serves each kind."""

    PAYMENT_UPDATED = "payment_updated"
    CAPTURE_UPDATED = "capture_updated"
    CANCEL_UPDATED = "cancel_updated"
    ADJUSTMENT_UPDATED = "adjustment_updated"
    REVERSAL_UPDATED = "reversal_updated"
    REFUND_UPDATED = "refund_updated"
    METHOD_UPDATED = "method_updated"
    DISPUTE_UPDATED = "dispute_updated"
    FRAUD_WARNING = "fraud_warning"
    SETTLEMENT_READY = "settlement_ready"
    PAYOUT_UPDATED = "payout_updated"
    UNUSED = "unused"
    """A kind that nothing here acts on: kept and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PspEvent:
    """One notification, verified and translated.

    `event_key` is unique for ever per provider account. `reference` is our own id (attempt, capture or refund) where
    the PSP returns it, "" for what was made outside; `provider_reference` is the PSP's id of the payment,
    `modification_reference` of the capture, cancel or refund. `outcome` is what the notification proves about that
    one; when it cannot be understood, `problem` says why, and nothing may act on it. `saved` is the saved method that
    it is about, as far as it says it; one that is `gone` the PSP keeps no longer. `dispute` and `fraud` are what it
    says of a dispute or of a suspicion; then `modification_reference` is the PSP's id of that one, and
    `provider_reference` is "" where the notification does not tell the payment: the dispute has been told of before.
    `settlement` is the file that is ready (None: some file that was asked for), `payout` how a payout stands.
    What is `retold`, by a list that has no name of a notification for it, may have been told by one.
    """

    kind: EventKind
    event_key: str
    type: str
    occurred_at: datetime
    reference: str = ""
    provider_reference: str = ""
    modification_reference: str = ""
    outcome: Outcome | None = None
    saved: SavedMethod | None = None
    gone: bool = False
    dispute: DisputeNews | None = None
    fraud: FraudWarning | None = None
    settlement: Announced | None = None
    payout: PayoutNews | None = None
    retold: bool = False
    problem: str = ""


class NotificationRefused(Exception):
    """The notification is not signed by the PSP, too old, of the other environment or no event: nothing is kept."""


class Connector(Protocol):
    """One PSP, spoken to with one account's credentials.

    Answers are values; exceptions are bugs and misconfiguration. Safe to share between threads.
    """

    can_be_asked: bool
    """Whether the PSP finishes payments and says how they stand when asked; else completing an action makes them."""

    reverses: bool
    """Whether it undoes a payment of which nobody knows whether it was captured; else that has to be known."""

    acknowledgement: str
    """What the PSP wants to read in the answer to a notification that was kept."""

    keeps_events: timedelta
    """How far back the PSP's own list of its events can be read."""

    tells_daily: bool
    """Whether it tells of whole days only, when they are over, in a report of each."""

    @property
    def settling(self) -> Settling | None:
        """What tells of settlement; None where the PSP does not."""

    def authorize(self, request: Authorize) -> Outcome:
        """Take or reserve money."""

    def complete_action(self, request: Complete) -> Outcome:
        """Continue after the customer's action."""

    def capture(self, request: Capture) -> Outcome:
        """Take reserved money."""

    def cancel(self, request: Cancel) -> Outcome:
        """Release reserved money, or stop a payment that waits."""

    def adjust(self, request: Adjust) -> Outcome:
        """Reserve another amount, or hold a reservation for longer: APPROVED with what is reserved since.

        DECLINED where the PSP cannot or its issuer does not agree: what was reserved stays as it was.
        """

    def reverse(self, request: Reverse) -> Outcome:
        """Cancel or refund: CANCELED when nothing had been taken, APPROVED when all that was taken has been given back.

        `modification` is then the PSP's id of the refund. DECLINED where the PSP cannot, or has done neither.
        """

    def refund(self, request: Refund) -> Outcome:
        """Give money back."""

    def submit_evidence(self, request: SubmitEvidence) -> Outcome:
        """Answer a dispute, once: APPROVED when the PSP has taken all of it, else nothing was submitted.

        DECLINED when the PSP refuses (`dispute_closed`: it is decided or too late, `dispute_evidence_refused`), or
        when it has no place for something that was given.
        """

    def accept_dispute(self, request: AcceptDispute) -> Outcome:
        """Let the bank have it: APPROVED when the PSP has taken that, DECLINED when it refuses (`dispute_closed`)."""

    def find(
        self, request: AnyRequest, *, provider_reference: str, sent_at: datetime, may_repeat: bool = True
    ) -> Outcome:
        """The evidence about a call whose answer is not known; `provider_reference` is what is known of it, or "".

        `request` was sent at `sent_at`. If it `may_repeat` (it is the same still) it is sent again, with its own key;
        what is unfinished may be canceled. UNKNOWN: no proof yet (nothing found is none). UNAVAILABLE: nothing will be.
        """

    def look_up_method(self, payer: str, token: str) -> Outcome:
        """What the PSP keeps under a token (APPROVED, `saved`), or that it keeps no such thing (DECLINED)."""

    def forget_method(self, payer: str, token: str) -> Outcome:
        """Let the PSP keep a saved method no longer: APPROVED once it does not, also when it did not before."""

    def read_notification(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Sequence[PspEvent]:
        """Verify a webhook and translate it; `NotificationRefused` when it is not the PSP's word."""

    def translate_notification(self, body: bytes) -> Sequence[PspEvent]:
        """Translate a webhook that was verified when it came and is read again; however old it is."""

    def events_since(self, moment: datetime, until: datetime) -> Iterator[bytes]:
        """What the PSP has to tell from `moment` on and before `until`, newest first: only what is acted upon.

        Each as the body of its notification (or all that a report says of one payment) for `translate_notification`. It
        fails as a request does, or with `answers.NothingToldYet`; of a report that is not right nothing is told.
        """

    def client_options(self) -> Mapping[str, str]:
        """What the client needs to make a token with this account: public values only."""

    def cannot_say(self, amount: Money) -> str:
        """Why the PSP has no way to say this amount, in words for people; "" when it has."""

    def can_say(self, currency: str) -> bool:
        """Whether the PSP takes payments in this currency at all."""

    def made(self, token: str) -> bool:
        """Whether a token of a payment method looks like one of this PSP's."""
