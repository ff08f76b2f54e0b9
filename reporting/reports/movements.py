"""Reports with one row per movement of money: from the movement's own table, held to the entries of the ledger."""

from typing import Final

from payments.ledger.postings import Event
from reporting.reports import base
from reporting.reports.base import Column, Control, Kind

MOVED: Final = f"t.event = ANY(%(events)s)\n   AND {base.WITHIN}"
"""Rows come from a source in which the ledger's transfer is `t`."""

LEDGER: Final = f"""
SELECT t.event, e.currency, count(*), sum(e.amount_minor) * %(sign)s
  FROM payments_transfer t
  JOIN payments_entry e ON e.transfer_id = t.id AND {base.ENTRIES_WITHIN}
 WHERE e.account_id = ANY (ARRAY(
        SELECT id FROM payments_account WHERE split_part(code, '/', 1) = ANY(%(accounts)s)))
   AND {MOVED}
   AND (%(currency)s::text IS NULL OR e.currency = %(currency)s)
   AND (%(client)s::uuid IS NULL OR %(client)s = (
        SELECT client_id FROM payments_paymentintent WHERE id = substr(t.refs ->> 'intent', 4)::uuid))
 GROUP BY t.event, e.currency"""  # noqa: S608  our own SQL
"""What the ledger says about the same interval, from its entries alone. The accounts are found first, so that entries
are read once, however many accounts there are."""


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
