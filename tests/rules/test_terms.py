"""What people write into the search box, and what it means."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting import terms, written
from reporting.terms import Card, Email, End, Id, Name, Pair, Reference
from reporting.written import Span, Sum

THURSDAY = date(2026, 11, 26)
SOME_ID = "pi_" + "0198" * 8


def day(month: int, number: int, year: int = 2026) -> Span:
    return Span(date(year, month, number), date(year, month, number))


def amount(text: str, *currencies: str) -> Sum:
    return Sum(Decimal(text), currencies)


def read(question: str) -> list[tuple[object, ...]]:
    return [term.readings for term in terms.asked(question, THURSDAY)]


@pytest.mark.parametrize(
    ("question", "meaning"),
    [
        ("19.99", amount("19.99")),
        ("19,99", amount("19.99")),
        ("€19.99", amount("19.99", "EUR")),
        ("19,99 €", amount("19.99", "EUR")),
        ("19.99 EUR", amount("19.99", "EUR")),
        ("eur 19.9", amount("19.9", "EUR")),
        ("1,234.50", amount("1234.50")),
        ("1.234,50", amount("1234.50")),
        ("1'234.50 CHF", amount("1234.50", "CHF")),
        ("20", amount("20")),
        ("1500 JPY", amount("1500", "JPY")),
        ("¥1500", amount("1500", "JPY", "CNY")),
        ("today", day(11, 26)),
        ("Yesterday", day(11, 25)),
        ("thursday", day(11, 26)),
        ("Friday", day(11, 20)),
        ("3 Nov", day(11, 3)),
        ("3rd november", day(11, 3)),
        ("Nov 3, 2025", day(11, 3, 2025)),
        ("31 Dec", day(12, 31, 2025)),
        ("2026-11-03", day(11, 3)),
        ("3.11.2026", day(11, 3)),
        ("23/11/2026", day(11, 23)),
        ("2026-11", Span(date(2026, 11, 1), date(2026, 11, 30))),
        ("November 2026", Span(date(2026, 11, 1), date(2026, 11, 30))),
        ("3-5 Nov", Span(date(2026, 11, 3), date(2026, 11, 5))),
        ("2026-11-03..2026-11-05", Span(date(2026, 11, 3), date(2026, 11, 5))),
        ("30 Oct to 2 Nov", Span(date(2026, 10, 30), date(2026, 11, 2))),
        ("last week", Span(date(2026, 11, 16), date(2026, 11, 22))),
        ("this month", Span(date(2026, 11, 1), date(2026, 11, 30))),
        ("last 7 days", Span(date(2026, 11, 19), THURSDAY)),
        ("•4242", Card("4242")),
        ("card 4242", Card("4242")),
        ("jane@example.com", Email("jane@example.com")),
        ("Jane Doe", Name("Jane Doe")),
        ('"Jane 2 Doe"', Name("Jane 2 Doe")),
        ("basket:b-77", Pair("basket", "b-77")),
        ('note:"two words"', Pair("note", "two words")),
        (SOME_ID, Id(SOME_ID)),
        ("pi_…0198aabb", End("0198aabb")),
        ("A-2026-7731", Reference("A-2026-7731")),
        ("re_3QabcXYZ", Reference("re_3QabcXYZ")),
    ],
)
def test_what_is_certain(question: str, meaning: object) -> None:
    assert read(question) == [(meaning,)]


@pytest.mark.parametrize(
    ("question", "meanings"),
    [
        ("7731", (Card("7731"), Reference("7731"))),
        ("1,234", (amount("1234.0"), amount("1.234"))),
        ("15000", (Reference("15000"), amount("15000"))),
        ("03/11/2026", (day(11, 3), day(3, 11))),
        ("jane", (Reference("jane"), Name("jane"))),
        ("4242424242424242", (Card("4242"), Reference("4242424242424242"))),
        ("4242424242424241", (Reference("4242424242424241"),)),
    ],
)
def test_what_may_mean_several_things(question: str, meanings: tuple[object, ...]) -> None:
    assert read(question) == [meanings]


def test_several_together() -> None:
    assert read("4242 19.99 yesterday") == [(Card("4242"), Reference("4242")), (amount("19.99"),), (day(11, 25),)]
    assert read("jane doe 3 Nov 12.50 usd")[0] == (Name("jane doe"),)
    assert [term.text for term in terms.asked("jane doe 3 Nov 12.50 usd", THURSDAY)] == [
        "jane doe", "3 Nov", "12.50 usd",
    ]  # fmt: skip


@pytest.mark.parametrize("question", ["", "  ", "%", "'", "é", "_", "1.2.3", "2026-13-45", "€", "0", "-5", "x" * 500])
def test_nothing_that_is_written_is_too_much(question: str) -> None:
    for readings in read(question):
        assert readings


@given(st.text(max_size=80))
def test_any_text_is_read_and_every_term_means_something(question: str) -> None:
    found = terms.asked(question, THURSDAY)
    assert all(term.readings and term.text for term in found)
    assert len(found) <= terms.MOST


def test_an_amount_is_as_many_minor_units_as_its_currency_has() -> None:
    minors = dict(amount("19.99").minors())
    assert minors.keys() == {1999, 19990}
    assert "EUR" in minors[1999]
    assert "KWD" in minors[19990]
    assert dict(amount("20", "JPY").minors()) == {20: ("JPY",)}
    assert written.sums("19.9999 EUR") == ()
