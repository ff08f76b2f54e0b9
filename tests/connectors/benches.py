"""Where a connector is tried: an account at a simulated PSP, its test tokens, and what its book of truth says."""

import json
import secrets
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from moneyed import Money

from payments.connectors import base
from payments.connectors.base import Outcome, PspEvent, Verdict
from payments.connectors.declines import Category
from payments.connectors.disputes import Standing
from payments.connectors.stripe import connector as stripe
from payments.kernel import clock, ids

RETURN_URL: Final = "https://shop.example/done"


class Simulator:
    """The control side of a running simulator."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, content: Any = None) -> bytes:
        """One request to /_sim; anything but success raises."""
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self.url}/_sim/{path}", data=data, method=method)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            body: bytes = answer.read()
            return body

    def fault(self, operation: str, fault: str, account: str, **options: Any) -> None:
        """Let the next such operation of the account go wrong, once unless told otherwise."""
        wish = {"operation": operation, "fault": fault, "account": account, "times": 1, **options}
        self.ask("POST", "scenarios", wish)

    def advance(self, seconds: float) -> None:
        """Let time go by at the PSP."""
        self.ask("POST", "clock", {"advance_seconds": seconds})

    def calm(self) -> None:
        """No faults any more."""
        self.ask("DELETE", "scenarios")

    def now(self) -> datetime:
        """The PSP's own time: another test may have moved its day on."""
        return datetime.fromtimestamp(json.loads(self.ask("GET", "clock"))["now"], UTC)

    def book(self, account: str) -> list[dict[str, Any]]:
        """What the PSP knows to be true."""
        return [json.loads(line) for line in self.ask("GET", f"book?account={account}").splitlines() if line]


@dataclass(frozen=True)
class Declining:
    """A test token that declines, and what we make of it."""

    token: str
    decline_code: str
    category: Category
    may_retry: bool


@dataclass(frozen=True)
class Moved:
    """What the PSP's book says about one payment, in its minor units."""

    reserved: int = 0
    captured: int = 0
    refunded: int = 0
    refunds: int = 0


class Bench(Protocol):
    """What the contract suite needs to know about a PSP besides its connector."""

    psp: str
    account: str
    operations: Mapping[str, str]
    """Our verb -> the simulator's name of the operation that does it."""
    answers: Mapping[str, Verdict]
    """What the PSP answers to capture, cancel and refund, and to adjust where it can, when all is well."""
    remembers: timedelta
    """For how long at least a repeated key gets its first answer."""
    declines: tuple[Declining, ...]
    simulator: Simulator

    def connector(self, *, base_url: str | None = None, webhook_secrets: tuple[str, ...] = ()) -> base.Connector:
        """A connector for the account."""

    def card(self, name: str) -> Mapping[str, Any]:
        """The part of an authorisation that says with which test card is paid."""

    def challenge(self, outcome: Outcome, *, passed: bool) -> Mapping[str, str]:
        """Answer the customer's challenge; what it gives back."""

    def final(self, outcome: Outcome) -> Outcome:
        """What came of a modification in the end, where the PSP's first answer does not say."""

    def bounced(self, request: base.Refund, outcome: Outcome) -> Outcome:
        """What the PSP says of a refund that has come back since."""

    disputed: Mapping[str, str]
    """What the customer's bank does with a payment -> the card that is paid with."""
    silence: Standing
    """How a chargeback stands when nobody has answered it."""

    def news(self, payment: str) -> list[PspEvent]:
        """What the PSP has told of disputes and frauds about a payment so far, in the order of telling."""

    def moved(self, reference: str) -> Moved:
        """What became of the payment with our attempt's id, once the PSP has done all it was asked for."""


