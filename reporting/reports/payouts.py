"""The payouts report: every payout with everything that is in it."""

from typing import Final

from reporting.reports import base, settled
from reporting.reports.base import Column, Control, Kind, Report

PAID: Final = f"t.event IN ('payout_announced', 'payout_returned') AND {base.WITHIN}"

SOURCE: Final = f"""(
    SELECT t.id, t.event AS part, t.effective_at, po.id AS payout_id, po.account_id, po.provider_reference,
           po.currency, NULL::uuid AS line_id,
           CASE t.event WHEN 'payout_announced' THEN -po.amount_minor ELSE po.amount_minor END AS net_minor
      FROM payments_transfer t JOIN reporting_payout po ON po.id = substr(t.source_id, 4)::uuid
     WHERE {PAID}
     UNION ALL
    SELECT t.id, 'item', t.effective_at, po.id, po.account_id, po.provider_reference, l.currency, l.id, l.net_minor
      FROM payments_transfer t JOIN reporting_payout po ON po.id = substr(t.source_id, 4)::uuid
      JOIN reporting_settlementline l
        ON l.account_id = po.account_id AND l.payout_reference = po.provider_reference AND l.type <> 'payout'
     WHERE t.event = 'payout_announced' AND {base.WITHIN}) b
  JOIN payments_provideraccount p ON p.id = b.account_id
  LEFT JOIN reporting_settlementline l ON l.id = b.line_id
  {settled.PAYMENT}"""  # noqa: S608  our own SQL

IN_TRANSIT: Final = f"""
WITH sent AS MATERIALIZED (
    SELECT t.event, t.source_id, e.currency, e.amount_minor
      FROM payments_transfer t
      JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
      JOIN payments_account account ON account.id = e.account_id AND account.code LIKE 'cash\\_in\\_transit/%%'
     WHERE {PAID} AND (%(currency)s::text IS NULL OR e.currency = %(currency)s))
SELECT event, currency, count(*), -sum(amount_minor) FROM sent GROUP BY event, currency
 UNION ALL
SELECT 'item', currency, sum(lines)::bigint, sum(amount_minor)
  FROM sent JOIN LATERAL (
       SELECT count(*) AS lines FROM reporting_payout po JOIN reporting_settlementline l
           ON l.account_id = po.account_id AND l.payout_reference = po.provider_reference AND l.type <> 'payout'
        WHERE po.id = substr(sent.source_id, 4)::uuid) told ON told.lines > 0
 WHERE event = 'payout_announced' GROUP BY currency"""  # noqa: S608  our own SQL
"""What the ledger says was sent; and what is in a payout, once it was told, must come to the payout."""

REPORT: Final = Report(
    name="payouts",
    version=1,
    title="Payouts, itemised",
    use="Use this when money arrives at the bank and you want to know what it is for: each payout of the interval is "
    "one row, followed by a row for each thing that is in it. All rows of a payout sum to zero once the PSP has "
    "told what is in it. A payout that came back is a row of its own, in the interval in which it came back.",
    control=Control(query=IN_TRANSIT, by="part", sums=("net_minor",)),
    source=SOURCE,
    order="b.id, b.part DESC, l.occurred_at, l.id",
    columns=(
        base.VERSION,
        Column("payout_id", Kind.ID, base.public_id("po", "b.payout_id"), "The payout; all its rows carry it."),
        Column("part", Kind.WORD, "b.part", "The payout as it left, as it came back, or something that is in it."),
        Column("currency", Kind.WORD, "b.currency", "ISO 4217."),
        *base.money_columns("net", "b.net_minor", "By how much it changed what the PSP owes us."),
        Column("item", Kind.WORD, "l.type", "What it is: a capture, a refund, a fee. Empty for the payout."),
        *base.money_columns("gross", "l.settled_minor", "Before fees, in the currency of the payout."),
        *base.money_columns("fee", "l.fee_minor", "Plus when it was charged."),
        *base.money_columns("tax", "l.tax_minor", "Tax on the fee."),
        Column("created_utc", Kind.TIME, "b.effective_at", "When the payout left, or came back."),
        Column("created_local", Kind.LOCAL_TIME, "b.effective_at", "The same in the chosen time zone."),
        Column("occurred_utc", Kind.TIME, "l.occurred_at", "When the PSP settled what is in it."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "p.code", "Our account there."),
        Column("payout_reference", Kind.TEXT, "b.provider_reference", "The provider's id of the payout."),
        *settled.TOLD,
    ),
)
