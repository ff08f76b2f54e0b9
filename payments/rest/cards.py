"""Card numbers in free text: they are never stored, never logged, never repeated in an answer."""

import re
from collections.abc import Iterator
from typing import Final

SHORTEST: Final = 13
LONGEST: Final = 19
_RUN = re.compile(r"\d+(?:[ -]\d+)*")
_GROUP: Final = 3


def look_like_number(text: str) -> bool:
    """True when `text` holds 13 to 19 digits, in one piece or in groups as cards print them, that pass Luhn's check.

    13 digits that begin with 1 are a time in milliseconds, which clients use as references: no card starts so.
    """
    return any(_luhn(digits) and not (len(digits) == SHORTEST and digits[0] == "1") for digits in _candidates(text))


def _candidates(text: str) -> Iterator[str]:
    """Every series of neighbouring groups, of three digits or more each, that has a card number's length."""
    for run in _RUN.finditer(text):
        groups = re.split("[ -]", run[0])
        for start in range(len(groups)):
            digits = ""
            for group in groups[start:]:
                digits += group
                if len(group) < _GROUP or len(digits) > LONGEST:
                    break
                if len(digits) >= SHORTEST:
                    yield digits


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1 annex B: double every second digit from the right, sum the digits, divide by ten."""
    digits = [int(char) for char in text]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
