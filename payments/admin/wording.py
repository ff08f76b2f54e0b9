"""Words of states, choices and columns, in the language of who reads them; and in English, for what is kept."""

from typing import Any, Final

from django.db import models
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from payments.methods import catalogue


def plain(value: str) -> str:
    """requires_capture -> Requires capture."""
    return value.replace("_", " ").capitalize()


def said(value: str) -> str:
    """A state, or the words of a choice, in the reader's language."""
    return _(plain(value) if value == value.lower() else value)


def choices(kind: type[models.TextChoices]) -> list[tuple[str, Any]]:
    """What a form offers of them, in the reader's language."""
    return [(str(value), gettext_lazy(label)) for value, label in kind.choices]


ROLES: Final = (
    gettext_noop("Support"), gettext_noop("Support lead"), gettext_noop("Finance"), gettext_noop("Engineer"),
    gettext_noop("Auditor"), gettext_noop("Admin"),
)  # fmt: skip
"""The names of `manage.py roles`, as `role` says them."""


def role(name: str) -> str:
    """support_lead -> Support lead, in the reader's language; a role that a company has made itself, as it calls it."""
    words = plain(name)
    return _(words) if words in ROLES else {"api": "API"}.get(name, name)


def method(code: str) -> str:
    """A payment method by the name that customers know it by: sepa_debit -> SEPA Direct Debit."""
    known = catalogue.METHODS.get(code)
    return known.name(translation.get_language() or "en") if known else plain(code)


def within(words: object) -> str:
    """Words in the middle of a sentence: small in English; other languages know their nouns."""
    said = str(words)
    return said[:1].lower() + said[1:] if translation.get_language() == "en" else said


def english(words: object) -> str:
    """Words for what is kept: the log of changes is in English, whoever reads the button."""
    with translation.override("en"):
        return str(words)


def capital(text: Any) -> str:
    """PSP notification, payment -> PSP notification, Payment: only the first letter changes."""
    return str(text)[:1].upper() + str(text)[1:]


def titled(name: str) -> str:
    """latest_attempt_id -> Latest attempt."""
    return name.removesuffix("_id").removesuffix("_minor").replace("_", " ").capitalize()
