"""The audit log and the history of rows: who did what, from where and why, and what it changed; only to be read."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, lists, shown
from payments.kernel import audit, ids
from payments.kernel.audit import AuditEvent
from payments.kernel.history import RowChange

CHOICES: Final = 200
"""So many people or actions are offered by a filter."""
OWN: Final = 1000
"""So many rows of one kind are told of with the object that they belong to."""
MOST: Final = 100_000
"""Events of one CSV file; whoever wants more narrows the list."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

# Every value of a column that an index leads with, by as many looks as there are values.
_VALUES = """
    WITH RECURSIVE found AS (
        SELECT min({column}) AS said FROM payments_auditevent
        UNION ALL
        SELECT (SELECT min({column}) FROM payments_auditevent WHERE {column} > said) FROM found WHERE said IS NOT NULL)
    SELECT said FROM found WHERE said IS NOT NULL LIMIT %s"""


def done(action: str) -> str:
    """refund.requested -> Refund requested."""
    return shown.said(action.replace(".", "_"))


class _ValueFilter(admin.SimpleListFilter):
    """What a column of the log says."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """Everything that it has said."""
        with connection.cursor() as cursor:
            cursor.execute(_VALUES.format(column=f'"{self.parameter_name}"'), [CHOICES])
            return [(said, self.words(said)) for (said,) in cursor.fetchall()]

    def words(self, said: str) -> str:
        """A value for eyes."""
        return said

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The events that say so."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class PersonFilter(_ValueFilter):
    """Who did it."""

    title = gettext_lazy("who")
    parameter_name = "by"


class ActionFilter(_ValueFilter):
    """What was done."""

    title = gettext_lazy("what")
    parameter_name = "action"

    def words(self, said: str) -> str:
        """In words."""
        return done(said)


class DayFilter(lists.CreatedFilter):
    """When it was: lately, or on one day, which the address says as `created=2026-11-26`."""

    title = gettext_lazy("when (UTC)")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What can be chosen, and the day that the address says."""
        day = _day(request.GET.get("created"))
        return [*super().lookups(request, model_admin), *([(day.isoformat(), day.isoformat())] if day else [])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The events of then."""
        day = _day(self.value())
        if day is None:
            return super().queryset(request, queryset)
        since = datetime.combine(day, time.min, UTC)
        keys = (ids.first(since), ids.first(since + timedelta(days=1)))
        return queryset.filter(pk__gte=keys[0], pk__lt=keys[1])


def _day(said: str | None) -> date | None:
    try:
        return date.fromisoformat(said or "")
    except ValueError:
        return None


class ObjectFilter(admin.SimpleListFilter):
    """What it was done to, by its id in the address."""

    title = gettext_lazy("with")
    parameter_name = "object"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What the address says: nobody chooses among millions."""
        said = request.GET.get("object", "")
        return [(said, shown.short(said))] if said else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The events about it."""
        return queryset.filter(object_id=self.value()) if self.value() else queryset


# --- before and after -----------------------------------------------------------------------------------------------

CHANGES = (
    shown.Column("What", lambda row, _viewer: row[0]),
    shown.Column("Before", lambda row, viewer: _value(row[1], viewer)),
    shown.Column("After", lambda row, viewer: _value(row[2], viewer)),
)


def _changes(row: AuditEvent | RowChange) -> list[tuple[str, object, object]]:
    """What it changed, column by column."""
    return [(_column(name), row.before.get(name), row.after.get(name)) for name in {**row.before, **row.after}]


def _column(name: str) -> str:
    """`amount_minor` -> Amount; `pi_… amount_minor` -> pi_…0123: Amount."""
    about, _blank, column = name.rpartition(" ")
    return f"{shown.short(about)}: {shown.titled(column)}" if about else shown.titled(column)


def _value(value: object, viewer: shown.Viewer) -> object:
    if isinstance(value, dict | list):
        return shown.raw(value, viewer)
    said = {True: _("Yes"), False: _("No"), None: ""}.get(value) if value in (True, False, None) else str(value)
    return shown.masked(str(value) if said is None else said, viewer) or shown.NOTHING


def _in_short(row: AuditEvent | RowChange, viewer: shown.Viewer) -> object:
    """status: queued → sent; …"""
    words = (f"{name}: {_text(old)} → {_text(new)}" for name, old, new in _changes(row)[:3])
    return shown.masked("; ".join(words), viewer) or shown.NOTHING


def _text(value: object) -> str:
    said = shown.NOTHING if value in (None, "") else value if isinstance(value, str) else json.dumps(value)
    return said if len(said) <= 60 else f"{said[:60]}…"


def _why(row: AuditEvent, viewer: shown.Viewer) -> str:
    """What somebody has written; a reason that was chosen from a list is kept as its code."""
    chosen = re.fullmatch(r"[a-z]+(_[a-z]+)+", row.because)
    return shown.said(row.because) if chosen else shown.masked(row.because, viewer) or shown.NOTHING


EVENTS = (
    shown.Column("When (UTC)", lambda row, viewer: viewer.link(row, f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")),
    shown.text_of("by", "Who"),
    shown.Column("What", lambda row, _viewer: done(row.action)),
    shown.Column("Why", lambda row, viewer: _why(row, viewer)),
    shown.Column("Changed", _in_short),
)
ROWS = (
    shown.Column("When (UTC)", lambda row, viewer: viewer.link(row, f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")),
    shown.text_of("by", "Who"),
    shown.Column("With", lambda row, viewer: _thing(row.object_id, viewer)),
    shown.Column("Done", lambda row, _viewer: shown.said(row.get_operation_display())),
    shown.Column("Changed", _in_short),
)


OF_ONE = (*EVENTS[:3], ROWS[2], *EVENTS[3:])
"""What was done with one object and with what is its own: here the thing has to be said."""


def _with_its_own(about: str) -> list[str]:
    """An object's id and those of the rows that are its own, as their pages say: a payment's refunds, an order's."""
    prefix = about.rpartition("_")[0]
    model = shown.models_by_prefix().get(prefix)
    try:
        ids.decode(prefix, about)
    except ValueError:
        return [about]
    return [about, *_owned(model, [about])] if model is not None else [about]


def _owned(model: Any, keys: Sequence[str]) -> Iterator[str]:
    page = admin.site._registry.get(model)
    for name in page.owns if isinstance(page, base.ModelAdmin) else ():
        rows = model._default_manager.filter(pk__in=keys, **{f"{name}__isnull": False})
        found = list(rows.values_list(f"{name}__pk", flat=True)[:OWN])
        yield from found
        yield from _owned(model._meta.get_field(name).related_model, found)


def _thing(object_id: str, viewer: shown.Viewer) -> str:
    """What it was done with: Refund re_…0123."""
    model: Any = shown.models_by_prefix().get(object_id.rpartition("_")[0])
    page = admin.site._registry.get(model)
    kind = shown.capital(page.singular) if isinstance(page, base.ModelAdmin) else ""
    return shown.joined((kind, viewer.reference(object_id)), " ") if kind else viewer.reference(object_id)


def _rows(found: QuerySet[RowChange], viewer: shown.Viewer, empty: str) -> shown.Table:
    return shown.table(_("Rows that changed"), found.order_by("-pk"), ROWS, viewer, empty=empty)


@admin.register(AuditEvent)
class AuditEventAdmin(base.ModelAdmin):
    """Something that somebody of the staff did or saw."""

    called = ("audit event", "audit events")
    columns = (
        shown.time_of("at", "When"),
        shown.text_of("by", "Who"),
        shown.Column("What", lambda row, _viewer: done(row.action)),
        shown.Column("With", lambda row, viewer: viewer.reference(row.object_id)),
        shown.Column("Why", lambda row, viewer: _why(row, viewer)),
    )
    sections = (
        (
            "What happened",
            (*columns[:4],
             shown.Column("Why", lambda row, viewer: shown.words(row.because, viewer), wide=True)),
        ),
        (
            "Where it stands",
            (
                shown.text_of("address", "From the address"),
                shown.code_of("request_id", "Request"),
                shown.number_of("sequence", "Number"),
                shown.code_of("hash", "Hash"),
                shown.code_of("previous", "Hash of the one before"),
            ),
        ),
    )  # fmt: skip
    change_list_template = "admin/list_with_new.html"
    list_filter = (DayFilter, PersonFilter, ActionFilter, ObjectFilter)
    search_help_text = "Id of an event, a request or an object, a person, an action"
    nothing_here = "Nobody of the staff has done anything yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By what it was done to, in which request, by whom, or what it was."""
        return Q(object_id=term) | Q(request_id=term) | Q(by=term) | Q(action=term)

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """What it was."""
        return done(row.action)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What it was, and who did it."""
        return _("%(action)s by %(person)s") % {"action": done(row.action), "person": row.by}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What it changed; what changed in the database by the same request."""
        same = RowChange.objects.filter(request_id=row.request_id) if row.request_id else RowChange.objects.none()
        others = AuditEvent.objects.filter(request_id=row.request_id).exclude(pk=row.pk).exclude(request_id="")
        empty = _("No row of money changed by this request.")
        return (
            shown.table(_("Before and after"), _changes(row), CHANGES, viewer, empty=_("It changed nothing.")),
            _rows(same, viewer, empty),
            shown.table(
                _("Also by this request"), others.order_by("pk"), EVENTS, viewer, empty=_("It did nothing else.")
            ),
        )

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to its file."""
        query = request.GET.urlencode()
        address = reverse("admin:payments_auditevent_file") + (f"?{query}" if query else "")
        frame = {"title": _("Audit log"), "new_url": address, "new_words": _("Download as CSV")}
        return super().changelist_view(request, {**frame, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, the file, and all about one object."""
        file = path("file/", self.admin_site.admin_view(self.file), name="payments_auditevent_file")
        about = path("of/<str:about>/", self.admin_site.admin_view(self.about), name="payments_auditevent_of")
        return [file, about, *super().get_urls()]

    def file(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """The list as it is narrowed, as CSV, newest first; that it was taken is an event itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: QuerySet[AuditEvent] = self.get_changelist_instance(request).get_queryset(request)
        audit.record("audit_log.downloaded", "", after={"narrowed_to": request.GET.dict()})
        return StreamingHttpResponse(
            _written(found.order_by("-pk")[:MOST]),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit_log.csv"'},
        )

    def about(self, request: HttpRequest, about: str) -> HttpResponse:
        """What staff did with one object and with what is its own, and how their rows changed otherwise."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        viewer = shown.Viewer(request.user)
        keys = _with_its_own(about)
        events = AuditEvent.objects.filter(object_id__in=keys).order_by("-pk")
        nothing = _("Staff have done nothing with it, nor with what belongs to it.")
        unseen = _("Nothing but the platform itself has changed its row, or those that belong to it.")
        tables = (
            shown.table(_("What staff did"), events, OF_ONE, viewer, empty=nothing),
            _rows(RowChange.objects.filter(object_id__in=keys), viewer, unseen),
        )
        head = {"kind": _("Of one object"), "headline": viewer.reference(about), "row_id": about}
        return self.page(
            request, self.record_template, _("Audit of %(id)s") % {"id": shown.short(about)}, {**head, "tables": tables}
        )


COLUMNS: Final = (
    "sequence", "id", "at", "by", "address", "request_id", "action", "object_id", "because", "before", "after",
    "previous", "hash",
)  # fmt: skip


def _written(rows: QuerySet[AuditEvent]) -> Iterator[str]:
    """RFC 4180, row by row; no cell is a formula to a spreadsheet."""
    yield ",".join(COLUMNS) + "\r\n"
    for row in rows.iterator(chunk_size=1000):
        line = io.StringIO()
        csv.writer(line).writerow(_cell(getattr(row, name)) for name in COLUMNS)
        yield line.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


@admin.register(RowChange)
class RowChangeAdmin(base.ModelAdmin):
    """A row of money that changed otherwise than by a payment's own course."""

    called = ("row change", "row changes")
    columns = (
        shown.time_of("at", "When"),
        shown.text_of("by", "Who"),
        shown.text_of("table_name", "Table"),
        shown.Column("With", lambda row, viewer: viewer.reference(row.object_id)),
        shown.Column("Done", lambda row, _viewer: shown.said(row.get_operation_display())),
        shown.Column("Changed", _in_short),
    )
    sections = (
        (
            "What changed",
            (*columns[:5], shown.text_of("program", "Connection"), shown.code_of("request_id", "Request")),
        ),
    )
    list_filter = (base.CreatedFilter, "operation")
    search_help_text = "Id of an object or a request"
    nothing_here = "No row of money was changed except by use cases of the platform, and none by staff."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the row, or by the request."""
        return Q(object_id=term) | Q(request_id=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What was done to what."""
        return _("%(done)s by %(person)s") % {"done": shown.said(row.get_operation_display()), "person": row.by}

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Column by column."""
        return (shown.table(_("Before and after"), _changes(row), CHANGES, viewer, empty=_("Nothing differs.")),)
