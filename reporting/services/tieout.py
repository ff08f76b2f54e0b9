"""The tie-out: what our books say a PSP owes us, less what is only a matter of time, against what it says itself."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from django.db import connection, transaction
from moneyed import Money

from payments.gateway import accounts, settlements
from payments.gateway.events import NotTold
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, jobs, money, unit
from payments.ledger import postings
from reporting import policy, selectors
from reporting.models import DiscrepancyKind, PspBalance, TieOut
from reporting.services import discrepancies, overdue
from reporting.services.discrepancies import Found

log = structlog.get_logger(__name__)

Parts = dict[str, int]

_LEDGER: Final = f"""
SELECT 'ledger' AS side, t.event AS part, e.currency, sum(e.amount_minor)::bigint AS minor
  FROM payments_entry e JOIN payments_transfer t ON t.id = e.transfer_id
 WHERE {overdue.RECEIVABLE} GROUP BY t.event, e.currency"""  # noqa: S608  our own SQL

_WAITING: Final = f"""
SELECT u.movement_id, u.currency, u.untold, u.since FROM ({overdue.UNTOLD}) u
 WHERE NOT EXISTS (SELECT FROM reporting_discrepancy d WHERE d.subject_id = u.movement_id
                      AND d.kind = ANY(%(shifts)s) AND d.status <> 'cleared')"""  # noqa: S608  our own SQL

_OLDEST: Final = f"""
SELECT movement_id, untold, since FROM ({_WAITING}) w WHERE currency = %(currency)s
 ORDER BY since LIMIT 101"""  # noqa: S608  our own SQL

_TIMING: Final = f"""
SELECT 'timing', split_part(w.movement_id, '_', 1), w.currency, sum(w.untold)::bigint FROM ({_WAITING}) w
 GROUP BY 2, 3"""  # noqa: S608  our own SQL

_PAYOUTS: Final = """
SELECT 'timing', 'po', p.currency, sum(CASE t.event WHEN 'payout_announced' THEN -p.amount_minor
                                            ELSE p.amount_minor END)::bigint
  FROM reporting_payout p
  JOIN payments_transfer t ON t.source_id = 'po_' || replace(p.id::text, '-', '')
   AND t.event IN ('payout_announced', 'payout_returned')
 WHERE p.account_id = %(account)s AND NOT EXISTS (
       SELECT FROM reporting_settlementline l WHERE l.movement_id = t.source_id AND l.account_id = %(account)s
          AND l.type IN ('payout', 'payout_returned')
          AND l.type = CASE t.event WHEN 'payout_announced' THEN 'payout' ELSE 'payout_returned' END)
 GROUP BY p.currency"""

_NAMED: Final = """
SELECT 'open', d.kind, d.currency, sum(d.amount_minor)::bigint FROM reporting_discrepancy d
 WHERE d.account_id = %(account)s
   AND (d.kind = ANY(%(shifts)s) AND d.status IN ('open', 'proposed', 'accepted')
        OR d.kind = 'balance_differs' AND d.status = 'accepted')
 GROUP BY d.kind, d.currency
 UNION ALL
SELECT 'open', 'set_aside', l.currency, sum(l.net_minor)::bigint
  FROM reporting_settlementfile f JOIN reporting_settlementline l ON l.file_id = f.id AND l.match = 'set_aside'
 WHERE f.account_id = %(account)s AND f.set_aside > 0 GROUP BY l.currency"""

_SINCE: Final = """
SELECT 'psp', 'since', currency, sum(net_minor)::bigint FROM reporting_settlementline
 WHERE account_id = %(account)s AND occurred_at > %(as_of)s
 GROUP BY currency"""

_CARRY: Final = """
SELECT 'psp', 'carried', l.currency, -sum(l.net_minor)::bigint FROM reporting_settlementline l
 WHERE l.account_id = %(account)s AND l.type = 'carried' AND l.payout_reference = %(newest)s
   AND (length(l.movement_reference), l.movement_reference) > (length(%(newest)s), %(newest)s)
 GROUP BY l.currency"""

_NEWEST: Final = """
SELECT reference FROM reporting_settlementfile WHERE account_id = %(account)s AND kind = 'batch' AND status = 'loaded'
 ORDER BY length(reference) DESC, reference DESC LIMIT 1"""

_COVERED: Final = """
SELECT max(day) FROM reporting_settlementfile
 WHERE account_id = %(account)s AND kind = 'activity' AND status = 'loaded' AND matched_at IS NOT NULL"""


_OURS: Final = (_LEDGER, _TIMING, _PAYOUTS, _NAMED)

_SMALL: Final = "SELECT set_config('work_mem', '2MB', true)"
"""Millions of movements are joined and added up in parts that fit the processor's cache: a fifth quicker than in large
ones, and the parts wait in the page cache (docs/performance.md)."""


class _Said(NamedTuple):
    """What a PSP says it owes: its balance as of a moment, or what its newest batch carries into the next one."""

    amounts: Mapping[str, int]
    sql: str
    params: Mapping[str, Any]
    how: str


class Item(NamedTuple):
    """One movement that is booked and not settled yet, or the other way round: a matter of time."""

    movement_id: str
    amount: Money
    since: datetime


def waiting(row: TieOut) -> list[Item]:
    """The oldest of what makes the account's matter of time in this currency now; one more than a page shows."""
    bound = {**overdue.bound(row.account_id), "shifts": list(policy.SHIFTS_BALANCE), "currency": row.currency}
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST, bound)
        return [Item(movement, money.from_minor(int(minor), row.currency), since) for movement, minor, since in cursor]


