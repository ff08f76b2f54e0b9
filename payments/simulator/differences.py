"""Where the faults of a settlement strike, and how the book of truth tells of them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from payments.simulator.scenarios import BOOKS, FILES, ROWS, Facts, Scenario
from payments.simulator.settlement import Difference
from payments.simulator.tables import Tables

Json = dict[str, Any]

OPERATION = ("settlement",)
ALL = BOOKS | ROWS
WITHOUT_FEE = ALL - {"overcharged_fee"}


def day_of(moment: int) -> str:
    """The day (UTC) of a moment, as scenarios and causes name it."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def at_line(shop: Tables, kind: str, method: str | None, *, fee: bool) -> Scenario | None:
    """The fault of a line that is being booked; `kind` is its type, `fee` whether it bears one."""
    faults = ALL if fee else WITHOUT_FEE

    def facts() -> Facts:
        return Facts(method=method, event=kind, day=day_of(shop.now()))

    return shop.world.scenarios.pick(faults, OPERATION, shop.account.code, facts)


def at_file(shop: Tables, kind: str) -> Scenario | None:
    """The fault of a file that is being made; `kind` is what it reports."""
    facts = Facts(event=kind, day=day_of(shop.now()))
    return shop.world.scenarios.pick(FILES, OPERATION, shop.account.code, lambda: facts)


def told(fault: Scenario, net: int) -> int:
    """What is told minus what would be true, of a line that is worth `net`."""
    match fault.fault:
        case "overcharged_fee":
            return -int(fault.options["minor"])
        case "line_wrong" | "row_wrong":
            return int(fault.options["delta"])
        case "line_lost" | "row_lost":
            return -net
        case "line_doubled" | "row_doubled":
            return net
    return 0


def note(shop: Tables, fault: str, amount: int, currency: str, **about: Any) -> Difference:
    """Write down that a settlement says something wrongly."""
    where = "books" if fault in BOOKS else "file"
    found = Difference(shop.world.ids.next("dif_"), shop.now(), fault, where, amount, currency, **about)
    shop.save(found)
    return found


def open_rows(shop: Tables) -> dict[str, list[Difference]]:
    """What files say wrongly, by the line."""
    found: dict[str, list[Difference]] = {}
    for one in shop.tables["difference"].values():
        if one.where == "file" and one.key and one.status == "open":
            found.setdefault(one.key, []).append(one)
    return found


def lines(shop: Tables) -> Iterator[Json]:
    """The lines of the book of truth."""
    for one in list(shop.tables["difference"].values()):
        yield {
            "object": "difference",
            "id": one.id,
            "payment": one.payment or None,
            "status": one.status,
            "amount": one.amount,
            "amount_captured": 0,
            "amount_refunded": 0,
            "currency": one.currency,
            "fault": one.fault,
            "where": one.where,
            "line": one.line or None,
            "type": one.type or None,
            "file": one.file or None,
            "idempotency_key": None,
            "created": one.created,
        }
