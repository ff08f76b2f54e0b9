"""What a PSP settles of the made-up month: lines as they are loaded, and what they book in the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from payments.connectors.settlements import PayoutNews
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.intents.models import Capture
from payments.kernel import clock
from payments.ledger import services as ledger
from payments.ledger.postings import Event
from refunds.models import DisputeMovement, Refund
from reporting.models import Match, Payout, SettlementFile, SettlementLine
from reporting.services import payouts
from tests.reporting import desk as desks

BOOKED: Mapping[Event, str] = {
    Event.FEE_CHARGED: "('psp_fees/' || p.code, l.currency, l.fee_minor), (owed, l.currency, -l.fee_minor)",
    Event.DISPUTE_FEE_CHARGED: "('dispute_fees/' || p.code, l.currency, l.fee_minor), (owed, l.currency, -l.fee_minor)",
    Event.FEE_TAXED: "('fee_tax/' || p.code, l.currency, l.tax_minor), (owed, l.currency, -l.tax_minor)",
    Event.CONVERTED: "('fx_clearing', l.gross_currency, l.gross_minor), (owed, l.gross_currency, -l.gross_minor),"
    " (owed, l.currency, l.settled_minor), ('fx_clearing', l.currency, -l.settled_minor)",
}
WHICH: Mapping[Event, str] = {
    Event.FEE_CHARGED: "l.type <> 'dispute' AND l.fee_minor <> 0",
    Event.DISPUTE_FEE_CHARGED: "l.type = 'dispute' AND l.fee_minor <> 0",
    Event.FEE_TAXED: "l.tax_minor <> 0",
    Event.CONVERTED: "l.gross_currency <> l.currency",
}
ENTRIES = """
SELECT 'sl_' || replace(l.id::text, '-', '') AS source_id, l.occurred_at AS effective_at, 'settled' AS narrative,
       '{{}}'::jsonb AS refs, side.code, side.currency, side.amount_minor
  FROM reporting_settlementline l JOIN payments_provideraccount p ON p.id = l.account_id
  CROSS JOIN LATERAL (SELECT 'psp_receivable/' || p.code AS owed) account
  CROSS JOIN LATERAL (VALUES {sides}) AS side (code, currency, amount_minor) WHERE {which}"""


@dataclass
class Settling:
    """The settlement of one provider account."""

    code: str = "stripe-us"
    first: int = 1
    _told: int = 0

    @property
    def account(self) -> ProviderAccount:
        """The account."""
        return accounts.account(self.code)

    def told(self, kind: str, gross: int, at: datetime, **facts: Any) -> SettlementLine:
        """One line; `of` is our movement that it tells of."""
        number, self._told = self.first + self._told, self._told + 1
        said = {"gross_currency": "USD", "currency": "USD", "settled_minor": gross, **facts}
        of = said.pop("of", "")
        return SettlementLine.objects.create(
            account=self.account,
            file=self._file(),
            number=number,
            key=f"txn_{self.code}_{number}",
            type=kind,
            psp_type=kind,
            occurred_at=at,
            gross_minor=gross,
            match=Match.MATCHED,
            movement_id=of,
            detail="=1+1",
            **said,
        )

    def paid_out(self, reference: str, amount: int, at: datetime, currency: str = "USD") -> Payout:
        """The PSP says that it has sent a payout."""
        news = PayoutNews(reference=reference, status="announced", currency=currency, amount_minor=amount,
                          automatic=True, created_at=at)  # fmt: skip
        with clock.at(at):
            return payouts.learn(self.account, news)

    def returned(self, payout: Payout, at: datetime) -> None:
        """A payout has come back."""
        for status, moment in (("paid", at - timedelta(hours=1)), ("failed", at)):
            news = PayoutNews(
                reference=payout.provider_reference,
                status=status,
                currency=payout.currency,
                amount_minor=payout.amount_minor,
                automatic=True,
                created_at=payout.announced_at,
            )
            with clock.at(moment):
                payouts.learn(self.account, news)

    def _file(self) -> SettlementFile:
        found, _ = SettlementFile.objects.get_or_create(
            account=self.account, reference="october", sha256="0" * 64,
            defaults={"kind": "activity", "name": "october", "source": "uploaded", "file": "x", "size": 1},
        )  # fmt: skip
        return found


def book() -> None:
    """Book what the lines say: fees, tax on them, conversions; what was booked before is passed over."""
    with transaction.atomic():
        for event, sides in BOOKED.items():
            ledger.post_all(event, ENTRIES.format(sides=sides, which=WHICH[event]), {})


def october(played: Mapping[str, Mapping[str, Any]]) -> Payout:
    """What Stripe settles of the month: most of it with fees, the yen converted, one payout of five things."""
    settling = Settling()
    references = {name: intent["latest_attempt"]["provider_reference"] for name, intent in played.items()}

    def of(name: str) -> dict[str, str]:
        capture = Capture.objects.get(intent=played[name]["id"])
        return {"of": capture.pk, "payment_reference": references[name]}

    paid = {"payout_reference": "po_oct"}
    settling.told("capture", 5000, desks.moment(1), fee_minor=175, tax_minor=37, **paid, **of("before"))
    settling.told("capture", 1999, desks.moment(4), fee_minor=88, **paid, **of("mug"))
    [mug_back] = Refund.objects.filter(intent=played["mug"]["id"])
    settling.told("refund", -700, desks.moment(7), of=mug_back.pk, payment_reference=references["mug"], **paid)
    settling.told("capture", 2500, desks.moment(5), gross_currency="JPY", settled_minor=1675, fee_minor=60,
                  rate="0.0067", **paid, **of("yen"))  # fmt: skip
    [quarrel] = DisputeMovement.objects.filter(dispute__intent=played["quarrel"]["id"])
    settling.told("dispute", -4000, desks.moment(9), of=quarrel.pk, fee_minor=1500,
                  payment_reference=references["quarrel"], **paid)  # fmt: skip
    settling.told("fee", 0, desks.moment(12), fee_minor=250, tax_minor=53)
    net = sum(line.net_minor for line in SettlementLine.objects.filter(payout_reference="po_oct"))
    book()
    payout = settling.paid_out("po_oct", net, desks.moment(14))
    settling.told("payout", -net, desks.moment(14), payout_reference="po_oct")
    back = settling.paid_out("po_back", 100, desks.moment(28))
    settling.returned(back, desks.moment(30))
    return payout
