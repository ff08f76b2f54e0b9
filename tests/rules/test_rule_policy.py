"""When a routing rule is rolled back: only on enough payments, and only when chance does not explain it."""

import random

import pytest

from payments.intents.policy import Arm, falls_short


def arm(tried: int, rate: float) -> Arm:
    return Arm(tried=tried, approved=round(tried * rate))


@pytest.mark.parametrize(
    ("rule", "control", "falls"),
    [
        (arm(1000, 0.70), arm(200, 0.90), True),
        (arm(100, 0.0), arm(50, 1.0), True),
        (arm(1000, 0.89), arm(200, 0.90), False),
        (arm(1000, 0.90), arm(200, 0.70), False),
        (arm(99, 0.0), arm(200, 1.0), False),
        (arm(1000, 0.0), arm(49, 1.0), False),
        (arm(1000, 1.0), arm(200, 1.0), False),
        (Arm(), Arm(), False),
    ],
)
def test_a_rule_falls_short(rule: Arm, control: Arm, falls: bool) -> None:  # noqa: FBT001
    assert bool(falls_short(rule, control)) is falls


def test_it_says_why() -> None:
    assert falls_short(arm(1000, 0.7), arm(200, 0.9)) == (
        "70.0% of 1000 payments were approved, of 200 that it spared 90.0%"
    )


def test_a_rule_that_is_as_good_is_left_alone() -> None:
    chance = random.Random(7)

    def tried(number: int) -> Arm:
        return Arm(tried=number, approved=sum(chance.random() < 0.85 for _ in range(number)))

    assert sum(bool(falls_short(tried(900), tried(100))) for _ in range(300)) <= 3
