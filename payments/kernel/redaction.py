"""Secrets and card numbers are taken out of whatever is written down for others to read: logs, audit, pages."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"
CARD = "[card number]"

# Names of fields whose value is secret whatever it looks like.
SECRET_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:password[0-9]?|passwd|otp|secret|token|authorization|cookie|set-cookie|api[_-]?key|secret[_-]?key|pepper"
    r"|signature|hmac[_-]?key|cvc|cvv|card[_-]?number|pan)$"
)
# Secrets known by their shape: keys of ours and of Stripe, webhook secrets, credentials of a header or an address.
SECRET_TEXT = [
    (re.compile(r"(?<![A-Za-z0-9])((?:sk|rk|pk|whsec)_(?:(?:test|live)_)?)[A-Za-z0-9+/=_-]{6,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(?<![a-z0-9])((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"""(?i)(["']?(?:x-api-key|api_key|password|secret_key|client_secret)["']?\s*[:=]\s*["']?)[^\s"',;&]+"""
        ),
        rf"\1{HIDDEN}",
    ),
    # What PostgreSQL quotes with an error, where somebody else logs it: a row may have any text, also line feeds.
    (re.compile(r"(?s)(DETAIL: +)Failing row contains \(.*\)\."), rf"\1{HIDDEN}"),
    (re.compile(r"((?:DETAIL|CONTEXT): +)(?!\[)[^\n]+"), rf"\1{HIDDEN}"),
]
# 13 to 19 digits with at most one blank or dash between two, from a range that card schemes issue (ISO/IEC 7812:
# 2 to 6 for what we take). All-digit PSP references start with 7, 8 or 9 and stay readable.
CARD_LIKE = re.compile(r"(?<![A-Za-z0-9])[2-6](?:[ -]?[0-9]){12,18}(?![A-Za-z0-9])")

# What names somebody: addresses of e-mail anywhere in a text, and fields that are called after a person.
# Written with letters of any script (RFC 6531), also as forms send it; of the domain the last part stays.
_LOCAL = r"[^\s@<>()\[\]{},;:\"'=?%|\\/]"
EMAIL = re.compile(
    rf"({_LOCAL})(?:{_LOCAL}|'){{0,63}}(?:@|%40)([^\W_])[\w.-]{{0,200}}?(\.(?:xn--[a-z0-9-]+|[^\W\d_]{{2,24}}))(?![\w-]|\.\w)"
)
PERSON_NAME = re.compile(
    r"(?i)^(?:e?-?mail|phone|line1|line2|postal_code|(?:first|last|full|holder|card|customer|shopper|payer|owner|recipient)_?name"
    r"|(?:billing|shipping|delivery|customer)_?address|customer_ip)$"
)
MASKED = "•••"

# Keys that somebody has pasted: ours and the PSPs', whole. Nothing else that people write looks like one.
WHOLE_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|rk)_(?:test|live)_[A-Za-z0-9]{16,}|sk_[a-z0-9]{8}_[A-Za-z0-9_-]{24,}|whsec_[A-Za-z0-9+/]{20,})"
)


def holds_key(text: str) -> bool:
    """Whether a secret key stands in a text that somebody wants kept: it is refused instead."""
    return WHOLE_KEY.search(text) is not None


def anonymous(value: Any) -> Any:
    """The value without secrets, card numbers and what names a person: what may be kept for ever."""
    if isinstance(value, Mapping):
        return {
            _clean(str(key)): HIDDEN if _is_secret(str(key)) else MASKED if _names(str(key), item) else anonymous(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [anonymous(item) for item in value]
    found = redact(value)
    if isinstance(found, str) and ("@" in found or "%40" in found):
        return EMAIL.sub(rf"\1{MASKED}@\2{MASKED}\3", found)
    return found


def _names(key: str, item: object) -> bool:
    return bool(item) and PERSON_NAME.search(key) is not None


def redact(value: Any) -> Any:
    """The value without secrets and card numbers, through every mapping and sequence in it."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bytes):
        return _clean(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {_clean(str(key)): HIDDEN if _is_secret(str(key)) else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return _clean(str(value)) if _may_be_card(value) else value
    return _clean(str(value))


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + position % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def texts(value: Any) -> Any:
    """The same for every text in what a PSP has answered, whatever its name: codes and references stay as they are."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping):
        return {key: texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [texts(item) for item in value]
    return value


_MARKS = (
    "sk_", "rk_", "pk_", "whsec_", "bearer", "basic", "://", "api", "password", "secret", "detail:", "context:",
)  # fmt: skip
"""Without one of these there is nothing that `SECRET_TEXT` would find: most texts are done with that."""


def text(said: str) -> str:
    """A text that came from elsewhere, or from an error, as it may be kept."""
    return _clean(said)


def _clean(text: str) -> str:
    if not any(mark in text.lower() for mark in _MARKS):
        return CARD_LIKE.sub(_hide_card, text)
    for pattern, replacement in SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return CARD_LIKE.sub(_hide_card, text)


def _hide_card(match: re.Match[str]) -> str:
    return CARD if luhn(re.sub(r"[ -]", "", match.group())) else match.group()


def _is_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def _may_be_card(value: object) -> bool:
    return isinstance(value, int) and abs(value) >= 10**12
