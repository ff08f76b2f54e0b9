"""Rates, periods, sketches and money at rest: what figures on dashboards are made of."""

import collections
import io
import math
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from payments.kernel import clock
from payments.kernel.errors import Refusal
from reporting.models import ExchangeRate
from reporting.uptime import counting, periods, rates, reading, resting
from tests.reporting import desk as desks
from tests.reporting import month
from tests.reporting.desk import Desk
from tests.reporting.settling import BEGAN, Account, line

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
LIST = "Date, USD, JPY, GBP,\n2026-11-24, 1.16, 180, N/A,\n2026-11-25, 1.25, 181.5, 0.88,\n"


def test_a_list_of_rates_is_loaded_and_the_latest_count(db: None) -> None:
    with clock.at(NOW):
        assert rates.load(io.StringIO(LIST), "ECB") == 5
        assert rates.load(io.StringIO(LIST.replace("1.25", "1.20")), "ECB") == 5
        table = rates.latest()

    assert ExchangeRate.objects.count() == 5
    assert (table.oldest, table.sources) == (date(2026, 11, 25), ("ECB",))
    assert table.convert({"USD": 1200, "JPY": 363, "EUR": 50}, "EUR") == Decimal("12.50")
    assert table.convert({"EUR": 100}, "JPY") == Decimal("181.5"), "a yen has no cents"
    assert table.convert({"XAF": 100, "USD": 100}, "USD") == 1
    assert table.missing({"XAF": 100, "USD": 100}, "USD") == ["XAF"]
    with clock.at(NOW + timedelta(days=60)):
        assert rates.latest().missing({"JPY": 1}, "USD") == ["JPY"], "what is old is no rate of today"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "USD\n1.1\n",
        "Date,USD\nyesterday,1\n",
        "Date,USD\n2026-11-25,x\n",
        "Date,FOO\n2026-11-25,1\n",
        "Date,USD\n2026-11-24,1\n2026-11-25,0\n",
        "Date,USD\n2026-11-25,NaN\n",
    ],
)
def test_what_is_no_list_of_rates_changes_nothing(db: None, text: str, tmp_path: object) -> None:
    with pytest.raises(rates.RatesInvalid):
        rates.load(io.StringIO(text), "ECB")
    assert not ExchangeRate.objects.exists()
    with pytest.raises(CommandError):
        call_command("rates", f"{tmp_path}/none.csv")


def test_rates_are_learned_from_what_psps_have_converted(account: object) -> None:
    psp = Account()
    psp.settle(
        line("capture", 2500, "USD", settled=2000, into="EUR"),
        line("capture", 1750, "JPY", settled=1000, into="EUR"),
        line("payout", -3000, "EUR", payout_reference="po_1"),
    )
    with clock.at(BEGAN + timedelta(days=1)):
        rates.learn()
        rates.learn()
        table = rates.latest()

    assert table.sources == (rates.SETTLED,)
    assert (table.per_euro["USD"], table.per_euro["JPY"]) == (Decimal("1.25"), Decimal(175))


def test_a_sketch_is_at_most_five_percent_off() -> None:
    dice = random.Random(7)
    taken = sorted(int(dice.lognormvariate(5.5, 0.8)) + 1 for _ in range(5000))
    sketch = collections.Counter(math.ceil(math.log(ms) / math.log(counting.GAMMA)) for ms in taken)

    for share in (0.5, 0.95, 0.99):
        true = taken[int(share * len(taken)) - 1]
        assert reading.quantile(sketch, share) == pytest.approx(true, rel=0.06)
    assert reading.quantile({}, 0.5) is None


def test_periods_are_whole_days_and_compared_with_as_much() -> None:
    week = periods.chosen("7", None, None, NOW)
    assert (week.since, week.until, week.grain, len(week.steps)) == (_day(19), _day(26), "day", 7)
    assert _span(periods.compared(week, "previous", NOW)) == (_day(12), _day(19))
    assert _span(periods.compared(week, "week", NOW)) == (_day(12), _day(19))
    assert _span(periods.compared(week, "year", NOW)) == (_day(19) - timedelta(364), _day(26) - timedelta(364))
    assert periods.compared(week, "none", NOW) is None

    today = periods.chosen("today", None, None, NOW)
    assert (today.grain, today.over, len(today.steps)) == ("hour", False, 24)
    assert _span(periods.compared(today, "previous", NOW)) == (_day(25), _day(25) + timedelta(hours=10))

    custom = periods.chosen("custom", date(2026, 11, 3), date(2026, 11, 5), NOW)
    assert (custom.since, custom.until, custom.over) == (_day(3), _day(6), True)
    for since, until in ((date(2026, 11, 5), date(2026, 11, 3)), (date(2020, 1, 1), date(2026, 1, 1)), (None, None)):
        with pytest.raises(Refusal):
            periods.chosen("custom", since, until, NOW)


def _day(number: int) -> datetime:
    return datetime(2026, 11, number, tzinfo=UTC)


def _span(period: periods.Period | None) -> tuple[datetime, datetime]:
    assert period is not None
    return period.since, period.until


def test_money_at_rest_is_found_by_age(desk: Desk) -> None:
    with clock.at(desks.moment(30)):
        month.october(desk)
    with clock.at(desks.moment(25)):
        desk.shop.confirm(desk.shop.intent(capture_method="manual"))
    with clock.at(desks.moment(30)):
        resting.measure()
        resting.measure()
        found, at = resting.found()

    assert at == desks.moment(30)
    assert [(one.what, one.age, one.count, one.minor) for one in found if one.currency == "USD"] == [
        ("authorized", 2, 1, 1999),
        ("disputed", 3, 1, 4000),
    ]
