"""The types that requests are made of."""

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from payments.rest import cards, countries

ISSUED = ("4", "51", "55", "2221", "2720", "36", "3528", "50", "62", "6011", "81", "2200")
SEPARATORS = st.sampled_from(["", " ", "\u00a0", "-", ".", "/", "_", " - ", "\u2013", "\u2009"])


def completed(digits: str) -> str:
    """With the check digit that makes it a card number."""
    return next(digits + last for last in "0123456789" if cards._luhn(digits + last))


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "my card is 5555555555554444.",
        "378282246310005",
        "6011111111111117",
        "4222222222222",
        "6304000000000000000"[:19],
        "no.4111111111111111!",
        "7 4242424242424242 12",
        "order 12345 4242 4242 4242 4242 for Ann",
        "\u0664\u0662" * 8,
        "4242.4242.4242.4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "4242 - 4242 - 4242 - 4242",
        "42/42/42/42/42/42/42/42",
        "+4242424242424242",
        "3782 822463 10005",
        "2223003122003222",
        "3056 930902 5904",
        "3530111333300000",
        "6200000000000005",
    ],
)
def test_card_numbers_are_found(text: str) -> None:
    assert cards.look_like_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chair",
        "4242424242424241",
        "424242424242",
        "42424242424242424242",
        "+47 22 22 22 22",
        "1763848800128",
        "order 2026-11-22",
        "2026-11-22 10-30-06",
        "0199a1b2c3d47e5f8a6b7c8d9e0f1a2b",
        "1234567812345670",  # right by its sum, and nobody's
        "20261122103000007",
        "+49 1512 345 6780",
        "4006381333931",  # a barcode
        "1 2 3 4 5 6 7",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not cards.look_like_number(text)


@given(st.sampled_from(ISSUED), st.integers(0, 10**14 - 1), SEPARATORS, st.sampled_from([1, 2, 4, 16]))
def test_a_card_number_is_found_however_it_is_written(issuer: str, rest: int, between: str, size: int) -> None:
    digits = completed((issuer + f"{rest:014d}")[:15])
    text = between.join(digits[at : at + size] for at in range(0, 16, size))
    assert cards.look_like_number(text)
    assert cards.look_like_number(f"Ann's card {text}, thanks")


@given(st.text("0789", min_size=13, max_size=19).filter(lambda text: text[0] in "0179"))
def test_what_nobody_issues_is_left_alone(digits: str) -> None:
    assert not cards.look_like_number(digits) or digits.startswith("9792")


def test_countries_are_those_that_the_unicode_consortium_knows_too() -> None:
    """CLDR lists ISO 3166-1 and some regions, exceptions and private codes beside it."""
    beside = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
    known = {code for code in map(str, Locale("en").territories) if len(code) == 2 and code.isalpha()}
    assert known - beside == countries.ALPHA_2
    assert len(countries.ALPHA_2) == 249
