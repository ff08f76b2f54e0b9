"""Itemized reports: which lines are in them, and what stands in each of their columns. Amounts in major units.

Source: docs.stripe.com/reports/report-types.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from payments.simulator import differences
from payments.simulator.settlement import Difference
from payments.simulator.stripe import currencies, objects, render
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]


@dataclass
class Line:
    """One line: a balance transaction, and the payout that it is in or is about."""

    shop: Shop
    row: objects.BalanceTransaction
    payout: objects.Payout | None
    zone: ZoneInfo

    @functools.cached_property
    def refund(self) -> objects.Refund | None:
        """The refund that it is about."""
        return self.shop.find(objects.Refund, self.row.source)

    @functools.cached_property
    def dispute(self) -> objects.Dispute | None:
        """The dispute that it is about."""
        return self.shop.find(objects.Dispute, self.row.source)

    @functools.cached_property
    def charge(self) -> objects.Charge | None:
        """The charge that it is about, be it by way of a refund or a dispute."""
        origin = self.refund or self.dispute
        return self.shop.find(objects.Charge, origin.charge if origin else self.row.source)

    @functools.cached_property
    def method(self) -> Json:
        """How the customer paid."""
        if self.charge is None:
            return {"type": ""}
        return render.payment_method(self.shop.known(objects.PaymentMethod, self.charge.payment_method))

    @functools.cached_property
    def customer(self) -> objects.Customer | None:
        """Who paid."""
        return self.shop.find(objects.Customer, self.charge.customer if self.charge else None)

    def money(self, amount: int) -> str:
        """An amount in the settlement currency."""
        return str(currencies.major(amount, self.row.currency))

    def facing(self) -> str:
        """The amount in the customer's currency, signed."""
        if self.charge is None or self.row.facing is None:
            return ""
        return str(currencies.major(self.row.facing, self.charge.currency))

    def card(self, name: str) -> str:
        """A field of the card, if it was one."""
        return str(self.method.get("card", {}).get(name, ""))

    def metadata(self, column: str) -> str:
        """A column like payment_metadata[order]."""
        family, _, key = column.rstrip("]").partition("[")
        if family == "payment_metadata" and self.charge is not None:
            intent = self.shop.known(objects.PaymentIntent, self.charge.payment_intent)
            return str(intent.metadata.get(key, ""))
        if family == "refund_metadata" and self.refund is not None:
            return str(self.refund.metadata.get(key, ""))
        return ""


Cell = Callable[[Line], str]


def _of_payout(say: Callable[[objects.Payout], object]) -> Cell:
    """What is said of the line's payout; nothing when it has none, or that one has no such thing."""
    return lambda line: _text(say(line.payout)) if line.payout else ""


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _trace(payout: objects.Payout) -> str:
    return "supported" if payout.trace else "unsupported" if payout.failure_code else "pending"


def _effective(line: Line) -> int | None:
    """When the payout is expected at the bank; a payout that comes back does so when it does."""
    if line.row.reporting_category == "payout_reversal" or line.payout is None:
        return line.row.created if line.payout else None
    return line.payout.arrival_date


PLAIN: dict[str, Cell] = {
    "automatic_payout_id": lambda line: line.payout.id if line.payout and line.payout.automatic else "",
    "balance_transaction_id": lambda line: line.row.id,
    "currency": lambda line: line.row.currency,
    "gross": lambda line: line.money(line.row.amount),
    "fee": lambda line: line.money(line.row.fee),
    "net": lambda line: line.money(line.row.amount - line.row.fee),
    "reporting_category": lambda line: line.row.reporting_category,
    "source_id": lambda line: line.row.source or "",
    "description": lambda line: line.row.description or "",
    "payment_intent_id": lambda line: line.charge.payment_intent if line.charge else "",
    "charge_id": lambda line: line.charge.id if line.charge else "",
    "customer_facing_amount": Line.facing,
    "customer_facing_currency": lambda line: line.charge.currency if line.charge else "",
    "customer_id": lambda line: (line.charge.customer if line.charge else None) or "",
    "customer_email": lambda line: (line.customer.email if line.customer else None) or "",
    "customer_name": lambda line: (line.customer.name if line.customer else None) or "",
    "customer_description": lambda line: (line.customer.description if line.customer else None) or "",
    "payment_method_type": lambda line: str(line.method["type"]),
    "card_brand": lambda line: line.card("brand"),
    "card_country": lambda line: line.card("country"),
    "card_funding": lambda line: line.card("funding"),
    "dispute_reason": lambda line: line.dispute.reason if line.dispute else "",
    "statement_descriptor": lambda line: (line.charge.given.get("statement_descriptor") if line.charge else "") or "",
    "trace_id": _of_payout(lambda payout: payout.trace),
    "trace_id_status": _of_payout(_trace),
}
# Documented columns that nothing in the simulator fills.
EMPTY: dict[str, Cell] = dict.fromkeys(
    (
        *("connected_account_country", "connected_account_direct_charge_id", "connected_account_id"),
        *("connected_account_name", "destination_payment_id", "invoice_id", "invoice_number", "is_link", "order_id"),
        *("regulatory_tag", "subscription_id"),
    ),
    lambda _: "",
)
OF_PAYOUT: dict[str, Cell] = {
    **{name: PLAIN[name] for name in ("balance_transaction_id", "currency", "description", "fee", "gross", "net")},
    **{name: PLAIN[name] for name in ("reporting_category", "trace_id", "trace_id_status")},
    "payout_description": _of_payout(lambda payout: payout.description),
    "payout_destination_id": _of_payout(lambda _: "ba_1simulatedbankaccount"),
    "payout_expected_arrival_date": _of_payout(lambda payout: datetime.fromtimestamp(payout.arrival_date, UTC).date()),
    "payout_id": _of_payout(lambda payout: payout.id),
    "payout_status": _of_payout(lambda payout: payout.status),
    "payout_type": _of_payout(lambda _: "bank_account"),
    "regulatory_tag": EMPTY["regulatory_tag"],
}
MOMENTS: dict[str, Callable[[Line], int | None]] = {
    "available_on": lambda line: line.row.available_on,
    "automatic_payout_effective_at": lambda line: line.payout.arrival_date if line.payout else None,
    "charge_created": lambda line: line.charge.created if line.charge else None,
    "created": lambda line: line.row.created,
}
MOMENTS_OF_PAYOUT: dict[str, Callable[[Line], int | None]] = {
    "effective_at": _effective,
    "payout_reversed_at": lambda line: line.payout.reversed_at if line.payout else None,
}
METADATA = ("payment_metadata[", "refund_metadata[", "transfer_metadata[")


