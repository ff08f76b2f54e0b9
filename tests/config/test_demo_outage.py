"""The demo of an outage: what it counts, what it asks of the simulator, and what it does not begin with."""

from datetime import UTC, datetime, timedelta

import pytest

from config.demo import asking, crowd, ordeal, outage
from config.demo.crowd import Sale
from payments.simulator.scenarios import Scenarios

BEGAN = datetime(2026, 11, 26, 12, tzinfo=UTC)


def sale(minute: float, minor: int, *tried: tuple[str, str]) -> Sale:
    return Sale(BEGAN + timedelta(minutes=minute), f"pi_{minute}", minor, tried)


@pytest.fixture
def told() -> ordeal.Ordeal:
    """An outage of two minutes, as the shop saw it."""
    shoppers = crowd.Crowd(asking.Client("http://127.0.0.1:1", "sk"), per_minute=60)
    shoppers.note(sale(-1, 1_000, ("adyen-eu", "requires_payment_method")))
    shoppers.note(sale(0.5, 2_000, ("adyen-eu", "requires_payment_method")))
    shoppers.note(sale(1, 3_000, ("adyen-eu", "requires_payment_method"), ("stripe-eu", "succeeded")))
    shoppers.note(sale(1.5, 4_000, ("stripe-eu", "requires_payment_method"), ("adyen-eu", "requires_payment_method")))
    shoppers.note(sale(2.5, 5_000, ("adyen-eu", "requires_payment_method")))
    found = ordeal.Ordeal("http://127.0.0.1:1", "http://127.0.0.1:1", shoppers, ordeal.FAULTS["issuers"])
    found.moments = {"fault began": BEGAN, "fault ended": BEGAN + timedelta(minutes=2)}
    return found


def test_what_was_refused_is_what_was_asked_of_the_ill_account_while_it_was(told: ordeal.Ordeal) -> None:
    assert told.refused() == 2_000 + 3_000 + 4_000
    assert told.again() == 3_000


def test_shares_go_by_where_it_was_tried_first(told: ordeal.Ordeal) -> None:
    sales = told.shoppers.sales(BEGAN, BEGAN + timedelta(minutes=2))
    assert crowd.shares(sales) == {"adyen-eu": 2 / 3, "stripe-eu": 1 / 3}
    assert crowd.told(sales) == "adyen-eu 67%, stripe-eu 33% of 3"
    assert crowd.told([]) == "nobody of 0"


@pytest.mark.parametrize("name", ordeal.FAULTS)
def test_the_simulator_knows_what_is_to_go_wrong(name: str) -> None:
    fault = Scenarios("demo").add(dict(ordeal.FAULTS[name].scenario))
    assert fault.account == ordeal.ILL
    assert all(fault.strikes() for _ in range(20)), "every time"


def test_a_promise_that_is_not_kept_in_time_is_a_failure() -> None:
    with pytest.raises(asking.Failed, match="its end did not happen within 0 s"):
        asking.wait_until(lambda: False, "its end", seconds=0)


def test_another_fault_is_refused_before_anything_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        outage.main(["--fault", "earthquake"])
    assert refused.value.code == 2
    assert "invalid choice: 'earthquake'" in capsys.readouterr().err
