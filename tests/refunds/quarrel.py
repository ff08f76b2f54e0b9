"""A dispute as a PSP tells of it: news with their times, and the account that they are about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moneyed import Money

from payments.connectors.base import EventKind, PspEvent
from payments.connectors.disputes import DisputeNews, FraudWarning, Movement, Stage
from payments.gateway import accounts
from payments.ledger import selectors as ledger
from refunds import handlers
from refunds.models import Dispute
from tests import factories

ACCOUNT = "stripe-us"
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
DUE = BEGAN + timedelta(days=14)


class Quarrel:
    """One payment of 20.00 USD and one dispute of it at the PSP."""

    def __init__(self, shop: factories.Shop, reference: str = "dp_1at_the_psp", amount: int = 2000) -> None:
        self.shop = shop
        self.intent = shop.paid(amount)
        self.reference = reference
        self.account = accounts.account(ACCOUNT).pk
        self.payment = self.intent["latest_attempt"]["provider_reference"]

    def news(self, after: int = 0, taken: int = 0, back: int = 0, key: str = "", **facts: Any) -> PspEvent:
        """What the PSP says so many days after it began; `taken` and `back` are cents of a movement `key`."""
        moved = [
            Movement(key=key or f"{self.reference}-{after}", amount=Money(minor / 100, "USD"), withdrawn=minor == taken)
            for minor in (taken, back)
            if minor
        ]
        said = {"stage": Stage.CHARGEBACK, "movements": moved, **facts}
        return PspEvent(
            kind=EventKind.DISPUTE_UPDATED,
            event_key=f"evt_{self.reference}_{after}_{facts.get('standing')}",
            type="charge.dispute.updated",
            occurred_at=BEGAN + timedelta(days=after),
            provider_reference=self.payment,
            modification_reference=self.reference,
            dispute=DisputeNews(reference=self.reference, **said),
        )

    def tell(self, *events: PspEvent) -> Dispute:
        """Deliver them in this order; the dispute as it is then."""
        for event in events:
            handlers.dispute_updated(self.account, event)
        return self.dispute()

    def dispute(self) -> Dispute:
        """The row."""
        return Dispute.objects.get(provider_reference=self.reference)

    def warn(self, reference: str = "issfr_1", after: int = 0, **facts: Any) -> None:
        """The scheme was told that the payment was fraud."""
        event = PspEvent(
            kind=EventKind.FRAUD_WARNING,
            event_key=f"evt_{reference}_{after}",
            type="radar.early_fraud_warning.created",
            occurred_at=BEGAN + timedelta(days=after),
            provider_reference=self.payment,
            modification_reference=reference,
            fraud=FraudWarning(reference=reference, **{"kind": "made_with_stolen_card", "actionable": True, **facts}),
        )
        handlers.fraud_warning(self.account, event)


def balances() -> tuple[int, int, int]:
    """Cents: what the PSP owes us, what it holds for disputes, what was lost."""
    codes = (f"psp_receivable/{ACCOUNT}", f"disputes_held/{ACCOUNT}", "dispute_losses")
    owed, held, lost = (int(ledger.balance(code, "USD").amount * 100) for code in codes)
    return owed, held, lost
