"""Which provider accounts take a payment, in which order, and why: pure and repeatable.

Rules are read from top to bottom, as a firewall reads its own: the first that matches says who takes the payment, those
below it say who comes next, and the accounts' own weights stand at the end. A rule that blocks ends the list where it
stands. Who cannot take the payment is left out, and who is in trouble, or is spared for a while, comes last.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, assert_never

from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import Category, Decline
from payments.kernel.errors import Refusal

MOST_PROVIDERS: Final = 2
"""Per confirmation: a customer waits, and an issuer that is asked again and again takes offence."""

RULE, CONTROL = "rule", "control"
"""The two arms of a rule on trial: whom it routes, and whom it leaves to the rules below it for comparison."""

NO_MONEY: Final = frozenset({"insufficient_funds", "limit_exceeded"})
"""Soft declines about the customer's account: it is the same account for every provider."""


class PaymentMethodNotAvailable(Refusal):
    """The payment method cannot be used for this amount, country, currency or account; `available` lists what can."""

    code, status = "payment_method_not_available", 422


class TokenOfAnotherProvider(Refusal):
    """The token was made by another provider than the one that is to be paid with."""

    code, status = "token_of_another_provider", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a payment before it is made; `amount` is in minor units of its currency.

    `has_token`: a PSP's fields have made a token of the method. `wanted` is the account whose fields they were; without
    a token it is the account that the client has made the details for.
    """

    intent_id: str
    currency: str
    country: str = ""
    method: str = "card"
    amount: int = 0
    brand: str = ""
    bin: str = ""
    segment: str = ""
    channel: str = ""
    has_token: bool = False
    wanted: str | None = None

    @property
    def travels(self) -> bool:
        """True when any account that offers the method can take it: nothing of it was made for one alone."""
        return self.wanted is None and not self.has_token

    @property
    def where(self) -> str:
        """Currency and country in words."""
        return f"{self.currency} from {self.country or 'anywhere'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What routing knows of a provider account; `takes` says whether its PSP offers the payment's method."""

    code: str
    countries: tuple[str, ...]
    currencies: tuple[str, ...]
    weight: int
    takes: Callable[[Facts], bool] = lambda _facts: True

    def why_not(self, facts: Facts) -> str:
        """Why it cannot take the payment; "" when it can. An empty list on an account means every one."""
        if self.currencies and facts.currency not in self.currencies:
            return f"takes no {facts.currency}"
        if self.countries and facts.country and facts.country not in self.countries:
            return f"does not serve {facts.country}"
        return "" if self.takes(facts) else f"does not offer {facts.method} this way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the rule book; what is empty matches everything, and an empty `split` blocks.

    An account of weight zero in a split is a standby. `control_percent` of what matches passes the rule by, so that
    what it does can be compared. `since` is when people have activated it.
    """

    id: str
    name: str
    split: tuple[tuple[str, int], ...]
    methods: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    amount_from: int | None = None
    amount_to: int | None = None
    brands: frozenset[str] = frozenset()
    bins: tuple[str, ...] = ()
    segments: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    control_percent: int = 0
    since: datetime | None = None

    def matches(self, facts: Facts) -> bool:
        """True when everything that it asks for is so. The band holds from `amount_from` up to below `amount_to`."""
        return (
            (not self.methods or facts.method in self.methods)
            and (not self.currencies or facts.currency in self.currencies)
            and (not self.countries or facts.country in self.countries)
            and (self.amount_from is None or facts.amount >= self.amount_from)
            and (self.amount_to is None or facts.amount < self.amount_to)
            and (not self.brands or facts.brand in self.brands)
            and (not self.bins or (facts.bin != "" and facts.bin.startswith(self.bins)))
            and (not self.segments or facts.segment in self.segments)
            and (not self.channels or facts.channel in self.channels)
        )

    def spares(self, intent_id: str) -> bool:
        """True for the intents of its control arm: always the same ones."""
        return self.control_percent > 0 and _point(f"{self.id}/control", intent_id) * 100 < self.control_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Payments that go elsewhere because something is wrong with an account there: all but `share` of them (0 to 1).

    What is empty matches everything. `since` is when it began: a rule of later that names the account stands above it.
    """

    id: str
    account: str
    share: float
    because: str
    since: datetime
    method: str = ""
    country: str = ""
    currency: str = ""

    def moves(self, facts: Facts) -> bool:
        """True for the payments that go elsewhere: always the same ones, and fewer of these as the share grows."""
        return (
            self.method in ("", facts.method)
            and self.country in ("", facts.country)
            and self.currency in ("", facts.currency)
            and _point(f"{self.id}/shift", facts.intent_id) >= self.share
        )

    def overruled(self, rules: Sequence[Rule], facts: Facts) -> bool:
        """True when people have sent such payments to the account since, knowing better."""
        return any(
            rule.since is not None
            and rule.since > self.since
            and any(code == self.account for code, _ in rule.split)
            and rule.matches(facts)
            and not rule.spares(facts.intent_id)
            for rule in rules
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What routing decides by: active rules in their order, accounts, and what people and circuits have switched off.

    `troubled` are accounts that come last, each with the reason, and before them come those whose payments go elsewhere
    by `shifts`; `off_methods` and `off_countries` take nothing.
    """

    candidates: Sequence[Candidate]
    rules: Sequence[Rule] = ()
    troubled: Mapping[str, str] = field(default_factory=dict)
    shifts: Sequence[Shift] = ()
    off_methods: frozenset[str] = frozenset()
    off_countries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A provider account, and in words why this one, or why not."""

    code: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who takes the payment, and who comes after: `choices` in their order, never empty.

    `rule` and `arm` name the rule that had the first say, or spared the payment; "" when none had one.
    """

    choices: tuple[Choice, ...]
    left_out: tuple[Choice, ...] = ()
    rule: str = ""
    arm: str = ""
    travels: bool = False
    tried: int = 0

    @property
    def first(self) -> Choice:
        """Who takes the payment."""
        return self.choices[0]

    def after(self, outcome: Outcome) -> "Plan | None":
        """The rest of the plan, when another account may try once this one has answered so; else None."""
        more = self.travels and self.tried + 1 < MOST_PROVIDERS and len(self.choices) > 1
        if not more or not may_fail_over(outcome):
            return None
        failed, following, *others = self.choices
        said = "could not be reached" if outcome.verdict is Verdict.UNAVAILABLE else "declined softly"
        onward = Choice(code=following.code, why=f"{failed.code} {said}; {following.why}")
        return replace(self, choices=(onward, *others), tried=self.tried + 1)

    def told(self) -> dict[str, Any]:
        """The decision as it is kept with the attempt: who would have been next, and who was left out, and why."""
        return {
            "next": [{"provider_account": one.code, "why": one.why} for one in self.choices[1:]],
            "left_out": [{"provider_account": one.code, "why": one.why} for one in self.left_out],
        }


def plan(book: Book, facts: Facts) -> Plan:
    """The provider accounts that may take the payment, best first; refused when there is none, or a rule blocks it.

    A token belongs to the account that made it (`wanted`) and cannot travel.
    """
    _refuse_switched_off(book, facts)
    able, left_out = _able(book.candidates, facts)
    if facts.wanted is not None:
        return _kept(book, facts, able)
    if not able:
        raise PaymentMethodNotAvailable(f"No provider account takes payments in {facts.where}.", param="payment_method")
    listed, rule, arm = _listed(book, facts, able)
    choices = _last(_last(listed, _shifted(book, facts)), book.troubled)
    return Plan(choices=tuple(choices), left_out=left_out, rule=rule, arm=arm, travels=facts.travels)


def _last(listed: Sequence[Choice], reasons: Mapping[str, str]) -> list[Choice]:
    """The same accounts, those for which there is a reason behind the others: they still take what nobody else can."""
    behind = [replace(one, why=f"{one.why}; last, because {reasons[one.code]}")
              for one in listed if one.code in reasons]  # fmt: skip
    return [*(one for one in listed if one.code not in reasons), *behind]


def _shifted(book: Book, facts: Facts) -> dict[str, str]:
    """The accounts whose part of such payments goes elsewhere, this one too, each with the reason."""
    moving = [one for one in book.shifts if one.moves(facts) and not one.overruled(book.rules, facts)]
    return {one.account: f"its payments go elsewhere: {one.because}" for one in moving}


def _refuse_switched_off(book: Book, facts: Facts) -> None:
    if facts.method in book.off_methods:
        raise PaymentMethodNotAvailable(f"{facts.method} is switched off.", param="payment_method")
    if facts.country and facts.country in book.off_countries:
        raise PaymentMethodNotAvailable(f"Payments from {facts.country} are switched off.", param="payment_method")


def _able(candidates: Sequence[Candidate], facts: Facts) -> tuple[dict[str, Candidate], tuple[Choice, ...]]:
    """Who can take the payment, by code, and who cannot, with the reason."""
    reasons = [(one, one.why_not(facts)) for one in candidates]
    able = {one.code: one for one, why in reasons if not why}
    return able, tuple(Choice(code=one.code, why=why) for one, why in reasons if why)


def _kept(book: Book, facts: Facts, able: Mapping[str, Candidate]) -> Plan:
    """The payment stays with the account that it was made for."""
    code = str(facts.wanted)
    if code not in able:
        raise PaymentMethodNotAvailable(
            f"{code} does not take payments in {facts.where}.", param="payment_method.provider_account"
        )
    first = next((rule for rule in book.rules if rule.matches(facts)), None)
    if first is not None and not first.split:
        raise _blocked(first)
    return Plan(choices=(Choice(code=code, why="the payment method was tokenised with this account"),))


def _blocked(rule: Rule) -> PaymentMethodNotAvailable:
    return PaymentMethodNotAvailable(f"This payment is not accepted: {rule.name}.", param="payment_method")


def _listed(book: Book, facts: Facts, able: Mapping[str, Candidate]) -> tuple[list[Choice], str, str]:
    """Everybody who is able, in the order of the rules and then of the weights; and the rule that had the first say."""
    listed: dict[str, Choice] = {}
    said: tuple[str, str] = ("", "")
    for rule in (one for one in book.rules if one.matches(facts)):
        if rule.spares(facts.intent_id):
            said = said if any(said) or listed else (rule.id, CONTROL)
            continue
        if not rule.split:
            if not listed:
                raise _blocked(rule)
            return list(listed.values()), *said
        fresh = [part for part in rule.split if part[0] in able and part[0] not in listed]
        said = said if any(said) or not fresh else (rule.id, RULE)
        for choice in _by_weight(fresh, facts.intent_id):
            listed[choice.code] = replace(choice, why=f"rule {rule.name}: {choice.why}")
    if len(able) == 1 and not listed:
        return [Choice(code=next(iter(able)), why="the only account for this payment")], *said
    rest = [(one.code, one.weight) for one in able.values() if one.code not in listed]
    return [*listed.values(), *_by_weight(rest, facts.intent_id)], *said


def _by_weight(split: Sequence[tuple[str, int]], intent_id: str) -> Iterator[Choice]:
    """The accounts of a split in this intent's order: those of weight zero are standbys and come last, as they stand.

    Weighted rendezvous hashing (Thaler and Ravishankar 1998; Schindelhauer and Schomaker 2005): each account is first
    for its share of the intents, and when one goes, only its own share moves.
    """
    total = sum(weight for _, weight in split)
    weighted = [(-math.log(_point(code, intent_id)) / weight, code, weight) for code, weight in split if weight > 0]
    for _, code, weight in sorted(weighted):
        yield Choice(code=code, why=f"weight {weight} of {total}")
    for code, weight in split:
        if weight <= 0:
            yield Choice(code=code, why="standby, of weight zero")


def _point(salt: str, intent_id: str) -> float:
    """A number above 0 and below 1, evenly spread over intents and the same on every machine."""
    digest = hashlib.sha256(f"{salt}:{intent_id}".encode()).digest()
    return (int.from_bytes(digest[:6], "big") + 0.5) / (1 << 48)


def may_fail_over(outcome: Outcome) -> bool:
    """True when another provider may be tried after this answer.

    Only with proof that nothing happened, or after a decline that another provider may not share.
    """
    match outcome.verdict:
        case Verdict.UNAVAILABLE:
            return True
        case Verdict.DECLINED:
            return outcome.decline is not None and _may_differ(outcome.decline)
        case Verdict.APPROVED | Verdict.ACTION_REQUIRED | Verdict.PENDING | Verdict.CANCELED | Verdict.UNKNOWN:
            return False
    assert_never(outcome.verdict)


def _may_differ(decline: Decline) -> bool:
    """Whether the same wish may be granted elsewhere: never what the customer, the card or a thief is the reason of."""
    match decline.category:
        case Category.SOFT:
            return decline.decline_code not in NO_MONEY
        case Category.HARD | Category.CUSTOMER | Category.FRAUD | Category.TECHNICAL:
            return False
    assert_never(decline.category)
