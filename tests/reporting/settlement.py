"""What a PSP settles of the made-up month, compared and booked as every other file."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from payments.connectors.settlements import PayoutNews
from payments.gateway import accounts
from payments.kernel import clock
from refunds.models import DisputeMovement, Refund
from reporting.models import Payout
from reporting.services import payouts
from tests.reporting import desk as desks
from tests.reporting import settling


def net(line: Mapping[str, Any]) -> int:
    """By how much a line moves the balance, in minor units."""
    return int(line["settled_minor"] - line["fee_minor"] - line["tax_minor"])


def paid_out(account: settling.Account, reference: str, at: datetime, *lines: Mapping[str, Any]) -> Payout:
    """Let a file tell of these lines, and of the payout that they are; the payout."""
    inside = [{**line, "payout_reference": reference, "detail": "=1+1"} for line in lines]
    amount = sum(net(line) for line in inside)
    paid = settling.line("payout", -amount, occurred_at=at, payout_reference=reference, movement_reference=reference)
    account.settle(*inside, paid)
    return Payout.objects.get(provider_reference=reference)


def news(reference: str, amount: int, status: str, at: datetime, code: str = "stripe-us") -> Payout:
    """What the PSP says of a payout that no file tells of."""
    said = PayoutNews(reference=reference, status=status, currency="USD", amount_minor=amount, automatic=False,
                      created_at=at)  # fmt: skip
    with clock.at(at):
        return payouts.learn(accounts.account(code), said)


def october(played: Mapping[str, Mapping[str, Any]]) -> Payout:
    """What Stripe settles of the month: one payout of five things, the yen converted; a fee that is in none yet.

    A second payout, by hand, comes back. The first is given back.
    """
    account = settling.Account()
    [mug_back] = Refund.objects.filter(intent=played["mug"]["id"])
    [quarrel] = DisputeMovement.objects.filter(dispute__intent=played["quarrel"]["id"])
    payout = paid_out(
        account,
        "po_oct",
        desks.moment(14),
        settling.of(played["before"], occurred_at=desks.moment(1), fee=175, tax=37),
        settling.of(played["mug"], occurred_at=desks.moment(4), fee=88),
        settling.line("refund", -700, occurred_at=desks.moment(7), movement_reference=mug_back.provider_reference,
                      payment_reference=played["mug"]["latest_attempt"]["provider_reference"]),
        settling.of(played["yen"], occurred_at=desks.moment(5), fee=60, settled=1675, into="USD",
                    rate=Decimal("0.0067")),
        settling.line("dispute", -4000, occurred_at=desks.moment(9), key=quarrel.key, fee=1500,
                      payment_reference=played["quarrel"]["latest_attempt"]["provider_reference"]),
    )  # fmt: skip
    account.settle(settling.line("fee", 0, occurred_at=desks.moment(12), fee=250, tax=53))
    for status, at in (("announced", desks.moment(28)), ("paid", desks.moment(29)), ("failed", desks.moment(30))):
        news("po_back", 100, status, at if status == "announced" else at + timedelta(hours=1))
    return payout
