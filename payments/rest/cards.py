"""Card numbers in free text: they are never stored, never logged, never repeated in an answer."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

SHORTEST: Final = 13
LONGEST: Final = 19
_RUN = re.compile(r"\d+(?:[\W_]{1,3}\d+)*")
_GROUP = re.compile(r"\d+")
_PRINTED: Final = 3

_LONG: Final = range(16, 20)
_ISSUED: Final = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)),
    ("37", "37", (15,)),  # American Express
    ("300", "305", range(14, 20)),
    ("3095", "3095", range(14, 20)),
    ("36", "36", range(14, 20)),
    ("38", "39", range(14, 20)),  # Diners Club
    ("3528", "3589", _LONG),  # JCB
    ("50", "50", range(13, 20)),
    ("56", "69", range(13, 20)),  # Maestro, and Discover, RuPay and UnionPay among them
    ("81", "82", _LONG),  # UnionPay, RuPay
    ("2200", "2204", _LONG),  # Mir
    ("9792", "9792", (16,)),  # Troy
)
"""Who issues which numbers: from this beginning to that one, and how long they are (ISO/IEC 7812, the schemes' pages).

What begins otherwise is no card, however its sum comes out: order numbers, barcodes and times are left in peace.
"""


def look_like_number(text: str) -> bool:
    """True when `text` holds the digits of a card number, in whatever groups and with whatever between them.

    That is 13 to 19 digits, as somebody issues them, that pass Luhn's check.
    """
    return any(_is_number(digits) for digits in _candidates(text))


def _is_number(digits: str) -> bool:
    return _issued(digits) and _luhn(digits) and not _barcode(digits)


def _issued(digits: str) -> bool:
    return any(low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _ISSUED)


def _candidates(text: str) -> Iterator[str]:
    """Every series of digits in a run of digits and separators that somebody may have meant as one number."""
    for run in _RUN.finditer(text):
        groups = [_plain(group) for group in _GROUP.findall(run[0])]
        whole = "".join(groups)
        if SHORTEST <= len(whole) <= LONGEST and not _international(text, run.start(), whole):
            yield whole
        yield from _printed(groups)
        yield from _spelt(groups)


def _plain(group: str) -> str:
    """Digits of any script as ours."""
    return group if group.isascii() else "".join(str(int(char)) for char in group)


def _international(text: str, start: int, digits: str) -> bool:
    """A plus sign before at most 15 digits is a telephone number (ITU-T E.164)."""
    return text[start - 1 : start] == "+" and len(digits) <= 15


def _printed(groups: Sequence[str]) -> Iterator[str]:
    """Neighbouring groups of three digits or more, as cards print them, whatever stands before and after."""
    for start in range(len(groups)):
        digits = ""
        for group in groups[start : start + LONGEST // _PRINTED]:
            digits += group
            if len(group) < _PRINTED or len(digits) > LONGEST:
                break
            if len(digits) >= SHORTEST:
                yield digits


def _spelt(groups: Sequence[str]) -> Iterator[str]:
    """Neighbouring groups of one digit each, or of two, between groups of other lengths."""
    start = 0
    for end in range(1, len(groups) + 1):
        if end == len(groups) or len(groups[end]) != len(groups[start]):
            digits = "".join(groups[start:end])
            if len(groups[start]) < _PRINTED and SHORTEST <= len(digits) <= LONGEST:
                yield digits
            start = end


def _barcode(digits: str) -> bool:
    """A GTIN of 13 or 14 digits, by its own check digit (GS1 General Specifications 7.9)."""
    if len(digits) > 14:
        return False
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return weighted % 10 == 0


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1 annex B: double every second digit from the right, sum the digits, divide by ten."""
    digits = [int(char) for char in text]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
