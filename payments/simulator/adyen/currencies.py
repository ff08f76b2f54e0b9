"""Adyen's own view of money: exponents that differ from ISO 4217 and from Stripe.

Source: docs.adyen.com/development-resources/currency-codes.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from payments.simulator.rates import PER_DOLLAR

_NONE = "IDR JPY KRW VND BYR CVE DJF GHC GNF KMF PYG RWF UGX VUV XAF XOF XPF"
_EXPONENTS = {**dict.fromkeys(_NONE.split(), 0), "MRO": 1}
_EXPONENTS.update(dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "OMR", "LYD", "TND"], 3))


def known(currency: str) -> bool:
    """Whether a payment may be in this currency."""
    return currency.lower() in PER_DOLLAR and currency.isupper()


def exponent(currency: str) -> int:
    """How many decimals an API amount of this currency has; CLP and ISK have two."""
    return _EXPONENTS.get(currency, 2)


def major(amount: int, currency: str) -> Decimal:
    """An API amount in major units."""
    return Decimal(amount).scaleb(-exponent(currency))


def minor(amount: Decimal, currency: str) -> int:
    """A major amount as the API writes it, rounded half up."""
    return int(amount.scaleb(exponent(currency)).quantize(Decimal(1), ROUND_HALF_UP))


def rate(source: str, target: str, per_dollar: Mapping[str, Decimal] = PER_DOLLAR) -> Decimal:
    """What one major unit of `source` is in `target`."""
    return (per_dollar[target.lower()] / per_dollar[source.lower()]).quantize(Decimal("1e-9"))


def converted(amount: int, source: str, target: str) -> int:
    """An amount of `source` in the smallest unit of `target`."""
    return minor(major(amount, source) * rate(source, target), target)
