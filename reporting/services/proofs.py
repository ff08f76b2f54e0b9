"""Payouts proven: the lines that are part of one sum to it; and what one batch carries into the next arrives there."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import connection

from payments.kernel import ids
from reporting.models import DiscrepancyKind, Payout
from reporting.services import discrepancies

_SUMMED: Final = """
WITH named AS MATERIALIZED (
    SELECT p.id, p.currency, own.payout_reference
      FROM reporting_payout p
      JOIN reporting_settlementline own
        ON own.movement_id = 'po_' || replace(p.id::text, '-', '') AND own.type = 'payout'
      JOIN reporting_settlementfile f ON f.account_id = p.account_id AND f.reference = own.payout_reference
       AND f.kind IN ('payout', 'batch') AND f.status = 'loaded'
     WHERE p.account_id = %(account)s AND p.proven IS NOT TRUE AND own.payout_reference <> '')
SELECT 'po_' || replace(named.id::text, '-', ''), sum(l.net_minor)::bigint
  FROM named JOIN reporting_settlementline l ON l.account_id = %(account)s
   AND l.payout_reference = named.payout_reference AND l.currency = named.currency
 GROUP BY named.id"""
"""The payout's own line is among them: together they are nothing. Whether it is above or below zero is all the same; of
a manual payout no line says what it is made of, and nothing is claimed."""

_APART: Final = """
SELECT 'po_' || replace(p.id::text, '-', '') AS subject_id, p.account_id, p.currency, -told.minor AS amount_minor,
       'The lines of this payout do not sum to it.' AS detail,
       jsonb_build_object('payout_minor', p.amount_minor, 'lines_minor', p.amount_minor + told.minor) AS evidence,
       '' AS at, '' AS counter, p.announced_at AS since, NULL::text[] AS covers
  FROM unnest(%(ids)s::uuid[], %(sums)s::bigint[]) AS told (id, minor) JOIN reporting_payout p ON p.id = told.id
 WHERE told.minor <> 0"""

_CARRIED: Final = """
SELECT 'sl_' || replace(l.id::text, '-', '') AS subject_id, l.account_id, l.currency,
       l.net_minor + coalesce(there.minor, 0) AS amount_minor,
       'Batch ' || l.payout_reference || ' carried this to or from batch ' || l.movement_reference ||
       ', whose lines say another amount.' AS detail,
       jsonb_build_object('here_minor', l.net_minor, 'there_minor', there.minor) AS evidence,
       '' AS at, '' AS counter, l.occurred_at AS since, NULL::text[] AS covers
  FROM open_line o JOIN reporting_settlementline l ON l.id = o.id
  JOIN reporting_settlementfile f ON f.account_id = l.account_id AND f.reference = l.movement_reference
   AND f.kind = 'batch' AND f.status = 'loaded'
  LEFT JOIN LATERAL (
    SELECT sum(net_minor)::bigint AS minor FROM reporting_settlementline t
     WHERE t.account_id = l.account_id AND t.payout_reference = l.movement_reference AND t.type = 'carried'
       AND t.movement_reference = l.payout_reference AND t.currency = l.currency) there ON true
 WHERE l.type = 'carried' AND l.net_minor + coalesce(there.minor, 0) <> 0"""


def prove(params: Mapping[str, Any]) -> None:
    """Prove what can be proven by now of the account's payouts. With the open unit of work."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMED, params)
        sums: dict[str, int] = dict(cursor.fetchall())
    for payout in Payout.objects.filter(pk__in=sums):
        if payout.proven is not (sums[payout.pk] == 0):
            payout.change(proven=sums[payout.pk] == 0)
    given = {"ids": [ids.decode("po", one) for one in sums], "sums": list(sums.values())}
    discrepancies.open_many(DiscrepancyKind.PAYOUT_DIFFERS, _APART, given)
    good = {"good": [one for one, minor in sums.items() if minor == 0]}
    sql = "SELECT unnest(%(good)s::text[]) AS subject_id"
    discrepancies.clear_many(DiscrepancyKind.PAYOUT_DIFFERS, sql, good, because="its lines sum to it")
    discrepancies.open_many(DiscrepancyKind.PAYOUT_DIFFERS, _CARRIED, params)
