"""Fees of settlement held against the contracts: what a PSP charged more or less than was agreed."""

from collections.abc import Mapping
from typing import Any, Final

from payments.gateway import fees
from payments.gateway.models import ProviderAccount
from reporting.models import DiscrepancyKind
from reporting.services import discrepancies

_CHARGED: Final = """
WITH term AS (
    SELECT * FROM unnest(%(methods)s::text[], %(currencies)s::text[], %(percents)s::numeric[], %(fixed)s::bigint[],
                         %(since)s::date[]) WITH ORDINALITY
        AS t (method, currency, percent, fixed_minor, since, number)),
     charged AS (
    SELECT m.movement_id, (array_agg(l.id ORDER BY l.gross_minor DESC, l.occurred_at, l.key))[1] AS line_id,
           sum(l.gross_minor) AS gross, sum(l.settled_minor) AS settled, sum(l.fee_minor)::bigint AS fee,
           count(*) AS lines, min(l.gross_currency) AS gross_currency, min(l.currency) AS currency,
           min(l.occurred_at) AS occurred_at
      FROM (SELECT DISTINCT met.movement_id FROM met JOIN open_line o ON o.id = met.line_id AND o.type = 'capture') m
      JOIN reporting_settlementline l ON l.movement_id = m.movement_id AND l.match <> 'duplicate'
     GROUP BY m.movement_id HAVING sum(l.gross_minor) > 0 AND count(DISTINCT l.currency) = 1),
     agreed AS (
    SELECT c.*, a.method, term.percent, term.fixed_minor,
           (c.gross * term.percent / 100 + term.fixed_minor) * c.settled / c.gross AS exact
      FROM charged c
      JOIN payments_capture taken ON taken.id = substr(c.movement_id, 5)::uuid
      JOIN payments_paymentattempt a ON a.id = taken.attempt_id
      JOIN LATERAL (
        SELECT * FROM term WHERE method IN (a.method, '') AND currency IN (c.gross_currency, '')
           AND since <= (c.occurred_at AT TIME ZONE 'UTC')::date
         ORDER BY method <> '' DESC, currency <> '' DESC, since DESC, number LIMIT 1) term ON true)"""
"""What each payment cost in all, and what its contract says. Two roundings may be between them for each line."""

_WRONG: Final = f"""{_CHARGED}
SELECT 'sl_' || replace(line_id::text, '-', '') AS subject_id, %(account)s::uuid AS account_id, currency,
       fee - round(exact)::bigint AS amount_minor,
       CASE WHEN fee > exact THEN 'It charged more than its contract says.'
            ELSE 'It charged less than its contract says.' END AS detail,
       jsonb_build_object('charged_minor', fee, 'agreed_minor', round(exact), 'percent', trim_scale(percent)::text,
           'fixed_minor', fixed_minor, 'method', method, 'gross_minor', gross, 'gross_currency', gross_currency,
           'movement', movement_id) AS evidence,
       '' AS at, '' AS counter, occurred_at AS since, NULL::text[] AS covers
  FROM agreed WHERE abs(fee - exact) > lines"""  # noqa: S608  our own SQL

_RIGHT: Final = f"""{_CHARGED}
SELECT 'sl_' || replace(l.id::text, '-', '') AS subject_id
  FROM agreed JOIN reporting_settlementline l ON l.movement_id = agreed.movement_id
 WHERE abs(agreed.fee - agreed.exact) <= agreed.lines OR l.id <> agreed.line_id"""  # noqa: S608  our own SQL


def check(account: ProviderAccount, params: Mapping[str, Any]) -> None:
    """Find the fees of the lines at hand that are not as agreed; nothing where no contract says anything.

    Call it inside a transaction. What was charged is booked all the same: the difference is a claim.
    """
    terms = fees.terms(account.pk)
    if not terms:
        return
    bound = {
        **params,
        "methods": [term.method for term in terms],
        "currencies": [term.currency for term in terms],
        "percents": [term.percent for term in terms],
        "fixed": [term.fixed_minor for term in terms],
        "since": [term.valid_from for term in terms],
    }
    discrepancies.open_many(DiscrepancyKind.FEE_DIFFERS, _WRONG, bound)
    right = "what it charged in all is as agreed"
    discrepancies.clear_many(DiscrepancyKind.FEE_DIFFERS, _RIGHT, bound, because=right)
