"""Money that is on its way, by what it waits for and how long already: measured now and then, read from what was found.

Each part is found by an index of what is open, so that its cost grows with what waits and not with what there was.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from payments.kernel import clock
from reporting.models.rollups import AtRest

_FOUND: Final = """
    SELECT CASE WHEN status = 'unknown' THEN 'unknown' ELSE 'processing' END AS what, currency, amount_minor AS minor,
           created_at AS since
      FROM payments_paymentattempt
     WHERE status IN ('ready', 'sent', 'action_required', 'pending', 'unknown') AND superseded_at IS NULL
     UNION ALL
    SELECT 'authorized', currency, amount_minor, coalesce(authorized_at, created_at) FROM payments_paymentattempt
     WHERE status IN ('ready', 'sent', 'action_required', 'pending', 'unknown', 'authorized') AND status = 'authorized'
     UNION ALL
    SELECT CASE WHEN sent_at IS NULL THEN 'refund_waits' ELSE 'refund_sent' END, currency, amount_minor, created_at
      FROM refunds_refund WHERE settled_at IS NULL
     UNION ALL
    SELECT 'disputed', currency, amount_minor, opened_at FROM refunds_dispute WHERE closed_at IS NULL
     UNION ALL
    SELECT 'payout', currency, abs(amount_minor), announced_at FROM reporting_payout
     WHERE status IN ('announced', 'paid')"""

_MEASURE: Final = f"""
INSERT INTO reporting_atrest (what, currency, age, count, amount_minor, oldest_at, at)
SELECT what, currency, age, count(*), sum(minor), min(since), %(now)s
  FROM (SELECT found.*, CASE WHEN since > %(now)s - interval '1 hour' THEN 0
                             WHEN since > %(now)s - interval '1 day' THEN 1
                             WHEN since > %(now)s - interval '7 days' THEN 2
                             WHEN since > %(now)s - interval '30 days' THEN 3 ELSE 4 END AS age
          FROM ({_FOUND}) found) aged GROUP BY what, currency, age"""  # noqa: S608  our own SQL


@dataclass(frozen=True, slots=True)
class Resting:
    """So much of one currency (minor units) that has waited so long for one thing; `age` is an `Age`."""

    what: str
    currency: str
    age: int
    count: int
    minor: int
    oldest_at: datetime


def measure() -> None:
    """Find all of it, in place of what was found before. Two at once: the later one waits, and finds it anew."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('reporting_atrest'))")
        cursor.execute("DELETE FROM reporting_atrest")
        cursor.execute(_MEASURE, {"now": clock.now()})


def found() -> tuple[list[Resting], datetime | None]:
    """What was found, and when; the oldest first within each thing that is waited for."""
    rows = list(AtRest.objects.order_by("what", "-age", "currency"))
    found = [Resting(row.what, row.currency, row.age, row.count, row.amount_minor, row.oldest_at) for row in rows]
    return found, rows[0].at if rows else None
