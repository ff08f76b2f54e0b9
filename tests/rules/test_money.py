"""Amounts: every currency there and back, nothing lost, and nothing taken that is no amount."""

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import moneyed
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from moneyed import Money

from payments.kernel import money

CURRENCIES = st.sampled_from(sorted(money.EXPONENTS))
MINOR = st.integers(1 - money.LIMIT, money.LIMIT - 1)
NOT_CURRENCIES = ["", "eur", "EU", "EURO", "XAU", "XTS", "XXX", "ZZZ", "€", "EUR "]


@given(MINOR, CURRENCIES)
def test_minor_units_become_money_and_come_back(minor: int, currency: str) -> None:
    amount = money.from_minor(minor, currency)
    assert money.to_minor(amount) == minor
    assert amount.currency.code == currency


@pytest.mark.parametrize(
    "code", ["BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD", "XSU", "XUA", "XAU"]
)
def test_nobody_pays_with_funds_and_units_of_account(code: str) -> None:
    assert code not in money.IN_USE


def test_everything_else_that_has_a_minor_unit_is_in_use() -> None:
    assert {"EUR", "USD", "JPY", "KWD", "XCG", "ZWG", "XOF", "VED"} <= money.IN_USE
    assert len(money.EXPONENTS.keys() - money.IN_USE) == 10


@given(MINOR, CURRENCIES)
def test_text_has_every_decimal_and_reads_back(minor: int, currency: str) -> None:
    amount = money.from_minor(minor, currency)
    text = money.decimal_text(amount)
    assert money.parse(text, currency) == amount
    assert len(text.partition(".")[2]) == money.exponent(currency)
    assert money.text(amount) == f"{text} {currency}"


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1999, "EUR", "19.99 EUR"),
        (1990, "EUR", "19.90 EUR"),
        (1999, "JPY", "1999 JPY"),
        (1999, "KWD", "1.999 KWD"),
        (1999, "CLF", "0.1999 CLF"),
        (-5, "USD", "-0.05 USD"),
        (1999, "UGX", "1999 UGX"),
        (1999, "ISK", "1999 ISK"),
    ],
)
def test_the_decimals_are_those_of_iso_4217(minor: int, currency: str, text: str) -> None:
    assert money.text(money.from_minor(minor, currency)) == text


@pytest.mark.parametrize("code", ["XCG", "ZWG"])
def test_what_the_money_library_lacks_is_there(code: str) -> None:
    assert money.text(money.from_minor(1999, code)) == f"19.99 {code}"
    known = moneyed.get_currency(code)
    assert known.sub_unit == 100
    assert str(known.numeric).isdigit()
    assert known.name


@pytest.mark.parametrize("code", NOT_CURRENCIES)
def test_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(money.UnknownCurrency):
        money.exponent(code)
    with pytest.raises(money.UnknownCurrency):
        money.from_minor(1, code)


@pytest.mark.parametrize("minor", [19.99, 1999.0, Decimal(1999), "1999", True, None, Fraction(1, 2)])
def test_only_whole_numbers_are_minor_units(minor: Any) -> None:
    with pytest.raises(money.AmountInvalid):
        money.from_minor(minor, "EUR")


@pytest.mark.parametrize("minor", [money.LIMIT, -money.LIMIT, 10**30])
def test_amounts_beyond_the_limit_are_refused(minor: int) -> None:
    with pytest.raises(money.AmountInvalid):
        money.from_minor(minor, "EUR")
    with pytest.raises(money.AmountInvalid):
        money.to_minor(Money(Decimal(minor).scaleb(-2), "EUR"))


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("19.999", "EUR"),
        ("0.5", "JPY"),
        ("0.0001", "KWD"),
        ("0.010000000000000000000000000000000000001", "EUR"),
        ("99999999999.000000000000000000000000000000000001", "EUR"),
        ("1E-999999", "EUR"),
    ],
)
def test_fractions_of_a_minor_unit_are_refused_however_small(text: str, currency: str) -> None:
    with pytest.raises(money.AmountInvalid):
        money.to_minor(Money(Decimal(text), currency))
    with pytest.raises(money.AmountInvalid):
        money.parse(text, currency)


@given(MINOR, CURRENCIES, st.integers(1, 60))
@example(1, "EUR", 40)
def test_a_unit_and_the_smallest_bit_is_no_amount(minor: int, currency: str, digits: int) -> None:
    with localcontext(prec=100):
        more = Decimal(minor).scaleb(-money.exponent(currency)) + Decimal(1).scaleb(-money.exponent(currency) - digits)
    with pytest.raises(money.AmountInvalid):
        money.to_minor(Money(more, currency))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1,99",
        "19.99 EUR",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1E999999",
        "-1E+400000",
        "0x10",
        "1e2",
        "1_0",
        "٣",
        " 1",
        "1\n",
        "+1",
        ".5",
        "5.",
        "--1",
        "1.2.3",
        "9" * 5000,
    ],
)
def test_text_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(money.AmountInvalid):
        money.parse(text, "EUR")


@pytest.mark.parametrize("text", [19.99, 1999, Decimal("19.99"), None, b"19.99"])
def test_only_text_is_parsed(text: Any) -> None:
    with pytest.raises(money.AmountInvalid):
        money.parse(text, "EUR")


def test_currencies_do_not_mix() -> None:
    with pytest.raises(TypeError):
        money.zero("EUR") + money.zero("USD")
    with pytest.raises(TypeError):
        assert money.from_minor(1, "EUR") > money.zero("USD")


@given(MINOR, CURRENCIES, st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any))
def test_an_amount_that_is_split_loses_nothing(minor: int, currency: str, weights: list[int]) -> None:
    amount = money.from_minor(minor, currency)
    shares = [money.to_minor(share) for share in money.allocate(amount, weights)]
    assert sum(shares) == minor
    assert len(shares) == len(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(Fraction(share) - Fraction(minor * weight, sum(weights))) < 1
        assert weight or not share


def test_leftover_units_go_to_the_largest_remainders_and_then_to_whoever_comes_first() -> None:
    def split(minor: int, *weights: int) -> list[int]:
        return [money.to_minor(share) for share in money.allocate(money.from_minor(minor, "EUR"), weights)]

    assert split(100, 1, 1, 1) == [34, 33, 33]
    assert split(-100, 1, 1, 1) == [-34, -33, -33]
    assert split(10, 1, 2, 4) == [1, 3, 6]
    assert split(1, 0, 0, 5, 5) == [0, 0, 1, 0]
    assert split(0, 3, 4) == [0, 0]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [2, -1]])
def test_an_amount_is_not_split_by_nothing(weights: list[int]) -> None:
    with pytest.raises(money.AmountInvalid):
        money.allocate(money.from_minor(100, "EUR"), weights)


class Row:
    """A row as the tables have them."""

    price = money.View()

    def __init__(self, price_minor: int, currency: str) -> None:
        self.price_minor = price_minor
        self.currency = currency


def test_a_row_shows_its_amount_as_money_and_is_written_in_minor_units() -> None:
    row = Row(1999, "EUR")
    assert row.price == Money("19.99", "EUR")
    row.price_minor = 500
    assert row.price == Money("5.00", "EUR")
    with pytest.raises(AttributeError, match="price_minor"):
        row.price = Money("7.00", "EUR")
