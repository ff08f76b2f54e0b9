"""What routing decides by, as this process knows it: active rules, accounts, switches, shifts and circuits."""

import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from payments.gateway import accounts, circuits, shifts, switches
from payments.gateway.models import ProviderAccount, SwitchKind, TrafficShift
from payments.intents import routing
from payments.intents.models import PaymentAttempt, PaymentIntent, RoutingRule
from payments.intents.states import AttemptStatus
from payments.methods import catalogue
from payments.orders.models import Customer

CACHE_SECONDS: Final = 5.0
"""How long a process may go on with the rules as they were."""

SEGMENT: Final = "segment"
"""The entry of a customer's metadata that rules match as the customer's segment."""


class _Rules:
    """The active rules in their order; asked for every few seconds, and made anew when one has changed."""

    def __init__(self) -> None:
        self._read_at = -CACHE_SECONDS
        self._versions: list[tuple[str, int]] = []
        self._rules: tuple[routing.Rule, ...] = ()

    def all(self) -> tuple[routing.Rule, ...]:
        if time.monotonic() - self._read_at > CACHE_SECONDS:
            rows = list(RoutingRule.objects.filter(status="active").order_by("priority", "pk"))
            versions = [(row.pk, row.version) for row in rows]
            if versions != self._versions:
                self._rules, self._versions = tuple(map(rule, rows)), versions
            self._read_at = time.monotonic()
        return self._rules

    def forget(self) -> None:
        self._read_at = -CACHE_SECONDS


_rules = _Rules()


def forget() -> None:
    """Read rules, switches, shifts and accounts anew at the next question."""
    _rules.forget()
    switches.forget()
    shifts.forget()


def rule(row: RoutingRule) -> routing.Rule:
    """A row as routing reads it."""
    return routing.Rule(
        id=row.pk,
        name=row.name,
        split=tuple((code, weight) for code, weight in row.split),
        methods=frozenset(row.methods),
        currencies=frozenset(row.currencies),
        countries=frozenset(row.countries),
        amount_from=row.amount_from_minor,
        amount_to=row.amount_to_minor,
        brands=frozenset(row.brands),
        bins=tuple(row.bins),
        segments=frozenset(row.segments),
        channels=frozenset(row.channels),
        control_percent=row.control_percent,
        since=row.activated_at,
    )


def shift(row: TrafficShift) -> routing.Shift:
    """A row as routing reads it."""
    return routing.Shift(
        id=row.pk,
        account=row.account.code,
        share=float(row.share),
        because=row.because,
        since=row.began_at,
        method=row.method,
        country=row.country,
        currency=row.currency,
    )


def book(rules: Sequence[routing.Rule] | None = None) -> routing.Book:
    """All of it as it stands now, with other rules where they are given."""
    rows = accounts.enabled()
    return routing.Book(
        candidates=[_candidate(row) for row in rows],
        rules=_rules.all() if rules is None else rules,
        troubled=circuits.troubled(row.code for row in rows),
        shifts=tuple(map(shift, shifts.standing())),
        off_methods=frozenset(switches.off(SwitchKind.METHOD)),
        off_countries=frozenset(switches.off(SwitchKind.COUNTRY)),
    )


def plan(facts: routing.Facts, customer_id: str | None, *, able: Collection[str]) -> routing.Plan:
    """Who of those that are able takes the payment now; a customer's segment is looked up only while a rule asks."""
    now = book()
    now = replace(now, candidates=[one for one in now.candidates if one.code in able])
    if customer_id and any(one.segments for one in now.rules):
        facts = replace(facts, segment=segment(customer_id))
    return routing.plan(now, facts)


def takers(facts: Iterable[routing.Facts], *, but: str, well: bool = True) -> frozenset[str]:
    """Who else routing would give any of these payments, whatever goes elsewhere now; only who is `well` just now."""
    now = replace(book(), shifts=())
    found: set[str] = set()
    for one in facts:
        with suppress(routing.PaymentMethodNotAvailable):
            found.update(choice.code for choice in routing.plan(now, one).choices)
    return frozenset(found - {but} - (set(now.troubled) if well else set()))


def segment(customer_id: str) -> str:
    """The segment that the client has written into the customer's metadata; "" when there is none."""
    found = Customer.objects.filter(pk=customer_id).values_list("metadata", flat=True).first() or {}
    return str(found.get(SEGMENT, ""))


TRIED_IN_VAIN: Final = (AttemptStatus.FAILED, AttemptStatus.DECLINED)


def in_order(intent: PaymentIntent, attempt: PaymentAttempt | None, *, country: str) -> Iterable[ProviderAccount]:
    """The accounts whose fields a client may show for this intent, the next one first.

    Those at which it was tried in vain come last, the latest one at the very end: whoever pays with a new token should
    make it with another.
    """
    facts = routing.Facts(intent_id=intent.pk, currency=intent.currency, country=country, amount=intent.amount_minor)
    now = book()
    anything = [replace(one, takes=lambda _facts: True) for one in now.candidates]
    try:
        choices = routing.plan(replace(now, candidates=anything, off_methods=frozenset()), facts).choices
    except routing.PaymentMethodNotAvailable:
        return []
    rows = [accounts.account(one.code) for one in choices]
    if attempt is None or attempt.status not in TRIED_IN_VAIN:
        return rows
    tried = PaymentAttempt.objects.filter(intent_id=intent.pk, status__in=TRIED_IN_VAIN).order_by("pk")
    last = {account_id: number for number, account_id in enumerate(tried.values_list("account_id", flat=True))}
    last[attempt.account_id] = len(last)  # it may not be written yet: an answer is made before its commit
    return sorted(rows, key=lambda row: last.get(row.pk, -1))


def _candidate(row: ProviderAccount) -> routing.Candidate:
    return routing.Candidate(
        code=row.code,
        countries=tuple(row.countries),
        currencies=tuple(row.currencies),
        weight=row.weight,
        takes=partial(_takes, row),
    )


def _takes(row: ProviderAccount, facts: routing.Facts) -> bool:
    """Whether the account's PSP takes the method as it was given: as a token, or as what a client's fields made."""
    method = catalogue.METHODS.get(facts.method)
    offer = method.offers.get(row.psp) if method is not None else None
    if method is None or offer is None:
        return False
    return facts.has_token or method.flow is not catalogue.Flow.FIELDS or bool(offer.fields)
