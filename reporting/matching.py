"""Which of our movements a settlement line tells of, and what that makes of both: the SQL, set by set. Pure."""

from typing import Final

STEPS: Final = ("open_line", "known", "met", "rest", "touched", "weighed", "duplicate", "differs")
"""Tables of the one transaction."""

OPEN_LINE: Final = """
CREATE TEMP TABLE open_line (
    id uuid NOT NULL DEFAULT uuidv7(), number int, key text, type text, psp_type text, occurred_at timestamptz,
    gross_minor bigint, gross_currency text, settled_minor bigint, currency text, fee_minor bigint, tax_minor bigint,
    payment_reference text, movement_reference text, our_reference text, payout_reference text, method text,
    detail text, rate numeric, new boolean NOT NULL DEFAULT true
) ON COMMIT DROP"""
"""The lines that are compared. Those of a file on its way into the table have their `number` in it, all others none."""

OPEN: Final = """
INSERT INTO open_line (id, type, key, occurred_at, gross_minor, gross_currency, settled_minor, currency, fee_minor,
       tax_minor, rate, payment_reference, movement_reference, our_reference, new)
SELECT id, type, key, occurred_at, gross_minor, gross_currency, settled_minor, currency, fee_minor, tax_minor, rate,
       payment_reference, movement_reference, our_reference, match = 'waiting'
  FROM reporting_settlementline
 WHERE account_id = %(account)s AND (match = 'waiting' OR match = 'missing_here' AND movement_id = '')"""
"""Lines that nobody has compared yet, and lines of movements that we had not heard of when they came."""

COUNTED: Final = "ANALYZE open_line (id, type, key, payment_reference, movement_reference)"
"""Only what is joined: to look at every column of a million lines takes longer than to match them."""

MET: Final = """
CREATE TEMP TABLE met (line_id uuid NOT NULL, movement_id text NOT NULL, plain boolean NOT NULL DEFAULT false)
ON COMMIT DROP"""
"""The movement of each line. A plain one is all that was ever told of it, and what we have booked: nothing to weigh."""

_ONLY_CAPTURE: Final = """
       NOT EXISTS (SELECT FROM payments_capture o WHERE o.attempt_id = c.attempt_id AND o.id <> c.id
                      AND o.status <> 'failed')"""

BY_REFERENCE: Final = """
INSERT INTO met
WITH told AS MATERIALIZED (
SELECT l.id, l.new, l.gross_minor, l.gross_currency, a.id AS attempt_id
  FROM open_line l
  JOIN payments_paymentattempt a ON a.account_id = %(account)s AND a.provider_reference = l.payment_reference
   AND a.provider_reference <> ''
 WHERE l.type = 'capture' AND l.payment_reference <> ''),
     single AS MATERIALIZED (
SELECT attempt_id, min('cap_' || replace(id::text, '-', '')) AS movement_id, min(status) AS status,
       min(currency) AS currency, min(amount_minor) AS amount_minor
  FROM payments_capture WHERE status <> 'failed' AND attempt_id IN (SELECT attempt_id FROM told)
 GROUP BY attempt_id HAVING count(*) = 1),
     found AS MATERIALIZED (
SELECT l.id, o.movement_id, l.new AND o.status = 'succeeded' AND o.amount_minor = l.gross_minor AS fits
  FROM told l JOIN single o ON o.attempt_id = l.attempt_id AND o.currency = l.gross_currency
 UNION ALL
SELECT l.id, 're_' || replace(r.id::text, '-', ''),
       l.new AND r.status = 'succeeded' AND -r.amount_minor = l.gross_minor
  FROM open_line l
  JOIN refunds_refund r ON r.account_id = %(account)s AND r.provider_reference = l.movement_reference
   AND r.currency = l.gross_currency
 WHERE l.type = 'refund' AND l.movement_reference <> ''
 UNION ALL
SELECT l.id, 'dpm_' || replace(m.id::text, '-', ''), false
  FROM open_line l
  JOIN refunds_disputemovement m ON m.account_id = %(account)s AND m.key = l.key AND m.currency = l.gross_currency
   AND m.kind IN ('withdrawn', 'reinstated')
 WHERE l.type = 'dispute'),
     again AS (
SELECT movement_id FROM found GROUP BY movement_id HAVING count(*) > 1)
SELECT f.id, f.movement_id, f.fits AND t.movement_id IS NULL AND d.subject_id IS NULL AND again.movement_id IS NULL
  FROM found f
  LEFT JOIN LATERAL (SELECT t.movement_id FROM reporting_settlementline t
                      WHERE t.movement_id = f.movement_id AND t.movement_id <> '' LIMIT 1) t ON true
  LEFT JOIN (SELECT DISTINCT subject_id FROM reporting_discrepancy) d ON d.subject_id = f.movement_id
  LEFT JOIN again ON again.movement_id = f.movement_id"""
