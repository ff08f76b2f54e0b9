"""Settlement lines compared with our books, set by set: matched, booked, and what does not agree is found."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from django.db import connection

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, unit
from reporting import matching, selectors
from reporting.services import bookings, charges, comparing, overdue, payouts, proofs

log = structlog.get_logger(__name__)

_STAMP: Final = """
UPDATE reporting_settlementfile f SET matched_at = %(now)s, version = version + 1
 WHERE account_id = %(account)s AND status = 'loaded' AND matched_at IS NULL"""

_PATIENCE: Final = """
SELECT set_config('statement_timeout', '15min', true), set_config('lock_timeout', '10min', true),
       set_config('work_mem', '64MB', true)"""
"""For files of millions of lines: longer, and with more in memory, than a worker's other statements."""


def compare(account_id: str) -> int:
    """Compare what is open at one account: lines that wait, and those that told of something before we had heard of it.

    How many lines were looked at. It can be done at any time, and again. All of it is one transaction: a worker that
    dies leaves nothing, and the next one does the whole again.
    """
    account = accounts.account(account_id)
    with unit.work():
        _run(_PATIENCE)
        payouts.lock(account.pk)
        begin()
        many = meet(account)
        follow(account)
    log.info("settlement_compared", account=account.code, lines=many)
    return many


def begin() -> None:
    """Make the table of lines that are compared, empty, in the open transaction."""
    _run(f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{table}' for table in matching.STEPS)}")
    _run(matching.OPEN_LINE)


def meet(account: ProviderAccount) -> int:
    """Find the movements that lines name by a reference, of those in `open_line` and all that are open by now.

    How many lines there are. `follow` does the rest.
    """
    params = _of(account)
    if _run(matching.OPEN, params):
        _run(matching.COUNTED)
    _run(matching.MET)
    _run(matching.BY_REFERENCE, params)
    _run("ANALYZE met")
    return _one("SELECT count(*) FROM open_line")


def follow(account: ProviderAccount) -> None:
    """Compare the lines in `open_line`, which are in their table by now: the classes, the postings, the differences.

    With the open unit of work, after `meet`.
    """
    params = _of(account)
    if _run(matching.REST, params):
        for one in matching.ONE_BY_ONE:
            _run(one, params)
    payouts.book_lines(account, params)
    bookings.book(account)
    _run(matching.CLASSED, params)
    _weigh(params)
    comparing.compare(account, params)
    charges.check(account, params)
    proofs.prove(params)
    _run(_STAMP, {**params, "now": clock.now()})


def _of(account: ProviderAccount) -> dict[str, Any]:
    return {"account": ids.decode("pa", account.pk)}


def look_again() -> None:
    """Compare once more at every account that has lines. One that fails stops no other."""
    _each(compare)


def find_overdue() -> None:
    """Find what the PSP should have settled by now, at every account that has lines."""
    _each(overdue.find)


def _each(act: Callable[[str], int]) -> None:
    failures = []
    for account_id in selectors.settling():
        try:
            act(account_id)
        except Exception as failure:
            log.exception("settlement_not_compared", account=account_id)
            failures.append(failure)
    if failures:
        raise failures[0]


def _weigh(params: Mapping[str, Any]) -> None:
    """See what all lines of each movement come to, and let their classes follow."""
    _run(matching.TOUCHED, params)
    _run("ANALYZE touched")
    for one in (matching.WEIGHED, matching.DUPLICATES, matching.DIFFERS, matching.RECLASSED):
        _run(one, params)


def _run(sql: str, params: Mapping[str, Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def _one(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])