def _timed(moments: dict[str, Callable[[Line], int | None]]) -> dict[str, Cell]:
    """Two columns for each moment: in the report's zone, and in UTC."""

    def cell(moment: Callable[[Line], int | None], *, utc: bool) -> Cell:
        def shown(line: Line) -> str:
            seconds = moment(line)
            zone = UTC if utc else line.zone
            return "" if seconds is None else datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S")

        return shown

    local = {name: cell(moment, utc=False) for name, moment in moments.items()}
    return local | {f"{name}_utc": cell(moment, utc=True) for name, moment in moments.items()}


@dataclass(frozen=True, slots=True)
class Report:
    """One type of report: its columns, those that it has when none are asked for, its lines."""

    columns: dict[str, Cell]
    default: tuple[str, ...]
    lines: Callable[[Shop, Json], Iterator[tuple[objects.BalanceTransaction, objects.Payout | None]]]

    def knows(self, column: str) -> bool:
        """Whether it has such a column."""
        return column in self.columns or (column.startswith(METADATA) and "source_id" in self.columns)

    def rows(self, shop: Shop, wishes: Json, columns: list[str], zone: ZoneInfo) -> Iterator[list[str]]:
        """The cells of every line, as they are or as a scenario has them told."""
        category, wrong = wishes.get("reporting_category"), differences.open_rows(shop)
        for row, payout in self.lines(shop, wishes):
            if category not in {None, row.reporting_category}:
                continue
            for told in _told(row, wrong.get(row.id, [])):
                line = Line(shop, told, payout, zone)
                yield [self.columns[c](line) if c in self.columns else line.metadata(c) for c in columns]


def _told(row: objects.BalanceTransaction, wrong: list[Difference]) -> list[objects.BalanceTransaction]:
    for one in wrong:
        match one.fault:
            case "row_lost":
                return []
            case "row_doubled":
                return [row, row]
            case "row_wrong":
                return [objects.changed(row, amount=row.amount + one.amount)]
    return [row]


def _in_payouts(shop: Shop, wishes: Json) -> Iterator[tuple[objects.BalanceTransaction, objects.Payout]]:
    """What the automatic payouts of the interval contain; a payout's own row is the total, not a part."""
    table = shop.tables["balance_transaction"]
    for payout in list(shop.tables["payout"].values()):
        if payout.automatic and _within(wishes, payout.arrival_date, payout.currency):
            for row_id in list(shop.by_payout.get(payout.id, ())):
                if table[row_id].type != "payout":
                    yield table[row_id], payout


def _activity(shop: Shop, wishes: Json) -> Iterator[tuple[objects.BalanceTransaction, objects.Payout | None]]:
    """What was booked in the interval, but for payouts and those that came back."""
    table, order = shop.tables["balance_transaction"], shop.orders["balance_transaction"]
    ids = list(order.down(least=wishes["interval_start"], most=wishes["interval_end"]))
    for row in (table[row_id] for row_id in reversed(ids)):
        if not row.reporting_category.startswith("payout") and _within(wishes, row.created, row.currency):
            yield row, shop.find(objects.Payout, row.payout)


def _payouts(shop: Shop, wishes: Json) -> Iterator[tuple[objects.BalanceTransaction, objects.Payout]]:
    """The payouts of the interval by their arrival, and those that came back in it."""
    for payout in list(shop.tables["payout"].values()):
        for row_id in (payout.balance_transaction, payout.failure_balance_transaction):
            row = shop.find(objects.BalanceTransaction, row_id)
            if row is None:
                continue
            moment = row.created if row.reporting_category == "payout_reversal" else payout.arrival_date
            if _within(wishes, moment, row.currency):
                yield row, payout


def _within(wishes: Json, moment: int, currency: str) -> bool:
    inside: bool = wishes["interval_start"] <= moment < wishes["interval_end"]
    return inside and wishes.get("currency") in {None, currency}


_START = ("automatic_payout_id", "automatic_payout_effective_at", "balance_transaction_id", "created", "available_on")
_MONEY = ("currency", "gross", "fee", "net", "reporting_category", "source_id", "description")
COLUMNS = PLAIN | EMPTY | _timed(MOMENTS)
REPORTS = {
    "payout_reconciliation.itemized.5": Report(
        COLUMNS, (*_START, *_MONEY, "payment_intent_id", "charge_id"), _in_payouts
    ),
    "balance_change_from_activity.itemized.3": Report(COLUMNS, (*_START[2:], *_MONEY), _activity),
    "payouts.itemized.3": Report(
        OF_PAYOUT | _timed(MOMENTS_OF_PAYOUT),
        ("payout_id", "effective_at", "balance_transaction_id", *_MONEY[:5], "description", "payout_status"),
        _payouts,
    ),
}
