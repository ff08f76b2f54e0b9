"""What the open position in other currencies is worth at the end of a month, in the entity's own currency.

What customers paid in one currency and the PSP owes us in another stays open on fx_clearing: the commerce side is owed
the first, we are owed the second. At a month's end the difference is a gain or a loss (IAS 21.28), at the last rate at
which a PSP has converted for the entity; a currency without such a rate is left as it is, and named.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from django.db import connection

from payments.gateway.models import ProviderAccount
from payments.kernel import ids, money
from payments.ledger import postings
from payments.ledger import services as ledger
from reporting.models import Close

_POSITION: Final = """
SELECT e.currency, sum(e.amount_minor)::bigint
  FROM payments_account a
  JOIN payments_entry e ON e.account_id = a.id
  JOIN payments_transfer t ON t.id = e.transfer_id
  LEFT JOIN payments_provideraccount p ON p.code = t.place
 WHERE a.code = 'fx_clearing'
   AND (p.legal_entity_id = %(entity)s AND t.effective_at < %(ends)s
        OR t.event = 'revalued' AND t.refs ->> 'legal_entity' = %(entity_id)s
           AND coalesce(t.original_effective_at, t.effective_at) <= %(ends)s)
 GROUP BY e.currency HAVING sum(e.amount_minor) <> 0"""

_RATES: Final = """
SELECT DISTINCT ON (l.gross_currency) l.gross_currency, l.gross_minor, l.settled_minor
  FROM reporting_settlementline l JOIN payments_provideraccount p ON p.id = l.account_id
 WHERE p.legal_entity_id = %(entity)s AND l.currency = %(own)s AND l.gross_currency <> l.currency
   AND l.gross_minor <> 0 AND l.occurred_at < %(ends)s
 ORDER BY l.gross_currency, l.occurred_at DESC, l.key DESC"""


def revalue(close: Close) -> None:
    """Book the gain or loss of a month with the open unit of work; nothing when there is none.

    It stands at the first moment after the month, whose days are closed by then. A month that is closed anew books what
    has changed.
    """
    own = close.entity.functional_currency
    entity = close.entity_id
    bound = {"entity": ids.decode("le", entity), "entity_id": entity, "ends": close.ends_at, "own": own}
    rates = {currency: Decimal(settled) / gross for currency, gross, settled in _rows(_RATES, bound)}
    position = dict(_rows(_POSITION, bound))
    known = {currency: minor for currency, minor in position.items() if currency == own or currency in rates}
    worth = sum(minor * rates.get(currency, Decimal(1)) for currency, minor in known.items())
    gain = int(-Decimal(worth).quantize(Decimal(1), ROUND_HALF_EVEN))
    if gain:
        ledger.post(
            postings.Event.REVALUED,
            f"{close.pk}/{close.edition}",
            postings.revalued(money.from_minor(gain, own)),
            narrative=_words(close, rates, sorted(position.keys() - known.keys())),
            refs={"legal_entity": close.entity_id, "close": close.pk, **_whose(entity)},
            effective_at=close.ends_at,
        )


def _whose(entity_id: str) -> dict[str, str]:
    """The lines name no account: one of the company's says in whose books, and so in whose journal, it is."""
    row = ProviderAccount.objects.filter(legal_entity=entity_id).order_by("code").first()
    return {"account": row.code} if row else {}


def _words(close: Close, rates: Mapping[str, Decimal], unknown: list[str]) -> str:
    used = ", ".join(f"{currency} {rate:.6g}" for currency, rate in sorted(rates.items()))
    left = f"; without a rate and left: {', '.join(unknown)}" if unknown else ""
    own = close.entity.functional_currency
    return f"Open positions at the end of {close.day:%Y-%m}, in minor units of {own}: {used}{left}"


def _rows(sql: str, bound: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        return list(cursor.fetchall())
