"""The fx report: what was paid in one currency and settled in another."""

from typing import Final

from reporting.reports import base, settled
from reporting.reports.base import Column, Control, Kind, Report

CONVERTED: Final = f"t.event = 'converted' AND {base.WITHIN}"

CLEARING: Final = f"""
SELECT CASE WHEN e.currency = l.gross_currency THEN 'gross' ELSE 'settled' END, e.currency, count(*),
       sum(CASE WHEN e.currency = l.gross_currency THEN e.amount_minor ELSE -e.amount_minor END)
  FROM payments_transfer t
  JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
  JOIN payments_account account ON account.id = e.account_id AND account.code = 'fx_clearing'
  {settled.LINE}
 WHERE {CONVERTED}
   AND (%(currency)s::text IS NULL OR l.currency = %(currency)s)
 GROUP BY 1, 2"""  # noqa: S608  our own SQL
"""What went through fx_clearing, on both sides."""

REPORT: Final = Report(
    name="fx",
    version=1,
    title="Currency conversions",
    use="Use this when customers pay in one currency and the PSP settles in another: one row per conversion with both "
    "amounts and the rate. Refunds and disputes that were converted are minus.",
    control=Control(query=CLEARING, sums=("settled_minor", "gross_minor")),
    source=f"""payments_transfer t
  {settled.LINE}
  {settled.PAYMENT}
  JOIN payments_provideraccount p ON p.id = l.account_id
  JOIN unnest(%(currencies)s::text[], %(units)s::numeric[]) AS gross_unit (currency, value)
    ON gross_unit.currency = l.gross_currency""",
    where=CONVERTED,
    order="t.id",
    columns=(
        base.VERSION,
        Column("transfer_id", Kind.ID, base.public_id("tr", "t.id"), "The movement in the ledger."),
        Column("kind", Kind.WORD, "l.type", "What was converted: a capture, a refund, a dispute."),
        Column("currency", Kind.WORD, "l.currency", "What the PSP settles in, ISO 4217."),
        *base.money_columns("settled", "l.settled_minor", "What the PSP owes us for it, before fees."),
        Column("gross_currency", Kind.WORD, "l.gross_currency", "What the customer paid in, ISO 4217."),
        Column("gross", Kind.DECIMAL, "l.gross_minor * gross_unit.value", "What the customer paid, in that currency."),
        Column("gross_minor", Kind.MINOR, "l.gross_minor", "The same in its minor units."),
        Column("rate", Kind.DECIMAL, "trim_scale(l.rate)", "As the PSP says it; empty where it does not."),
        Column("created_utc", Kind.TIME, "t.effective_at", "When it was converted."),
        Column("created_local", Kind.LOCAL_TIME, "t.effective_at", "The same in the chosen time zone."),
        Column("booked_utc", Kind.TIME, "t.booked_at", "When it was written into the ledger."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "p.code", "Our account there."),
        *settled.TOLD,
    ),
)