"""What nearly all lines are: the only capture of a payment, or a movement by the PSP's own id of it.

Captures are counted, not looked for beside one another: PostgreSQL takes it that such a look leaves one row of a
million, and would then join all lines of a currency with all captures of it."""

REST: Final = """
CREATE TEMP TABLE rest ON COMMIT DROP AS
SELECT l.* FROM open_line l
 WHERE l.type IN ('capture', 'refund', 'dispute') AND NOT EXISTS (SELECT FROM met WHERE met.line_id = l.id)"""

_ID: Final = "CASE WHEN {column} ~ '^{prefix}_[0-9a-f]{{32}}$' THEN split_part({column}, '_', 2)::uuid END"
_CAP, _RE, _ATT = (_ID.format(column="l.our_reference", prefix=prefix) for prefix in ("cap", "re", "att"))
_CALL: Final = _ID.format(column="c.call_id", prefix="call")
_NOT_MET: Final = "NOT EXISTS (SELECT FROM met WHERE met.line_id = l.id)"
_UNTOLD: Final = """
       NOT EXISTS (SELECT FROM reporting_settlementline t WHERE t.movement_id = {id})
   AND NOT EXISTS (SELECT FROM met t WHERE t.movement_id = {id})"""

_CAPTURE_BY_OUR_ID: Final = f"""
INSERT INTO met
SELECT l.id, l.our_reference
  FROM rest l
  JOIN payments_capture c ON c.id = {_CAP} AND c.status <> 'failed'
   AND c.currency = l.gross_currency
  JOIN payments_paymentattempt a ON a.id = c.attempt_id AND a.account_id = %(account)s
 WHERE l.type = 'capture' AND {_NOT_MET}"""  # noqa: S608  our own SQL

_CAPTURE_BY_MODIFICATION: Final = f"""
INSERT INTO met
SELECT DISTINCT ON (l.id) l.id, 'cap_' || replace(c.id::text, '-', '')
  FROM rest l
  JOIN payments_paymentattempt a ON a.account_id = %(account)s AND a.provider_reference = l.payment_reference
   AND a.provider_reference <> ''
  JOIN payments_capture c ON c.attempt_id = a.id AND c.status <> 'failed' AND c.currency = l.gross_currency
  JOIN payments_providercall k ON k.id = {_CALL} AND k.raw ->> 'modification' = l.movement_reference
 WHERE l.type = 'capture' AND l.payment_reference <> '' AND l.movement_reference <> '' AND {_NOT_MET}
 ORDER BY l.id, c.id"""  # noqa: S608  our own SQL

_OF_PAYMENT: Final = f"""
  JOIN LATERAL (
    SELECT p.id FROM payments_paymentattempt p WHERE p.account_id = %(account)s AND p.provider_reference <> ''
       AND p.provider_reference = l.payment_reference
     UNION
    SELECT p.id FROM payments_paymentattempt p WHERE p.account_id = %(account)s AND p.id = {_ATT}) a ON true"""  # noqa: S608
"""By two indexes, one after the other: one condition with OR would look at every payment for each line."""

