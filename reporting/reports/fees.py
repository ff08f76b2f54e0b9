"""The fees report: what PSPs charged, charge by charge, with the tax on it."""

from typing import Final

from reporting.reports import base, settled
from reporting.reports.base import Column, Control, Kind, Report

CHARGED: Final = "split_part(account.code, '/', 1) IN ('psp_fees', 'dispute_fees', 'fee_tax')"

LEDGER: Final = f"""
SELECT split_part(account.code, '/', 1), e.currency, count(*), sum(e.amount_minor)
  FROM payments_entry e
  JOIN payments_account account ON account.id = e.account_id
  JOIN payments_transfer t ON t.id = e.transfer_id
 WHERE {CHARGED} AND {base.ENTRIES_WITHIN} AND {base.WITHIN}
   AND (%(currency)s::text IS NULL OR e.currency = %(currency)s)
 GROUP BY 1, 2"""  # noqa: S608  our own SQL
"""What the accounts of fees say."""

SAID: Final = """coalesce(CASE t.event
            WHEN 'fee_charged' THEN CASE l.type WHEN 'fee' THEN l.fee_minor - l.settled_minor ELSE l.fee_minor END
            WHEN 'dispute_fee_charged' THEN l.fee_minor WHEN 'fee_taxed' THEN l.tax_minor END, e.amount_minor)"""
"""What the line says; what people settled by hand has none, and is what they said."""

REPORT: Final = Report(
    name="fees",
    version=1,
    title="Fees",
    use="Use this when you check what PSPs charge, or book their invoices: one row per charge, plus when it was "
    "charged, minus when it was given back. Fees, fees for disputes and the tax on fees are rows of their own.",
    control=Control(query=LEDGER, by="kind", sums=("amount_minor",)),
    source=f"""payments_transfer t
  JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
  JOIN payments_account account ON account.id = e.account_id
  LEFT JOIN payments_provideraccount p ON p.code = split_part(account.code, '/', 2)
  {settled.LINE}
  {settled.PAYMENT}""",
    where=f"{CHARGED} AND {base.WITHIN}",
    order="t.id, e.id",
    columns=(
        base.VERSION,
        Column("transfer_id", Kind.ID, base.public_id("tr", "t.id"), "The movement in the ledger."),
        Column("kind", Kind.WORD, "split_part(account.code, '/', 1)", "A fee, a fee for a dispute, or tax on one."),
        Column("currency", Kind.WORD, "e.currency", "ISO 4217; that of the balance that paid it."),
        *base.money_columns("amount", SAID, "How much."),
        Column("created_utc", Kind.TIME, "t.effective_at", "When it was charged."),
        Column("created_local", Kind.LOCAL_TIME, "t.effective_at", "The same in the chosen time zone."),
        Column("booked_utc", Kind.TIME, "t.booked_at", "When it was written into the ledger."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("provider_account", Kind.TEXT, "split_part(account.code, '/', 2)", "Our account there."),
        *settled.TOLD,
    ),
)