@dataclass
class StripeBench:
    """Stripe, simulated."""

    simulator: Simulator
    webhook_url: str = "http://127.0.0.1:9/nowhere"
    psp: str = "stripe"
    account: str = "stripe-contract"
    api_key: str = field(default_factory=lambda: f"sk_test_{secrets.token_hex(16)}")
    webhook_secret: str = field(default_factory=lambda: f"whsec_{secrets.token_hex(16)}")
    operations: Mapping[str, str] = field(
        default_factory=lambda: {
            "authorize": "payment_intents.confirm",
            "capture": "payment_intents.capture",
            "cancel": "payment_intents.cancel",
            "refund": "refunds.create",
            "defend": "disputes.update",
            "accept": "disputes.close",
        }
    )
    answers: Mapping[str, Verdict] = field(
        default_factory=lambda: {
            "capture": Verdict.APPROVED,
            "cancel": Verdict.CANCELED,
            "refund": Verdict.APPROVED,
        }
    )
    remembers: timedelta = timedelta(days=1)
    tokens: Mapping[str, str] = field(
        default_factory=lambda: {
            "approved": "pm_card_visa",
            "challenge": "pm_card_authenticationRequired",
            "absent": "pm_card_authenticationRequired",
            "pending_refund": "pm_card_pendingRefund",
            "unknown": "pm_card_nobody_has",
        }
    )
    disputed: Mapping[str, str] = field(
        default_factory=lambda: {
            "chargeback": "pm_card_createDispute",
            "inquiry": "pm_card_createDisputeInquiry",
            "fraud": "pm_card_createIssuerFraudRecord",
            "several": "pm_card_createMultipleDisputes",
        }
    )
    silence: Standing = Standing.LOST
    declines: tuple[Declining, ...] = (
        Declining("pm_card_visa_chargeDeclined", "generic_decline", Category.SOFT, may_retry=True),
        Declining("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds", Category.SOFT, may_retry=True),
        Declining("pm_card_visa_chargeDeclinedLostCard", "lost_or_stolen_card", Category.FRAUD, may_retry=False),
        Declining("pm_card_visa_chargeDeclinedStolenCard", "lost_or_stolen_card", Category.FRAUD, may_retry=False),
        Declining("pm_card_chargeDeclinedExpiredCard", "expired_card", Category.HARD, may_retry=False),
        Declining("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", Category.CUSTOMER, may_retry=True),
        Declining("pm_card_chargeDeclinedProcessingError", "processing_error", Category.SOFT, may_retry=True),
        Declining("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "limit_exceeded", Category.SOFT, may_retry=True),
        Declining("pm_card_radarBlock", "suspected_fraud", Category.FRAUD, may_retry=False),
    )

    def __post_init__(self) -> None:
        known = {"psp": "stripe", "api_key": self.api_key, "country": "NL", "currency": "eur"}
        hooks = {"webhook_url": self.webhook_url, "webhook_secret": self.webhook_secret}
        self.simulator.ask("PUT", f"accounts/{self.account}", known | hooks)

    def connector(self, *, base_url: str | None = None, webhook_secrets: tuple[str, ...] = ()) -> base.Connector:
        """A connector for the account, at the simulator unless another base is given."""
        return stripe.StripeConnector(
            stripe.Settings(
                account=self.account,
                api_key=self.api_key,
                publishable_key="pk_test_contract",
                webhook_secrets=webhook_secrets or (self.webhook_secret,),
                base_url=base_url or self.simulator.url,
                livemode=False,
                interactive=True,
            )
        )

    def card(self, name: str) -> Mapping[str, Any]:
        """Cards are tokens."""
        return {"type": "card", "token": self.tokens.get(name, name)}

    def final(self, outcome: Outcome) -> Outcome:
        """Stripe says it at once."""
        return outcome

    def bounced(self, request: base.Refund, outcome: Outcome) -> Outcome:
        """Stripe can be asked."""
        assert outcome.provider_reference
        return self.connector().find(request, provider_reference="", sent_at=clock.now() - 2 * self.remembers)

    def news(self, payment: str) -> list[PspEvent]:
        """Stripe can be asked for its events: the same that it sends."""
        ours, now = self.connector(), self.simulator.now()
        listed = ours.events_since(now - timedelta(days=400), now + timedelta(days=1))
        told = [event for body in listed for event in ours.translate_notification(body)]
        return [e for e in reversed(told) if (e.dispute or e.fraud) and e.provider_reference == payment]

    def challenge(self, outcome: Outcome, *, passed: bool) -> Mapping[str, str]:
        """Press a button on the 3-D Secure page."""
        path = f"3ds/{outcome.provider_reference}"
        data = f"result={'success' if passed else 'fail'}".encode()
        request = urllib.request.Request(f"{self.simulator.url}/_sim/{path}", data=data)  # noqa: S310  loopback
        with urllib.request.build_opener(StayHere).open(request, timeout=120):
            return {"payment_intent": outcome.provider_reference}

    def moved(self, reference: str) -> Moved:
        """Add up the book's lines of every intent that carries the attempt's id."""
        lines = self.simulator.book(self.account)
        payments = [n for n in lines if n["object"] == "payment" and n["reference"].get("attempt") == reference]
        known = {line["id"] for line in payments}
        refunds = [n for n in lines if n["object"] == "refund" and n["payment"] in known and n["amount_refunded"]]
        return Moved(
            reserved=sum(line["amount"] for line in payments if line["status"] == "requires_capture"),
            captured=sum(line["amount_captured"] for line in payments),
            refunded=sum(line["amount_refunded"] for line in refunds),
            refunds=len(refunds),
        )


class StayHere(urllib.request.HTTPRedirectHandler):
    """The page sends the customer back to the shop; nobody is there in a test."""

    def http_error_303(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Take the redirect for the answer."""
        return fp

    http_error_302 = http_error_303


def eur(text: str) -> Money:
    """19.99 -> 19.99 EUR."""
    return Money(text, "EUR")


def authorize(bench: Bench, card: str = "approved", *, capture: bool = True, **other: Any) -> base.Authorize:
    """A card payment of 30.00 EUR."""
    asked: dict[str, Any] = {
        "key": ids.uuid7().hex,
        "reference": f"att_{ids.uuid7().hex}",
        "amount": eur("30.00"),
        "token": "",
        "capture": capture,
        "return_url": RETURN_URL,
        **bench.card(card),
    }
    return base.Authorize(**(asked | other))


def paid(bench: Bench, card: str = "approved", *, capture: bool = True) -> tuple[base.Authorize, Outcome]:
    """A payment that went well."""
    request = authorize(bench, card, capture=capture)
    outcome = bench.connector().authorize(request)
    assert outcome.verdict is Verdict.APPROVED, outcome
    return request, outcome


def capture_of(payment: Outcome, amount: str = "30.00") -> base.Capture:
    """A final capture."""
    return base.Capture(
        key=ids.uuid7().hex,
        reference=f"cap_{ids.uuid7().hex}",
        provider_reference=payment.provider_reference,
        amount=eur(amount),
        final=True,
    )


def cancel_of(payment: Outcome, reference: str = "") -> base.Cancel:
    """A void, or a stop; of what waits for its customer, `reference` may be all that is known."""
    return base.Cancel(
        key=ids.uuid7().hex,
        provider_reference=payment.provider_reference,
        reason="requested_by_customer",
        reference=reference,
    )


def adjust_of(payment: Outcome, amount: str = "30.00") -> base.Adjust:
    """A reservation that is to be held for longer, or of another amount."""
    return base.Adjust(
        key=ids.uuid7().hex,
        reference=f"att_{ids.uuid7().hex}",
        provider_reference=payment.provider_reference,
        amount=eur(amount),
    )


def reversal_of(payment: Outcome) -> base.Reverse:
    """A payment that is to be undone, whether or not it was captured."""
    reference = f"att_{ids.uuid7().hex}"
    return base.Reverse(key=ids.uuid7().hex, reference=reference, provider_reference=payment.provider_reference)


def refund_of(payment: Outcome, amount: str = "30.00") -> base.Refund:
    """A refund."""
    return base.Refund(
        key=ids.uuid7().hex,
        reference=f"re_{ids.uuid7().hex}",
        provider_reference=payment.provider_reference,
        amount=eur(amount),
        reason="requested_by_customer",
    )


def just_now() -> datetime:
    """When a call was sent that is looked at for the first time."""
    return clock.now() - timedelta(seconds=5)


def until(true: Callable[[], bool], seconds: float = 120) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