_CAPTURE_BY_AMOUNT: Final = f"""
INSERT INTO met
WITH told AS (
    SELECT l.id, a.id AS attempt_id, l.gross_minor, l.gross_currency,
           row_number() OVER (PARTITION BY a.id, l.gross_minor ORDER BY l.occurred_at, l.key) AS turn
      FROM rest l {_OF_PAYMENT} WHERE l.type = 'capture' AND {_NOT_MET}),
     ours AS (
    SELECT c.id, c.attempt_id, c.amount_minor, c.currency,
           row_number() OVER (PARTITION BY c.attempt_id, c.amount_minor ORDER BY c.id) AS turn
      FROM payments_capture c WHERE c.attempt_id IN (SELECT attempt_id FROM told) AND c.status <> 'failed'
       AND {_UNTOLD.format(id="'cap_' || replace(c.id::text, '-', '')")})
SELECT told.id, 'cap_' || replace(ours.id::text, '-', '') FROM told JOIN ours
    ON ours.attempt_id = told.attempt_id AND ours.amount_minor = told.gross_minor AND ours.turn = told.turn
   AND ours.currency = told.gross_currency"""  # noqa: S608  our own SQL

_CAPTURE_ONLY_ONE: Final = f"""
INSERT INTO met
SELECT DISTINCT ON (l.id) l.id, 'cap_' || replace(c.id::text, '-', '')
  FROM rest l {_OF_PAYMENT}
  JOIN payments_capture c ON c.attempt_id = a.id AND c.status <> 'failed' AND c.currency = l.gross_currency
 WHERE l.type = 'capture' AND {_NOT_MET} AND {_ONLY_CAPTURE}
 ORDER BY l.id, c.id"""  # noqa: S608  our own SQL

_REFUND_BY_OUR_ID: Final = f"""
INSERT INTO met
SELECT l.id, l.our_reference
  FROM rest l
  JOIN refunds_refund r ON r.id = {_RE} AND r.account_id = %(account)s
   AND r.currency = l.gross_currency
 WHERE l.type = 'refund' AND {_NOT_MET}"""  # noqa: S608  our own SQL

_REFUND_BY_AMOUNT: Final = f"""
INSERT INTO met
WITH told AS (
    SELECT l.id, a.id AS attempt_id, -l.gross_minor AS minor, l.gross_currency,
           row_number() OVER (PARTITION BY a.id, l.gross_minor ORDER BY l.occurred_at, l.key) AS turn
      FROM rest l {_OF_PAYMENT} WHERE l.type = 'refund' AND {_NOT_MET}),
     ours AS (
    SELECT r.id, r.attempt_id, r.amount_minor, r.currency,
           row_number() OVER (PARTITION BY r.attempt_id, r.amount_minor ORDER BY r.id) AS turn
      FROM refunds_refund r WHERE r.attempt_id IN (SELECT attempt_id FROM told) AND r.origin <> 'bank'
       AND r.sent_at IS NOT NULL AND {_UNTOLD.format(id="'re_' || replace(r.id::text, '-', '')")})
SELECT told.id, 're_' || replace(ours.id::text, '-', '') FROM told JOIN ours
    ON ours.attempt_id = told.attempt_id AND ours.amount_minor = told.minor AND ours.turn = told.turn
   AND ours.currency = told.gross_currency"""  # noqa: S608  our own SQL

_DISPUTE: Final = f"""
INSERT INTO met
WITH told AS (
    SELECT l.id, {{key}} AS key, l.gross_minor, l.gross_currency,
           row_number() OVER (PARTITION BY {{key}}, {{like}} ORDER BY l.occurred_at, l.key) AS turn
      FROM rest l {{of}} WHERE l.type = 'dispute' AND {_NOT_MET} AND {{known}}),
     ours AS (
    SELECT m.id, {{theirs}} AS key, m.currency,
           CASE m.kind WHEN 'withdrawn' THEN -m.amount_minor ELSE m.amount_minor END AS minor,
           row_number() OVER (PARTITION BY {{theirs}}, {{alike}} ORDER BY m.moved_at, m.id) AS turn
      FROM refunds_disputemovement m JOIN refunds_dispute d ON d.id = m.dispute_id
     WHERE m.account_id = %(account)s AND m.kind IN ('withdrawn', 'reinstated')
       AND {_UNTOLD.format(id="'dpm_' || replace(m.id::text, '-', '')")})
SELECT told.id, 'dpm_' || replace(ours.id::text, '-', '') FROM told JOIN ours
    ON ours.key = told.key AND ours.turn = told.turn AND {{same}} AND ours.currency = told.gross_currency"""  # noqa: S608

