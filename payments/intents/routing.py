"""Which provider account takes a payment, and why: pure and repeatable."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from payments.kernel.errors import Refusal


class PaymentMethodNotAvailable(Refusal):
    """The payment method cannot be used for this amount, country, currency or account; `available` lists what can."""

    code, status = "payment_method_not_available", 422


class TokenOfAnotherProvider(Refusal):
    """The token was made by another provider than the one that is to be paid with."""

    code, status = "token_of_another_provider", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What routing knows of a provider account."""

    code: str
    countries: tuple[str, ...]
    currencies: tuple[str, ...]
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A provider account, and in words why this one."""

    code: str
    why: str


def fitting(candidates: Sequence[Candidate], *, country: str, currency: str) -> list[Candidate]:
    """The accounts that serve this country and currency; an empty list on an account means every one."""
    return [
        one
        for one in candidates
        if (not one.currencies or currency in one.currencies)
        and (not one.countries or not country or country in one.countries)
    ]


def plan(candidates: Sequence[Candidate], *, intent_id: str, country: str, currency: str, wanted: str | None) -> Choice:
    """The account that takes the payment.

    A token belongs to the account that made it (`wanted`) and cannot travel. Without one, a hash of the intent
    splits by weight among those that fit, so that the same intent always goes the same way.
    """
    fit = fitting(candidates, country=country, currency=currency)
    if wanted is not None:
        if wanted not in {one.code for one in fit}:
            raise PaymentMethodNotAvailable(
                f"{wanted} does not take payments in {currency} from {country or 'anywhere'}.",
                param="payment_method.provider_account",
            )
        return Choice(code=wanted, why="the payment method was tokenised with this account")
    if not fit:
        raise PaymentMethodNotAvailable(
            f"No provider account takes payments in {currency} from {country or 'anywhere'}.", param="payment_method"
        )
    if len(fit) == 1:
        return Choice(code=fit[0].code, why="the only account for this country and currency")
    return _by_weight(fit, intent_id)


def _by_weight(fit: Sequence[Candidate], intent_id: str) -> Choice:
    total = sum(one.weight for one in fit)
    point = int.from_bytes(hashlib.sha256(intent_id.encode()).digest()[:8], "big") % max(total, 1)
    for one in fit:
        point -= one.weight
        if point < 0:
            return Choice(code=one.code, why=f"weight {one.weight} of {total}")
    return Choice(code=fit[0].code, why="all weights are zero: the first account")
