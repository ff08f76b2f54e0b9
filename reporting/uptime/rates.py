"""The rate table: what currencies are worth, learned from what PSPs settle or loaded from a list, for figures only."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import IO, Final

from django.db import connection

from payments.gateway.models import LegalEntity
from payments.kernel import clock, money
from payments.kernel.errors import Refusal
from reporting.models import ExchangeRate

EURO: Final = "EUR"
LOOKED_BACK: Final = timedelta(days=45)
"""A rate that is older says nothing of today."""
SETTLED: Final = "What PSPs have settled"

_CONVERTED: Final = """
SELECT DISTINCT ON (gross_currency, currency) gross_currency, gross_minor, currency, settled_minor, occurred_at::date
  FROM reporting_settlementline
 WHERE occurred_at >= %s AND gross_currency <> currency AND gross_minor > 0 AND settled_minor > 0 AND type = 'capture'
 ORDER BY gross_currency, currency, occurred_at DESC"""


class RatesInvalid(Refusal):
    """A list of rates that cannot be read."""

    code, status = "rates_invalid", 400


@dataclass(frozen=True, slots=True)
class Rates:
    """The latest rate of each currency; `oldest` is the day of the oldest one."""

    per_euro: Mapping[str, Decimal]
    oldest: date | None
    sources: tuple[str, ...]

    def convert(self, minor: Mapping[str, int], into: str) -> Decimal:
        """Minor units by currency in one currency, in its units; what has no rate is left out (see `missing`)."""
        total = Decimal(0)
        for currency, amount in minor.items():
            units = Decimal(amount).scaleb(-money.EXPONENTS.get(currency, 2))
            if currency == into:
                total += units
            elif currency in self.per_euro and into in self.per_euro:
                total += units / self.per_euro[currency] * self.per_euro[into]
        return total

    def missing(self, currencies: Iterable[str], into: str) -> list[str]:
        """The currencies that cannot be shown in this one."""
        known = set(self.per_euro) if into in self.per_euro else set()
        return sorted(set(currencies) - known - {into})


def latest() -> Rates:
    """The rate table as it stands."""
    rows = ExchangeRate.objects.filter(day__gte=clock.now().date() - LOOKED_BACK).order_by("currency", "-day")
    newest = {row.currency: row for row in reversed(rows)}
    rates = {EURO: Decimal(1), **{currency: row.per_euro for currency, row in newest.items()}}
    days, sources = [row.day for row in newest.values()], {row.source for row in newest.values()}
    return Rates(rates, min(days, default=None), tuple(sorted(sources)))


def usual() -> str:
    """The currency that figures are shown in unless somebody asks for another: that of our first company."""
    own = LegalEntity.objects.order_by("pk").values_list("functional_currency", flat=True).first()
    return own or EURO


def learn() -> None:
    """Take the rates of what PSPs have converted lately: each pair's last, by way of what is known already."""
    with connection.cursor() as cursor:
        cursor.execute(_CONVERTED, [clock.now() - timedelta(days=3)])
        pairs = cursor.fetchall()
    known = dict(latest().per_euro)
    learned: dict[str, tuple[Decimal, date]] = {}
    for gross, gross_minor, own, settled, day in sorted(pairs, key=lambda pair: pair[2] != EURO):
        worth = _units(settled, own) / _units(gross_minor, gross)  # of one unit of `gross`, in `own`
        if own in known and gross != EURO:
            learned[gross] = (known[own] / worth, day)
        elif gross == EURO:
            learned[own] = (worth, day)
        known |= {currency: rate for currency, (rate, _) in learned.items()}
    _keep(((currency, day, rate) for currency, (rate, day) in learned.items()), SETTLED)


def load(file: IO[str], source: str) -> int:
    """Read a list as central banks publish it: `Date,USD,JPY,…` and a line for each day, units for one euro.

    How many rates it had. A rate that is there already is replaced. Refuses a list that is none, and changes nothing.
    """
    rows = csv.DictReader(file, skipinitialspace=True)
    if "Date" not in (rows.fieldnames or ()):
        raise RatesInvalid("The first line names the columns: Date, and currencies.")
    found = [one for row in rows for one in _of_line(row, rows.line_num)]
    _keep(found, source)
    return len(found)


def _of_line(row: Mapping[str, str], line: int) -> Iterable[tuple[str, date, Decimal]]:
    try:
        day = date.fromisoformat(row["Date"])
        cells = [(name.strip(), (cell or "").strip()) for name, cell in row.items() if name and name != "Date"]
        found = [(name, day, Decimal(cell)) for name, cell in cells if name and cell not in ("", "N/A")]
    except (ValueError, InvalidOperation) as reason:
        raise RatesInvalid(f"Line {line} cannot be read: a day like 2026-11-25, and decimal numbers.") from reason
    if strange := [name for name, _, rate in found if name not in money.EXPONENTS or not rate.is_finite() or rate <= 0]:
        raise RatesInvalid(f"Line {line}: {', '.join(strange)} is no currency with a rate above 0.")
    return found


def _keep(rates: Iterable[tuple[str, date, Decimal]], source: str) -> None:
    rows = [ExchangeRate(currency=currency, day=day, per_euro=rate, source=source) for currency, day, rate in rates]
    ExchangeRate.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["currency", "day"], update_fields=["per_euro", "source"]
    )


def _units(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-money.EXPONENTS.get(currency, 2))
