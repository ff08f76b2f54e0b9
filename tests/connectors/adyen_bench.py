"""Where Adyen's connector is tried: a merchant account at the simulator, and a letter box for its notifications."""

import contextlib
import secrets
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from payments.connectors import base
from payments.connectors.adyen import connector
from payments.connectors.base import Outcome, PspEvent, Verdict
from payments.connectors.declines import Category
from payments.connectors.disputes import Standing
from payments.kernel import clock, ids
from payments.methods import catalogue
from tests.connectors.benches import Declining, Moved, Simulator, StayHere, until
from tests.webhooks.receiver import Receiver

PATH: Final = "/adyen/v72"
VISA, ENROLLED = "test_4111111111111111", "test_5454545454545454"


def fields(number: str = VISA, holder: str = "Ada Lovelace", cvc: str = "test_737") -> dict[str, str]:
    """What Adyen's card component gives; a test value stands for its encrypted form."""
    return {
        "encryptedCardNumber": number,
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": cvc,
        "holderName": holder,
    }


CARDS: Final[Mapping[str, dict[str, str]]] = {
    "approved": fields(),
    "pending_refund": fields(),
    "challenge": fields(ENROLLED),
    "absent": fields(holder="AUTHENTICATION_REQUIRED"),
    "unknown": fields("not of this account"),
}
"""Other names are those of Adyen's test results, which it reads from the holder's name."""


