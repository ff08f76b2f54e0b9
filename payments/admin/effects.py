"""What a unit of work has written, or would write, as rows for people."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.apps import apps
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from payments.admin import shown

_ID: Final = re.compile(r"\b[a-z]{2,8}_[0-9a-f]{32}\b")

WORDS: Final[Mapping[str, Any]] = {
    "payments.statechange": _("Moves"),
    "payments.transfer": _("Books"),
    "payments.event": _("Tells the client"),
    "payments.job": _("Wants done"),
    "payments.attentionitem": _("Asks for a person"),
}
"""Tables whose rows are said by a verb; of others it is said that they are added or changed."""


def linked(text: str, viewer: shown.Viewer) -> str:
    """Text in which ids of ours lead to their pages."""
    parts, end = [], 0
    for found in _ID.finditer(text):
        parts += [conditional_escape(text[end : found.start()]), viewer.reference(found.group())]
        end = found.end()
    parts.append(conditional_escape(text[end:]))
    return mark_safe("".join(parts))  # noqa: S308  every part is escaped or made by us


def _what(one: Mapping[str, Any]) -> object:
    words = WORDS.get(one["table"])
    if words and one["new"]:
        return words
    name = shown.capital(str(apps.get_model(one["table"])._meta.verbose_name))
    return format_html("{} {}", name, _("is new") if one["new"] else _("changes"))


def _columns(says: str) -> str:
    """amount_captured_minor, next_action -> Amount captured, Next action."""
    return ", ".join(gettext(shown.titled(name)) for name in says.split(", "))


def _says(one: Mapping[str, Any], viewer: shown.Viewer) -> object:
    text = str(one["says"]) if one["new"] else _columns(str(one["says"]))
    said = linked(shown.masked(text, viewer), viewer)
    if one["table"] == "payments.statechange":
        return said
    which = viewer.reference(one["id"]) if _ID.fullmatch(one["id"]) else ""
    return format_html("{} {}", which, said)


COLUMNS: Final = (
    shown.Column("What", lambda one, _viewer: _what(one)),
    shown.Column("In detail", _says),
)


def table(title: str, found: Iterable[Any] | None, viewer: shown.Viewer, *, empty: str) -> shown.Table:
    """A list of effects (`kernel.effects`), as a table."""
    return shown.table(title, list(found or ()), COLUMNS, viewer, empty=empty)


def counted(found: Mapping[str, tuple[int, int, int]]) -> list[str]:
    """What the database has counted, a sentence per table."""
    said = []
    for table_, (added, changed, gone) in sorted(found.items()):
        numbers = [(added, _("added")), (changed, _("changed")), (gone, _("deleted"))]
        said.append(f"{table_}: " + ", ".join(f"{number} {words}" for number, words in numbers if number))
    return said
