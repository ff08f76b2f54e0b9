"""What lines and books do not agree about, found by the set: each kind is one SELECT over the lines just compared."""

from collections.abc import Mapping
from typing import Any, Final

from payments.gateway.models import ProviderAccount
from payments.kernel import money
from payments.ledger import postings
from reporting.models import DiscrepancyKind
from reporting.services import discrepancies

_ID: Final = "'sl_' || replace(l.id::text, '-', '')"

_LINE: Final = """jsonb_build_object('line', 'sl_' || replace({0}.id::text, '-', ''), 'word', {0}.psp_type, 'of',
       {0}.occurred_at, 'gross_minor', {0}.gross_minor, 'gross_currency', {0}.gross_currency,
       'fee_minor', {0}.fee_minor, 'net_minor', {0}.net_minor, 'currency', {0}.currency, 'detail', {0}.detail,
       'payment', {0}.payment_reference, 'movement', {0}.movement_reference, 'ours', {0}.our_reference)"""

_OF_LINE: Final = f"""
SELECT {_ID} AS subject_id, %(account)s::uuid AS account_id, l.gross_currency AS currency,
       l.gross_minor AS amount_minor, {{detail}} AS detail, {_LINE.format("l")} AS evidence,
       %({{at}})s::text AS at, %({{counter}})s::text AS counter, l.occurred_at AS since, NULL::text[] AS covers
  FROM reporting_settlementline l JOIN {{table}} o ON o.id = l.id WHERE {{which}}"""  # noqa: S608  our own SQL

_UNKNOWN: Final = _OF_LINE.format(
    detail="'Its settlement tells of a ' || l.type || ' (' || l.psp_type || ') that we know nothing of.'",
    at="receivable",
    counter="order_clearing",
    table="open_line",
    which="l.account_id = %(account)s AND l.match = 'missing_here' AND l.movement_id = '' AND l.gross_minor <> 0",
)
_AGAIN: Final = _OF_LINE.format(
    detail="'Its settlement has told all of ' || l.movement_id || ' before.'",
    at="receivable",
    counter="order_clearing",
    table="duplicate",
    which="true",
)


def _suspended(kind: str, detail: str) -> str:
    found = _OF_LINE.format(
        detail=f"'{detail} (' || l.psp_type || '): ' || coalesce(nullif(l.detail, ''), 'it does not say why.')",
        at="suspense",
        counter="fees",
        table="open_line",
        which=f"o.new AND o.type = '{kind}' AND o.settled_minor <> 0",
    )
    return found.replace("l.gross_currency AS currency", "l.currency AS currency").replace(
        "l.gross_minor AS amount_minor", "l.settled_minor AS amount_minor"
    )


_STOOD: Final = """(
    SELECT DISTINCT coalesce(l.movement_id, d.subject_id) FROM reporting_discrepancy d
      LEFT JOIN reporting_settlementline l
        ON l.id = CASE WHEN d.subject_id LIKE 'sl!_%%' ESCAPE '!' THEN substr(d.subject_id, 4)::uuid END
     WHERE d.account_id = %(account)s AND d.status IN ('settled', 'accepted') AND d.kind = ANY(%(shifts)s))"""
"""Movements of which people have settled something before."""

_APART: Final = f"""
SELECT w.movement_id AS subject_id, %(account)s::uuid AS account_id, w.currency, coalesce(x.apart, 0) AS amount_minor,
       CASE WHEN x.movement_id IS NULL THEN 'Its settlement came after it was settled by hand.' ELSE
            'Its lines do not come to what we have booked.' END AS detail,
       (SELECT jsonb_build_object('booked_minor', w.booked, 'told_minor', w.told,
               'lines', jsonb_agg({_LINE.format("l")} ORDER BY l.occurred_at))
          FROM reporting_settlementline l WHERE l.movement_id = w.movement_id) AS evidence,
       %(receivable)s::text AS at, %(order_clearing)s::text AS counter, w.since,
       w.movement_id || ARRAY(SELECT {_ID} FROM reporting_settlementline l
                               WHERE l.movement_id = w.movement_id AND l.match <> 'duplicate') AS covers
  FROM weighed w LEFT JOIN differs x ON x.movement_id = w.movement_id
 WHERE x.movement_id IS NOT NULL OR w.movement_id IN {_STOOD}"""  # noqa: S608  our own SQL

