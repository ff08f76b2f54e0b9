"""Card numbers as such."""


def possible(digits: str) -> bool:
    """Whether it can be one: length and check digit."""
    return digits.isdigit() and 12 <= len(digits) <= 19 and _luhn(digits)


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
