"""Faults on demand: which requests and notifications go wrong, how, and how often they did."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

# What happens to the connection or the answer; the PSP's truth is untouched by these.
TRANSPORT = frozenset(
    {
        "reset_before",
        "reset_after",
        "error_503_before",
        "rate_limit_429",
        "slow",
        "hang",
        "garbage_200",
        "truncated_200",
        "corrupted_200",
    }
)
# What changes the PSP's truth, or ends execution in the middle of it.
EFFECT = frozenset(
    {
        "error_500_before",
        "error_500_after",
        "late_capture_failure",
        "bounced_refund",
        "reversed_refund",
        "refused_modification",
        "delayed_modification",
        "wrong_amount",
        "issuer_outage",
    }
)
# What a settlement says wrongly: in the PSP's own books, so that its payout follows ...
BOOKS = frozenset({"overcharged_fee", "line_lost", "line_doubled", "line_wrong", "line_unknown"})
# ... or only in a file about them.
ROWS = frozenset({"row_lost", "row_doubled", "row_wrong"})
FILES = frozenset({"file_lost"})
SETTLEMENT = BOOKS | ROWS | FILES
WEBHOOK = frozenset({"webhook_lost", "webhook_doubled", "webhook_reordered", "webhook_late", "webhook_forged"})
OPTIONS = {
    "slow": {"ms": 1_000.0},
    "hang": {"seconds": 60.0},
    "webhook_late": {"seconds": 5.0},
    "late_capture_failure": {"seconds": 3_600.0},
    "bounced_refund": {"seconds": 3_600.0},
    "reversed_refund": {"seconds": 3_600.0},
    "delayed_modification": {"seconds": 60.0},
    "wrong_amount": {"delta": -1.0},
    "issuer_outage": {"approval": 0.0},
    "overcharged_fee": {"minor": 100.0},
    "line_wrong": {"delta": -100.0},
    "row_wrong": {"delta": -100.0},
}


class BadScenarioError(ValueError):
    """A scenario that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a scenario may look at besides the operation and the account."""

    method: str | None = None
    country: str | None = None
    issuer: str | None = None
    event: str | None = None
    day: str | None = None


@dataclass(slots=True)
class Scenario:
    """One fault, where it strikes, and how often it has."""

    id: str
    fault: str
    operation: str
    account: str | None = None
    method: str | None = None
    country: str | None = None
    # The first six digits of a card.
    issuer: str | None = None
    event: str | None = None
    # A day of simulator time (UTC) in ISO 8601, for what a settlement says.
    day: str | None = None
    rate: float = 1.0
    nth: list[int] | None = None
    times: int | None = None
    options: dict[str, float] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0
    dice: random.Random = field(default_factory=random.Random)

    def matches(self, operations: tuple[str, ...], account: str) -> bool:
        """Whether this operation of this account is meant."""
        return (self.operation == "*" or self.operation in operations) and self.account in {
            None,
            account,
        }

    def concerns(self, facts: Facts) -> bool:
        """Whether the payment method, the country, the issuer, the event and the day are meant."""
        return all(
            wanted is None or wanted == given
            for wanted, given in (
                (self.method, facts.method),
                (self.country, facts.country),
                (self.issuer, facts.issuer),
                (self.event, facts.event),
                (self.day, facts.day),
            )
        )

    def strikes(self) -> bool:
        """Count this occasion, and say whether the fault happens now."""
        if self.times is not None and self.fired >= self.times:
            return False
        self.seen += 1
        hit = self.dice.random() < self.rate if self.nth is None else self.seen in self.nth
        self.fired += hit
        return hit

    def as_json(self) -> dict[str, Any]:
        """The scenario and its counts, for whoever set it."""
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "dice"}
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(slots=True)
class Struck:
    """Something that a fault may have struck."""

    fault: Scenario | None = field(default=None, kw_only=True)

    def struck(self, name: str) -> bool:
        """Whether it is this fault."""
        return self.fault is not None and self.fault.fault == name

    def fate(self, name: str) -> float | None:
        """Seconds until the fault of this name happens; None when it does not."""
        return self.fault.options["seconds"] if self.fault is not None and self.fault.fault == name else None

    def wrong(self, amount: int) -> int:
        """The amount, unless a scenario wants it wrong."""
        if self.fault is not None and self.fault.fault == "wrong_amount":
            return max(1, amount + int(self.fault.options["delta"]))
        return amount

    @property
    def outage(self) -> bool:
        """Whether the issuer is out."""
        return self.struck("issuer_outage")


class Scenarios:
    """The faults in force, asked once for each request and each notification."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._all: dict[str, Scenario] = {}
        self._count = 0

    def add(self, wish: dict[str, Any]) -> Scenario:
        """Put a fault in force."""
        self._count += 1
        scenario = _parsed(f"scn_{self._count}", wish)
        scenario.dice = random.Random(f"{self._seed}/{scenario.id}")  # noqa: S311  repeatable on purpose
        self._all[scenario.id] = scenario
        return scenario

    def remove(self, scenario_id: str) -> bool:
        """End one fault; False when there is none of this id."""
        return self._all.pop(scenario_id, None) is not None

    def clear(self) -> None:
        """End all faults."""
        self._all.clear()

    def all(self) -> Iterator[Scenario]:
        """Every fault in force, oldest first."""
        return iter(self._all.values())

    def pick(
        self,
        faults: frozenset[str],
        operations: tuple[str, ...],
        account: str,
        facts: Callable[[], Facts],
    ) -> Scenario | None:
        """The first fault among `faults` that strikes this occasion."""
        for scenario in self._all.values():
            if (
                scenario.fault in faults
                and scenario.matches(operations, account)
                and scenario.concerns(facts())
                and scenario.strikes()
            ):
                return scenario
        return None


def _parsed(scenario_id: str, wish: dict[str, Any]) -> Scenario:
    rest = dict(wish)
    fault = rest.pop("fault", None)
    if fault not in TRANSPORT | EFFECT | WEBHOOK | SETTLEMENT:
        raise BadScenarioError(f"unknown fault: {fault!r}")
    options = dict(OPTIONS.get(fault, {}))
    for name in options:
        options[name] = float(rest.pop(name, options[name]))
    known = {"operation", "account", "method", "country", "issuer", "event", "day", "rate", "nth", "times"}
    if unknown := set(rest) - known:
        raise BadScenarioError(f"unknown fields for {fault}: {', '.join(sorted(unknown))}")
    rest.setdefault("operation", "webhook" if fault in WEBHOOK else "settlement" if fault in SETTLEMENT else "*")
    if fault == "issuer_outage":
        rest.setdefault("rate", 1 - options["approval"])
    nth = rest.get("nth")
    if isinstance(nth, int):
        rest["nth"] = [nth]
    return Scenario(id=scenario_id, fault=fault, options=options, **rest)