_DISPUTE_BY_NEWS: Final = _DISPUTE.format(
    key="l.movement_reference",
    like="l.gross_minor < 0",
    of="",
    known="l.movement_reference <> ''",
    theirs="split_part(m.key, ':', 2)",
    alike="m.kind",
    same="sign(ours.minor) = sign(told.gross_minor)",
)
_BY_AMOUNT: Final = {
    "like": "l.gross_minor",
    "alike": "m.kind, m.amount_minor",
    "same": "ours.minor = told.gross_minor",
}
_DISPUTE_BY_DISPUTE: Final = _DISPUTE.format(
    key="l.movement_reference", of="", known="l.movement_reference <> ''", theirs="d.provider_reference", **_BY_AMOUNT
)
_DISPUTE_BY_PAYMENT: Final = _DISPUTE.format(
    key="a.id", of=_OF_PAYMENT, known="true", theirs="d.attempt_id", **_BY_AMOUNT
)

ONE_BY_ONE: Final = (
    _CAPTURE_BY_OUR_ID,
    _CAPTURE_BY_MODIFICATION,
    _CAPTURE_BY_AMOUNT,
    _CAPTURE_ONLY_ONE,
    _REFUND_BY_OUR_ID,
    _REFUND_BY_AMOUNT,
    _DISPUTE_BY_NEWS,
    _DISPUTE_BY_DISPUTE,
    _DISPUTE_BY_PAYMENT,
)
"""For the few that are left, the surest way first. Of several movements of one payment and amount each line gets its
own, in their order."""

_BY_ITSELF: Final = "WHEN {type} = 'unknown' THEN 'unknown_type' ELSE 'booked'"
"""What is no movement of ours is booked from its line, whatever else is known."""

FIRST_CLASS: Final = f"""
CASE WHEN met.plain OR l.type = 'carried' THEN 'matched'
     WHEN l.type IN ('capture', 'refund', 'dispute', 'payout', 'payout_returned') THEN 'waiting'
     {_BY_ITSELF.format(type="l.type")} END"""
"""What is known of a line before it is written: most are written once. The others wait until the end of `CLASSED`."""

CLASSED: Final = f"""
UPDATE reporting_settlementline l
   SET movement_id = coalesce(met.movement_id, ''),
       match = CASE WHEN met.line_id IS NOT NULL AND o.type LIKE 'payout%%' THEN 'booked'
                    WHEN met.line_id IS NOT NULL OR o.type = 'carried' THEN 'matched'
                    WHEN o.type IN ('capture', 'refund', 'dispute', 'payout', 'payout_returned') THEN 'missing_here'
                    {_BY_ITSELF.format(type="o.type")} END
  FROM open_line o LEFT JOIN met ON met.line_id = o.id
 WHERE l.id = o.id AND (o.new OR met.line_id IS NOT NULL)
   AND (o.number IS NULL OR met.plain IS NOT TRUE
        AND o.type IN ('capture', 'refund', 'dispute', 'payout', 'payout_returned'))"""  # noqa: S608  our own SQL

# --- what the lines of a movement come to ----------------------------------------------------------------------------

TOUCHED: Final = """
CREATE TEMP TABLE touched ON COMMIT DROP AS
SELECT movement_id FROM met WHERE NOT plain AND movement_id NOT LIKE 'po!_%%' ESCAPE '!'
 UNION
SELECT movement_id FROM reporting_settlementline
 WHERE account_id = %(account)s AND match IN ('amount_differs', 'missing_here') AND movement_id <> ''"""
"""Movements with new lines that are not plain, and those whose lines were not what we had booked: we may have heard
more since."""

