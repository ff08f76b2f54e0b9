"""The proofs that what PSPs settled is in the books: fees, payouts, what is owed, and what nobody can explain."""

from typing import Final

from payments.kernel import invariants

_TOLD: Final = "l.match NOT IN ('waiting', 'set_aside')"
_ID: Final = "'sl_' || replace(l.id::text, '-', '')"
_FEE: Final = "CASE l.type WHEN 'fee' THEN l.fee_minor - l.settled_minor ELSE l.fee_minor END"

_CONVERTED: Final = f"{_TOLD} AND l.type IN ('capture', 'refund', 'dispute') AND l.gross_currency <> l.currency"

_BOOKED: Final = """
    SELECT t.event, t.source_id, e.currency, sum(e.amount_minor) AS minor
      FROM payments_transfer t JOIN payments_entry e ON e.transfer_id = t.id
      JOIN payments_account a ON a.id = e.account_id AND a.code LIKE 'psp_receivable/%'
     GROUP BY t.event, t.source_id, e.currency"""

invariants.declare(
    10,
    "settlement_fee_booked",
    "Every fee and tax of a settlement line has exactly one posting, of its amount",
    f"""WITH told AS (
            SELECT {_ID} AS id, CASE l.type WHEN 'dispute' THEN 'dispute_fee_charged' ELSE 'fee_charged' END AS event,
                   {_FEE} AS minor FROM reporting_settlementline l WHERE {_TOLD} AND {_FEE} <> 0
             UNION ALL
            SELECT {_ID}, 'fee_taxed', l.tax_minor FROM reporting_settlementline l
             WHERE {_TOLD} AND l.tax_minor <> 0),
             booked AS (
            SELECT * FROM ({_BOOKED}) b WHERE event IN ('fee_charged', 'dispute_fee_charged', 'fee_taxed'))
        SELECT coalesce(t.id, b.source_id), coalesce(t.event, b.event) || ': ' || coalesce(t.minor, 0) || ' told, ' ||
               coalesce(-b.minor, 0) || ' booked'
          FROM told t FULL JOIN booked b ON b.source_id = t.id AND b.event = t.event
         WHERE coalesce(t.minor, 0) <> coalesce(-b.minor, 0)""",  # noqa: S608  our own SQL
    f"SELECT count(*) FROM reporting_settlementline l WHERE {_TOLD} AND (fee_minor <> 0 OR tax_minor <> 0)",  # noqa: S608
)
invariants.declare(
    10,
    "payout_booked",
    "Every payout is booked exactly once as it leaves, and once more when it came back or was canceled",
    f"""WITH told AS (
            SELECT 'po_' || replace(id::text, '-', '') AS id, 'payout_announced' AS event, -amount_minor AS minor
              FROM reporting_payout
             UNION ALL
            SELECT 'po_' || replace(id::text, '-', ''), 'payout_returned', amount_minor FROM reporting_payout
             WHERE status IN ('failed', 'canceled')),
             booked AS (SELECT * FROM ({_BOOKED}) b WHERE event IN ('payout_announced', 'payout_returned'))
        SELECT coalesce(t.id, b.source_id), coalesce(t.event, b.event) || ': ' || coalesce(t.minor, 0) || ' told, ' ||
               coalesce(b.minor, 0) || ' booked'
          FROM told t FULL JOIN booked b ON b.source_id = t.id AND b.event = t.event
         WHERE coalesce(t.minor, 0) <> coalesce(b.minor, 0)""",  # noqa: S608  our own SQL
    "SELECT count(*) FROM reporting_payout",
)
invariants.declare(
    10,
    "psp_receivable_open_items",
    "What the ledger says PSPs owe us is what captures, refunds, disputes, lines, payouts and settled differences make",
    f"""WITH item AS (
            SELECT a.account_id, c.currency, c.amount_minor AS minor
              FROM payments_capture c JOIN payments_paymentattempt a ON a.id = c.attempt_id
             WHERE c.status = 'succeeded'
             UNION ALL
            SELECT account_id, currency, -amount_minor FROM refunds_refund
             WHERE status = 'succeeded' AND origin <> 'bank'
             UNION ALL
            SELECT account_id, currency, CASE kind WHEN 'withdrawn' THEN -amount_minor ELSE amount_minor END
              FROM refunds_disputemovement WHERE kind IN ('withdrawn', 'reinstated')
             UNION ALL
            SELECT l.account_id, l.gross_currency, -l.gross_minor FROM reporting_settlementline l
             WHERE {_CONVERTED}
             UNION ALL
            SELECT l.account_id, l.currency, - l.fee_minor - l.tax_minor +
                   CASE WHEN l.type IN ('fee', 'reserve', 'unknown', 'correction') OR l.gross_currency <> l.currency
                             AND l.type IN ('capture', 'refund', 'dispute') THEN l.settled_minor ELSE 0 END
              FROM reporting_settlementline l WHERE {_TOLD}
             UNION ALL
            SELECT account_id, currency, -amount_minor FROM reporting_payout WHERE status NOT IN ('failed', 'canceled')
             UNION ALL
            SELECT d.account_id, d.proposal ->> 'currency',
                   CASE WHEN d.proposal ->> 'debit' LIKE 'psp_receivable/%' THEN 1 ELSE -1 END
                   * (d.proposal ->> 'amount_minor')::bigint
              FROM reporting_discrepancy d WHERE d.status = 'settled'
               AND (d.proposal ->> 'debit' LIKE 'psp_receivable/%' OR d.proposal ->> 'credit' LIKE 'psp_receivable/%')),
             due AS (
            SELECT p.code, i.currency, sum(i.minor) AS minor FROM item i
              JOIN payments_provideraccount p ON p.id = i.account_id GROUP BY 1, 2),
             has AS (
            SELECT split_part(a.code, '/', 2) AS code, e.currency, sum(e.amount_minor) AS minor
              FROM payments_account a JOIN payments_entry e ON e.account_id = a.id
             WHERE a.code LIKE 'psp_receivable/%' GROUP BY 1, 2)
        SELECT coalesce(h.code, d.code) || ' ' || coalesce(h.currency, d.currency),
               coalesce(h.minor, 0) || ' in the ledger, ' || coalesce(d.minor, 0) || ' item by item'
          FROM has h FULL JOIN due d ON d.code = h.code AND d.currency = h.currency
         WHERE coalesce(h.minor, 0) <> coalesce(d.minor, 0)""",  # noqa: S608  our own SQL
    "SELECT count(*) FROM payments_account WHERE code LIKE 'psp_receivable/%'",
)
invariants.declare(
    10,
    "suspense_owned",
    "Every settlement line in suspense has a difference that says so",
    f"""SELECT {_ID}, l.type || ' of ' || l.settled_minor FROM reporting_settlementline l
         WHERE {_TOLD} AND l.type IN ('unknown', 'correction') AND l.settled_minor <> 0 AND (
               NOT EXISTS (SELECT FROM reporting_discrepancy d WHERE d.subject_id = {_ID}
                              AND d.kind = CASE l.type WHEN 'unknown' THEN 'unknown_type' ELSE 'correction' END)
               OR NOT EXISTS (SELECT FROM payments_transfer t
                               WHERE t.source_id = {_ID} AND t.event = 'suspended'))""",  # noqa: S608  our own SQL
    "SELECT count(*) FROM reporting_settlementline WHERE type IN ('unknown', 'correction')",
)
invariants.declare(
    10,
    "fx_clearing_explained",
    "The open position of conversion is what converted lines, settled differences and revaluations have left",
    f"""WITH item AS (
            SELECT l.gross_currency AS currency, l.gross_minor AS minor FROM reporting_settlementline l
             WHERE {_CONVERTED}
             UNION ALL
            SELECT l.currency, -l.settled_minor FROM reporting_settlementline l WHERE {_CONVERTED}
             UNION ALL
            SELECT d.proposal ->> 'currency', CASE d.proposal ->> 'debit' WHEN 'fx_clearing' THEN 1 ELSE -1 END
                   * (d.proposal ->> 'amount_minor')::bigint
              FROM reporting_discrepancy d
             WHERE d.status = 'settled' AND 'fx_clearing' IN (d.proposal ->> 'debit', d.proposal ->> 'credit')
             UNION ALL
            SELECT e.currency, e.amount_minor FROM payments_transfer t JOIN payments_entry e ON e.transfer_id = t.id
              JOIN payments_account a ON a.id = e.account_id AND a.code = 'fx_clearing' WHERE t.event = 'revalued'),
             due AS (SELECT currency, sum(minor) AS minor FROM item GROUP BY 1),
             has AS (
            SELECT e.currency, sum(e.amount_minor) AS minor FROM payments_account a
              JOIN payments_entry e ON e.account_id = a.id WHERE a.code = 'fx_clearing' GROUP BY 1)
        SELECT coalesce(h.currency, d.currency), coalesce(h.minor, 0) || ' in the ledger, ' || coalesce(d.minor, 0)
               || ' item by item'
          FROM has h FULL JOIN due d ON d.currency = h.currency
         WHERE coalesce(h.minor, 0) <> coalesce(d.minor, 0)""",  # noqa: S608  our own SQL
    "SELECT count(*) FROM payments_account WHERE code = 'fx_clearing'",
)
