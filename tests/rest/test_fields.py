"""The types that requests are made of."""

import pytest
from babel import Locale

from payments.rest import cards, countries


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
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not cards.look_like_number(text)


def test_countries_are_those_that_the_unicode_consortium_knows_too() -> None:
    """CLDR lists ISO 3166-1 and some regions, exceptions and private codes beside it."""
    beside = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
    known = {code for code in map(str, Locale("en").territories) if len(code) == 2 and code.isalpha()}
    assert known - beside == countries.ALPHA_2
    assert len(countries.ALPHA_2) == 249
