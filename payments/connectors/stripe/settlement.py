"""Stripe's settlement files, read as neutral lines: the itemised report of a payout, and the movements of a day.

Sources: docs.stripe.com/reports/report-types/payout-reconciliation, /reports/reporting-categories,
/api/balance_transactions/object.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, BinaryIO, Final

import orjson

from payments.connectors import sheets
from payments.connectors.settlements import FileRefused, LineType, SettlementLine
from payments.connectors.sheets import Wrong
from payments.connectors.stripe import mapping
from payments.kernel import money

Json = Mapping[str, Any]

Side = tuple[str, int]
"""A currency, and minor units of it."""

WHAT: Final = "itemised payout reconciliation report of Stripe"

COLUMNS: Final = (
    *("automatic_payout_id", "balance_transaction_id", "created_utc", "currency", "gross", "fee", "net"),
    *("reporting_category", "source_id", "payment_intent_id", "customer_facing_amount", "customer_facing_currency"),
)
AMOUNTS: Final = (*("currency", "customer_facing_currency", "gross", "fee", "net", "customer_facing_amount"),)
"""What no file may lack. What we ask for besides, and a file that somebody brings may lack:"""
OPTIONAL: Final = (
    *("charge_id", "description", "payment_method_type", "payment_metadata[attempt]", "refund_metadata[refund]"),
)

_TYPES: Final = {
    LineType.CAPTURE: "charge charge_failure partial_capture_reversal",
    LineType.REFUND: "refund refund_failure",
    LineType.DISPUTE: "dispute dispute_reversal",
    LineType.FEE: "fee network_cost tax",
    LineType.RESERVE: "risk_reserved_funds connect_reserved_funds",
    LineType.PAYOUT: "payout topup topup_reversal",
    LineType.PAYOUT_RETURNED: "payout_reversal",
    LineType.CORRECTION: "other_adjustment",
}
TYPES: Final = {word: kind for kind, words in _TYPES.items() for word in words.split()}
"""What each reporting category is about; any other is unknown."""

TAX: Final = "tax"
CAPTURE, REFUND, FEE = LineType.CAPTURE, LineType.REFUND, LineType.FEE

PLACES: Final = Decimal("1e-12")
"""Of a rate that is not told, and worked out from two amounts."""


def _cost(category: str, net: int) -> tuple[int, int]:
    """The fee and the tax of a line that has no principal."""
    return (0, -net) if category == TAX else (-net, 0)


def _signed(amount: int, settled: int) -> int:
    """What a customer paid or got, in the direction in which our balance moved."""
    return abs(amount) if settled >= 0 else -abs(amount)


# --- the report of a payout ----------------------------------------------------------------------------------------


def read_payout(content: BinaryIO, payout: str, total: Side | None) -> Iterator[SettlementLine]:
    """The lines of a payout, which sum to what it came to (`total`) when that is known; other payouts' are left out.

    Its own line is none of them: the movements of a day have it. Raises `FileRefused`, perhaps after the last line.
    """
    report = _Report(payout)
    for line in sheets.Sheet(content, WHAT).lines(COLUMNS, OPTIONAL, AMOUNTS, report.line):
        if line.movement_reference != payout:
            report.sums[line.currency] += line.net_minor
            yield line
    if not report.sums:
        raise FileRefused(f"The report holds no line of the payout {payout}.")
    if total and dict(report.sums) != dict([total]):
        found = ", ".join(money.text(money.from_minor(minor, currency)) for currency, minor in report.sums.items())
        raise FileRefused(
            f"The lines of the payout {payout} sum to {found}, and it came to"
            f" {money.text(money.from_minor(total[1], total[0]))}: a line is missing, there twice, or changed."
        )


def payout_of(content: BinaryIO) -> str:
    """Which payout a report is of, by its first line."""
    for payout, _key in sheets.Sheet(content, WHAT).rows(COLUMNS[:2]):
        return payout
    raise FileRefused("The file has no lines below its header.")


class _Report:
    """What is known of the report while its lines pass by."""

    def __init__(self, payout: str) -> None:
        self._payout = payout
        self._amounts = sheets.Currencies(mapping.exponent)
        self.sums: defaultdict[str, int] = defaultdict(int)

    def line(self, _number: int, cells: tuple[str, ...]) -> SettlementLine | None:
        """One line, None of another payout. Raises `sheets.Wrong`."""
        payout, key, created, code, gross, fee_, net, category, source, payment, facing, facing_code = cells[:12]
        charge, words, method, attempt, refund = cells[12:]
        if payout != self._payout:
            return None
        currency = code.upper()
        amounts = self._amounts[currency]
        settled, fee = amounts[gross], amounts[fee_]
        if settled - fee != amounts[net]:
            raise Wrong(f"gross {gross} less fee {fee_} is not net {net}")
        kind = TYPES.get(category, LineType.UNKNOWN)
        principal, in_, rate, tax = settled, currency, None, 0
        if kind is FEE:
            principal, settled, (fee, tax) = 0, 0, _cost(category, settled - fee)
        elif facing and facing_code and facing_code != code:
            in_ = facing_code.upper()
            principal = _signed(self._amounts[in_][facing], settled)
            rate = _implied((in_, principal), (currency, settled))
        return SettlementLine(
            key, kind, category[:60], _moment(created), principal, in_, settled, currency, fee, tax, rate,
            payment, (charge or source) if kind is CAPTURE else source,
            attempt if kind is CAPTURE else refund if kind is REFUND else "", payout,
            method[:40] if kind is CAPTURE else "", "" if payment else words[:300],
        )  # fmt: skip


def _moment(said: str) -> datetime:
    try:
        return datetime.fromisoformat(said + "+00:00")
    except ValueError:
        raise Wrong(f"{said!a} is no date and time such as 2026-11-02 10:00:00") from None


def _implied(gross: Side, settled: Side) -> Decimal | None:
    """The rate between major units that two amounts have."""
    if not gross[1]:
        return None
    shift = money.EXPONENTS[gross[0]] - money.EXPONENTS[settled[0]]
    return (Decimal(settled[1]) / Decimal(gross[1])).scaleb(shift).quantize(PLACES)


# --- the movements of a day ----------------------------------------------------------------------------------------

KEPT: Final = ("id", "type", "reporting_category", "created", "amount", "fee", "net", "currency", "exchange_rate")
KEPT_OF_SOURCE: Final = ("id", "object", "amount", "amount_captured", "currency", "payment_intent", "charge")
OF_PAYMENTS: Final = frozenset(["charge", "refund", "dispute"])
OURS: Final = ("attempt", "refund")


def begins(day: date) -> bytes:
    """The first line of a file of movements: the day, in UTC."""
    return orjson.dumps({"day": day.isoformat()}) + b"\n"


def ends(count: int) -> bytes:
    """The last line: how many movements are before it, so that none can be cut off."""
    return orjson.dumps({"movements": count}) + b"\n"


def kept(movement: Json) -> bytes:
    """A balance transaction as we keep it: what Stripe said, less what names people."""
    said = {name: movement.get(name) for name in KEPT}
    said["tax"] = sum(part.get("amount", 0) for part in movement.get("fee_details") or () if part.get("type") == "tax")
    source = mapping.part(movement, "source")
    shown = {name: source[name] for name in KEPT_OF_SOURCE if name in source}
    if source.get("object") in OF_PAYMENTS:
        shown["method"] = mapping.optional(mapping.part(source, "payment_method_details"), "type")
        shown |= {name: mapping.reference(source, name) for name in OURS}
    else:
        said["description"] = mapping.optional(movement, "description")
    return orjson.dumps({**said, "source": shown or {"id": mapping.optional(movement, "source")}}) + b"\n"


def read_activity(content: BinaryIO, day: str) -> Iterator[SettlementLine]:
    """The movements of a day. Raises `FileRefused`, which may be after the last one."""
    lines = sheets.lines(content)
    if day_of(next(lines, "")) != day:
        raise FileRefused(f"The file is not of {day}.")
    count = 0
    for number, text in enumerate(lines, 2):
        said = _object(text, number)
        if "movements" in said:
            break
        try:
            line = _movement(said)
        except Wrong as wrong:
            raise FileRefused(f"Line {number}: {wrong}.") from None
        if line.occurred_at.date().isoformat() != day:
            raise FileRefused(f"Line {number}: the movement is of {line.occurred_at:%Y-%m-%d}, the file of {day}.")
        count += 1
        yield line
    else:
        raise FileRefused("The file ends before its last line: it was cut off. Fetch it again.")
    if said["movements"] != count or next(lines, None) is not None:
        raise FileRefused(f"The file says that it has {said['movements']} movements, and has others. Fetch it again.")


def day_of(line: str) -> str:
    """The day that the first line of a file of movements names; "" when it is none."""
    return mapping.optional(_object(line, 1), "day") if line.startswith('{"day"') else ""


def _object(text: str, number: int) -> dict[str, Any]:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        raise FileRefused(f"Line {number} is no movement.")
    return said


def _movement(said: Json) -> SettlementLine:
    """One movement. Raises `Wrong`."""
    key, category, currency, source, created, amount, fee, net, tax = _shaped(said)
    occurred_at = mapping.moment(created)
    if occurred_at is None:
        raise Wrong(f"{created} is no time")
    if amount - fee != net:
        raise Wrong(f"amount {amount} less fee {fee} is not net {net}")
    currency = currency.upper()
    settled, fee, tax = (_minor(value, currency) for value in (amount, fee - tax, tax))
    kind = TYPES.get(category, LineType.UNKNOWN)
    principal, in_, rate = settled, currency, None
    paid = (source.get("currency") or "").upper() if source.get("object") in OF_PAYMENTS else ""
    if kind is FEE:
        principal, settled, (fee, tax) = 0, 0, _cost(category, settled - fee - tax)
    elif paid and paid != currency:
        principal, in_ = _signed(_minor(_facing(source, category), paid), settled), paid
        rate = _told(said.get("exchange_rate"), in_, currency) or _implied((in_, principal), (currency, settled))
    payment = source.get("payment_intent") or ""
    source_id = source.get("id") or ""
    return SettlementLine(
        key, kind, category[:60], occurred_at, principal, in_, settled, currency, fee, tax, rate,
        payment, (source.get("charge") or source_id) if kind is CAPTURE else source_id,
        source.get("attempt", "") if kind is CAPTURE else source.get("refund", "") if kind is REFUND else "",
        source_id if kind is LineType.PAYOUT else "",
        source.get("method", "")[:40] if kind is CAPTURE else "", "" if payment else said.get("description", "")[:300],
    )  # fmt: skip


SHAPE: Final = {
    **dict.fromkeys(("id", "reporting_category", "currency"), str),
    "source": dict,
    **dict.fromkeys(("created", "amount", "fee", "net", "tax"), int),
}
"""What no movement may lack."""


def _shaped(said: Json) -> list[Any]:
    for name, kind in SHAPE.items():
        if type(said.get(name)) is not kind:
            raise Wrong(f"it is no movement of Stripe's: its {name} is missing")
    return [said[name] for name in SHAPE]


def _facing(source: Json, category: str) -> int:
    """How much of its own currency a movement is about: of a partial capture's reversal, what was not captured."""
    amount, captured = source.get("amount"), 0
    if category == "partial_capture_reversal" and source.get("object") == "charge":
        captured = source.get("amount_captured", 0)
    if type(amount) is not int or type(captured) is not int:
        raise Wrong("it does not say what the customer paid")
    return amount - captured


def _told(rate: object, gross: str, net: str) -> Decimal | None:
    """Stripe's rate goes between its smallest units; ours between major units."""
    if type(rate) not in {int, float}:
        return None
    return Decimal(str(rate)).scaleb(mapping.exponent(gross) - mapping.exponent(net))


def _minor(amount: int, currency: str) -> int:
    """Stripe's smallest units in those of ISO 4217."""
    more, less = _factors(currency)
    minor, lost = divmod(amount * more, less)
    if abs(minor) >= money.LIMIT:
        raise Wrong(f"{amount} is beyond any amount")
    if lost:
        raise Wrong(f"{amount} has a fraction of the smallest unit of {currency}")
    return minor


@cache
def _factors(currency: str) -> tuple[int, int]:
    if currency not in money.EXPONENTS:
        raise Wrong(f"{currency!a} is no currency of ISO 4217")
    more = money.EXPONENTS[currency] - mapping.exponent(currency)
    return 10 ** max(more, 0), 10 ** max(-more, 0)
