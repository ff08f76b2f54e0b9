"""Amounts and days as people write them: `19,99`, `€1.234,50`, `3 Nov`, `last week`. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from payments.kernel import money

SYMBOLS: Final = {
    "€": ("EUR",), "£": ("GBP",), "¥": ("JPY", "CNY"), "₹": ("INR",), "₩": ("KRW",), "₺": ("TRY",), "₪": ("ILS",),
    "₫": ("VND",), "₱": ("PHP",), "₴": ("UAH",), "₦": ("NGN",), "฿": ("THB",), "zł": ("PLN",), "kč": ("CZK",),
    "r$": ("BRL",), "us$": ("USD",), "a$": ("AUD",), "c$": ("CAD",), "s$": ("SGD",), "hk$": ("HKD",), "nz$": ("NZD",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "CLP", "COP", "ARS"), "kr": ("SEK", "NOK", "DKK", "ISK"),
}  # fmt: skip
"""What stands beside an amount -> the currencies that are meant by it."""

_LETTERS: Final = "|".join(sorted(map(re.escape, (*SYMBOLS, *money.IN_USE)), key=len, reverse=True))
_SUM: Final = re.compile(rf"({_LETTERS})?\s*([0-9][0-9.,'’]*)\s*({_LETTERS})?", re.IGNORECASE)
_GROUPED: Final = tuple(
    re.compile(rf"([1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+)(?:{point}([0-9]{{1,4}}))?")
    for mark, point in ((",", r"\."), (r"\.", ","), ("['’]", "[.,]"))
)
_POINTED: Final = re.compile(r"(0|[1-9][0-9]{0,11})[.,]([0-9]{1,4})")
_WHOLE: Final = re.compile(r"[1-9][0-9]{0,8}")

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL: Final = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
                "november", "december")  # fmt: skip
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TO: Final = ("-", "–", "to", "until", "..")
_OF_MONTH: Final = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th|\.)?,?")
_SOME_OF_MONTH: Final = re.compile(r"([0-9]{1,2})[-–]([0-9]{1,2})")
_YEAR: Final = re.compile(r"20[0-9]{2}")
_ISO: Final = re.compile(r"(20[0-9]{2})-([0-9]{2})(?:-([0-9]{2}))?")
_NUMBERS: Final = re.compile(r"([0-9]{1,2})([./])([0-9]{1,2})\2(20[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount as it was written, and the currencies that it may be of: none for any."""

    value: Decimal
    currencies: tuple[str, ...] = ()

    def minors(self) -> list[tuple[int, tuple[str, ...]]]:
        """Minor units and the currencies in which they are this amount: 19.99 is 1999 where there are two decimals."""
        wanted = self.currencies or tuple(sorted(money.IN_USE))
        found = []
        for places in sorted({money.exponent(code) for code in wanted}):
            minor = self.value.scaleb(places)
            if minor == minor.to_integral_value() and minor < money.LIMIT:
                found.append((int(minor), tuple(code for code in wanted if money.exponent(code) == places)))
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days in UTC, both of them included."""

    first: date
    last: date


# --- amounts


def sums(text: str) -> tuple[Sum, ...]:
    """What an amount may mean, with or without its currency; nothing where it is none.

    `1,234` is 1234 for some and 1.234 for others, who have currencies of three decimals: it means both.
    """
    written = _SUM.fullmatch(text)
    if written is None or (written[1] and written[3]):
        return ()
    beside = (written[1] or written[3] or "").lower()
    currencies = SYMBOLS.get(beside) or ((beside.upper(),) if beside else ())
    found = (Sum(value, currencies) for value in _values(written[2]))
    return tuple(one for one in found if one.value and one.minors())


def is_currency(text: str) -> bool:
    """True for a code or sign that stands beside an amount."""
    return text.lower() in SYMBOLS or text.upper() in money.IN_USE


def _values(text: str) -> list[Decimal]:
    found = []
    if _WHOLE.fullmatch(text):
        found.append(Decimal(text))
    for pattern in _GROUPED:
        if grouped := pattern.fullmatch(text):
            found.append(Decimal(f"{re.sub('[^0-9]', '', grouped[1])}.{grouped[2] or '0'}"))
    if pointed := _POINTED.fullmatch(text):
        found.append(Decimal(f"{pointed[1]}.{pointed[2]}"))
    return list(dict.fromkeys(found))


# --- days


def days(words: Sequence[str], today: date) -> tuple[tuple[Span, ...], int]:
    """What the first words mean as days, and how many words that took; nothing and 0 where they are none.

    A day without a year is the last one that was. `03/11/2026` is the third of November for some, the eleventh of
    March for others: it means both.
    """
    spans, taken = _one(words, today)
    if not taken:
        return (), 0
    rest = words[taken:]
    if len(spans) == 1 and len(rest) > 1 and rest[0].lower() in _TO:
        until, more = _one(rest[1:], today)
        if len(until) == 1 and until[0].last >= spans[0].first:
            return (Span(spans[0].first, until[0].last),), taken + 1 + more
    return spans, taken


def _one(words: Sequence[str], today: date) -> tuple[tuple[Span, ...], int]:
    for read in _READERS:
        spans, taken = read(words, today)
        if taken:
            return spans, taken
    return (), 0


def _named(words: Sequence[str], today: date) -> tuple[tuple[Span, ...], int]:
    """today, yesterday, Monday (the last one)."""
    word = words[0].lower()
    back = {"today": 0, "yesterday": 1}.get(word)
    if word in _DAYS:
        back = (today.weekday() - _DAYS.index(word)) % 7
    if back is None:
        return (), 0
    day = today - timedelta(days=back)
    return (Span(day, day),), 1


def _last(words: Sequence[str], today: date) -> tuple[tuple[Span, ...], int]:
    """this week, last month, last 7 days."""
    said = [word.lower() for word in words[:3]]
    if said[0] not in ("this", "last") or len(said) < 2:
        return (), 0
    if said[1] == "week":
        first = today - timedelta(days=today.weekday() + (7 if said[0] == "last" else 0))
        return (Span(first, first + timedelta(days=6)),), 2
    if said[1] == "month":
        month = today.replace(day=1)
        month = month if said[0] == "this" else (month - timedelta(days=1)).replace(day=1)
        return (Span(month, _month_end(month)),), 2
    if said[0] == "last" and said[1].isdecimal() and said[2:] == ["days"] and 0 < int(said[1]) <= 3660:
        return (Span(today - timedelta(days=int(said[1])), today),), 3
    return (), 0


def _iso(words: Sequence[str], today: date) -> tuple[tuple[Span, ...], int]:  # noqa: ARG001  as the other readers
    """2026-11-03, 2026-11, 2026-11-03..2026-11-05."""
    head, _, tail = words[0].partition("..")
    first, last = (_iso_span(text) if text else None for text in (head, tail or head))
    if first is None or last is None or last.last < first.first:
        return (), 0
    return (Span(first.first, last.last),), 1


def _iso_span(text: str) -> Span | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    first = _date(int(found[1]), int(found[2]), int(found[3] or 1))
    if first is None:
        return None
    return Span(first, first if found[3] else _month_end(first))


def _numbered(words: Sequence[str], today: date) -> tuple[tuple[Span, ...], int]:  # noqa: ARG001  as the other readers
    """3.11.2026, 3/11/2026."""
    found = _NUMBERS.fullmatch(words[0])
    if found is None:
        return (), 0
    one, other, year = int(found[1]), int(found[3]), int(found[4])
    read = [_date(year, other, one), _date(year, one, other) if found[2] == "/" else None]
    spans = tuple(dict.fromkeys(Span(day, day) for day in read if day is not None))
    return spans, 1 if spans else 0


def _spoken(words: Sequence[str], today: date) -> tuple[tuple[Span, ...], int]:
    """3 Nov, 3rd November 2026, Nov 3, November 2026, 3-5 Nov."""
    if len(words) < 2:
        return (), 0
    if month := _month(words[1]):
        ends = _SOME_OF_MONTH.fullmatch(words[0]) or _OF_MONTH.fullmatch(words[0])
        numbers = [int(one) for one in ends.groups()] if ends else []
    elif month := _month(words[0]):
        if _YEAR.fullmatch(words[1]):
            first = date(int(words[1]), month, 1)
            return (Span(first, _month_end(first)),), 2
        ends = _OF_MONTH.fullmatch(words[1])
        numbers = [int(ends[1])] if ends else []
    else:
        return (), 0
    year = int(words[2]) if len(words) > 2 and _YEAR.fullmatch(words[2]) else 0
    span = _of_year(month, numbers, year, today) if numbers else None
    return ((span,), 3 if year else 2) if span else ((), 0)


def _of_year(month: int, numbers: Sequence[int], year: int, today: date) -> Span | None:
    for possible in (year,) if year else (today.year, today.year - 1):
        first, last = _date(possible, month, numbers[0]), _date(possible, month, numbers[-1])
        if first and last and first <= last and (year or first <= today):
            return Span(first, last)
    return None


def _month(word: str) -> int:
    """1 for Jan and January; 0 for what is no month."""
    said = word.lower().rstrip(".,")
    if said in _FULL:
        return _FULL.index(said) + 1
    said = "sep" if said == "sept" else said
    return MONTHS.index(said) + 1 if said in MONTHS else 0


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


_READERS: Final[tuple[Callable[[Sequence[str], date], tuple[tuple[Span, ...], int]], ...]] = (
    _named, _last, _iso, _numbered, _spoken,
)  # fmt: skip
