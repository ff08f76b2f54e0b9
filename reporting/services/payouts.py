"""Payouts: made known once, by whoever tells of them first, and booked as they leave and come back."""

from typing import Final

from django.db import connection
from moneyed import Money

from payments.connectors.settlements import PayoutNews
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, money, unit
from payments.ledger import postings
from payments.ledger import services as ledger
from reporting.models import DiscrepancyKind, Payout
from reporting.services import discrepancies
from reporting.services.discrepancies import Found

LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('settlement of ' || %s, 0))"
"""One writer at a time per account: news of payouts and lines of files tell of the same ones."""

MOVES: Final = {"paid": "pay", "failed": "fail", "canceled": "cancel"}
"""What a PSP says -> the move of the machine."""


def lock(account_id: str) -> None:
    """Be the only one who books the settlement of this account, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [account_id])


def learn(account: ProviderAccount, news: PayoutNews) -> Payout:
    """Keep what a PSP says of a payout, in a unit of its own: the same again, and older news, change nothing.

    It is booked when it is heard of first, and once more when it comes back or is canceled. Another amount than was
    booked is a difference.
    """
    with unit.work() as work:
        lock(account.pk)
        rows = Payout.objects.select_for_update()
        row = rows.filter(account=account, provider_reference=news.reference).first() or _begun(account, news)
        _facts(row, news)
        _differs(row, money.from_minor(news.amount_minor, news.currency))
        move = MOVES.get(news.status, "")
        if row.may(move):
            row.advance(move, because=f"the PSP says {news.status}", by="settlement")
            if move != "pay":
                _returned(account.code, row)
        work.returns(row)
    return row


def _begun(account: ProviderAccount, news: PayoutNews) -> Payout:
    row = Payout(
        id=ids.new("po"),
        account=account,
        provider_reference=news.reference,
        currency=news.currency,
        amount_minor=news.amount_minor,
        announced_at=news.created_at,
    )
    unit.current().add(row)
    ledger.post(
        postings.Event.PAYOUT_ANNOUNCED,
        row.pk,
        postings.payout_announced(account.code, row.amount),
        narrative=f"Payout {news.reference} of {money.text(row.amount)} by {account.code}",
        refs={"payout": row.pk},
        effective_at=news.created_at,
    )
    return row


def _facts(row: Payout, news: PayoutNews) -> None:
    """What is said besides the amount; nothing that was said is forgotten."""
    said = {
        "automatic": news.automatic,
        "arrives_on": news.arrives_on or row.arrives_on,
        "trace": news.trace[:80] or row.trace,
        "detail": news.detail[:300] or row.detail,
    }
    row.change(**{name: value for name, value in said.items() if getattr(row, name) != value})


def _differs(row: Payout, said: Money) -> None:
    if row.amount == said:
        return
    apart = said.currency != row.amount.currency
    discrepancies.open_one(
        Found(
            kind=DiscrepancyKind.PAYOUT_DIFFERS,
            subject_id=row.pk,
            account_id=row.account_id,
            amount=said if apart else said - row.amount,
            detail=f"It was booked as {money.text(row.amount)}, and the PSP now says {money.text(said)}.",
            since=row.announced_at,
        )
    )


def _returned(code: str, row: Payout) -> None:
    ledger.post(
        postings.Event.PAYOUT_RETURNED,
        row.pk,
        postings.payout_returned(code, row.amount),
        narrative=f"Payout {row.provider_reference} of {money.text(row.amount)} came back to {code}",
        refs={"payout": row.pk},
        effective_at=clock.now(),
    )
