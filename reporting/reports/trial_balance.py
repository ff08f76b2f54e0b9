"""The trial balance: what every account opened with, what moved, what it closes with."""

from typing import Final

from reporting.reports import base
from reporting.reports.base import Column, Control, Kind, Report

SUMS: Final = ("opening_minor", "debits_minor", "credits_minor", "closing_minor")

OTHER_SIDE: Final = f"""
WITH moved AS MATERIALIZED ({base.BOTH_SIDES})
SELECT word, currency, entries, minor
  FROM moved, LATERAL (VALUES ('opening', 0), ('debits', credits), ('credits', debits), ('closing', 0))
                              AS must (word, minor)"""  # noqa: S608  our own SQL
"""Debits must be the credits of the same movements, credits their debits, and both balances sum to nothing."""

REPORT: Final = Report(
    name="trial_balance",
    version=1,
    title="Trial balance",
    use="Use this when you close a month: one row per account and currency with opening balance, debits, credits and "
    "closing balance. Per currency, opening and closing balances sum to zero, and debits are credits.",
    control=Control(query=OTHER_SIDE, sums=SUMS, count="entries"),
    source=f"""(
    SELECT e.account_id,
           coalesce(sum(e.amount_minor) FILTER (WHERE NOT within), 0) AS opening,
           coalesce(sum(e.amount_minor) FILTER (WHERE within AND e.amount_minor > 0), 0) AS debits,
           -coalesce(sum(e.amount_minor) FILTER (WHERE within AND e.amount_minor < 0), 0) AS credits,
           sum(e.amount_minor) AS closing,
           count(*) FILTER (WHERE within) AS entries
      FROM payments_entry e
      JOIN (SELECT t.id, t.effective_at >= %(interval_start)s AS within FROM payments_transfer t
             WHERE t.effective_at < %(interval_end)s AND {base.ENDED}) moved ON moved.id = e.transfer_id
     GROUP BY e.account_id) b
  JOIN payments_account account ON account.id = b.account_id""",  # noqa: S608  our own SQL
    order='account.currency, account.code COLLATE "C"',
    columns=(
        base.VERSION,
        Column("account", Kind.TEXT, "account.code", "The account of the ledger."),
        Column("account_kind", Kind.WORD, "account.kind", "Which side of the balance sheet it stands on."),
        Column("currency", Kind.WORD, "account.currency", "ISO 4217."),
        *base.money_columns("opening", "b.opening", "Balance at the interval's start, debit positive."),
        *base.money_columns("debits", "b.debits", "All debits of the interval."),
        *base.money_columns("credits", "b.credits", "All credits of the interval, as a positive number."),
        *base.money_columns("closing", "b.closing", "Balance at the interval's end: opening + debits - credits."),
        Column("entries", Kind.COUNT, "b.entries", "How many entries of the interval debits and credits sum up."),
    ),
)