def request_all() -> None:
    """Have every account tied out that settles."""
    with unit.work():
        for account_id in selectors.settling():
            jobs.enqueue("tie_out_account", unique=f"tie_out:{account_id}", account_id=account_id)


def tie_out_account(account_id: str) -> None:
    """Ask the PSP for its balance, where it has one, and tie out with what it has said and is settled by now."""
    observe(accounts.account(account_id))
    tie_out_all(account_id)


def observe(account: ProviderAccount) -> None:
    """Keep what the PSP says it owes us; one that cannot be asked now is asked the next time."""
    try:
        told = settlements.balances(account)
    except NotTold as silent:
        log.info("balance_not_told", account=account.code, why=str(silent))
        return
    if told:
        amounts = {one.currency: one.amount_minor for one in told}
        with unit.work() as work:
            work.add(PspBalance(account=account, as_of=clock.now(), amounts=amounts), once=True)


def tie_out(account_id: str, currency: str) -> TieOut | None:
    """The same for one currency; None while nobody knows what the PSP says."""
    return next((row for row in tie_out_all(account_id) if row.currency == currency), None)


def tie_out_all(account_id: str) -> list[TieOut]:
    """Tie out an account in each of its currencies, as of one moment; [] while nobody knows what the PSP says.

    What is left unexplained is a difference, and cleared once it is nothing.
    """
    account = accounts.account(account_id)
    said = _said(account)
    if said is None:
        return []
    sides = _sides(account, said)
    rows = [_row(account, said, currency, sides[currency]) for currency in sorted(sides)]
    with unit.work() as work:
        work.add(*rows)
        for row in rows:
            _follow(account, row)
        work.returns(rows)
    return rows


def _said(account: ProviderAccount) -> _Said | None:
    """Its balance is compared as of the last moment of which all lines are here; what came since is added to it."""
    key = {"account": ids.decode("pa", account.pk)}
    day = _one(_COVERED, key)
    if day is not None:
        until = datetime.combine(day, datetime.min.time(), tzinfo=clock.now().tzinfo) + timedelta(days=1)
        asked = PspBalance.objects.filter(account=account, as_of__lte=until).order_by("-as_of").first()
        if asked is not None:
            return _Said(asked.amounts, _SINCE, {"as_of": asked.as_of}, f"balance of {asked.as_of:%Y-%m-%d %H:%M} UTC")
    newest = _one(_NEWEST, key)
    return None if newest is None else _Said({}, _CARRY, {"newest": newest}, f"carry of batch {newest}")


def _one(sql: str, params: Mapping[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found = cursor.fetchone()
    return found[0] if found else None


def _sides(account: ProviderAccount, said: _Said) -> dict[str, dict[str, Parts]]:
    """Currency -> side -> part -> minor units, all of one snapshot."""
    bound = {**overdue.bound(account.pk), **said.params, "shifts": list(policy.SHIFTS_BALANCE)}
    found: dict[str, dict[str, Parts]] = defaultdict(lambda: defaultdict(dict))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SMALL)
        cursor.execute("\nUNION ALL\n".join(f"({one})" for one in (*_OURS, said.sql)), bound)
        for side, part, currency, minor in cursor:
            found[currency][side][part] = int(minor)
    for currency, minor in said.amounts.items():
        found[currency]["psp"]["balance"] = minor
    return found


def _row(account: ProviderAccount, said: _Said, currency: str, sides: Mapping[str, Parts]) -> TieOut:
    ledger, timing, psp, named = (sum(sides.get(side, {}).values()) for side in ("ledger", "timing", "psp", "open"))
    return TieOut(
        account=account,
        currency=currency,
        as_of=clock.now(),
        ledger_minor=ledger,
        timing_minor=timing,
        psp_minor=psp,
        open_minor=named,
        unexplained_minor=psp - ledger + timing - named,
        parts={**{side: dict(parts) for side, parts in sides.items()}, "how": said.how},
    )


def _follow(account: ProviderAccount, row: TieOut) -> None:
    subject = f"{account.code}/{row.currency}"
    if not row.unexplained_minor:
        discrepancies.clear_one(DiscrepancyKind.BALANCE_DIFFERS, subject, because="nothing is unexplained any more")
        return
    closed = selectors.closed_of(subject, DiscrepancyKind.BALANCE_DIFFERS)
    discrepancies.open_one(
        Found(
            kind=DiscrepancyKind.BALANCE_DIFFERS,
            subject_id=subject,
            account_id=account.pk,
            amount=money.from_minor(row.unexplained_minor + closed, row.currency),
            detail="What the PSP says it owes us is not what books and lines come to.",
            since=row.as_of,
            evidence={"tie_out": row.pk},
            at=postings.receivable(account.code),
            counter=postings.ORDER_CLEARING,
        )
    )
