"""How things look in the back office: money, states, times, ids with links, raw data without secrets."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from moneyed import Money

from payments.admin import masking
from payments.admin.addresses import address as address
from payments.admin.addresses import list_address as list_address
from payments.admin.masking import hidden as hidden  # for the upper apps, whose only way in is this module
from payments.admin.reciting import recite as recite
from payments.admin.wording import capital as capital
from payments.admin.wording import choices as choices
from payments.admin.wording import english as english
from payments.admin.wording import method as method
from payments.admin.wording import plain as plain
from payments.admin.wording import role as role
from payments.admin.wording import said as said
from payments.admin.wording import titled as titled
from payments.admin.wording import within as within
from payments.kernel import ids, money

NOTHING: Final = "–"
SEES_PERSONAL_DATA: Final = "payments.see_personal_data"
ROWS: Final = 100
"""How many rows a table on a page shows at most; the list behind it has all."""

_BUTTON = re.compile(r"<button.*?</button>", re.DOTALL)
_LINK = re.compile(r"</?a\b[^>]*>")

_TONES: Final[Mapping[str, str]] = {
    state: tone
    for tone, states in {
        "good": "succeeded paid captured processed approved enabled active delivered tied",
        "wait": "processing pending sent requested requires_action action_required requires_capture authorized ready"
        " running received waiting partially_paid partially_refunded queued needs_approval held",
        "bad": "failed declined unknown dead bounced reversed capture_failed unavailable not_tied disabled",
    }.items()
    for state in states.split()
}


@dataclass(frozen=True)
class Viewer:
    """Who looks: decides which links lead somewhere and whether personal data is shown.

    It is masked for everybody, until somebody has it `revealed` for the object whose page this is (`revealing`).
    `hid` notes that something was masked.
    """

    user: Any
    revealed: bool = False
    hid: list[str] = field(default_factory=list, compare=False, repr=False)
    known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def may(self, permission: str) -> bool:
        """True when this person has a permission, as `app.codename`; asked once, however many rows want to know."""
        if permission not in self.known:
            self.known[permission] = bool(self.user.has_perm(permission))
        return self.known[permission]

    @property
    def sees_personal_data(self) -> bool:
        """True for who talks to customers: they find people by e-mail, and may have personal data shown."""
        return self.may(SEES_PERSONAL_DATA)

    @property
    def may_reveal(self) -> bool:
        """Whether there is something on the page that they may have shown."""
        return bool(self.hid) and not self.revealed and self.sees_personal_data

    def personal(self, text: str) -> str:
        """Personal data, or what may be shown of it: `j•••@e•••.com`."""
        if self.revealed or not text:
            return text
        self.hid.append("")
        return hidden(text)

    def nameless(self, text: str) -> str:
        """A reference, with an e-mail address in it masked."""
        return masking.nameless(text, self)

    def link(self, row: models.Model | None, text: object = None) -> str:
        """A row as a link to its page, or as text for who may not open that."""
        if row is None:
            return NOTHING
        return self._link(type(row), str(row.pk), recite(self.nameless(str(row))) if text is None else str(text))

    def reference(self, object_id: str) -> str:
        """An id of ours as a link to its page, with a button that copies it."""
        if not object_id:
            return NOTHING
        model = models_by_prefix().get(object_id.rpartition("_")[0])
        if model is None:
            return copyable(object_id)
        return format_html("{} {}", self._link(model, object_id, short(object_id)), _copy_button(object_id))

    def _link(self, model: type[models.Model], pk: str, text: str) -> str:
        meta = model._meta
        may = admin.site.is_registered(model) and self.may(f"{meta.app_label}.view_{meta.model_name}")
        if not may:
            return text
        return format_html('<a class="bo-link" href="{}">{}</a>', address(model, pk), text)


@cache
def models_by_prefix() -> Mapping[str, type[models.Model]]:
    """Which table an id belongs to, by its prefix."""
    return {model._meta.pk.prefix: model for model in apps.get_models() if isinstance(model._meta.pk, ids.IdField)}


# --- single values --------------------------------------------------------------------------------------------------


def amount_text(value: Money) -> str:
    """1234.5 EUR -> "1,234.50 EUR": thousands are grouped, for eyes and not for programs."""
    code = value.currency.code
    return f"{value.amount:,.{money.exponent(code)}f} {code}".replace("-", "−")


def amount(value: Money | None) -> str:
    """An amount that is never broken into two lines."""
    return NOTHING if value is None else format_html('<span class="bo-money">{}</span>', amount_text(value))


def minor(value: int, currency: str) -> str:
    """Minor units as an amount; also a sum that is beyond the largest single one."""
    places = money.EXPONENTS.get(currency, 0)
    said = f"{Decimal(value).scaleb(-places):,.{places}f} {currency}".replace("-", "−")
    return format_html('<span class="bo-money">{}</span>', said)


def status(value: str, words: object = "", tones: Mapping[str, str] = _TONES) -> str:
    """A state as a coloured label; the words say it, the colour only helps to find it."""
    if not value:
        return NOTHING
    return format_html(
        '<span class="bo-status bo-{}">{}</span>', tones.get(value, "quiet"), (words and _(str(words))) or said(value)
    )


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second."""
    if value is None:
        return NOTHING
    utc = value.astimezone(UTC)
    return format_html('<time class="bo-time" datetime="{}">{}</time>', utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S}")


