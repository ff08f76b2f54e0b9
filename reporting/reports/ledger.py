"""The ledger report: the journal, entry by entry."""

from typing import Final

from reporting.reports import base
from reporting.reports.base import Column, Control, Kind, Report

CREDITS: Final = f"""
SELECT t.event, e.currency, count(*), -coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0)
  FROM payments_transfer t
  JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
 WHERE {base.WITHIN}
   AND (%(currency)s::text IS NULL OR e.currency = %(currency)s)
 GROUP BY t.event, e.currency"""  # noqa: S608  our own SQL
"""Every debit has its credit: the debits of the file are held to the credits of the ledger."""

REPORT: Final = Report(
    name="ledger",
    version=1,
    title="Ledger (journal)",
    use="Use this when an auditor, or you, want to see every single booking: one row per entry with its account, in "
    "the order in which it was written. The debits of a movement are always its credits.",
    control=Control(query=CREDITS, by="movement", sums=("debit_minor",)),
    source=f"""payments_transfer t
  JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
  JOIN payments_account account ON account.id = e.account_id""",
    where=base.WITHIN,
    order="t.id, e.id",
    columns=(
        base.VERSION,
        Column("transfer_id", Kind.ID, base.public_id("tr", "t.id"), "The movement; all its entries carry it."),
        Column("movement", Kind.WORD, "t.event", "What happened."),
        Column("currency", Kind.WORD, "e.currency", "ISO 4217."),
        *base.money_columns("debit", "CASE WHEN e.amount_minor > 0 THEN e.amount_minor END", "Empty for a credit."),
        *base.money_columns("credit", "CASE WHEN e.amount_minor < 0 THEN -e.amount_minor END", "Empty for a debit."),
        Column("account", Kind.TEXT, "account.code", "The account of the ledger."),
        Column("account_kind", Kind.WORD, "account.kind", "Which side of the balance sheet it stands on."),
        Column("entry_id", Kind.ID, "e.id", "The entry."),
        Column("created_utc", Kind.TIME, "t.effective_at", "When the money moved."),
        Column("created_local", Kind.LOCAL_TIME, "t.effective_at", "The same in the chosen time zone."),
        Column("booked_utc", Kind.TIME, "t.booked_at", "When it was written into the ledger."),
        Column("source_id", Kind.ID, "t.source_id", "What moved: a capture, a refund, a line of a settlement."),
        Column("payment_intent_id", Kind.ID, "nullif(t.refs ->> 'intent', '')", "The payment, where there is one."),
        Column("attempt_id", Kind.ID, "nullif(t.refs ->> 'attempt', '')", "The attempt."),
        Column("order_id", Kind.ID, "nullif(t.refs ->> 'order', '')", "The order, where there is one."),
        Column("original_utc", Kind.TIME, "t.original_effective_at", "When it moved, where those books were closed."),
        Column("narrative", Kind.TEXT, "t.narrative", "The movement in words."),
    ),
)
