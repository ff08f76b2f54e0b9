"""What payments cost by the contracts: the nearest line holds, from its day on, and never changes."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from moneyed import Money

from payments.gateway import fees
from payments.intents.services import backtest, rules
from payments.kernel import money
from payments.kernel.errors import Refusal
from tests import factories
from tests.byhand import key, refused, sql
from tests.services.test_failover import intent, paid, two
from tests.services.test_rules import TO_APAC

__all__ = ["two"]

DAY = date(2026, 3, 1)


def written(account: str, percent: str, **facts: Any) -> None:
    fees.write(fees.Draft(**{"valid_from": DAY, **facts}, account=account, percent=Decimal(percent)), by="staff fay")


def test_the_nearest_line_of_the_day_holds(two: factories.Shop) -> None:
    written("adyen-eu", "3")
    written("adyen-eu", "2", currency="EUR", fixed=10)
    written("adyen-eu", "1", method="ideal")
    written("adyen-eu", "0", method="ideal", currency="EUR", fixed=29)
    written("adyen-eu", "0", method="ideal", currency="EUR", fixed=25, valid_from=date(2026, 6, 1))
    written("adyen-eu", "0", method="ideal", currency="EUR", fixed=24, valid_from=date(2026, 6, 1))
    tariff = fees.tariff()

    def fee(method: str, amount: str, currency: str, on: date = DAY, account: str = "adyen-eu") -> Money | None:
        return tariff.fee(account, method, Money(amount, currency), on=on)

    assert fee("ideal", "50.00", "EUR") == Money("0.29", "EUR")
    assert fee("ideal", "50.00", "EUR", date(2026, 6, 1)) == Money("0.24", "EUR"), "the one that was written last"
    assert fee("ideal", "50.00", "PLN") == Money("0.50", "PLN")
    assert fee("card", "10.25", "EUR") == Money("0.31", "EUR"), "0.205 and 0.10, half a unit upwards"
    assert fee("card", "1000", "JPY") == Money("30", "JPY")
    assert fee("card", "50.00", "EUR", date(2026, 2, 28)) is None, "no line holds before its day"
    assert fee("card", "50.00", "EUR", account="adyen-apac") is None


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"account": "adyen-mars"}, "account"),
        ({"percent": Decimal(-1)}, "percent"),
        ({"percent": Decimal(100)}, "percent"),
        ({"percent": Decimal("1.00001")}, "percent"),
        ({"fixed": -1, "currency": "EUR"}, "fixed"),
        ({"fixed": 5}, "currency"),
    ],
)
def test_a_line_that_is_not_clear_is_refused(two: factories.Shop, facts: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as found:
        fees.write(
            fees.Draft(**{"account": "adyen-eu", "percent": Decimal(1), "valid_from": DAY, **facts}), by="staff fay"
        )
    assert found.value.param == param


@pytest.mark.parametrize(
    "statement",
    ["UPDATE payments_feecontract SET percent = 0 WHERE id = %s", "DELETE FROM payments_feecontract WHERE id = %s"],
)
def test_a_line_stays_as_it_was_written(two: factories.Shop, statement: str) -> None:
    row = fees.write(fees.Draft(account="adyen-eu", percent=Decimal(1), valid_from=DAY), by="staff fay")
    with refused("stays as it was written"):
        sql(statement, key(row.pk))


def test_a_backtest_says_what_the_rule_would_have_cost(two: factories.Shop) -> None:
    amounts = [intent(two) for _ in range(3)]
    for wish in amounts:
        paid(two, wish)
    total = sum(wish["amount"] for wish in amounts)
    row = rules.draft(TO_APAC, by="staff ann")
    (cost,) = backtest.run(row.pk).costs.values()
    assert (cost.actual, cost.expected, cost.unknown) == (Money(0, "EUR"), Money(0, "EUR"), 3), "no contract says"

    written("adyen-eu", "2", currency="EUR")
    written("adyen-apac", "1", currency="EUR", fixed=5)
    found = backtest.run(row.pk)
    assert (found.matched, found.moved, list(found.costs)) == (3, 3, ["EUR"])
    cost = found.costs["EUR"]
    assert (money.to_minor(cost.actual), money.to_minor(cost.expected)) == (total * 2 // 100, total // 100 + 15)
    assert cost.unknown == 0
