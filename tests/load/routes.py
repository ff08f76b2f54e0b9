"""How long it takes to decide who takes a payment, with a rule book larger than anybody will keep."""

import time
from collections.abc import Mapping
from typing import Any, Final

from payments.intents import routing
from tests.load import latency

RULES: Final = 200
ACCOUNTS: Final = 10
PLANS: Final = 2_000
NANOSECONDS: Final = 1e6  # in a millisecond

BRANDS: Final = ("visa", "mastercard", "amex", "jcb")


def _account(number: int) -> routing.Candidate:
    return routing.Candidate(code=f"account-{number}", countries=(), currencies=(), weight=10 * number)


def _rule(number: int) -> routing.Rule:
    """One that says much and matches seldom."""
    split = tuple((f"account-{each % ACCOUNTS}", 10) for each in range(number, number + 3))
    return routing.Rule(
        id=f"rule_{number}",
        name=f"rule {number}",
        split=split,
        methods=frozenset({"card"}),
        currencies=frozenset({"EUR"}),
        countries=frozenset({"NL", "DE"}),
        amount_from=number * 100,
        amount_to=number * 100 + 100,
        brands=frozenset({BRANDS[number % len(BRANDS)]}),
        bins=(f"4{number:05}", f"5{number:05}"),
        control_percent=10,
    )


def measure() -> dict[str, Any]:
    """Percentiles of one decision in milliseconds, by how many of the rules match."""
    accounts = [_account(number) for number in range(1, ACCOUNTS + 1)]
    book = routing.Book(candidates=accounts, rules=[_rule(number) for number in range(RULES)])
    every = routing.Book(
        candidates=accounts,
        rules=[routing.Rule(id=f"rule_{n}", name="all", split=(("account-1", 1),)) for n in range(RULES)],
    )
    cases: dict[str, tuple[routing.Book, dict[str, Any]]] = {
        "no rule matches": (book, {"country": "US", "currency": "USD"}),
        "all but the last digits match": (book, {"amount": (RULES - 1) * 100, "brand": BRANDS[-1], "bin": "400000"}),
        "every rule matches": (every, {}),
    }
    return {
        "rules": RULES,
        "accounts": ACCOUNTS,
        "plans": PLANS,
        "cases": {name: latency.percentiles(_timed(*case)) for name, case in cases.items()},
    }


def _timed(book: routing.Book, facts: Mapping[str, Any]) -> list[float]:
    known = {"currency": "EUR", "country": "NL", "amount": 1999, **facts}
    took = []
    for number in range(PLANS):
        asked = routing.Facts(intent_id=f"pi_{number}", **known)
        began = time.perf_counter_ns()
        routing.plan(book, asked)
        took.append((time.perf_counter_ns() - began) / NANOSECONDS)
    return took
