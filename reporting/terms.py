"""What is asked for in the search box: words, each with everything that it may mean. All of them must hold. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from reporting import written
from reporting.written import Span, Sum

LONGEST: Final = 200
"""So many characters of a question are read."""

MOST: Final = 8
"""So many terms are looked for; nobody says more on the phone."""

SHORTEST_NUMBER: Final = 4
"""Shorter numbers are amounts and nothing else: too many references end in them."""

_WORDS: Final = re.compile(r'[^\s"]*:"[^"]*"|"[^"]*"|\S+')
_ID: Final = re.compile(r"[a-z]{2,8}_[0-9a-f]{32}")
_END: Final = re.compile(r"(?:pi_)?(?:…|\.\.\.)([0-9a-f]{4,32})")
_CARD: Final = re.compile(r"[•*x…]{1,16}([0-9]{4})")
_FOUR: Final = re.compile(r"[0-9]{4}")
_NUMBER: Final = re.compile(r"[0-9]{13,19}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_PAIR: Final = re.compile(r'([A-Za-z_][\w.\-]{0,39}):"?([^"]{1,500})"?')
_NAME: Final = re.compile(r"[^\W\d_]+(?:[.'’\-][^\W\d_]*)*")


@dataclass(frozen=True, slots=True)
class Id:
    """An id of ours: prefix and 32 digits."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """How a payment's id ends, as pages shorten it."""

    text: str


@dataclass(frozen=True, slots=True)
class Email:
    """A customer's e-mail address."""

    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """The last four digits of a card."""

    last4: str


@dataclass(frozen=True, slots=True)
class Reference:
    """How somebody calls it: an order or its end, the PSP's id, a client's customer, the end of a payment's id."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A customer's name."""

    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One entry of metadata."""

    key: str
    value: str


Reading = Id | End | Email | Card | Reference | Name | Pair | Sum | Span


@dataclass(frozen=True, slots=True)
class Term:
    """Words that belong together, and what they may mean: one of the readings must hold."""

    text: str
    readings: tuple[Reading, ...]


def asked(question: str, today: date) -> tuple[Term, ...]:
    """The terms of a question, as they stand in it; `today` is the day in UTC.

    Days and amounts may take several words (`3 Nov`, `19.99 EUR`), and words that may be a name stand together.
    """
    words, found = _WORDS.findall(re.sub("[\x00\N{NO-BREAK SPACE}]", " ", question[:LONGEST])), []
    position = 0
    while position < len(words):
        term, taken = _next(words[position:], today)
        found.append(term)
        position += taken
    return tuple(_named(found))[:MOST]


def _next(words: list[str], today: date) -> tuple[Term, int]:
    spans, taken = written.days(words, today)
    if taken:
        return Term(" ".join(words[:taken]), spans), taken
    if len(words) > 1:
        if words[0].lower() == "card" and _FOUR.fullmatch(words[1]):
            return Term(f"{words[0]} {words[1]}", (Card(words[1]),)), 2
        if written.is_currency(words[0]) != written.is_currency(words[1]):
            together = written.sums(f"{words[0]} {words[1]}")
            if together:
                return Term(f"{words[0]} {words[1]}", together), 2
    return Term(words[0], tuple(_readings(words[0].strip('"')))), 1


def _readings(word: str) -> Iterator[Reading]:
    """What one word may mean; what is certain means nothing else."""
    certain = _certain(word)
    if certain is not None:
        yield certain
        return
    amounts = written.sums(word)
    if amounts and (len(word) < SHORTEST_NUMBER or not word.isdecimal()):
        yield from amounts
        return
    if _FOUR.fullmatch(word) or (_NUMBER.fullmatch(word) and _luhn(word)):
        yield Card(word[-4:])
    yield Reference(word)
    if _NAME.fullmatch(word):
        yield Name(word)
    elif len(word) > SHORTEST_NUMBER:
        yield from amounts


def _certain(word: str) -> Reading | None:
    if _ID.fullmatch(word):
        return Id(word)
    if card := _CARD.fullmatch(word):
        return Card(card[1])
    if end := _END.fullmatch(word):
        return End(end[1])
    if _EMAIL.fullmatch(word):
        return Email(word)
    if pair := _PAIR.fullmatch(word):
        return Pair(pair[1], pair[2])
    return Name(word) if " " in word else None  # only between quotation marks


def _luhn(number: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1): of a whole number only the end is looked for."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(digit - 9 * (digit > 9) for digit in doubled) % 10 == 0


def _named(found: list[Term]) -> Iterator[Term]:
    """The terms, with neighbours that may all be names as one name: `jane doe`."""
    together: list[str] = []
    for term in (*found, None):
        if term is not None and any(isinstance(reading, Name) for reading in term.readings):
            together.append(term.text)
            continue
        if len(together) == 1:
            yield Term(together[0], tuple(_readings(together[0].strip('"'))))
        elif together:
            name = " ".join(word.strip('"') for word in together)
            yield Term(name, (Name(name),))
        together = []
        if term is not None:
            yield term
