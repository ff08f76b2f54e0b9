"""Payouts: made known once, by whoever tells of them first, and booked as they leave and come back."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any, Final

from django.db import connection
from moneyed import Money

from payments.connectors.settlements import PayoutNews
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, money, unit
from payments.ledger import postings
from payments.ledger import services as ledger
from payments.ledger.postings import Event
from reporting.models import DiscrepancyKind, Payout, SettlementLine
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


def learn_all(account: ProviderAccount, told: Iterable[PayoutNews]) -> None:
    """Keep what a PSP says of its payouts, but for those of before the account's cut-over: they were booked elsewhere.

    PSPs are asked so far back that they tell of these as well.
    """
    begins = account.settles_from
    for news in told:
        known = Payout.objects.filter(account=account, provider_reference=news.reference)
        if begins is None or news.created_at.astimezone(UTC).date() >= begins or known.exists():
            learn(account, news)


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
        if move == "pay" and row.may(move):
            row.advance(move, because="the PSP says that it is paid", by="settlement")
        elif move and row.may(move):
            end(row, move, because=f"the PSP says {news.status}")
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
        Event.PAYOUT_ANNOUNCED,
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


# --- from the lines of a file ----------------------------------------------------------------------------------------

_NAMED: Final = """
WITH named AS (
    SELECT l.id, l.file_id, l.settled_minor, l.currency, l.occurred_at, l.detail, l.movement_reference,
           CASE WHEN l.payout_reference <> '' AND l.first THEN l.payout_reference
                ELSE coalesce(nullif(l.movement_reference, ''), l.key) END AS reference
      FROM (SELECT *, row_number() OVER (PARTITION BY payout_reference ORDER BY
                   movement_reference = payout_reference DESC, file_id, number) = 1 AS first
              FROM reporting_settlementline p
             WHERE account_id = %(account)s AND type = 'payout' AND payout_reference <> '' AND payout_reference IN (
                   SELECT t.payout_reference FROM open_line o JOIN reporting_settlementline t ON t.id = o.id
                    WHERE o.new AND o.type = 'payout')
             UNION ALL
            SELECT t.*, false FROM open_line o JOIN reporting_settlementline t ON t.id = o.id
             WHERE o.new AND o.type = 'payout' AND t.payout_reference = '') l
      JOIN open_line o ON o.id = l.id AND o.new)"""
"""The payout that a line is: the one it is part of, or, when that is another line, by its own reference."""

_MADE: Final = f"""{_NAMED}
INSERT INTO reporting_payout (id, account_id, provider_reference, currency, amount_minor, automatic, status,
       announced_at, trace, detail, version, created_at)
SELECT uuidv7(), %(account)s, reference, currency, -settled_minor, true, 'announced', occurred_at,
       CASE WHEN movement_reference <> reference THEN movement_reference ELSE '' END, detail, 1, %(now)s
  FROM named WHERE settled_minor <> 0
    ON CONFLICT (account_id, provider_reference) DO NOTHING"""  # noqa: S608  our own SQL

_MET: Final = f"""{_NAMED}
INSERT INTO met
SELECT named.id, 'po_' || replace(p.id::text, '-', '')
  FROM named JOIN reporting_payout p ON p.account_id = %(account)s AND p.provider_reference = named.reference
 WHERE p.currency = named.currency"""  # noqa: S608  our own SQL

_ANNOUNCED: Final = """
SELECT met.movement_id AS source_id, p.announced_at AS effective_at,
       'Payout ' || p.provider_reference || ' by ' || %(code)s AS narrative,
       jsonb_build_object('account', %(code)s::text, 'payout', met.movement_id) AS refs,
       side.code, p.currency, side.amount_minor
  FROM (SELECT DISTINCT movement_id FROM met WHERE movement_id LIKE 'po!_%%' ESCAPE '!') met
  JOIN reporting_payout p ON p.id = substr(met.movement_id, 4)::uuid
  CROSS JOIN LATERAL (VALUES (%(transit)s::text, p.amount_minor), (%(receivable)s::text, -p.amount_minor))
       AS side (code, amount_minor)"""


def book_lines(account: ProviderAccount, params: Mapping[str, Any]) -> None:
    """Make payouts known of which a line is the first to tell, book them, and let those that came back end.

    Inside a unit of work; `params` are those of the lines.
    """
    bound = {**params, "now": clock.now()}
    with connection.cursor() as cursor:
        cursor.execute(_MADE, bound)
        cursor.execute(_MET, bound)
    sides = {"transit": postings.in_transit(account.code), "receivable": postings.receivable(account.code)}
    ledger.post_all(Event.PAYOUT_ANNOUNCED, _ANNOUNCED, {**sides, "code": account.code})
    _end_returned(account)


_RETURNED: Final = """
SELECT DISTINCT ON (p.id) 'sl_' || replace(l.id::text, '-', ''), p.provider_reference
  FROM open_line o JOIN reporting_settlementline l ON l.id = o.id
  JOIN LATERAL (
    SELECT p.id, provider_reference FROM reporting_payout p
     WHERE p.account_id = %(account)s AND p.currency = l.currency AND p.amount_minor = l.settled_minor
       AND (l.movement_reference <> '' AND l.movement_reference IN (p.provider_reference, p.trace)
            OR p.provider_reference = l.payout_reference)
       AND NOT EXISTS (SELECT FROM reporting_settlementline t WHERE t.account_id = %(account)s
                          AND t.type = 'payout_returned' AND t.movement_id = 'po_' || replace(p.id::text, '-', ''))
     ORDER BY l.movement_reference IN (p.provider_reference, p.trace) DESC, p.id LIMIT 1) p ON true
 WHERE o.type = 'payout_returned' ORDER BY p.id, l.occurred_at, l.key"""
"""A payout comes back once: another line that says so is of another one, or is missing here."""


def _end_returned(account: ProviderAccount) -> None:
    """Payouts that came back: few, so one by one along their machine."""
    with connection.cursor() as cursor:
        cursor.execute(_RETURNED, {"account": _key(account)})
        told = cursor.fetchall()
    for line_id, reference in told:
        payout = Payout.objects.select_for_update().get(account=account, provider_reference=reference)
        line = SettlementLine.objects.get(pk=line_id)
        if payout.may("fail"):
            end(payout, "fail", because="a line of its settlement says that it came back", line=line)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO met SELECT id, %s FROM open_line WHERE id = %s", [payout.pk, _key(line)])


def end(payout: Payout, move: str, *, because: str, line: SettlementLine | None = None) -> None:
    """It came back, or never left: what it took from the balance is there again. With the open unit of work."""
    code = payout.account.code
    payout.advance(move, because=because, by="settlement")
    ledger.post(
        Event.PAYOUT_RETURNED,
        payout.pk,
        postings.payout_returned(code, payout.amount),
        narrative=f"Payout {payout.provider_reference} of {money.text(payout.amount)} came back to {code}",
        refs={"account": code, "payout": payout.pk},
        effective_at=clock.now() if line is None else line.occurred_at,
    )


def _key(row: Any) -> Any:
    return row._meta.pk.get_db_prep_value(row.pk, connection)