FACTS: Final = """
    SELECT t.movement_id, coalesce(c.currency, r.currency, m.currency) AS currency,
           CASE WHEN c.status = 'succeeded' THEN c.amount_minor WHEN r.status = 'succeeded' THEN -r.amount_minor
                WHEN m.kind = 'withdrawn' THEN -m.amount_minor WHEN m.kind = 'reinstated' THEN m.amount_minor
                ELSE 0 END AS booked,
           CASE WHEN c.id IS NOT NULL THEN c.amount_minor WHEN m.kind = 'withdrawn' THEN -m.amount_minor
                WHEN m.kind = 'reinstated' THEN m.amount_minor
                WHEN r.sent_at IS NOT NULL OR r.origin = 'outside' THEN -r.amount_minor ELSE 0 END AS whole,
           coalesce(c.status IN ('sent', 'pending', 'unknown'),
                    r.status IN ('sent', 'pending', 'unknown', 'requires_action', 'requested'), false) AS in_flight
      FROM {movements} t
      LEFT JOIN payments_capture c
        ON c.id = CASE WHEN t.movement_id LIKE 'cap!_%%' ESCAPE '!' THEN substr(t.movement_id, 5)::uuid END
      LEFT JOIN refunds_refund r
        ON r.id = CASE WHEN t.movement_id LIKE 're!_%%' ESCAPE '!' THEN substr(t.movement_id, 4)::uuid END
      LEFT JOIN refunds_disputemovement m
        ON m.id = CASE WHEN t.movement_id LIKE 'dpm!_%%' ESCAPE '!' THEN substr(t.movement_id, 5)::uuid END"""
"""Of each movement what our books say now, and what they say, have said or will say of all of it."""

WEIGHED: Final = f"""
CREATE TEMP TABLE weighed ON COMMIT DROP AS
WITH facts AS ({FACTS.format(movements="touched")}),
     told AS (
    SELECT f.movement_id, f.currency, f.booked, f.whole, f.in_flight, sum(l.gross_minor)::bigint AS told,
           count(*) FILTER (WHERE l.gross_minor = f.whole) AS wholes, max(l.occurred_at) AS since
      FROM facts f JOIN reporting_settlementline l ON l.movement_id = f.movement_id
     GROUP BY f.movement_id, f.currency, f.booked, f.whole, f.in_flight)
SELECT *, CASE WHEN told IN (booked, whole) OR whole = 0 OR (told - expected) %% whole <> 0 THEN 0
               ELSE least(greatest((told - expected) / whole, 0), wholes - 1) END AS again
  FROM (SELECT *, CASE WHEN booked = 0 AND in_flight THEN whole ELSE booked END AS expected FROM told) known"""  # noqa: S608
"""`again`: how many of the lines tell all of it once more. What is told and not booked because it is in flight, or will
be taken back, is a matter of time."""

DUPLICATES: Final = """
CREATE TEMP TABLE duplicate ON COMMIT DROP AS
SELECT id, movement_id, gross_minor FROM (
    SELECT l.id, l.movement_id, l.gross_minor, w.again, row_number() OVER (
           PARTITION BY l.movement_id ORDER BY d.subject_id IS NULL, l.occurred_at DESC, l.key DESC) AS place
      FROM weighed w JOIN reporting_settlementline l ON l.movement_id = w.movement_id AND l.gross_minor = w.whole
      LEFT JOIN reporting_discrepancy d ON d.subject_id = 'sl_' || replace(l.id::text, '-', '')
       AND d.kind = 'duplicate' AND d.status IN ('settled', 'accepted')
     WHERE w.again > 0) told
 WHERE place <= again"""
"""What people have said to be one stays one; else the latest are."""

DIFFERS: Final = """
CREATE TEMP TABLE differs ON COMMIT DROP AS
SELECT w.*, w.told - w.again * w.whole - w.booked AS apart
  FROM weighed w WHERE w.told - w.again * w.whole NOT IN (w.booked, w.whole)"""

RECLASSED: Final = """
UPDATE reporting_settlementline l SET match = fit.match
  FROM (SELECT l.id, CASE WHEN d.id IS NOT NULL THEN 'duplicate' WHEN x.movement_id IS NOT NULL THEN 'amount_differs'
                          WHEN w.booked = 0 AND w.told <> 0 THEN 'missing_here' ELSE 'matched' END AS match
          FROM weighed w JOIN reporting_settlementline l ON l.movement_id = w.movement_id
          LEFT JOIN duplicate d ON d.id = l.id LEFT JOIN differs x ON x.movement_id = w.movement_id
         WHERE w.told <> w.booked OR l.match <> 'matched') fit
 WHERE l.id = fit.id AND l.match <> fit.match"""
