"""The one shim over django-unfold: pages of rows that nobody edits by hand, fast at any volume."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold import admin as unfold
from unfold.views import ChangeList as UnfoldChangeList

from payments.admin import shown
from payments.kernel import clock, ids

COUNTED: Final = 10_000
"""Rows are counted exactly up to here; beyond it the planner's estimate, or "more than", is enough."""

PAGES: Final = 200
"""Nobody turns further: search and filters lead there, and a far page costs what lies before it."""

NOWHERE: Final = Q(pk__in=[])

_ESTIMATE = """
    SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
     WHERE relkind = 'r'
       AND (oid = %s::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass))
"""


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts few rows exactly and many not at all."""

    exact = True

    @cached_property
    def count(self) -> int:
        """Rows of the list; an estimate where the whole of a large table is shown."""
        query: Any = self.object_list
        estimate = 0 if query.query.where else self._estimate(query.model._meta.db_table)
        if estimate > COUNTED:
            self.exact = False
            return estimate
        found = int(query.order_by()[: COUNTED + 1].count())
        self.exact = found <= COUNTED
        return min(found, COUNTED)

    @cached_property
    def num_pages(self) -> int:
        """The pages that can be turned to."""
        return min(-(-max(self.count, 1) // self.per_page), PAGES)

    @property
    def in_words(self) -> str:
        """How many there are, as far as that is known."""
        query: Any = self.object_list
        meta = query.model._meta
        name = meta.verbose_name if self.count == 1 and self.exact else meta.verbose_name_plural
        if self.exact:
            return f"{self.count:,} {name}"
        return f"{'about' if self.count > COUNTED else 'more than'} {self.count:,} {name}"

    @staticmethod
    def _estimate(table: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_ESTIMATE, [table, table])
            return int(cursor.fetchone()[0])


class ChangeList(UnfoldChangeList, DjangoChangeList):  # type: ignore[misc]  # unfold has no types
    """A list that is not counted twice."""

    def get_results(self, request: HttpRequest) -> None:
        """The page of rows; what is shown is all there is to say about the number."""
        super().get_results(request)
        self.full_result_count = self.result_count

    def url_for_result(self, result: Model) -> str:
        """The address of a row's page: our ids need no quoting."""
        return shown.address(type(result), result.pk)


