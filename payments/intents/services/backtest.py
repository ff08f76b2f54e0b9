"""What a routing rule would have done: recorded attempts are routed once more, on paper."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from moneyed import Money

from payments.gateway import accounts, fees, shifts
from payments.gateway.models import TrafficShift
from payments.intents import routing, rulebook
from payments.intents.models import PaymentAttempt, RoutingRule
from payments.intents.states import NOTHING, SETTLED, AttemptStatus
from payments.kernel import clock, ids, money

MOST: Final = 20_000
"""The latest so many first attempts are looked at."""

APPROVED: Final = tuple(status for status in SETTLED if status not in NOTHING or status == AttemptStatus.VOIDED)
"""What the PSP has said yes to, whatever became of it."""


@dataclass(slots=True)
class Line:
    """One provider account: what it took of the payments that the rule matches, and what it would have taken."""

    account: str
    took: int = 0
    approved: int = 0
    would_take: int = 0

    @property
    def rate(self) -> float | None:
        """The share of what it took that was approved; None when it took nothing."""
        return self.approved / self.took if self.took else None


@dataclass(slots=True)
class Cost:
    """What payments of one currency cost by the contracts, each as if it succeeded: where they went, and with the rule.

    `unknown` are those of which no contract tells one of the two; they are in neither sum.
    """

    actual: Money
    expected: Money
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """A first attempt whose end is known: what routing knew of it, who took it, when, and whether approved."""

    facts: routing.Facts
    account: str
    approved: bool
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Over `looked_at` first attempts since some time, of which the rule matches `matched` and would block `blocked`.

    `expected` is the approval that the rule would have brought at the rates that its accounts had; None when an
    account took none of these payments, so that nobody knows its rate. `costs` are of the payments that it would not
    block, by currency. `away` is what goes elsewhere at its accounts now: nothing of it counts here.
    """

    looked_at: int
    matched: int
    moved: int
    blocked: int
    lines: Sequence[Line]
    actual: float | None
    expected: float | None
    costs: Mapping[str, Cost]
    away: Sequence[TrafficShift] = ()


def run(rule_id: str, *, days: int = 30) -> Result:
    """Route the first attempts of the last days by this rule alone; nothing is written, and no PSP is asked."""
    rule = replace(rulebook.rule(RoutingRule.objects.get(pk=rule_id)), control_percent=0)
    book = replace(rulebook.book([rule]), troubled={}, shifts=(), off_methods=frozenset(), off_countries=frozenset())
    tariff, costs = fees.tariff(), dict[str, Cost]()
    lines: dict[str, Line] = defaultdict(lambda: Line(""))
    looked_at = matched = moved = blocked = 0
    for record in _recorded(clock.now() - timedelta(days=days)):
        looked_at += 1
        if not rule.matches(record.facts):
            continue
        matched += 1
        lines[record.account].took += 1
        lines[record.account].approved += record.approved
        try:
            would = routing.plan(book, record.facts).first.code
        except routing.PaymentMethodNotAvailable:
            blocked += 1
            continue
        lines[would].would_take += 1
        moved += would != record.account
        _add_cost(costs, tariff, record, would)
    for code, line in lines.items():
        line.account = code
    shown = sorted(lines.values(), key=lambda line: line.account)
    actual, expected = _rates(shown)
    away = [one for one in shifts.standing() if one.account.code in dict(rule.split)]
    return Result(looked_at=looked_at, matched=matched, moved=moved, blocked=blocked, lines=shown,
                  actual=actual, expected=expected, costs=dict(sorted(costs.items())), away=away)  # fmt: skip


def _add_cost(costs: dict[str, Cost], tariff: fees.Tariff, record: _Record, would: str) -> None:
    currency = record.facts.currency
    nothing = money.zero(currency)
    cost = costs.setdefault(currency, Cost(nothing, nothing))
    amount, on = money.from_minor(record.facts.amount, currency), record.made_at.date()
    fee, other = (tariff.fee(account, record.facts.method, amount, on=on) for account in (record.account, would))
    if fee is None or other is None:
        cost.unknown += 1
        return
    cost.actual += fee
    cost.expected += other


def _rates(lines: Sequence[Line]) -> tuple[float | None, float | None]:
    took, would = sum(line.took for line in lines), sum(line.would_take for line in lines)
    actual = sum(line.approved for line in lines) / took if took else None
    rates = [(line.would_take, line.rate) for line in lines if line.would_take]
    if not would or any(rate is None for _, rate in rates):
        return actual, None
    return actual, sum(number * (rate or 0.0) for number, rate in rates) / would


def _recorded(since: datetime) -> Iterable[_Record]:
    """First attempts whose end is known.

    A token is taken to be made where the rule wants it: the client is shown that account's fields first.
    """
    rows = PaymentAttempt.objects.filter(pk__gte=ids.new("att", at=since), status__in=SETTLED)
    first = rows.order_by("-intent_id", "pk").distinct("intent_id").select_related("intent__order", "intent__customer")
    for row in first[:MOST].iterator(chunk_size=2_000):
        intent = row.intent
        facts = routing.Facts(
            intent_id=intent.pk,
            currency=row.currency,
            country=intent.order.country if intent.order is not None else "",
            method=row.method,
            amount=row.amount_minor,
            brand=row.card_brand,
            segment=str(intent.customer.metadata.get(rulebook.SEGMENT, "")) if intent.customer is not None else "",
            has_token=bool(row.token),
        )
        yield _Record(
            facts=facts,
            account=accounts.account(row.account_id).code,
            approved=row.status in APPROVED,
            made_at=row.created_at,
        )
