"""What is personal in texts and in raw data, and what is shown of it; secrets and card numbers are never shown."""

import re
from collections.abc import Mapping
from typing import Protocol

from payments.kernel import redaction

_EMAIL = redaction.EMAIL
_SECRET = re.compile(r"secret|token|password|authorization|api_?key|signature|hmac|cvc|cvv|cookie", re.IGNORECASE)
_PERSON = re.compile(
    r"^(name|ip|city|street|line[12]|state|zip|.*_ip|ip_.*|shopperip|housenumberorname"
    r"|.*(phone|address|e-?mail|iban|postal_?code|birth|tax_?id|social_?security|passport|recipient).*"
    r"|.*_name|.*(shopper|holder|owner|first|last|full|middle|given|family|customer|payer|account)_?name.*)$",
    re.IGNORECASE,
)
"""Names of fields whose values, and all that is in them, say who somebody is."""
_NOT_A_PERSON = re.compile(r"^(domain|host|file|event|method|merchant|brand|product|bank|report)_name$", re.IGNORECASE)
_CARD_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:\d[ -]?){12,18}\d(?![0-9A-Za-z])")


class Viewer(Protocol):
    """Who looks."""

    @property
    def revealed(self) -> bool:
        """Whether personal data is shown."""

    def personal(self, text: str) -> str:
        """The text, or what may be shown of it."""


def hidden(text: str) -> str:
    """john@example.com -> j•••@e•••.com; other text keeps its first letter."""
    if not text:
        return text
    masked, count = _EMAIL.subn(r"\1•••@\2•••\3", text)
    return masked if count else f"{text[0]}•••"


def safe(value: object, viewer: Viewer, name: str = "", *, of_person: bool = False) -> object:
    """JSON with what this viewer may read of it. What stands under a person's field is a person's as well."""
    if isinstance(value, Mapping):
        return {
            key: safe(item, viewer, str(key), of_person=of_person or _is_person(str(key)))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [safe(item, viewer, name, of_person=of_person) for item in value]
    if not isinstance(value, str) or not value:
        return value
    if _SECRET.search(name):
        return "•••"
    value = viewer.personal(value) if of_person or _is_person(name) else nameless(value, viewer)
    return _CARD_NUMBER.sub("•••", value)


def nameless(text: str, viewer: Viewer) -> str:
    """A reference, of which only an e-mail address is masked: shops call their customers by it."""
    if viewer.revealed or not _EMAIL.search(text):
        return text
    viewer.personal(text)  # which notes that something is hidden
    return hidden(text)


def _is_person(name: str) -> bool:
    return bool(_PERSON.match(name)) and not _NOT_A_PERSON.match(name)
