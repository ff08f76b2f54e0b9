"""Checking a batch: one question to the database about all of its rows, and a verdict for each, in their order."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import structlog
from django.db import connection

from payments.gateway import accounts
from payments.kernel import clock, ids, money, unit
from refunds import batches, verdicts
from refunds.models import RefundBatchRow
from refunds.verdicts import Asked, Judged, Verdict

log = structlog.get_logger(__name__)

CHUNK: Final = 2000

TOLD: Final = """
    UPDATE refunds_refundbatchrow w
       SET verdict = v.verdict, words = v.words, currency = v.currency, amount_minor = v.minor, confirmed = v.twice
      FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::boolean[])
           AS v (number, verdict, words, currency, minor, twice)
     WHERE w.batch_id = %s AND w.number = v.number
"""


def check(batch_id: str) -> None:
    """Say of every row that can be read whether it can be refunded, given the rows before it.

    Nothing happens when nobody waits for that. Nothing is reserved: a row is looked at again when its turn comes.
    """
    with unit.work():
        batch = batches.hold(batch_id)
        if not batch.may("check"):
            return
        fitting, told = 0, _told(batch_id, twice=batch.with_duplicates)
        with connection.cursor() as cursor:
            for rows in told:
                fitting += sum(judged.verdict is Verdict.FITS for _, judged in rows)
                cursor.execute(TOLD, _columns(batch_id, rows))
        said = f"{fitting} of {batch.rows} rows fit"
        batch.advance("check", because=said, by="platform", fitting=fitting, checked_at=clock.now())
    log.info("refund_batch_checked", batch=batch_id, rows=batch.rows, fitting=fitting)


def _told(batch_id: str, *, twice: bool) -> Iterator[list[tuple[int, Judged]]]:
    """Verdicts by row number, many at a time."""
    now, page = clock.now(), []
    for row, home in batches.facts(batch_id):
        page.append((row.number, verdicts.judge(row, home, now=now, twice=twice, unsayable=unsayable)))
        if len(page) == CHUNK:
            yield page
            page = []
    if page:
        yield page


def unsayable(account: str, minor: int, currency: str) -> str:
    """Why the PSP of an account has no way to say an amount; "" when it has."""
    return accounts.connector(accounts.account(account)).cannot_say(money.from_minor(minor, currency))


def _columns(batch_id: str, rows: list[tuple[int, Judged]]) -> list[Any]:
    return [
        [number for number, _ in rows],
        [str(judged.verdict) for _, judged in rows],
        [judged.words[:300] for _, judged in rows],
        [judged.currency for _, judged in rows],
        [judged.amount_minor for _, judged in rows],
        [judged.twice for _, judged in rows],
        ids.decode("rb", batch_id),
    ]


def look_again(row: RefundBatchRow) -> Judged:
    """What the check says to one row now, with the amount that was approved; whether it is meant twice was said."""
    amount = Decimal(row.amount_minor or 0).scaleb(-money.exponent(row.currency))
    [(_, home)] = batches.facts(row.batch_id, number=row.number)
    asked = Asked(row.number, row.object_id, amount, row.currency)
    return verdicts.judge(asked, home, now=clock.now(), twice=True, unsayable=unsayable)
