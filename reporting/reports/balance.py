"""The balance report: what each PSP owed us on each day, and why it changed."""

from collections.abc import Mapping
from typing import Any, Final

from payments.ledger.postings import Event
from reporting.reports import base
from reporting.reports.base import Column, Control, Kind, Report

CAUSES: Final[Mapping[str, tuple[tuple[Event, ...], str]]] = {
    "captured": ((Event.CAPTURED, Event.CAPTURE_REVERSED), "Payments, less captures that failed afterwards."),
    "refunded": ((Event.REFUND_SUCCEEDED, Event.REFUND_BOUNCED), "Refunds, less those that came back."),
    "disputed": ((Event.DISPUTE_WITHDRAWN, Event.DISPUTE_REINSTATED), "Taken for disputes, less what was given back."),
    "fees": ((Event.FEE_CHARGED,), "Fees of the PSP, without tax."),
    "fee_tax": ((Event.FEE_TAXED,), "Tax on fees."),
    "dispute_fees": ((Event.DISPUTE_FEE_CHARGED,), "Fees for disputes."),
    "converted": ((Event.CONVERTED,), "Changed into another currency, or out of one."),
    "reserved": ((Event.RESERVE_HELD,), "Held back by the PSP, less what it released."),
    "paid_out": ((Event.PAYOUT_ANNOUNCED, Event.PAYOUT_RETURNED), "Payouts, less those that came back."),
}
"""Why a balance changes: the column, the ledger's movements in it, and what it means."""

KNOWN: Final = [event.value for events, _ in CAUSES.values() for event in events]


def _binds() -> Mapping[str, Any]:
    causes = [(name, event.value) for name, (events, _) in CAUSES.items() for event in events]
    return {"causes": [name for name, _ in causes], "caused_by": [event for _, event in causes], "known": KNOWN}


def _caused(events: tuple[Event, ...]) -> str:
    listed = ", ".join(f"'{event}'" for event in events)
    return f"coalesce(sum(e.amount_minor) FILTER (WHERE t.event IN ({listed})), 0)"


_SUMS: Final = ",\n           ".join(f"{_caused(events)} AS {name}" for name, (events, _) in CAUSES.items())
_CELLS: Final = ", ".join(f"coalesce(day.{name}, 0) AS {name}" for name in (*CAUSES, "other", "net", "entries"))

SOURCE: Final = f"""(
    WITH moved AS MATERIALIZED (
        SELECT e.account_id, CASE WHEN t.effective_at >= %(interval_start)s THEN t.effective_at::date END AS day,
           {_SUMS},
           coalesce(sum(e.amount_minor) FILTER (WHERE t.event <> ALL(%(known)s)), 0) AS other,
           sum(e.amount_minor) AS net, count(*) AS entries
          FROM payments_transfer t
          JOIN payments_entry e ON e.transfer_id = t.id
         WHERE e.account_id IN (SELECT id FROM payments_account WHERE code LIKE 'psp\\_receivable/%%')
           AND t.effective_at < %(interval_end)s AND {base.ENDED}
         GROUP BY 1, 2),
    days AS (
        SELECT moment::date AS day FROM generate_series(
               (%(interval_start)s)::date, (%(interval_end)s - interval '1 microsecond')::date, '1 day') moment)
    SELECT owed.account_id, days.day, {_CELLS},
           coalesce(before.net, 0) + coalesce(sum(day.net) OVER upto, 0) AS closing
      FROM (SELECT DISTINCT account_id FROM moved) owed
     CROSS JOIN days
      LEFT JOIN moved day ON day.account_id = owed.account_id AND day.day = days.day
      LEFT JOIN moved before ON before.account_id = owed.account_id AND before.day IS NULL
    WINDOW upto AS (PARTITION BY owed.account_id ORDER BY days.day)) b
  JOIN payments_account account ON account.id = b.account_id
  LEFT JOIN payments_provideraccount p ON p.code = split_part(account.code, '/', 2)
  LEFT JOIN payments_legalentity company ON company.id = p.legal_entity_id"""  # noqa: S608  our own SQL

OTHER_SIDE: Final = f"""
WITH moved AS MATERIALIZED (
    SELECT t.event, e.currency, account.code LIKE 'psp\\_receivable/%%' AS owed,
           sum(e.amount_minor) AS minor, count(*) AS entries
      FROM payments_transfer t
      JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
      JOIN payments_account account ON account.id = e.account_id
     WHERE {base.WITHIN} AND (%(currency)s::text IS NULL OR e.currency = %(currency)s)
     GROUP BY 1, 2, 3),
counted AS (SELECT currency, sum(entries)::bigint AS entries FROM moved WHERE owed GROUP BY currency),
causes AS (
    SELECT cause, event FROM unnest(%(causes)s::text[], %(caused_by)s::text[]) AS known (cause, event)
    UNION ALL SELECT DISTINCT 'other', event FROM moved WHERE event <> ALL(%(known)s)
    UNION ALL SELECT 'other', NULL)
SELECT cause, counted.currency, counted.entries, -coalesce(sum(moved.minor) FILTER (WHERE NOT moved.owed), 0)
  FROM causes CROSS JOIN counted
  LEFT JOIN moved ON moved.event = causes.event AND moved.currency = counted.currency
 GROUP BY cause, counted.currency, counted.entries"""  # noqa: S608  our own SQL
"""What the other accounts say of the same movements: what they lost is what the PSP owes us more."""

REPORT: Final = Report(
    name="balance",
    version=1,
    title="Balance summary",
    use="Use this when you want to know what a PSP owes you, and why that is not what it was: one row per provider "
    "account, currency and day. What raises the balance is plus, what lowers it is minus: opening plus all of them is "
    "closing. Days on which nothing stood and nothing moved are left out.",
    control=Control(query=OTHER_SIDE, sums=tuple(f"{name}_minor" for name in (*CAUSES, "other")), count="entries"),
    source=SOURCE,
    where="(b.entries > 0 OR b.closing <> 0)",
    order='account.code COLLATE "C", account.currency, b.day',
    binds=_binds,
    columns=(
        base.VERSION,
        Column("day", Kind.DAY, "b.day", "The day."),
        Column("provider_account", Kind.TEXT, "split_part(account.code, '/', 2)", "Our account at the PSP."),
        Column("psp", Kind.WORD, "p.psp", "The payment service provider."),
        Column("legal_entity", Kind.TEXT, "company.name", "The company that owns the account."),
        Column("currency", Kind.WORD, "account.currency", "ISO 4217."),
        *base.money_columns("opening", "b.closing - b.net", "What the PSP owed us as the day began."),
        *(column for name, (_, meaning) in CAUSES.items() for column in base.money_columns(name, f"b.{name}", meaning)),
        *base.money_columns("other", "b.other", "Everything else: what is not explained yet, and what people settled."),
        *base.money_columns("closing", "b.closing", "What the PSP owed us as the day ended."),
        Column("entries", Kind.COUNT, "b.entries", "How many entries of the ledger the day sums up."),
    ),
)
