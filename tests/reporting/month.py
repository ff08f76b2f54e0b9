"""One made-up month of a shop: payments, refunds and disputes at known moments, to be counted in every report."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from payments.connectors.base import EventKind, PspEvent
from payments.connectors.disputes import DisputeNews, Movement, Stage, Standing
from payments.gateway import accounts
from payments.kernel import clock, money
from refunds import handlers
from refunds.services import transfers
from tests import factories
from tests.refunds.psp import Psp
from tests.reporting import desk as desks
from tests.reporting.desk import Desk


def dispute(at: datetime, intent: Mapping[str, Any], standing: Standing, taken: int = 0, back: int = 0) -> None:
    """What the PSP says of the one dispute of a payment; `taken` and `back` are minor units that it moved."""
    reference = f"dp_{intent['id'][-8:]}"
    moved = [
        Movement(
            key=f"{reference}-{at:%d%H%M}",
            amount=money.from_minor(taken or back, intent["currency"]),
            withdrawn=bool(taken),
        )
    ]
    event = PspEvent(
        kind=EventKind.DISPUTE_UPDATED,
        event_key=f"evt_{reference}_{at:%d%H%M}",
        type="charge.dispute.updated",
        occurred_at=at,
        provider_reference=intent["latest_attempt"]["provider_reference"],
        modification_reference=reference,
        dispute=DisputeNews(
            reference=reference,
            stage=Stage.CHARGEBACK,
            standing=standing,
            amount=money.from_minor(intent["amount"], intent["currency"]),
            movements=moved if taken or back else [],
        ),
    )
    with clock.at(at + timedelta(minutes=1)):
        handlers.dispute_updated(accounts.account(intent["latest_attempt"]["provider_account"]).pk, event)


def october(desk: Desk, **facts: Any) -> Mapping[str, Mapping[str, Any]]:
    """Payments in three currencies over two accounts, one declined, two refunds, and three disputes with three ends.

    `facts` is what every order says besides. Payments are given back by name; `quarrel` is still disputed at the end.
    """
    before = desk.paid(datetime(2026, 9, 30, 12, tzinfo=UTC), 5000)
    mug = desk.paid(desks.moment(3, 9, 30), 1999, reference="MUG-77", **facts)
    yen = desk.paid(desks.moment(4), 2500, "JPY", **facts)
    with clock.at(desks.moment(5)):
        euro = desk.shop.confirm(desk.shop.intent(desk.shop.order(12000, "EUR", **facts)), account="stripe-eu")
    desk.refunded(desks.moment(6), mug, 700)
    desk.refunded(desks.moment(20), yen, 500)
    won, lost, quarrel = (desk.paid(desks.moment(7, hour), 4000, **facts) for hour in (1, 2, 3))
    for payment in (won, lost, quarrel):
        dispute(desks.moment(9), payment, Standing.NEEDS_RESPONSE, taken=4000)
    dispute(desks.moment(15), won, Standing.WON, back=4000)
    dispute(desks.moment(16), lost, Standing.LOST)
    with clock.at(desks.moment(10)):
        desk.shop.confirm(desk.shop.intent(desk.shop.order(3000, **facts)), token="pm_card_visa_chargeDeclined")
    return {"before": before, "mug": mug, "yen": yen, "euro": euro, "won": won, "lost": lost, "quarrel": quarrel}


def transferred(desk: Desk, sim: factories.Simulator, psp: Psp) -> None:
    """A payment of 19.99 whose refund of 7.00 bounces on the 20th, and leaves a bank on the 21st instead."""
    intent = desk.paid(desks.moment(3), 1999)
    sim.scenario("refunds.create", "bounced_refund", seconds=0, times=1)
    desk.refunded(desks.moment(5), intent, 700)
    with clock.at(desks.moment(20)):
        psp.notify(psp.events_once("refund.failed"))
    draft = transfers.TransferDraft(
        payment_intent=intent["id"],
        amount=700,
        bank_account="main-usd",
        bank_reference="TRF-1",
        value_date=desks.moment(21).date(),
        because="The card was closed.",
    )
    with clock.at(desks.moment(23)):
        transfers.confirm(transfers.propose(draft, by="staff fay").pk, by="staff finn")
