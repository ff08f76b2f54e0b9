"""How near a month of disputes is to a scheme's limit."""

from datetime import date

import pytest

from refunds import rates, schemes
from refunds.schemes import Level

VAMP, ECM, HECM = schemes.PROGRAMMES
OCT, NOV = date(2026, 10, 1), date(2026, 11, 1)


@pytest.mark.parametrize(
    ("programme", "disputes", "payments", "level"),
    [
        (VAMP, 1_500, 100_000, Level.OVER),
        (VAMP, 1_499, 90_000, Level.NEAR),
        (VAMP, 1_500, 100_001, Level.NEAR),
        (VAMP, 900, 100_000, Level.NEAR),
        (VAMP, 899, 1_000, Level.FINE),
        (ECM, 100, 6_666, Level.OVER),
        (ECM, 99, 100, Level.NEAR),
        (ECM, 59, 100, Level.FINE),
        (HECM, 300, 10_000, Level.OVER),
        (HECM, 300, 10_001, Level.NEAR),
        (HECM, 0, 0, Level.FINE),
    ],
)
def test_both_numbers_have_to_be_reached(
    programme: schemes.Programme, disputes: int, payments: int, level: Level
) -> None:
    assert schemes.level(programme, disputes, payments) == level


def test_visa_counts_frauds_and_mastercard_the_payments_of_the_month_before() -> None:
    rows: list[rates.Counted] = [
        (NOV, "card", "DE", "visa", 1_000, 10, 5),
        (NOV, "card", "DE", "mc", 500, 100, 7),
        (NOV, "card", "US", "mastercard", 500, 20, 0),
        (OCT, "card", "US", "mastercard", 4_000, 1, 0),
    ]
    found = {(one.programme.name, one.month): (one.counted, one.of, one.level) for one in rates.against_limits(rows)}
    assert found["Visa VAMP", NOV] == (15, 1_000, Level.FINE)
    assert found["Mastercard ECM", NOV] == (120, 4_000, Level.OVER)
    assert ("Mastercard ECM", OCT) not in found, "nothing is known of the month before"


def test_the_rates_of_a_month_stand_by_method_and_country() -> None:
    rows: list[rates.Counted] = [
        (NOV, "card", "DE", "visa", 300, 1, 0),
        (NOV, "card", "DE", "mc", 100, 2, 1),
        (NOV, "ideal", "NL", "", 50, 0, 0),
    ]
    first, second = rates.by_method_and_country(rows)
    assert (first.country, first.payments, first.disputes, first.frauds, first.percent) == ("DE", 400, 3, 1, 0.75)
    assert second.percent == 0
