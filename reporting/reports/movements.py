"""Reports with one row per movement of money: from the movement's own table, held to the entries of the ledger."""

from typing import Final

from payments.ledger.postings import Event
from reporting.reports import base
from reporting.reports.base import Column, Control, Kind

MOVED: Final = f"t.event = ANY(%(events)s)\n   AND {base.WITHIN}"
"""Rows come from a source in which the ledger's transfer is `t`."""

LEDGER: Final = f"""
WITH moved AS MATERIALIZED (
    SELECT t.id, t.event, t.booked_at, t.refs ->> 'intent' AS intent FROM payments_transfer t WHERE {MOVED})
SELECT moved.event, entry.currency, count(*), sum(entry.amount_minor) * %(sign)s
  FROM payments_entry entry
  JOIN payments_account account ON account.id = entry.account_id
  JOIN moved ON moved.id = entry.transfer_id
 WHERE split_part(account.code, '/', 1) = ANY(%(accounts)s)
   AND entry.id >= (SELECT payments_uuid_floor(min(booked_at) - interval '1 minute') FROM moved)
   AND entry.id <= (SELECT payments_uuid_floor(max(booked_at) + interval '1 minute') FROM moved)
   AND (%(currency)s::text IS NULL OR entry.currency = %(currency)s)
   AND (%(client)s::uuid IS NULL OR %(client)s = (
        SELECT client_id FROM payments_paymentintent WHERE id = substr(moved.intent, 4)::uuid))
 GROUP BY moved.event, entry.currency"""  # noqa: S608  our own SQL
"""What the ledger says about the same interval, from its entries alone.

Entries are written with their transfer, so their ids bound the monthly partitions that are read."""


CONTROL: Final = Control(query=LEDGER, by="movement", sums=("amount_minor",))
ORDER: Final = "t.id"


def booked_as(*events: Event, accounts: tuple[str, ...] = ("psp_receivable",), sign: int = 1) -> base.Binds:
    """What `MOVED` and `CONTROL` are bound to: the events, and what each of them books on one of these accounts.

    `sign` turns debits into the report's sense of plus.
    """
    return lambda: {"events": [event.value for event in events], "accounts": list(accounts), "sign": sign}


def head(*, currency: str, minor: str) -> tuple[Column, ...]:
    """The columns that every report of movements begins with."""
    return (
        base.VERSION,
        Column(
            "transfer_id", Kind.ID, base.public_id("tr", "t.id"), "The movement in the ledger; rows are in its order."
        ),
        Column("movement", Kind.WORD, "t.event", "What happened."),
        Column("currency", Kind.WORD, currency, "ISO 4217."),
        Column("amount", Kind.AMOUNT, minor, "How much, signed."),
        Column("amount_minor", Kind.MINOR, minor, "The same in minor units."),
        Column("created_utc", Kind.TIME, "t.effective_at", "When the money moved."),
        Column("created_local", Kind.LOCAL_TIME, "t.effective_at", "The same in the chosen time zone."),
        Column("booked_utc", Kind.TIME, "t.booked_at", "When it was written into the ledger."),
    )