_PAYOUT_APART: Final = f"""
SELECT m.movement_id AS subject_id, %(account)s::uuid AS account_id, p.currency,
       sum(l.settled_minor)::bigint + p.amount_minor AS amount_minor,
       'The line of this payout is not what we have booked.' AS detail, jsonb_agg({_LINE.format("l")}) -> 0 AS evidence,
       %(receivable)s::text AS at, %(order_clearing)s::text AS counter, p.announced_at AS since, NULL::text[] AS covers
  FROM (SELECT DISTINCT movement_id FROM met WHERE movement_id LIKE 'po!_%%' ESCAPE '!') m
  JOIN reporting_payout p ON p.id = substr(m.movement_id, 4)::uuid
  JOIN reporting_settlementline l ON l.movement_id = m.movement_id AND l.type = 'payout'
 GROUP BY m.movement_id, p.id HAVING sum(l.settled_minor) <> -p.amount_minor"""  # noqa: S608  our own SQL

_RATES: Final = f"""
SELECT {_ID} AS subject_id, %(account)s::uuid AS account_id, l.currency,
       (l.settled_minor - worth.minor)::bigint AS amount_minor,
       'Its rate of ' || trim_scale(l.rate) || ' would have made another amount.' AS detail,
       {_LINE.format("l")} || jsonb_build_object('expected_minor', worth.minor) AS evidence,
       'fx_clearing' AS at, 'fx_result' AS counter, l.occurred_at AS since, NULL::text[] AS covers
  FROM open_line o JOIN reporting_settlementline l ON l.id = o.id
  JOIN unnest(%(currencies)s::text[], %(units)s::numeric[]) AS a (currency, unit) ON a.currency = l.gross_currency
  JOIN unnest(%(currencies)s::text[], %(units)s::numeric[]) AS b (currency, unit) ON b.currency = l.currency
  CROSS JOIN LATERAL (SELECT round(l.gross_minor * l.rate * a.unit / b.unit) AS minor,
                             abs(l.gross_minor) * a.unit / b.unit / 20000 AS slack) AS worth
 WHERE o.new AND o.rate IS NOT NULL AND abs(l.settled_minor - worth.minor) > 1 + worth.slack"""  # noqa: S608
"""A rate is written with four decimals at least: half a unit of the last one is no difference, nor is a minor unit."""

FOUND: Final[tuple[tuple[DiscrepancyKind, str], ...]] = (
    (DiscrepancyKind.MISSING_HERE, _UNKNOWN),
    (DiscrepancyKind.DUPLICATE, _AGAIN),
    (DiscrepancyKind.UNKNOWN_TYPE, _suspended("unknown", "We do not know this kind of line")),
    (DiscrepancyKind.CORRECTION, _suspended("correction", "The PSP corrected our balance")),
    (DiscrepancyKind.AMOUNT_DIFFERS, _APART),
    (DiscrepancyKind.AMOUNT_DIFFERS, _PAYOUT_APART),
    (DiscrepancyKind.FX, _RATES),
)

CLEARED: Final[tuple[tuple[DiscrepancyKind, str, str], ...]] = (
    (
        DiscrepancyKind.MISSING_HERE,
        "SELECT 'sl_' || replace(line_id::text, '-', '') AS subject_id FROM met WHERE NOT plain",
        "we know by now what it is",
    ),
    (
        DiscrepancyKind.DUPLICATE,
        """SELECT d.subject_id FROM reporting_discrepancy d
             JOIN reporting_settlementline l ON l.id = substr(d.subject_id, 4)::uuid
            WHERE d.account_id = %(account)s AND d.kind = 'duplicate' AND d.status IN ('open', 'proposed')
              AND l.match <> 'duplicate'""",
        "its movement came to nothing twice",
    ),
    (
        DiscrepancyKind.AMOUNT_DIFFERS,
        f"""SELECT movement_id AS subject_id FROM weighed WHERE movement_id NOT IN (SELECT movement_id FROM differs)
               AND movement_id NOT IN {_STOOD}""",  # noqa: S608  our own SQL
        "its lines come to what we have booked",
    ),
    (
        DiscrepancyKind.MISSING_AT_PSP,
        "SELECT movement_id AS subject_id FROM weighed WHERE NOT (told = whole AND booked = 0)",
        "its settlement came",
    ),
)
"""Kind, the subjects that are no difference any more, and why."""


def compare(account: ProviderAccount, params: Mapping[str, Any]) -> None:
    """Open what does not agree about the lines and movements at hand, and clear what does by now."""
    code = account.code
    bound = {
        **params,
        "receivable": postings.receivable(code),
        "suspense": postings.suspense(code),
        "fees": f"psp_fees/{code}",
        "order_clearing": postings.ORDER_CLEARING,
        "currencies": list(money.EXPONENTS),
        "units": [money.from_minor(1, currency).amount for currency in money.EXPONENTS],
    }
    for kind, subjects, because in CLEARED:
        discrepancies.clear_many(kind, subjects, bound, because=because)
    for kind, found in FOUND:
        discrepancies.open_many(kind, found, bound)
