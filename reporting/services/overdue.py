"""What we have booked and the PSP has not settled in its time: until then it is a matter of time, then a difference."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from payments.gateway import accounts
from payments.kernel import clock, ids
from payments.ledger import postings
from reporting import matching
from reporting.models import DiscrepancyKind
from reporting.services import discrepancies, payouts

PRINCIPAL: Final = (
    "captured", "capture_reversed", "refund_succeeded", "refund_bounced", "dispute_withdrawn", "dispute_reinstated",
)  # fmt: skip
"""Movements of the ledger that a line of settlement must tell of."""

LOOKED_BACK: Final = timedelta(days=14)
"""How long before a movement's time is up it is still found: the job would have to rest for so long to miss it."""

RECEIVABLE: Final = "e.account_id = ANY (ARRAY(SELECT id FROM payments_account WHERE code = %(receivable)s))"
"""The entries `e` on what the PSP owes. The accounts, one per currency, are found first, so that entries and transfers
are read once each, instead of a transfer by its key for each entry."""

_CONCERNED: Final = f"""
    SELECT movement_id, max(moved_at) AS since FROM (
        SELECT movement_id, max(moved_at) AS moved_at FROM (
            SELECT t.source_id AS movement_id, e.amount_minor AS minor, t.effective_at AS moved_at
              FROM payments_transfer t
              JOIN payments_entry e ON e.transfer_id = t.id AND e.id >= payments_uuid_floor(%(since)s)
             WHERE {RECEIVABLE} AND t.event = ANY(%(events)s) AND t.id >= payments_uuid_floor(%(since)s)
             UNION ALL
            SELECT movement_id, -gross_minor, NULL FROM reporting_settlementline
             WHERE account_id = %(account)s AND movement_id <> '' AND match <> 'duplicate' AND occurred_at >= %(since)s
            OFFSET 0) booked_and_told
         GROUP BY movement_id HAVING sum(minor) <> 0 AND max(moved_at) IS NOT NULL
         UNION ALL
        SELECT movement_id, occurred_at FROM reporting_settlementline
         WHERE account_id = %(account)s AND match = 'missing_here' AND movement_id <> '') moved
     GROUP BY movement_id"""  # noqa: S608  our own SQL
"""What was booked lately and is not told as it was booked, and what was told of and is not booked: only these can be a
matter of time, and only these are looked at one by one. Both sides are added up together, for millions of movements in
one pass; OFFSET keeps the planner from adding up parts of them in parallel, which costs more than it saves where nearly
every row is a movement of its own."""

_DAYS: Final = """
       (SELECT days FROM unnest(%(wheres)s::text[], %(days)s::int[]) AS term (place, days)
         WHERE place IN ('', %(code)s, '/' || method, %(code)s || '/' || method)
         ORDER BY place = %(code)s || '/' || method DESC, place = %(code)s DESC, place <> '' DESC LIMIT 1)"""

UNTOLD: Final = f"""
WITH booked AS ({_CONCERNED}),
     facts AS ({matching.FACTS.format(movements="booked")}),
     told AS (
    SELECT f.*, b.since, coalesce(sum(l.gross_minor), 0)::bigint AS told
      FROM facts f JOIN booked b USING (movement_id)
      LEFT JOIN reporting_settlementline l ON l.movement_id = f.movement_id AND l.match <> 'duplicate'
     GROUP BY f.movement_id, f.currency, f.booked, f.whole, f.in_flight, b.since)
SELECT told.*, booked - told AS untold FROM told WHERE booked <> told AND (told = 0 OR told = whole)"""  # noqa: S608

_LATE: Final = f"""
WITH untold AS ({UNTOLD}),
     known AS (
    SELECT u.*, coalesce(a.method, '') AS method
      FROM untold u
      LEFT JOIN payments_capture c
        ON c.id = CASE WHEN u.movement_id LIKE 'cap!_%%' ESCAPE '!' THEN substr(u.movement_id, 5)::uuid END
      LEFT JOIN refunds_refund r
        ON r.id = CASE WHEN u.movement_id LIKE 're!_%%' ESCAPE '!' THEN substr(u.movement_id, 4)::uuid END
      LEFT JOIN refunds_disputemovement m
        ON m.id = CASE WHEN u.movement_id LIKE 'dpm!_%%' ESCAPE '!' THEN substr(u.movement_id, 5)::uuid END
      LEFT JOIN refunds_dispute d ON d.id = m.dispute_id
      LEFT JOIN payments_paymentattempt a ON a.id = coalesce(c.attempt_id, r.attempt_id, d.attempt_id)
     WHERE %(begins)s::timestamptz IS NULL OR u.since >= %(begins)s)
SELECT movement_id AS subject_id, %(account)s::uuid AS account_id, currency, -untold AS amount_minor,
       CASE WHEN told = 0 THEN 'Booked, and not settled after ' ELSE 'Settled, and not booked like that after ' END
           || {_DAYS} || ' days.' AS detail,
       jsonb_build_object('booked_minor', booked, 'told_minor', told, 'method', method) AS evidence,
       %(receivable)s::text AS at, %(order_clearing)s::text AS counter, since, ARRAY[movement_id] AS covers
  FROM known WHERE since < %(now)s::timestamptz - {_DAYS} * interval '1 day'"""  # noqa: S608  our own SQL


_TAKEN_BACK: Final = f"""
WITH missed AS (
    SELECT subject_id AS movement_id FROM reporting_discrepancy
     WHERE account_id = %(account)s AND kind = 'missing_at_psp' AND status IN ('open', 'proposed')),
     facts AS ({matching.FACTS.format(movements="missed")})
SELECT f.movement_id AS subject_id
  FROM facts f LEFT JOIN reporting_settlementline l ON l.movement_id = f.movement_id AND l.match <> 'duplicate'
 GROUP BY f.movement_id, f.booked HAVING f.booked = coalesce(sum(l.gross_minor), 0)"""  # noqa: S608  our own SQL
"""What was missing and is told by now as it is booked: also where our books have taken it back, and no line comes."""


def bound(account_id: str) -> dict[str, Any]:
    """The values of the queries about what one account has not been told yet."""
    account, now = accounts.account(account_id), clock.now()
    longest = max(settings.SETTLES_WITHIN.values())
    return {
        "account": ids.decode("pa", account.pk),
        "code": account.code,
        "receivable": postings.receivable(account.code),
        "order_clearing": postings.ORDER_CLEARING,
        "events": list(PRINCIPAL),
        "since": now - LOOKED_BACK - timedelta(days=longest),
        "begins": account.settles_from,
        "wheres": list(settings.SETTLES_WITHIN),
        "days": list(settings.SETTLES_WITHIN.values()),
        "now": now,
    }


def find(account_id: str) -> int:
    """Open a difference for what was booked longer ago than its account and method take to settle.

    Those that are none any more are cleared.
    """
    with transaction.atomic():
        payouts.lock(account_id)
        kind, values = DiscrepancyKind.MISSING_AT_PSP, bound(account_id)
        discrepancies.clear_many(kind, _TAKEN_BACK, values, because="books and settlement say the same of it")
        return discrepancies.open_many(kind, _LATE, values)
