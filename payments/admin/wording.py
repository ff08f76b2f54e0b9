"""Words of states, choices and columns, in the language of who reads them; and in English, for what is kept."""

from typing import Any

from django.db import models
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


def plain(value: str) -> str:
    """requires_capture -> Requires capture."""
    return value.replace("_", " ").capitalize()


def said(value: str) -> str:
    """A state, or the words of a choice, in the reader's language."""
    return _(plain(value) if value == value.lower() else value)


def choices(kind: type[models.TextChoices]) -> list[tuple[str, Any]]:
    """What a form offers of them, in the reader's language."""
    return [(str(value), gettext_lazy(label)) for value, label in kind.choices]


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
