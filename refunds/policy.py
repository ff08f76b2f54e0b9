"""The arithmetic of giving money back: what units of a line are worth, and which payments it is taken from. Pure."""

from collections.abc import Mapping, Sequence
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
