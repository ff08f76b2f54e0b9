"""Which payment methods fit a payment, best first, and why the others do not. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from payments.kernel import money
from payments.methods.catalogue import Method, Offer

LEAST_TRIED: Final = 50
"""Of fewer tries nothing is concluded: one more customer who changes their mind must not turn the list over."""

Shares = Mapping[tuple[str, str], int]
"""By method and country ("": all countries), of how many in a hundred tries the money came."""


def shares(counted: Iterable[tuple[str, str, int, int]]) -> Shares:
    """What was measured, in whole per cent, from (method, country, tried, paid); too few tries say nothing."""
    return {(method, country): 100 * paid // tried for method, country, tried, paid in counted if tried >= LEAST_TRIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is to be paid: `amount` in minor units; where "" stands, nobody knows, and nothing is ruled out by it."""

    amount: int
    currency: str
    country: str = ""
    channel: str = ""
    manual_capture: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An enabled provider account; empty lists mean all. `says` whether its PSP knows the currency at all."""

    code: str
    psp: str
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    says: bool = True


@dataclass(frozen=True, slots=True)
class Fit:
    """A method that fits, and the accounts that take it."""

    method: Method
    accounts: Sequence[Account]


@dataclass(slots=True)
class Offered:
    """What fits, best first; by code, in words, why the others do not; and by account too, where only some do not."""

    fits: list[Fit] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)

    def accounts(self, method: str) -> frozenset[str]:
        """The codes of the accounts that take a method."""
        return frozenset(one.code for fit in self.fits if fit.method.code == method for one in fit.accounts)

    def why_not(self, method: str, account: str = "") -> str:
        """Why a method does not fit, with an account or at all; "" when it does."""
        at_all = self.reasons.get(method, "")
        return at_all if not account or at_all else self.refused.get((method, account), "")


def offered(
    facts: Facts, accounts: Sequence[Account], methods: Mapping[str, Method], measured: Shares | None = None
) -> Offered:
    """What fits, best first: the same facts and measures give the same order.

    First what leads in the customer's country and was not tried there often enough to be judged: it never would be,
    further down. Then what was measured, in that country or, where that says too little, in all of them: the larger
    share of paid tries first, among equals what leads in the country. Last what nobody knows, as the catalogue has it.
    """
    found = Offered()
    for method in sorted(methods.values(), key=lambda method: _place(method, facts.country, measured or {})):
        why = next(_against(method, facts), "")
        if not why:
            objections = [(one, _against_account(one, method.offers.get(one.psp), facts)) for one in accounts]
            found.refused.update({(method.code, one.code): objection for one, objection in objections if objection})
            takers = [one for one, objection in objections if not objection]
            if takers:
                found.fits.append(Fit(method, takers))
                continue
            why = _together(objections)
        found.reasons[method.code] = why
    return found


def _place(method: Method, country: str, measured: Shares) -> tuple[int, int, bool]:
    leads, there = country in method.leads_in, measured.get((method.code, country))
    if there is None and leads:
        return (0, 0, False)
    share = there if there is not None else measured.get((method.code, ""))
    return (2, 0, False) if share is None else (1, -share, not leads)


def _against(method: Method, facts: Facts) -> Iterator[str]:
    if method.countries and facts.country and facts.country not in method.countries:
        yield f"customers in {facts.country} do not have it"
    if method.currencies and facts.currency not in method.currencies:
        yield f"it is not paid in {facts.currency}"
    if method.channels and facts.channel and facts.channel not in method.channels:
        yield f"it does not work on {facts.channel}"
    least, most = method.limits.get(facts.currency, (0, facts.amount))
    if not least <= facts.amount <= most:
        low, high = (money.text(money.from_minor(minor, facts.currency)) for minor in (least, most))
        yield f"it takes from {low} to {high}"


def _against_account(account: Account, offer: Offer | None, facts: Facts) -> str:
    if offer is None:
        return "its provider does not offer it"
    if account.countries and facts.country and facts.country not in account.countries:
        return f"it takes no payments from {facts.country}"
    if (account.currencies and facts.currency not in account.currencies) or not account.says:
        return f"it takes no payments in {facts.currency}"
    if facts.manual_capture and not offer.manual_capture:
        return "the amount cannot be reserved and captured later"
    return ""


def _together(objections: Sequence[tuple[Account, str]]) -> str:
    """What speaks against every account, said once."""
    if not objections:
        return "no provider account is enabled"
    return "; ".join(dict.fromkeys(f"no account: {objection}" for _, objection in objections))
