"""Error budgets: how fast they burn, what is left of them, and when somebody is called."""

from datetime import timedelta
from fractions import Fraction

import pytest

from payments.kernel.attention import Severity
from reporting.uptime import slo
from reporting.uptime.slo import SLOS, Count

AVAILABILITY = SLOS["availability"]
HOUR = timedelta(hours=1)


def read(counts: dict[timedelta, Count]) -> slo.Window | None:
    return slo.burning(AVAILABILITY, lambda span: counts.get(span, Count()))


def test_a_budget_that_burns_once_is_used_up_in_its_period() -> None:
    assert slo.burn(Count(9_999, 10_000), Fraction("0.9999")) == 1
    assert slo.left(Count(9_999, 10_000), Fraction("0.9999")) == 0
    assert slo.left(Count(10_000, 10_000), Fraction("0.9999")) == 1
    assert slo.left(Count(9_998, 10_000), Fraction("0.9999")) == -1
    assert slo.burn(Count(), Fraction("0.9999")) == 0


@pytest.mark.parametrize(
    ("long", "short", "bad", "severity"),
    [
        (HOUR, timedelta(minutes=5), 15, Severity.URGENT),
        (timedelta(hours=6), timedelta(minutes=30), 7, Severity.URGENT),
        (timedelta(days=3), timedelta(hours=6), 6, Severity.SOON),
    ],
)
def test_it_pages_when_both_windows_burn(long: timedelta, short: timedelta, bad: int, severity: Severity) -> None:
    burns = Count(10_000 - bad, 10_000)
    found = read({long: burns, short: burns})
    assert found is not None
    assert found.severity is severity
    assert read({long: burns, short: Count(10_000, 10_000)}) is None, "it has ended"
    assert read({long: Count(10_000, 10_000), short: burns}) is None, "it has only begun"


def test_a_few_bad_ones_of_a_quiet_night_page_nobody() -> None:
    night = Count(16, 20)
    assert slo.burn(night, AVAILABILITY.target) == 2000
    assert read({HOUR: night, timedelta(minutes=5): night}) is None


def test_what_happens_once_a_day_has_no_rate() -> None:
    assert slo.burning(SLOS["settlement"], lambda _: Count(0, 100)) is None


def test_the_promises_are_those_of_the_design() -> None:
    assert {name: float(one.target) for name, one in SLOS.items()} == {
        "availability": 0.9999, "own_time": 0.95, "notifications": 0.99, "deliveries": 0.99, "unknown": 0.99,
        "settlement": 0.99,
    }  # fmt: skip
