"""How much goes back: what units of a line are worth, which payments it is taken from, and whose limit it is. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from moneyed import Money

from payments.kernel import money

AUTOMATIC_PER_HOUR: Final = 20
"""How many refunds are made by themselves within an hour: a bug must not empty the account."""

AUTOMATIC_AMOUNTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("CLP", "JPY"), 1_000_000),
    **dict.fromkeys(("COP", "IDR", "KRW", "LBP", "PYG", "UGX", "VND"), 10_000_000),
    **dict.fromkeys(("CZK", "HKD", "INR", "MXN", "PHP", "THB", "TWD", "TRY", "ZAR"), 100_000),
    **dict.fromkeys(("HUF", "ISK", "NGN", "RUB", "KES"), 1_000_000),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR"), 2_000),
}
"""How much is given back by itself within an hour, in whole units of the currency: about 5,000 to 10,000 EUR."""

AUTOMATIC_AMOUNT: Final = 10_000
"""The same in every other currency."""


def automatic_limit(currency: str) -> Money:
    """How much of a currency is given back by itself within an hour."""
    return Money(Decimal(AUTOMATIC_AMOUNTS.get(currency, AUTOMATIC_AMOUNT)), currency)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff: the name that goes on record, roles that say how much, and whether he decides for others.

    The rights themselves are checked at the door as well; whoever comes without roles has no limit, and is held up.
    """

    name: str
    roles: Sequence[str] = ()
    approves: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """What goes back on one's own word, in minor units: at once, and within 24 hours. None stands for any amount."""

    each: int | None
    daily: int | None


def widest(limits: Iterable[Limit]) -> Limit | None:
    """What somebody with several roles may: the most that any of them allows; None without a limit."""
    found = list(limits)
    if not found:
        return None
    return Limit(_most([one.each for one in found]), _most([one.daily for one in found]))


def _most(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return max(known) if len(known) == len(amounts) else None


def rises(old: Limit | None, new: Limit) -> bool:
    """Whether more could go back by the new limit than by the old one, in any way."""
    if old is None:
        return True
    return _exceeds(old.each, new.each) or _exceeds(old.daily, new.daily)


def _exceeds(old: int | None, new: int | None) -> bool:
    return old is not None and (new is None or new > old)


def beyond(limit: Limit | None, amount: Money, let_go: int) -> str:
    """Why an amount is more than one's own word counts for, after `let_go` minor units in 24 hours; "" when it is not.

    Without a limit nothing is within it.
    """
    minor, currency = money.to_minor(amount), amount.currency.code
    if limit is None:
        return f"there is no limit for {currency}"
    if limit.each is not None and minor > limit.each:
        return f"more than {_text(limit.each, currency)} at once"
    if limit.daily is not None and let_go + minor > limit.daily:
        return f"more than {_text(limit.daily, currency)} within 24 hours, with {_text(let_go, currency)} before it"
    return ""


def _text(minor: int, currency: str) -> str:
    return money.text(money.from_minor(minor, currency))


def worth(total: Money, quantity: int, units: int) -> int:
    """What the first `units` of a line of `quantity` come to, in minor units of its `total`.

    It depends on nothing but the count, so that steps of any size sum to the total exactly.
    """
    return money.to_minor(money.allocate(total, [units, quantity - units])[0])


def spread(amount: int, available: Sequence[int]) -> list[int]:
    """Take `amount` from what is available, from the first on; the parts sum to less when there is not enough."""
    parts = []
    for left in available:
        part = min(amount, left)
        parts.append(part)
        amount -= part
    return parts


def place(amounts: Sequence[int], available: Sequence[int]) -> list[int] | None:
    """For each amount, the index of the first source that still covers all of it; None when one has no source.

    What costs nothing goes with the first that costs something.
    """
    left, places = list(available), [0] * len(amounts)
    for index, amount in enumerate(amounts):
        if not amount:
            continue
        fitting = next((i for i, have in enumerate(left) if have >= amount), None)
        if fitting is None:
            return None
        left[fitting] -= amount
        places[index] = fitting
    first = next((place for place, amount in zip(places, amounts, strict=True) if amount), 0)
    return [place if amount else first for place, amount in zip(places, amounts, strict=True)]
