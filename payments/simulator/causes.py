"""Causes: what whoever runs the simulator lets happen to the money of an account, at once or on a day to come."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from payments.simulator import bank, differences
from payments.simulator.bank import Words
from payments.simulator.settlement import Cause
from payments.simulator.tables import Tables

Json = dict[str, Any]

TIMER = "cause"
NOON = time(12, tzinfo=UTC)
NEXT = "of the next payout"


class BadCauseError(ValueError):
    """A cause that cannot be understood, or that finds nothing to happen to."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The fields of a cause. Every question raises BadCauseError when the answer makes no sense."""

    given: Json

    def amount(self) -> int:
        """Above nothing, in the smallest unit of the account's currency."""
        amount = self.signed()
        if amount < 1:
            raise BadCauseError("amount must be above 0")
        return amount

    def signed(self) -> int:
        """Above or below nothing: what the merchant gets, or loses."""
        amount = self.given.get("amount")
        if not isinstance(amount, int) or isinstance(amount, bool) or amount == 0:
            raise BadCauseError("amount must be a whole number in the currency's smallest unit, and not 0")
        return amount

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self.given.get(name, default)
        if not isinstance(value, str):
            raise BadCauseError(f"{name} must be a text")
        return value


@dataclass(frozen=True, slots=True)
class Handler:
    """What a cause does, and which fields it has; the function returns the id of what it made."""

    fields: frozenset[str]
    run: Callable[[Any, Wish], str]


Handlers = Mapping[str, Handler]


def handler(run: Callable[[Any, Wish], str], *fields: str) -> Handler:
    """A cause with these fields."""
    return Handler(frozenset(fields), run)


def plan(shop: Tables, handlers: Handlers, wish: Json) -> Json:
    """Let it happen at once, or at noon (UTC) of its `day`. Raises BadCauseError."""
    given = dict(wish)
    name, day = given.pop("cause", None), given.pop("day", None)
    if name not in handlers:
        raise BadCauseError(f"unknown cause {name!r}; known: {', '.join(sorted(handlers))}")
    if unknown := given.keys() - handlers[name].fields:
        raise BadCauseError(f"unknown fields for {name}: {', '.join(sorted(unknown))}")
    cause = Cause(shop.world.ids.next("cause_"), shop.now(), name, given)
    if day is None:
        cause.result, cause.status = handlers[name].run(shop, Wish(given)), "done"
    else:
        due = _noon(day)
        if due <= shop.now():
            raise BadCauseError(f"noon of {day} is over")
        cause.day = str(day)
        shop.world.clock.schedule(due, shop.psp, shop.account.code, TIMER, cause.id)
    shop.save(cause)
    return asdict(cause)


def _noon(day: object) -> int:
    try:
        return int(datetime.combine(date.fromisoformat(str(day)), NOON).timestamp())
    except ValueError as error:
        raise BadCauseError(f"day must be a date: {error}") from error


def happen(shop: Tables, handlers: Handlers, cause: Cause) -> None:
    """Its day has come."""
    try:
        cause.result, cause.status = handlers[cause.cause].run(shop, Wish(cause.wish)), "done"
    except BadCauseError as error:
        cause.result, cause.status = str(error), "refused"
    shop.save(cause)


def shown(shop: Tables) -> Json:
    """What was to happen, what the settlement says wrongly, and what the PSP still owes."""
    return {
        "currency": shop.account.currency,
        "owed": shop.owed(),
        "causes": [asdict(cause) for cause in shop.tables["cause"].values()],
        "differences": list(differences.lines(shop)),
    }


def _bank_line(shop: Tables, wish: Wish) -> str:
    words = Words("other", wish.text("text", "TRANSFER"), party=wish.text("party"))
    return _entry(shop, wish.signed(), words)


def _bank_fee(shop: Tables, wish: Wish) -> str:
    return _entry(shop, -wish.amount(), Words("fee", wish.text("text", "ACCOUNT FEE")))


def _bank_charge(_shop: Tables, wish: Wish) -> str:
    wish.amount()
    return NEXT


def arrive(shop: Tables, amount: Decimal, currency: str, words: Words) -> None:
    """A payout reaches the bank, less what banks on the way were to keep of the next one."""
    for cause in [cause for cause in shop.tables["cause"].values() if cause.result == NEXT]:
        amount -= bank.major(int(cause.wish["amount"]), currency.upper())
        cause.result = "kept"
        shop.save(cause)
    bank.book(shop, amount, currency, words)


def _entry(shop: Tables, amount: int, words: Words) -> str:
    currency = shop.account.currency.upper()
    return bank.book(shop, bank.major(amount, currency), currency, words).id


def pay_in(shop: Tables, amount: Decimal, party: str, about: str) -> None:
    """The merchant sends money to the PSP."""
    bank.book(
        shop, -amount, shop.account.currency, Words("top_up", f"TRANSFER TO {party} {about}", about, party, about)
    )


BANK: Handlers = {
    "bank_line": handler(_bank_line, "amount", "text", "party"),
    "bank_fee": handler(_bank_fee, "amount", "text"),
    "bank_charge": handler(_bank_charge, "amount"),
}
