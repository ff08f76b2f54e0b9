"""Stripe's own view of money: exponents, smallest and largest charges, a fixed table of rates.

Amounts are integers in the smallest unit. Sources: docs.stripe.com/currencies.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from payments.simulator.rates import PER_DOLLAR, table
from payments.simulator.stripe import errors

_ZERO = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
ZERO = frozenset(_ZERO.split())
THREE = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# Sent with two decimals although the currency has none; the decimals must be 00.
WHOLE = frozenset({"isk", "ugx"})

# Smallest charge, in major units, where Stripe names one.
_MINIMUM = """
usd:0.50 eur:0.50 gbp:0.30 chf:0.50 jpy:50 brl:0.50 mxn:10 pln:2 inr:0.50 huf:175 czk:15 sek:3 nok:3 dkk:2.50
sgd:0.50 hkd:4 myr:2 thb:10 aud:0.50 cad:0.50 nzd:0.50 aed:2 ron:2 bgn:1
"""
MINIMUM = table(_MINIMUM)
LARGEST = 999_999_999_999


def exponent(currency: str) -> int:
    """How many decimals an API amount of this currency has."""
    if currency in ZERO:
        return 0
    return 3 if currency in THREE else 2


def major(amount: int, currency: str) -> Decimal:
    """An API amount in major units."""
    return Decimal(amount).scaleb(-exponent(currency))


def minor(amount: Decimal, currency: str) -> int:
    """A major amount as the API writes it, rounded half up."""
    return int(amount.scaleb(exponent(currency)).quantize(Decimal(1), ROUND_HALF_UP))


def rate(source: str, target: str, per_dollar: Mapping[str, Decimal] = PER_DOLLAR) -> Decimal:
    """How many smallest units of `target` one smallest unit of `source` is, as in `exchange_rate`."""
    major_rate = per_dollar[target] / per_dollar[source]
    return major_rate.scaleb(exponent(target) - exponent(source)).quantize(Decimal("1e-9"))


def converted(amount: int, by: Decimal) -> int:
    """An amount times a rate from `rate`, rounded half up."""
    return int((amount * by).quantize(Decimal(1), ROUND_HALF_UP))


def check_currency(currency: str) -> str:
    """The currency in lower case. Raises InvalidError when Stripe does not know it."""
    code = currency.lower()
    if code not in PER_DOLLAR:
        known = ", ".join(sorted(PER_DOLLAR))
        raise errors.InvalidError(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: {known}", "currency"
        )
    return code


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Raises InvalidError when Stripe would not charge this amount."""
    if amount < 1:
        raise errors.InvalidError("This value must be greater than or equal to 1.", param, "parameter_invalid_integer")
    shown = f"{major(amount, currency)} {currency}"
    if amount > LARGEST:
        raise errors.InvalidError(
            f"Amount must be no more than {major(LARGEST, currency)} {currency}; you sent {shown}.",
            param,
            "amount_too_large",
        )
    if amount < smallest(currency):
        raise errors.InvalidError(
            f"Amount must be at least {major(smallest(currency), currency)} {currency}; you sent {shown}.",
            param,
            "amount_too_small",
        )
    if (currency in THREE and amount % 10) or (currency in WHOLE and amount % 100):
        raise errors.InvalidError(
            f"Invalid amount for {currency}: the last {1 if currency in THREE else 2} digit(s) must be 0.",
            param,
            "parameter_invalid_integer",
        )


def smallest(currency: str) -> int:
    """The smallest charge; where Stripe names none, what half a dollar is worth."""
    if currency in MINIMUM:
        return minor(MINIMUM[currency], currency)
    return max(1, minor(Decimal("0.50") * PER_DOLLAR[currency], currency))
