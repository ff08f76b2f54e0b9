"""The ageing of what is not settled: what a PSP should have settled by the interval's end, and for how long."""

from typing import Final

from payments.ledger.postings import Event
from reporting.reports import base
from reporting.reports.base import Column, Control, Kind, Report

EVENTS: Final = (
    Event.CAPTURED,
    Event.CAPTURE_REVERSED,
    Event.REFUND_SUCCEEDED,
    Event.REFUND_BOUNCED,
    Event.DISPUTE_WITHDRAWN,
    Event.DISPUTE_REINSTATED,
)
BOOKED: Final = f"t.event = ANY(%(events)s) AND t.effective_at < %(interval_end)s AND {base.ENDED}"
TOLD: Final = "FROM reporting_settlementline l WHERE l.movement_id <> '' AND l.occurred_at < %(interval_end)s"

BUCKET: Final = """CASE WHEN {0} > %(interval_end)s - interval '3 days' THEN '0-2'
            WHEN {0} > %(interval_end)s - interval '8 days' THEN '3-7'
            WHEN {0} > %(interval_end)s - interval '15 days' THEN '8-14'
            WHEN {0} > %(interval_end)s - interval '31 days' THEN '15-30'
            WHEN {0} > %(interval_end)s - interval '61 days' THEN '31-60' ELSE '61+' END"""

SOURCE: Final = f"""(
    SELECT m.source_id, m.since, p.code, p.psp, a.id AS attempt_id, a.intent_id, a.provider_reference,
           coalesce(c.currency, r.currency, d.currency) AS currency,
           m.times * coalesce(c.amount_minor, r.amount_minor, d.amount_minor) AS booked,
           coalesce(told.minor, 0) AS settled
      FROM (SELECT t.source_id, min(t.effective_at) AS since,
                   sum(CASE WHEN t.event IN ('captured', 'refund_bounced', 'dispute_reinstated') THEN 1 ELSE -1 END)
                       AS times
              FROM payments_transfer t WHERE {BOOKED} GROUP BY t.source_id) m
      LEFT JOIN payments_capture c ON c.id = CASE WHEN m.source_id LIKE 'cap\\_%%' THEN substr(m.source_id, 5)::uuid END
      LEFT JOIN refunds_refund r ON r.id = CASE WHEN m.source_id LIKE 're\\_%%' THEN substr(m.source_id, 4)::uuid END
      LEFT JOIN refunds_disputemovement d
        ON d.id = CASE WHEN m.source_id LIKE 'dpm\\_%%' THEN substr(m.source_id, 5)::uuid END
      LEFT JOIN refunds_dispute of ON of.id = d.dispute_id
      LEFT JOIN payments_paymentattempt a ON a.id = coalesce(c.attempt_id, r.attempt_id, of.attempt_id)
      LEFT JOIN payments_provideraccount p ON p.id = a.account_id
      LEFT JOIN (SELECT l.movement_id, sum(l.gross_minor) AS minor {TOLD} GROUP BY 1) told
        ON told.movement_id = m.source_id) b"""  # noqa: S608  our own SQL

LEDGER: Final = f"""
SELECT {BUCKET.format("since")}, currency, count(*), sum(minor)
  FROM (SELECT source_id, currency, min(since) AS since, sum(minor) AS minor
          FROM (SELECT t.source_id, e.currency, t.effective_at AS since, e.amount_minor AS minor
                  FROM payments_transfer t
                  JOIN payments_entry e ON e.transfer_id = t.id
                  JOIN payments_account account ON account.id = e.account_id
                 WHERE account.code LIKE 'psp\\_receivable/%%' AND {BOOKED}
                 UNION ALL
                SELECT l.movement_id, l.gross_currency, NULL, -l.gross_minor {TOLD}) moved
         GROUP BY source_id, currency HAVING sum(minor) <> 0 AND min(since) IS NOT NULL) open
 WHERE (%(currency)s::text IS NULL OR currency = %(currency)s)
 GROUP BY 1, 2"""  # noqa: S608  our own SQL
"""What the ledger says the PSPs owe for movements, less what their lines have told."""

REPORT: Final = Report(
    name="unsettled_ageing",
    version=1,
    title="Unsettled, by age",
    use="Use this when you want to know which money the PSPs have not settled yet, and for how long you wait: one row"
    " per payment, refund or disputed amount that was booked before the interval's end and of which no settlement"
    " line had told all by then. Where the interval begins does not matter.",
    control=Control(query=LEDGER, by="bucket", sums=("open_minor",)),
    source=SOURCE,
    where="b.booked <> b.settled",
    order="b.since, b.source_id",
    binds=lambda: {"events": [event.value for event in EVENTS]},
    columns=(
        base.VERSION,
        Column("source_id", Kind.ID, "b.source_id", "The capture, the refund, or the movement of a dispute."),
        Column("bucket", Kind.WORD, BUCKET.format("b.since"), "How old it was, in whole days, at the interval's end."),
        Column("currency", Kind.WORD, "b.currency", "ISO 4217."),
        *base.money_columns("open", "b.booked - b.settled", "Not settled; minus: what the PSP has still to take."),
        *base.money_columns("booked", "b.booked", "What we have booked."),
        *base.money_columns("settled", "b.settled", "What settlement lines told of it until then."),
        Column("days", Kind.COUNT, "floor(extract(epoch FROM %(interval_end)s - b.since) / 86400)::int", "Its age."),
        Column("created_utc", Kind.TIME, "b.since", "When the money moved."),
        Column("created_local", Kind.LOCAL_TIME, "b.since", "The same in the chosen time zone."),
        Column("payment_intent_id", Kind.ID, base.public_id("pi", "b.intent_id"), "The payment."),
        Column("attempt_id", Kind.ID, base.public_id("att", "b.attempt_id"), "The attempt that had taken the money."),
        Column("psp", Kind.WORD, "b.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "b.code", "Our account there."),
        Column("payment_reference", Kind.TEXT, "b.provider_reference", "The provider's id of the payment."),
    ),
)