@dataclass
class AdyenBench:
    """Adyen, simulated. Modifications are received at once, and decided a moment later.

    Each bench is an account of its own: letters of another one may still be on their way.
    """

    simulator: Simulator
    letters: Receiver
    psp: str = "adyen"
    account: str = field(default_factory=lambda: f"adyen-{secrets.token_hex(4)}")
    api_key: str = field(default_factory=lambda: f"AQE{secrets.token_hex(16)}")
    client_key: str = field(default_factory=lambda: f"test_{secrets.token_hex(8)}")
    hmac_key: str = field(default_factory=lambda: secrets.token_hex(32))
    merchant_account: str = "CountinghouseContract"
    operations: Mapping[str, str] = field(
        default_factory=lambda: {
            "authorize": "payments",
            "capture": "captures",
            "cancel": "cancels",
            "adjust": "amount_updates",
            "reverse": "reversals",
            "refund": "refunds",
            "defend": "disputes.defend",
            "accept": "disputes.accept",
        }
    )
    answers: Mapping[str, Verdict] = field(
        default_factory=lambda: dict.fromkeys(("capture", "cancel", "adjust", "refund"), Verdict.PENDING)
    )
    remembers: timedelta = timedelta(days=7)
    disputed: Mapping[str, str] = field(
        default_factory=lambda: {
            "chargeback": "CHARGEBACK",
            "inquiry": "REQUEST_FOR_INFORMATION",
            "fraud": "NOTIFICATION_OF_FRAUD",
            "second": "CHARGEBACK_LOST",
            "prearbitration won": "PREARBITRATION_WON",
            "prearbitration lost": "PREARBITRATION_LOST",
        }
    )
    silence: Standing = Standing.EXPIRED
    declines: tuple[Declining, ...] = (
        Declining("DECLINED", "generic_decline", Category.SOFT, may_retry=True),
        Declining("ERROR", "processing_error", Category.SOFT, may_retry=True),
        Declining("NOT_ENOUGH_BALANCE", "insufficient_funds", Category.SOFT, may_retry=True),
        Declining("WITHDRAWAL_AMOUNT_EXCEEDED", "limit_exceeded", Category.SOFT, may_retry=True),
        Declining("ISSUER_UNAVAILABLE", "bank_unavailable", Category.SOFT, may_retry=True),
        Declining("CARD_EXPIRED", "expired_card", Category.HARD, may_retry=False),
        Declining("RESTRICTED_CARD", "restricted_card", Category.HARD, may_retry=False),
        Declining("CVC_DECLINED", "incorrect_cvc", Category.CUSTOMER, may_retry=True),
        Declining("FRAUD", "suspected_fraud", Category.FRAUD, may_retry=False),
        Declining("ISSUER_SUSPECTED_FRAUD", "suspected_fraud", Category.FRAUD, may_retry=False),
    )

    def __post_init__(self) -> None:
        known = {"psp": "adyen", "api_key": self.api_key, "publishable_key": self.client_key}
        there = {"country": "NL", "currency": "eur", "settings": {"merchant_account": self.merchant_account}}
        hooks = {"webhook_url": self.letters.url, "webhook_secret": self.hmac_key}
        self.simulator.ask("PUT", f"accounts/{self.account}", known | there | hooks)

    def connector(self, *, base_url: str | None = None, webhook_secrets: tuple[str, ...] = ()) -> base.Connector:
        """A connector for the account, at the simulator unless another base is given."""
        return connector.AdyenConnector(
            connector.Settings(
                account=self.account,
                api_key=self.api_key,
                client_key=self.client_key,
                hmac_keys=webhook_secrets or (self.hmac_key,),
                merchant_account=self.merchant_account,
                base_url=(base_url or self.simulator.url) + PATH,
                livemode=False,
                interactive=True,
            )
        )

    def card(self, name: str) -> Mapping[str, Any]:
        """Cards are what the card component gives."""
        given = {"details": CARDS.get(name) or fields(holder=name)}
        return {"type": "scheme", "fields": catalogue.offer("card", "adyen").fields, **given}

    def challenge(self, outcome: Outcome, *, passed: bool) -> Mapping[str, str]:
        """Press a button on the 3-D Secure page; it sends the customer back with a result."""
        assert outcome.next_action is not None
        data = f"result={'success' if passed else 'fail'}".encode()
        request = urllib.request.Request(outcome.next_action["url"], data=data)  # noqa: S310  loopback
        with urllib.request.build_opener(StayHere).open(request, timeout=120) as answer:
            return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers.get("Location", "")).query))

    def told(self, **facts: str) -> list[PspEvent]:
        """The notifications that have come so far with these facts, read by the connector, without repetitions."""
        ours = self.connector()
        events = [
            event
            for letter in tuple(self.letters.received)
            for event in ours.read_notification(letter.body, letter.headers, now=clock.now())
        ]
        unique = {event.event_key: event for event in events}
        return [event for event in unique.values() if all(getattr(event, name) == facts[name] for name in facts)]

    def news(self, payment: str) -> list[PspEvent]:
        """What has come into the letter box."""
        return [e for e in self.told(provider_reference=payment) if e.dispute or e.fraud]

    def notified(self, **facts: str) -> PspEvent:
        """The first notification with these facts, as soon as it has come."""
        assert until(lambda: bool(self.told(**facts))), f"no notification with {facts}"
        return self.told(**facts)[0]

    def final(self, outcome: Outcome) -> Outcome:
        """What the notification says about a modification that was received."""
        if not outcome.modification:
            return outcome
        said = self.notified(modification_reference=outcome.modification).outcome
        assert said is not None
        return said

    def bounced(self, request: base.Refund, outcome: Outcome) -> Outcome:
        """The second notification about the refund."""
        assert request.reference
        said = self.notified(type="REFUND_FAILED", modification_reference=outcome.modification).outcome
        assert said is not None
        return said

    def moved(self, reference: str) -> Moved:
        """Add up the book's lines of every payment that carries the attempt's id."""
        self.rest()
        lines = self.simulator.book(self.account)
        payments = [n for n in lines if n["object"] == "payment" and n["merchant_reference"] == reference]
        known = {line["id"] for line in payments}
        refunds = [n for n in lines if n["object"] == "refund" and n["payment"] in known and n["amount_refunded"]]
        held = [line for line in payments if line["status"] == "authorised" and not line["amount_captured"]]
        return Moved(
            reserved=sum(line["amount"] for line in held),
            captured=sum(line["amount_captured"] for line in payments),
            refunded=sum(line["amount_refunded"] for line in payments),
            refunds=len(refunds),
        )

    def rest(self) -> None:
        """Wait until all that was received before has been decided: in the order in which it came."""
        nobody = f"nobody_{ids.uuid7().hex}"
        asked = self.connector().cancel(
            base.Cancel(key=ids.uuid7().hex, provider_reference="", reason="", reference=nobody)
        )
        assert asked.modification, asked
        self.notified(modification_reference=asked.modification)


@contextlib.contextmanager
def bench(simulator: Simulator) -> Iterator[AdyenBench]:
    """A bench, and its letter box while it is used."""
    letters = Receiver()
    try:
        yield AdyenBench(simulator, letters)
    finally:
        letters.stop()
