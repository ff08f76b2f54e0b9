"""Which payment methods fit a payment, best first, and why the others do not. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from payments.kernel import money
from payments.methods.catalogue import Method, Offer


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


def offered(facts: Facts, accounts: Sequence[Account], methods: Mapping[str, Method]) -> Offered:
    """What fits. First what leads in the customer's country, then as the catalogue has them."""
    found = Offered()
    for method in sorted(methods.values(), key=lambda method: facts.country not in method.leads_in):
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
