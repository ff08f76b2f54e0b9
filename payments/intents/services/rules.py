"""The life of a routing rule: drafted by one person, approved and activated by others, retired or rolled back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from payments.gateway import accounts
from payments.gateway.switches import AnotherPersonNeeded
from payments.intents import policy, rulebook, selectors
from payments.intents.models import RoutingRule
from payments.intents.states import RuleStatus
from payments.kernel import attention, audit, clock, ids, unit
from payments.kernel.errors import Refusal

log = structlog.get_logger(__name__)

LARGEST_WEIGHT: Final = 10_000


class RuleInvalid(Refusal):
    """The routing rule does not say clearly what it wants."""

    code, status = "routing_rule_invalid", 422


class RuleUnexpectedState(Refusal):
    """The routing rule is in a state in which this cannot be done."""

    code, status = "routing_rule_unexpected_state", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rule as somebody wants it; `RoutingRule` says what each word means. An empty split blocks."""

    name: str
    split: Sequence[tuple[str, int]] = ()
    priority: int = 100
    methods: Sequence[str] = ()
    currencies: Sequence[str] = ()
    countries: Sequence[str] = ()
    amount_from: int | None = None
    amount_to: int | None = None
    brands: Sequence[str] = ()
    bins: Sequence[str] = ()
    segments: Sequence[str] = ()
    channels: Sequence[str] = ()
    control_percent: int = 10

    def matched(self) -> Mapping[str, list[str]]:
        """What it matches, by column."""
        lists = ("methods", "currencies", "countries", "brands", "bins", "segments", "channels")
        return {name: [str(one) for one in getattr(self, name)] for name in lists}


def draft(wanted: Draft, *, by: str) -> RoutingRule:
    """Write a rule down. Nothing is routed by it."""
    _refuse_unless_clear(wanted)
    with unit.work() as work:
        row = RoutingRule(
            id=ids.new("rule"),
            name=wanted.name.strip(),
            priority=wanted.priority,
            split=[[code, weight] for code, weight in wanted.split],
            amount_from_minor=wanted.amount_from,
            amount_to_minor=wanted.amount_to,
            control_percent=wanted.control_percent,
            drafted_by=by,
            **wanted.matched(),
        )
        work.add(row)
        audit.did("routing_rule.drafted", row.pk)
    return row


def _refuse_unless_clear(wanted: Draft) -> None:
    if not 0 < len(wanted.name.strip()) <= 60:
        raise RuleInvalid("Give the rule a name of at most 60 letters: it stands with every attempt.", param="name")
    codes = [code for code, _ in wanted.split]
    for code, weight in wanted.split:
        accounts.account(code)
        if not 0 <= weight <= LARGEST_WEIGHT:
            raise RuleInvalid(f"A weight is between 0 and {LARGEST_WEIGHT}.", param="split")
    if len(set(codes)) < len(codes):
        raise RuleInvalid("An account has one weight.", param="split")
    if (wanted.amount_from is not None or wanted.amount_to is not None) and len(wanted.currencies) != 1:
        raise RuleInvalid("An amount is of one currency: name it.", param="currencies")
    if not all(one.isdigit() and len(one) <= 8 for one in wanted.bins):
        raise RuleInvalid("The first digits of a card are at most eight digits.", param="bins")
    if not 0 <= wanted.control_percent <= 50:
        raise RuleInvalid("Between 0 and 50 percent are spared.", param="control_percent")


DONE: Final = {
    "approve": "routing_rule.approved", "activate": "routing_rule.activated", "retire": "routing_rule.retired",
}  # fmt: skip
"""What the audit log calls a move."""


def approve(rule_id: str, *, by: str) -> RoutingRule:
    """A second person agrees with what it says. Nothing is routed by it yet."""
    return _moved(rule_id, "approve", because="approved", by=by, approved_by=by)


def activate(rule_id: str, *, by: str) -> RoutingRule:
    """Payments are routed by it, within 5 seconds everywhere; never by a click of who drafted it."""
    return _moved(rule_id, "activate", because="activated", by=by, activated_by=by, activated_at=clock.now())


def retire(rule_id: str, *, because: str, by: str) -> RoutingRule:
    """Nothing is routed by it any more, within 5 seconds everywhere; one person is enough."""
    return _moved(rule_id, "retire", because=because, by=by, retired_at=clock.now())


def _moved(rule_id: str, event: str, *, because: str, by: str, **values: Any) -> RoutingRule:
    with unit.work():
        row = RoutingRule.objects.select_for_update().get(pk=rule_id)
        if not row.may(event):
            raise RuleUnexpectedState(f"The rule {row.name} is {row.status}.")
        if event in ("approve", "activate") and by == row.drafted_by:
            raise AnotherPersonNeeded("Who drafted a rule neither approves nor activates it.")
        row.advance(event, because=because, by=by, **values)
        audit.did(DONE[event], row.pk, because=because)
    rulebook.forget()
    log.info("routing_rule_moved", rule=row.pk, name=row.name, move=event, by=by)
    return row


def roll_back_losers() -> None:
    """Retire every active rule whose payments are approved less often than those that it spared; people are told."""
    for row in RoutingRule.objects.filter(status=RuleStatus.ACTIVE, control_percent__gt=0):
        why = policy.falls_short(*selectors.arms(row))
        if why:
            _roll_back(row.pk, why)


def _roll_back(rule_id: str, why: str) -> None:
    with unit.work():
        row = RoutingRule.objects.select_for_update().get(pk=rule_id)
        if not row.may("roll_back"):
            return
        row.advance("roll_back", because=why, by="routing", retired_at=clock.now())
        attention.open_item(attention.AttentionKind.RULE_ROLLED_BACK, row.pk, f"{row.name}: {why}")
    rulebook.forget()
    log.warning("routing_rule_rolled_back", rule=row.pk, name=row.name, why=why)
