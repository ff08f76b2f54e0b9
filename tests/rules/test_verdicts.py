"""What of a file can be given back: each row given the rows before it, in words that say what to do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refunds import verdicts
from refunds.verdicts import Asked, Home, Judged, Source

NOW = datetime(2026, 11, 25, tzinfo=UTC)
PI, OTHER, ORDER = ("pi_" + "0a" * 16, "pi_" + "0c" * 16, "ord_" + "0b" * 16)


def source(available: int = 1000, intent: str = PI, *, days: int = 1, **facts: Any) -> Source:
    """Money that was captured so many days ago."""
    kept = {"account": "pa_1", "method": "card", "given_back": False, **facts}
    return Source(intent=intent, available=available, captured_at=NOW - timedelta(days=days), **kept)


def home(*sources: Source, currency: str = "EUR", **facts: Any) -> Home:
    """An order with this money."""
    return Home(currency, list(sources or (source(),)), **facts)


def judged(*asked: tuple[str, str | None], of: Home | None, twice: bool = False, coin: str = "") -> list[Judged]:
    """The verdicts on these rows, one after the other."""
    rows = [
        Asked(number, object_id, None if amount is None else Decimal(amount), coin)
        for number, (object_id, amount) in enumerate(asked, start=2)
    ]
    return [verdicts.judge(row, of, now=NOW, twice=twice, unsayable=lambda *_: "") for row in rows]


def told(*asked: tuple[str, str | None], of: Home | None, **how: Any) -> list[tuple[str, int | None]]:
    """The same, verdict and amount."""
    return [(str(one.verdict), one.amount_minor) for one in judged(*asked, of=of, **how)]


def test_rows_of_one_order_are_judged_after_those_before_them() -> None:
    rows = [(PI, "6.00"), (ORDER, "5.00"), (PI, "3.00"), (ORDER, None), (PI, "0.01")]
    assert told(*rows, of=home()) == [
        ("fits", 600), ("too_much", None), ("fits", 300), ("fits", 100), ("nothing_left", None),
    ]  # fmt: skip


def test_a_row_by_payment_takes_of_that_payment_and_one_by_order_of_all() -> None:
    of = home(source(1000), source(500, OTHER, days=2))
    assert told((PI, "12.00"), (ORDER, "12.00"), (OTHER, None), of=of) == [
        ("too_much", None), ("fits", 1200), ("fits", 300),
    ]  # fmt: skip


def test_the_same_row_twice_and_the_same_amount_by_another_name_are_duplicates() -> None:
    rows = [(PI, "2.00"), (PI, "2"), (ORDER, "2.00"), (PI, "2.01")]
    first, second, third, fourth = judged(*rows, of=home())
    assert [one.verdict for one in (first, second, third, fourth)] == ["fits", "duplicate", "duplicate", "fits"]
    assert second.words.startswith("Row 2 asks for the same.")
    assert third.words == "Row 2 gives the same amount of the same payment back."
    meant = judged(*rows, of=home(), twice=True)
    assert [(one.verdict, one.twice) for one in meant] == [
        ("fits", False), ("fits", True), ("fits", True), ("fits", False),
    ]  # fmt: skip


def test_a_row_that_does_not_fit_makes_no_duplicate_of_the_next() -> None:
    assert told((PI, "20"), (PI, "20"), of=home()) == [("too_much", None), ("too_much", None)]


@pytest.mark.parametrize(
    ("asked", "of", "verdict", "words"),
    [
        ((PI, "1"), None, "unknown", "There is no payment with this id."),
        ((ORDER, "1"), None, "unknown", "There is no order with this id."),
        ((OTHER, "1"), home(), "nothing_taken", "No money was taken, or none that stayed."),
        ((PI, "1"), home(source(method="boleto", refund=False)), "not_supported", "refund it by bank transfer"),
        ((PI, "10.01"), home(), "too_much", "Only 10.00 EUR can be refunded."),
        ((PI, None), home(source(0)), "nothing_left", "All of it has been refunded already, or is about to be."),
        ((PI, "9"), home(source(800, disputed=200)), "disputed", "2.00 EUR is in dispute, or was lost to one"),
        ((PI, None), home(source(0, disputed=1000)), "disputed", "0.00 EUR can be refunded."),
        ((PI, "1.001"), home(), "wrong_places", "EUR has 2 decimals."),
        ((PI, "1.5"), home(currency="JPY"), "wrong_places", "JPY has no decimals."),
        ((PI, "1"), home(source(days=91, window_days=90)), "window_over", "Finance can pay it back by bank transfer."),
        ((PI, "1"), home(source(partial=False)), "part_not_supported", "gives back all of it only: 10.00 EUR."),
        ((PI, "1"), home(source(several=False, given_back=True)), "part_not_supported", "gives back once only."),
        ((PI, "3"), home(before={(PI, 300): ("re_1", NOW)}), "refunded_before", "re_1 of 2026-11-25 00:00 UTC"),
    ],
)
def test_what_does_not_fit_is_said(asked: tuple[str, str | None], of: Home | None, verdict: str, words: str) -> None:
    [found] = judged(asked, of=of)
    assert (found.verdict, found.amount_minor) == (verdict, None)
    assert words in found.words


def test_what_fits_though_it_is_close() -> None:
    assert told((PI, "1.50"), of=home(), coin="EUR") == [("fits", 150)]
    assert told((PI, "1.5"), of=home(), coin="USD") == [("wrong_currency", None)]
    assert told((PI, "1.500"), of=home(source(1500), currency="BHD")) == [("fits", 1500)]
    assert told((PI, "1.500"), of=home(source(150), currency="EUR")) == [("fits", 150)]
    assert told((PI, None), of=home(source(partial=False, several=False))) == [("fits", 1000)]
    assert told((PI, "1"), of=home(source(days=89, window_days=90))) == [("fits", 100)]
    assert told((PI, "8"), of=home(source(800, disputed=200))) == [("fits", 800)]


def test_what_the_psp_cannot_say_is_refused_here() -> None:
    row = Asked(2, PI, Decimal("1.005"))
    of = home(source(2000), currency="BHD")
    found = verdicts.judge(row, of, now=NOW, twice=False, unsayable=lambda *_: "must end in 0 here")
    assert (found.verdict, found.words) == ("amount_not_supported", "must end in 0 here")


AMOUNTS = st.one_of(st.none(), st.decimals("0.01", "12.00", places=2))


@given(
    st.lists(st.tuples(st.sampled_from([PI, OTHER, ORDER]), AMOUNTS), max_size=12),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.booleans(),
)
def test_rows_that_fit_never_come_to_more_than_there_was(
    rows: list[tuple[str, Decimal | None]],
    one: int,
    other: int,
    twice: bool,  # noqa: FBT001
) -> None:
    of = home(source(one), source(other, OTHER, days=2))
    asked = [(row, None if amount is None else str(amount)) for row, amount in rows]
    fitting = [found.amount_minor or 0 for found in judged(*asked, of=of, twice=twice) if found.verdict == "fits"]

    assert all(minor > 0 for minor in fitting)
    assert sum(fitting) == one + other - sum(left.available for left in of.sources)
    assert all(left.available >= 0 for left in of.sources)
