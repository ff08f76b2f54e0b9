"""Amounts: whole minor units in the database and the API, `moneyed.Money` where rules speak."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import iso4217
import moneyed
from moneyed import Money

from payments.kernel.errors import Refusal

LIMIT: Final = 10**14
"""No amount reaches this many minor units: beyond it lies a bug or an attack, never a sale."""

_WRITTEN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class UnknownCurrency(Refusal):
    """The currency is not an ISO 4217 code of money in use."""

    code, status = "currency_unknown", 400


class AmountInvalid(Refusal):
    """The amount is no whole number of minor units, or beyond 10^14 of them."""

    code, status = "amount_invalid", 400


class CurrencyMismatch(Refusal):
    """Two amounts that must share a currency do not."""

    code, status = "currency_mismatch", 422


def _exponents() -> dict[str, int]:
    """ISO 4217's list, less what has no minor unit by nature (metals, test codes, funds without one)."""
    return {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}


EXPONENTS: Final[Mapping[str, int]] = _exponents()
"""Decimals of each currency's minor unit, from ISO 4217 (py-moneyed's own list is stale)."""

_NOT_TENDER: Final = ("BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD")
"""ISO 4217's codes of funds, of indexed units and of accounts between banks: nobody pays with them."""

IN_USE: Final = frozenset(EXPONENTS.keys() - set(_NOT_TENDER))
"""Money that somebody can pay with: what clients may ask for."""

for _code in EXPONENTS.keys() - moneyed.CURRENCIES.keys():
    _entry = iso4217.Currency(_code)
    moneyed.add_currency(_code, str(_entry.number), 10 ** EXPONENTS[_code], _entry.currency_name)


def exponent(currency: str) -> int:
    """How many decimals `currency` has in ISO 4217; `UnknownCurrency` when it is none."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency.", param="currency") from None


def from_minor(amount: int, currency: str) -> Money:
    """1999, EUR -> 19.99 EUR."""
    if type(amount) is not int:
        raise AmountInvalid(f"{amount!r} is not a whole number of minor units.")
    if abs(amount) >= LIMIT:
        raise AmountInvalid(f"{amount} is beyond the largest amount.")
    return Money(Decimal(amount).scaleb(-exponent(currency)), currency)


def to_minor(amount: Money) -> int:
    """19.99 EUR -> 1999. Refuses fractions of a minor unit, however small, and amounts beyond the limit.

    Every step is exact: arithmetic that rounds to the 28 digits of Python's decimals would lose a fraction.
    """
    value, places = amount.amount, exponent(amount.currency.code)
    if not value.is_finite():
        raise AmountInvalid(f"{value} is not an amount.")
    if value.copy_abs() >= Decimal(LIMIT).scaleb(-places):
        raise AmountInvalid(f"{value} {amount.currency.code} is beyond the largest amount.")
    whole = value.quantize(Decimal(1).scaleb(-places))
    if whole != value:
        raise AmountInvalid(f"{value} {amount.currency.code} has a fraction of a minor unit.")
    return int(whole.scaleb(places))


def parse(text: str, currency: str) -> Money:
    """ "19.99", EUR -> 19.99 EUR; floats are not text and are refused.

    Only what people write as an amount is one: Python would read `1e2`, `1_0` and every script's digits as well.
    """
    if not isinstance(text, str):
        raise AmountInvalid(f"{text!r} is not a decimal written as text.")
    if not _WRITTEN.fullmatch(text):
        raise AmountInvalid(f"{text!r} is not a decimal number.")
    amount = Money(Decimal(text), currency)
    to_minor(amount)
    return amount


def zero(currency: str) -> Money:
    """Nothing, in `currency`."""
    return from_minor(0, currency)


def decimal_text(amount: Money) -> str:
    """19.90 EUR -> "19.90": every decimal of the currency, no grouping, for files and sentences."""
    return f"{amount.amount:.{exponent(amount.currency.code)}f}"


def text(amount: Money) -> str:
    """19.9 EUR -> "19.90 EUR"."""
    return f"{decimal_text(amount)} {amount.currency.code}"


def allocate(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Split `amount` by `weights` without losing a unit: leftover units go to the largest remainders first."""
    total = sum(weights)
    if not weights or total <= 0 or min(weights) < 0:
        raise AmountInvalid("An amount is split by weights that are not negative and not all zero.")
    minor = to_minor(amount)
    sign, whole = (-1 if minor < 0 else 1), abs(minor)
    shares = [whole * weight // total for weight in weights]
    remainders = [whole * weight % total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for index in order[: whole - sum(shares)]:
        shares[index] += 1
    return [from_minor(sign * share, amount.currency.code) for share in shares]


class View:
    """A read-only `Money` over a row's `<name>_minor` column and its one `currency` column."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.column = f"{name}_minor"

    def __get__(self, row: Any, owner: type | None = None) -> Money:
        if row is None:
            return self  # type: ignore[return-value]  # the class itself asks for its descriptor
        return from_minor(getattr(row, self.column), row.currency)

    def __set__(self, row: Any, value: object) -> None:
        raise AttributeError(f"write {self.column}, in minor units")
