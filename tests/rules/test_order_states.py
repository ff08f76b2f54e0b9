"""An order's status is what its money says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.orders import states
from payments.orders.states import OrderStatus

AMOUNT = st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("paid", "refunded", "status"),
    [
        (0, 0, "open"),
        (1, 0, "partially_paid"),
        (999, 0, "partially_paid"),
        (1000, 0, "paid"),
        (1500, 0, "paid"),  # taken twice: the surplus goes back by itself
        (1000, 1, "partially_refunded"),
        (1000, 999, "partially_refunded"),
        (1000, 1000, "refunded"),
        (400, 100, "partially_refunded"),
        (400, 400, "refunded"),
        (1000, 1200, "refunded"),  # the PSP gave back more than was taken
        (0, 5, "partially_refunded"),  # a capture that failed after its refund
    ],
)
def test_the_status_of_an_order_of_a_thousand(paid: int, refunded: int, status: str) -> None:
    assert states.derived(1000, paid, refunded) == status


@given(st.integers(1, 10**6), AMOUNT, AMOUNT)
def test_a_status_derived_from_money_never_ends_an_order(total: int, paid: int, refunded: int) -> None:
    assert states.derived(total, paid, refunded) in states.EVENTS


@given(st.integers(1, 10**6), AMOUNT, AMOUNT, AMOUNT, AMOUNT)
def test_money_can_lead_from_any_status_to_any_other(total: int, p1: int, r1: int, p2: int, r2: int) -> None:
    before, after = states.derived(total, p1, r1), states.derived(total, p2, r2)
    if before != after:
        assert states.ORDER.after(before, states.EVENTS[after]) == after


@pytest.mark.parametrize("status", [s for s in OrderStatus if s is not OrderStatus.OPEN])
def test_only_an_open_order_is_canceled_or_expires(status: OrderStatus) -> None:
    assert not states.ORDER.allows(status, "cancel")
    assert not states.ORDER.allows(status, "expire")
    assert states.ORDER.after(OrderStatus.OPEN, "cancel") == "canceled"
    assert states.ORDER.after(OrderStatus.OPEN, "expire") == "expired"
