"""What the lines of settlement book by themselves, whatever they tell of: fees, conversions, reserves, payouts."""

from collections.abc import Mapping
from typing import Final

from payments.gateway.models import ProviderAccount
from payments.ledger import postings
from payments.ledger import services as ledger
from payments.ledger.postings import Event

_LINE: Final = "'sl_' || replace(l.id::text, '-', '')"

_ENTRIES: Final = f"""
SELECT {_LINE} AS source_id, l.occurred_at AS effective_at, %(narrative)s::text AS narrative, %(refs)s::jsonb AS refs,
       side.code, side.currency, side.amount_minor
  FROM open_line l CROSS JOIN LATERAL (VALUES {{sides}}) AS side (code, currency, amount_minor)
 WHERE l.new AND side.amount_minor <> 0 AND {{which}}"""  # noqa: S608  our own SQL

_OWED: Final = "%(receivable)s::text"


def _moved(counter: str, amount: str, which: str) -> str:
    """`amount` from what the PSP owes us to another account."""
    sides = f"(%({counter})s::text, l.currency, ({amount})::bigint), ({_OWED}, l.currency, -({amount})::bigint)"
    return _ENTRIES.format(sides=sides, which=f"({amount}) <> 0 AND {which}")


_FEE: Final = "CASE l.type WHEN 'fee' THEN l.fee_minor - l.settled_minor ELSE l.fee_minor END"
_PRINCIPAL: Final = "l.type IN ('capture', 'refund', 'dispute')"

BOOKED: Final[Mapping[Event, tuple[str, str]]] = {
    Event.FEE_CHARGED: ("A fee of {}", _moved("fees", _FEE, "l.type <> 'dispute'")),
    Event.DISPUTE_FEE_CHARGED: (
        "A fee of {} for a dispute",
        _moved("disputing", "l.fee_minor", "l.type = 'dispute'"),
    ),
    Event.FEE_TAXED: ("Tax on a fee of {}", _moved("fee_tax", "l.tax_minor", "true")),
    Event.RESERVE_HELD: ("Held back by {}, or released", _moved("reserve", "-l.settled_minor", "l.type = 'reserve'")),
    Event.SUSPENDED: (
        "{} moved our balance, and nobody knows why yet",
        _moved("suspense", "-l.settled_minor", "l.type IN ('unknown', 'correction')"),
    ),
    Event.CONVERTED: (
        "Converted by {} when it settled",
        _ENTRIES.format(
            sides=f"""(%(fx)s::text, l.gross_currency, l.gross_minor), ({_OWED}, l.gross_currency, -l.gross_minor),
                      ({_OWED}, l.currency, l.settled_minor), (%(fx)s::text, l.currency, -l.settled_minor)""",
            which=f"l.gross_currency <> l.currency AND {_PRINCIPAL}",
        ),
    ),
}
"""Event -> its narrative, and its entries as `ledger.services.post_all` wants them. Each line says so much by itself:
no matter which movement of ours it is about, and whether there is one, the PSP has done it."""


def book(account: ProviderAccount) -> None:
    """Book what the lines in `open_line` are certain about, each once. Call it inside a transaction."""
    code = account.code
    accounts = {
        "receivable": postings.receivable(code),
        "fees": f"psp_fees/{code}",
        "disputing": f"dispute_fees/{code}",
        "fee_tax": f"fee_tax/{code}",
        "reserve": postings.reserve(code),
        "suspense": postings.suspense(code),
        "fx": postings.FX_CLEARING,
        "refs": f'{{"account": "{code}"}}',
    }
    for event, (narrative, entries) in BOOKED.items():
        ledger.post_all(event, entries, {**accounts, "narrative": narrative.format(code)})
