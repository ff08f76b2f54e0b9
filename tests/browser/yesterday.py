"""Yesterday at a shop, as finance finds it in the morning: settled, with a difference, and fifty cents unexplained."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from payments.connectors.settlements import PayoutNews
from payments.gateway import accounts
from payments.gateway.models import LegalEntity
from payments.kernel import clock
from refunds.models import Refund
from reporting.models import BankAccount, Close, Discrepancy, Payout, PspBalance
from reporting.services import payouts, statements, tieout
from tests import factories
from tests.reporting import books, settling
from tests.reporting.bank import files

NET: Final = 1999 - 88 + 4000 - 146 + 1900 - 500
"""What stripe-us settled of three payments and a refund, less its fees, in minor units of USD."""
PAID_OUT: Final = 5000
PAYOUT: Final = "po_yesterday1"


@dataclass
class Yesterday:
    """What happened, by name."""

    noon: datetime
    entity: LegalEntity
    psp: settling.Account
    bank: BankAccount
    payout: Payout

    @property
    def close(self) -> Close:
        """The day, as it stands."""
        return books.close_of(self.noon)

    def difference(self, kind: str) -> Discrepancy:
        """The one of a kind."""
        return Discrepancy.objects.get(kind=kind)

    def owed(self, minor: int, *, minute: int) -> None:
        """Stripe says what it owed us at eleven in the evening, and that is compared with our books."""
        at = self.noon.replace(hour=23, minute=minute)
        PspBalance.objects.create(account_id=self.psp.pk, as_of=at, amounts={"USD": minor})
        tieout.tie_out_all(self.psp.pk)

    def statement(self, *lines: tuple[int, str]) -> bytes:
        """What the bank says of yesterday, as camt.053."""
        day, before = (f"{self.noon - timedelta(days=back):%Y-%m-%d}" for back in (0, 1))
        entries = [files.entry(_major(abs(minor)), way="CRDT" if minor > 0 else "DBIT", day=day, text=text,
                               currency="USD") for minor, text in lines]  # fmt: skip
        total = sum(minor for minor, _ in lines)
        opening = files.balance("OPBD", "0.00", before, currency="USD")
        closing_ = files.balance("CLBD", _major(total), day, currency="USD")
        return files.document(files.statement(*entries, opening=opening, closing=closing_))


def _major(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def played(shop: factories.Shop) -> Yesterday:
    """Three people pay; Stripe settles one of them with a dollar less, pays out, and says it owes fifty cents less."""
    noon = (clock.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    books.in_utc()
    with clock.at(noon):
        mug, table, lamp = (shop.paid(amount) for amount in (1999, 4000, 2000))
        back = shop.post("refunds", {"payment_intent": table["id"], "amount": 500, "reason": "goodwill"})
    psp, at = settling.Account(), noon + timedelta(hours=3)
    factories.later("send_refund")
    psp.settle(
        settling.of(mug, fee=88, occurred_at=at),
        settling.of(table, fee=146, occurred_at=at),
        settling.of(lamp, 1900, occurred_at=at),
        settling.line("refund", -500, movement_reference=_reference(back), occurred_at=at),
        settling.line("payout", -PAID_OUT, payout_reference=PAYOUT, movement_reference=PAYOUT, occurred_at=at),
        day=noon.date(),
    )
    news = PayoutNews(reference=PAYOUT, status="paid", currency="USD", amount_minor=PAID_OUT, automatic=False,
                      created_at=noon, arrives_on=noon.date())  # fmt: skip
    payout = payouts.learn(accounts.account("stripe-us"), news)
    entity = books.entity()
    draft = statements.Draft(code="main-usd", legal_entity=entity.pk, currency="USD", iban=files.IBAN, dialect={})
    bank = statements.open_account(draft, by="staff fay")
    day = Yesterday(noon, entity, psp, bank, payout)
    day.owed(NET - PAID_OUT - 50, minute=0)
    books.run(clock.now())
    return day


def _reference(refund: Any) -> str:
    return str(Refund.objects.get(pk=refund["id"]).provider_reference)