def bare(cell: object) -> object:
    """A cell without its links and buttons, which must not stand inside another link."""
    html = _BUTTON.sub("", str(cell))
    return mark_safe(_LINK.sub("", html).strip()) if isinstance(cell, SafeString) else cell  # noqa: S308  was safe


def short(object_id: str) -> str:
    """An id by its kind and its end, which is what differs between two of the same minute."""
    prefix, _sign, digits = object_id.rpartition("_")
    return f"{prefix}_…{digits[-8:]}" if prefix and len(digits) == 32 else object_id


def copyable(text: str) -> str:
    """Text that is copied by one click: ids, references."""
    if not text:
        return NOTHING
    return format_html('<code class="bo-code">{}</code> {}', text, _copy_button(text))


def _copy_button(text: str) -> str:
    words = _("Copy %(what)s") % {"what": text}
    return format_html(
        '<button type="button" class="bo-copy" data-copy="{}" aria-label="{}" title="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span></button>',
        text,
        words,
        words,
    )


def raw(value: object, viewer: Viewer) -> str:
    """JSON for people, indented, without secrets and card numbers, and masked."""
    if value in (None, {}, [], ""):
        return NOTHING
    text = json.dumps(masking.safe(value, viewer), indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="bo-raw" tabindex="0">{}</pre>', text)


def raw_bytes(value: bytes | memoryview | None, viewer: Viewer) -> str:
    """Stored bytes, read as JSON where they are."""
    if value is None:
        return NOTHING
    data = bytes(value)
    try:
        return raw(json.loads(data), viewer)
    except ValueError:
        return _("%(count)s bytes that are not JSON") % {"count": len(data)}


def masked(text: str, viewer: Viewer) -> str:
    """What somebody wrote, without card numbers, and masked."""
    return str(masking.safe(text, viewer))


def words(text: str, viewer: Viewer) -> str:
    """Longer text as it came (errors, answers), without card numbers, masked like everything else."""
    if not text:
        return NOTHING
    return format_html('<pre class="bo-raw" tabindex="0">{}</pre>', masked(text, viewer))


# --- columns and tables ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One fact about a row, for lists and pages alike.

    `wide` ones take the whole width of a page; numbers stand at the `right`, digit under digit.
    """

    title: str
    cell: Callable[[Any, Viewer], object]
    wide: bool = False
    right: bool = False

    @property
    def said(self) -> str:
        """The title in the reader's language."""
        return _(self.title)

    def bound(self, viewer: Viewer, *, leads: bool = False) -> Callable[[Any], object]:
        """The column as Django's lists call it. What `leads` to the row's own page holds no other link or button."""

        def column(row: Any) -> object:
            cell = self.cell(row, viewer)
            return bare(cell) if leads else cell

        column.__name__ = re.sub(r"\W+", "_", self.title.lower()) + ("_at_right" if self.right else "")
        column.short_description = self.said  # type: ignore[attr-defined]  # Django's convention
        return column


def text_of(name: str, title: str = "") -> Column:
    """An attribute as text."""
    return Column(title or titled(name), lambda row, _viewer: str(_get(row, name) or NOTHING))


def said_of(name: str, title: str = "") -> Column:
    """What somebody wrote, masked like everything else; what we did, in the reader's language."""
    return Column(
        title or titled(name), lambda row, viewer: recite(masked(str(_get(row, name) or ""), viewer)) or NOTHING
    )


def number_of(name: str, title: str = "") -> Column:
    """An attribute as a number; zero is a number."""

    def cell(row: Any, _viewer: Viewer) -> str:
        return NOTHING if _get(row, name) is None else f"{_get(row, name):,}"

    return Column(title or titled(name), cell, right=True)


def code_of(name: str, title: str = "") -> Column:
    """A reference that is copied by one click; shops call people by their e-mail as well."""
    return Column(title or titled(name), lambda row, viewer: copyable(viewer.nameless(str(_get(row, name) or ""))))


def amount_of(name: str, title: str = "") -> Column:
    """An amount with its currency."""
    return Column(title or titled(name), lambda row, _viewer: amount(_get(row, name)), right=True)


def status_of(name: str = "status", title: str = "", tones: Mapping[str, str] = _TONES) -> Column:
    """A state as a label; `tones` are the colours of states, where they differ from the usual."""
    return Column(title or titled(name), lambda row, _viewer: status(str(_get(row, name) or ""), tones=tones))


def choice_of(name: str, title: str = "") -> Column:
    """The words of a choice."""
    read = f"get_{name}_display"
    return Column(title or titled(name), lambda row, _viewer: said(str(getattr(row, read)() or NOTHING)))


def method_of(name: str = "method", title: str = "") -> Column:
    """A payment method by its name."""
    return Column(title or titled(name), lambda row, _viewer: method(str(_get(row, name) or "")) or NOTHING)


def time_of(name: str, title: str = "") -> Column:
    """A time in UTC."""
    return Column(f"{title or titled(name.removesuffix('_at'))} (UTC)", lambda row, _viewer: moment(_get(row, name)))


def flag_of(name: str, title: str = "") -> Column:
    """Yes or no, in words."""
    return Column(title or titled(name), lambda row, _viewer: _("Yes") if _get(row, name) else _("No"))


def list_of(name: str, title: str = "", none: str = NOTHING) -> Column:
    """A list of short texts; `none` is what an empty one means."""
    return Column(title or titled(name), lambda row, _viewer: ", ".join(map(str, _get(row, name))) or _(none))


def reference_of(name: str, title: str = "") -> Column:
    """An id of another object, as a link."""
    return Column(title or titled(name), lambda row, viewer: viewer.reference(str(_get(row, name) or "")))


def linked(name: str, title: str = "", text: Callable[[Any], str] = str) -> Column:
    """Another row, by its own words, as a link."""

    def cell(row: Any, viewer: Viewer) -> str:
        other = _get(row, name)
        return viewer.link(other, recite(text(other))) if other is not None else NOTHING

    return Column(title or titled(name), cell)


def personal_of(name: str, title: str = "") -> Column:
    """Personal data, masked."""
    return Column(title or titled(name), lambda row, viewer: viewer.personal(str(_get(row, name) or "")) or NOTHING)


def raw_of(name: str, title: str = "") -> Column:
    """JSON as it came, without secrets."""
    return Column(title or titled(name), lambda row, viewer: raw(_get(row, name), viewer), wide=True)


def words_of(name: str, title: str = "") -> Column:
    """Longer text as it came."""
    return Column(title or titled(name), lambda row, viewer: words(str(_get(row, name) or ""), viewer), wide=True)


def _get(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = getattr(row, name, None)
    return row


@dataclass(frozen=True)
class Doing:
    """Something that may be done on a page: its button's words, where it leads, and whether it is what one came for."""

    words: str
    address: str
    main: bool = False

    @property
    def said(self) -> str:
        """The words in the reader's language."""
        return _(self.words)


@dataclass(frozen=True)
class Table:
    """Rows that belong to a page, ready to be shown; `empty` says in words that there are none."""

    title: str
    headers: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[tuple[str, object, bool]]]
    empty: str
    more: bool = False


def table(title: str, rows: Iterable[Any], columns: Sequence[Column], viewer: Viewer, *, empty: Any) -> Table:
    """The first rows with their columns; `rows` is a query or a list in its order."""
    found = list(rows[: ROWS + 1]) if isinstance(rows, models.QuerySet | list) else list(rows)
    cells = [[(column.said, column.cell(row, viewer), column.right) for column in columns] for row in found[:ROWS]]
    headers = [(column.said, column.right) for column in columns]
    return Table(_(title), headers, cells, _(empty), more=len(found) > ROWS)


def joined(parts: Iterable[object], separator: str = ", ") -> str:
    """Cells side by side."""
    return format_html_join(separator, "{}", ((part,) for part in parts)) or NOTHING


def stacked(parts: Iterable[object]) -> str:
    """Cells one below the other."""
    return format_html_join(mark_safe("<br>"), "{}", ((part,) for part in parts)) or NOTHING
