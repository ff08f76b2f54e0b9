"""The rows of a list as HTML: written here, because unfold's way costs more than all else on a page of fifty."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from django.contrib.admin.views.main import ChangeList
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES
from unfold.utils import display_for_value

CHECKBOX: Final = "action_checkbox"
STRIPES: Final = ("", "bg-base-50 dark:bg-white/[.02]")
_BODY: Final = '<tbody class="block relative lg:table-row-group {}">'
_ROW: Final = (
    '<tr class="data-row block border border-base-200 mb-3 relative rounded-default lg:table-row lg:border-none lg:mb-0'
    ' lg:rounded-none dark:border-base-800">'
)


def bodies(changes: ChangeList) -> SafeString | None:
    """Every row of the page, as unfold would write it; None where a column is no `shown.Column`, and unfold has to."""
    columns = changes.list_display
    if not all(name == CHECKBOX or callable(name) for name in columns):
        return None
    cells = [_cell(changes, column) for column in columns]
    return mark_safe("".join(_lines(changes, cells)))  # noqa: S308  each part was escaped where it was made


def _lines(changes: ChangeList, cells: Sequence[Callable[[Any], str]]) -> Iterator[str]:
    heads = [_BODY.format(stripe) + _ROW for stripe in STRIPES]
    for number, row in enumerate(changes.result_list):
        yield heads[number % len(heads)]
        for cell in cells:
            yield cell(row)
        yield "</tr></tbody>"


def _cell(changes: ChangeList, column: Any) -> Callable[[Any], str]:
    """How one column writes its cell; what is the same in every row is made once."""
    if column == CHECKBOX:
        head, end = _tag("td", CHECKBOX_CLASSES, _("Select record")), "</td>"
        return lambda row: f"{head}{changes.model_admin.action_checkbox(row)}{end}"
    leads = column in (changes.list_display_links or ())
    tag = "th" if leads else "td"
    head = _tag(tag, [f"field-{column.__name__}", *ROW_CLASSES], column.short_description)
    end = f"</{tag}>"
    if not leads:
        return lambda row: f"{head}{_said(column(row))}{end}"
    link = f'" class="{" ".join(LINK_CLASSES)}" >'
    return lambda row: (
        f'{head}<a href="{conditional_escape(changes.url_for_result(row))}{link}{_said(column(row))}</a>{end}'
    )


def _said(value: object) -> str:
    if isinstance(value, str) and value:
        return conditional_escape(value)
    return conditional_escape(display_for_value(value, "-"))


def _tag(tag: str, classes: Sequence[str], label: str) -> str:
    return f'<{tag} class="{" ".join(classes)}" data-label="{conditional_escape(label)}">'
