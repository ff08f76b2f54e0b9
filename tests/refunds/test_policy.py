"""The arithmetic of refunds: nothing is lost, nothing is made, whatever the steps."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from refunds import policy

AMOUNTS = st.integers(0, 10**9)


@given(total=AMOUNTS, steps=st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_a_line_in_steps_sums_to_its_total(total: int, steps: list[int]) -> None:
    quantity = sum(steps)
    counts = [sum(steps[:n]) for n in range(len(steps) + 1)]
    parts = [
        policy.worth(Money(total, "JPY"), quantity, after) - policy.worth(Money(total, "JPY"), quantity, before)
        for before, after in pairwise(counts)
    ]
    assert sum(parts) == total
    assert all(abs(part - total * step / quantity) <= 1 for part, step in zip(parts, steps, strict=True))


@given(amount=AMOUNTS, available=st.lists(AMOUNTS, max_size=10))
def test_an_amount_is_taken_from_the_first_on(amount: int, available: list[int]) -> None:
    parts = policy.spread(amount, available)
    assert sum(parts) == min(amount, sum(available))
    assert all(0 <= part <= have for part, have in zip(parts, available, strict=True))
    used = [index for index, part in enumerate(parts) if part]
    assert all(parts[index] == available[index] for index in used[:-1])


@given(amounts=st.lists(st.integers(0, 20), min_size=1, max_size=6), available=st.lists(st.integers(1, 60), min_size=1))
def test_every_line_is_placed_where_it_fits_or_none_is(amounts: list[int], available: list[int]) -> None:
    places = policy.place(amounts, available)
    if places is None:
        assert sum(amounts) > min(available), "one source alone would have covered them"
        return
    for index, have in enumerate(available):
        placed = [amount for amount, place in zip(amounts, places, strict=True) if place == index]
        assert sum(placed) <= have
        assert any(placed) or not placed or not any(amounts), "what costs nothing never goes alone"