class CreatedFilter(admin.SimpleListFilter):
    """When a row was made, by its time-ordered key: no other index is needed."""

    title = "created (UTC)"
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("today", "Today"), ("yesterday", "Yesterday"), ("7", "Last 7 days"), ("30", "Last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The rows whose key lies within."""
        chosen, today = self.value(), datetime.combine(clock.now().date(), time.min, clock.now().tzinfo)
        match chosen:
            case "today":
                return queryset.filter(pk__gte=first_key(today))
            case "yesterday":
                since = today - timedelta(days=1)
                return queryset.filter(pk__gte=first_key(since), pk__lt=first_key(today))
            case "7" | "30":
                return queryset.filter(pk__gte=first_key(today - timedelta(days=int(chosen))))
        return queryset


def first_key(moment: datetime) -> uuid.UUID:
    """The first UUIDv7 of a moment."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


class ModelAdmin(unfold.ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Rows to be found and read. What may be done with them is said by each page, never by editing fields.

    A subclass says what a list shows (`columns`), what a page shows (`sections`, `tables`), and what is found
    (`id_lookups`, `find`). Searching is by exact, indexed values only.
    """

    columns: ClassVar[Sequence[shown.Column]] = ()
    sections: ClassVar[Sequence[tuple[str, Sequence[shown.Column]]]] = ()
    id_lookups: ClassVar[Mapping[str, str]] = {}
    """Prefix of an id -> lookup that finds rows by it; the row's own id needs none."""
    nothing_here: ClassVar[str] = "Nothing is here yet."
    record_template: ClassVar[str] = "admin/record.html"

    actions: Any = None
    list_per_page = 50
    list_max_show_all = 0
    list_select_related: ClassVar[Sequence[str]] = ()
    list_filter: ClassVar[Sequence[Any]] = ()
    ordering: ClassVar[Sequence[str]] = ("-pk",)
    paginator = EstimatedPaginator
    search_fields: ClassVar[Sequence[str]] = ("pk",)
    search_help_text = "Id"
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    sortable_by: ClassVar[Sequence[str]] = ()

    # --- nobody edits

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:  # noqa: ARG002  Django's signature
        """Rows are made by use cases."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Rows are changed by use cases."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nothing that happened is deleted."""
        return False

    def may(self, request: HttpRequest, verb: str) -> bool:
        """True when this person has Django's permission `verb` for this table, whatever the rows allow."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.{verb}_{self.opts.model_name}"))

    # --- lists

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The columns, as this person may see them."""
        viewer = shown.Viewer(request.user)
        return [column.bound(viewer) for column in self.columns]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DjangoChangeList]:  # noqa: ARG002  Django's
        """The list that is not counted twice."""
        return ChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows with what their columns need."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(*self.list_select_related) if self.list_select_related else rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that the words name exactly: by id, or however this table is searched."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(self._by_id(term) or self.find(term, shown.Viewer(request.user))), False

    def find(self, term: str, viewer: shown.Viewer) -> Q:  # noqa: ARG002  for subclasses
        """What else than an id of ours finds rows; it must use an index."""
        return NOWHERE

    def _by_id(self, term: str) -> Q | None:
        prefix = term.rpartition("_")[0]
        own = getattr(self.opts.pk, "prefix", "")
        lookup = "pk" if prefix == own else self.id_lookups.get(prefix)
        try:
            if prefix and lookup:
                ids.decode(prefix, term)
                return Q(**{lookup: term})
            return Q(pk=uuid.UUID(term)) if not own and not prefix else None
        except ValueError:
            return None

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, by its own name."""
        title = shown.plain(str(self.opts.verbose_name_plural))
        answer: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return answer

    # --- pages

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002  Django's signature
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """One row with everything around it; only to be read."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        return self.page(
            request,
            self.record_template,
            self.heading(row, shown.Viewer(request.user)),
            {**self.facts(request, row), **(extra_context or {})},
        )

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """The row of a page, or the answer that there is none; `PermissionDenied` for who may not see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, unquote(object_id))
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return found

    def facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of a row shows."""
        viewer = shown.Viewer(request.user)
        sections = []
        for title, columns in self.sections:
            cells = [(column, column.cell(row, viewer)) for column in columns]
            sections.append((title, [(one.title, cell, one.wide and cell != shown.NOTHING) for one, cell in cells]))
        return {
            "row": row,
            "kind": str(self.opts.verbose_name).capitalize(),
            "headline": self.headline(row, viewer),
            "row_id": str(row.pk),
            "sections": sections,
            "tables": self.tables(row, viewer),
            "doings": self.doings(request, row),
        }

    def heading(self, row: Any, viewer: shown.Viewer) -> str:  # noqa: ARG002  for subclasses
        """The words on top of a row's page and in the browser's tab."""
        return f"{str(self.opts.verbose_name).capitalize()} {shown.short(str(row.pk))}"

    def headline(self, row: Any, viewer: shown.Viewer) -> object:  # noqa: ARG002  for subclasses
        """The one thing about a row that is read first."""
        return str(row)

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:  # noqa: ARG002  for subclasses
        """Rows of other tables that belong to this one."""
        return ()

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:  # noqa: ARG002  for subclasses
        """What this person may do with the row."""
        return ()

    def page(self, request: HttpRequest, template: str, title: str, context: Mapping[str, Any]) -> TemplateResponse:
        """A page of our own in the frame of the admin."""
        request.current_app = self.admin_site.name
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "list_title": shown.plain(str(self.opts.verbose_name_plural)),
            "list_url": self.list_url(),
            "viewer": shown.Viewer(request.user),
        }
        return TemplateResponse(request, template, {**frame, **context})

    def address_of(self, name: str, row: Model) -> str:
        """The address of one more page about a row."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=[row.pk])

    def list_url(self) -> str:
        """The address of this table's list."""
        return shown.list_address(self.model)

    def route(self, tail: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        """The route of one more page about a row: `<id>/<tail>/`, named `<app>_<model>_<name>`."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        routed: URLPattern = path(f"<path:object_id>/{tail}/", self.admin_site.admin_view(view), name=name)
        return routed
