"""What dashboards are made of: what was asked for, charts with their tables, and figures with their comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.kernel import money
from reporting.uptime.periods import Period
from reporting.uptime.rates import Rates

NOTHING: Final = shown.NOTHING
Number = float | None


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see: a period, what it is compared with, one currency, and perhaps a part of it only."""

    name: str
    chosen: str
    period: Period
    against: Period | None
    how: str
    currency: str
    narrowed: Mapping[str, str]
    rates: Rates
    viewer: shown.Viewer
    counted_until: datetime | None

    @property
    def only(self) -> dict[str, str]:
        """The same for what is told apart by account and country alone."""
        return {name: value for name, value in self.narrowed.items() if name in ("account", "country")}

    def money(self, minor: Mapping[str, int]) -> float:
        """Amounts by currency as one amount, in units of the currency that was asked for."""
        return float(self.rates.convert(minor, self.currency))

    @property
    def last_day(self) -> date:
        """The last day of the period."""
        return (self.period.until - timedelta(days=1)).date()

    def days(self) -> str:
        """The period as lists say it: `2026-11-19..2026-11-25`."""
        return f"{self.period.since.date()}..{self.last_day}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table: what people read, what a CSV has, and where the figure comes from."""

    text: str
    raw: object
    href: str = ""


@dataclass(frozen=True)
class Series:
    """One line, or one colour of bars; what is compared with is `dashed`."""

    name: str
    values: Sequence[Number]
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A picture and its table, of the same figures. `kind` is line, bar, stacked or across (bars from the left)."""

    slug: str
    title: str
    kind: str
    unit: str
    labels: Sequence[str]
    series: Sequence[Series]
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    empty: str = field(default_factory=lambda: _("Nothing happened in this period."))
    open: bool = False

    @property
    def data(self) -> dict[str, Any]:
        """What our script draws."""
        series = [{"name": one.name, "values": list(one.values), "dashed": one.dashed} for one in self.series]
        return {"kind": self.kind, "unit": self.unit, "labels": list(self.labels), "series": series}

    @property
    def labelled(self) -> list[tuple[str, list[tuple[str, Cell]]]]:
        """The rows, each cell with its header: on a phone every row stands alone."""
        return [(row[0].text, list(zip(self.headers, row, strict=True))) for row in self.rows]

    @property
    def filled(self) -> bool:
        """Whether there is anything to be seen."""
        return any(value for one in self.series for value in one.values)


@dataclass(frozen=True)
class Tile:
    """One figure, and in words how it differs from what it is compared with."""

    title: str
    value: str
    change: str = ""
    arrow: str = ""
    href: str = ""


AGAINST: Final = {
    "previous": gettext_lazy("the period before"),
    "week": gettext_lazy("a week earlier"),
    "year": gettext_lazy("a year earlier"),
}
"""How what is compared with is called."""


def whole(value: Number) -> str:
    """1234 -> 1,234."""
    return NOTHING if value is None else f"{value:,.0f}"


def percent(value: Number) -> str:
    """97.345 -> 97.3 %; less than nothing with the sign for minus."""
    return NOTHING if value is None else f"{value:.1f} %".replace("-", "−")


def milliseconds(value: Number) -> str:
    """312.4 -> 312 ms."""
    return NOTHING if value is None else f"{value:,.0f} ms"


def amount(value: Number, currency: str) -> str:
    """1234.5 -> 1,234.50 EUR, with as many decimals as the currency has."""
    if value is None:
        return NOTHING
    return f"{Decimal(value):,.{money.EXPONENTS.get(currency, 2)}f} {currency}".replace("-", "−")


def tile(title: str, now: Number, before: Number, said: str, asked: Asked, *, points: bool = False) -> Tile:
    """A figure, and by how much it is more or less than in what it is compared with.

    Shares are compared in percentage `points`, everything else in per cent of what it was.
    """
    if asked.against is None or now is None or before is None:
        return Tile(title, said)
    than = AGAINST[asked.how]
    if not points and not before:
        return Tile(title, said, _("There was none in %(than)s") % {"than": than} if now else "")
    by = now - before if points else 100 * (now - before) / before
    if abs(by) < 0.05:
        return Tile(title, said, _("As in %(than)s") % {"than": than}, "=")
    size = _("%(by).1f points") % {"by": abs(by)} if points else f"{abs(by):,.1f} %"
    words = _("%(size)s more than in %(than)s") if by > 0 else _("%(size)s less than in %(than)s")
    return Tile(title, said, words % {"size": size, "than": than}, "▲" if by > 0 else "▼")


def cell(value: object, text: str = "", href: str = "") -> Cell:
    """A cell whose CSV has the bare value."""
    return Cell(text or str(value), value, href)


def named(dimension: str, value: object) -> str:
    """What people call a value of a dimension: methods have names."""
    return str(shown.method(str(value))) if dimension == "method" else str(value)


def moments(asked: Asked) -> list[str]:
    """The hours or days of a period, as charts say them."""
    form = "%H:%M" if asked.period.days == 1 else "%d %b %H:%M" if asked.period.grain == "hour" else "%d %b"
    return [f"{at:{form}}" for at in asked.period.steps]


def stamp(asked: Asked, at: datetime) -> str:
    """An hour or day, as tables and CSV say it."""
    return f"{at:%Y-%m-%d %H:%M}" if asked.period.grain == "hour" else f"{at:%Y-%m-%d}"


def earlier(asked: Asked) -> list[datetime | None]:
    """What each hour or day is compared with; None where nothing is."""
    if asked.against is None:
        return [None for _ in asked.period.steps]
    known = set(asked.against.steps)
    shift = asked.period.since - asked.against.since
    return [at - shift if at - shift in known else None for at in asked.period.steps]


def own(minor: int, currency: str) -> Cell:
    """An amount in its own currency."""
    units = Decimal(minor).scaleb(-money.EXPONENTS.get(currency, 2))
    return Cell(shown.minor(minor, currency), f"{units:f}")


def of_unit(unit: str, value: Number, currency: str) -> Cell:
    """A value of a chart as its table says it."""
    if value is None:
        return Cell(NOTHING, "")
    said = {
        "money": lambda: amount(value, currency),
        "percent": lambda: percent(value),
        "ms": lambda: milliseconds(value),
        "count": lambda: whole(value),
    }
    return Cell(said[unit](), int(value) if unit == "count" else round(value, 2))


def listed(asked: Asked, app: str, model: str, **narrowed: str) -> str:
    """The list behind a figure, narrowed to it and its period; nothing for who may not open that."""
    return listed_ever(asked, app, model, created=asked.days(), **narrowed)


def listed_ever(asked: Asked, app: str, model: str, **narrowed: str) -> str:
    """The same whatever the period."""
    if not asked.viewer.may(f"{app}.view_{model}"):
        return ""
    address = reverse(f"admin:{app}_{model}_changelist")
    query = urlencode({name: value for name, value in narrowed.items() if value})
    return f"{address}?{query}" if query else address
