"""The one shim over django-unfold: pages of rows that nobody edits by hand, fast at any volume."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import admin as unfold

from payments.admin import fresh, lists, revealing, shown
from payments.admin.lists import ChangeList as ChangeList  # for the upper apps, whose only way in is this shim
from payments.admin.lists import CreatedFilter as CreatedFilter
from payments.kernel import ids

NOWHERE: Final = Q(pk__in=[])
NAME: Final = 60
"""The longest text that stands in the browser's tab as a row's name."""


def from_role(request: HttpRequest, right: str) -> bool:
    """Who has the right from a role: being superuser is not enough (docs/decisions/0007)."""
    return not request.user.is_superuser and bool(request.user.has_perm(right))


class ModelAdmin(unfold.ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Rows to be found and read. What may be done with them is said by each page, never by editing fields.

    A subclass says what a list shows (`columns`), what a page shows (`sections`, `tables`), and what is found
    (`id_lookups`, `find`). Searching is by exact, indexed values only.
    """

    columns: ClassVar[Sequence[shown.Column]] = ()
    sections: ClassVar[Sequence[tuple[str, Sequence[shown.Column]]]] = ()
    afterwards: ClassVar[Sequence[tuple[str, Sequence[shown.Column]]]] = ()
    """Sections below the tables."""
    id_lookups: ClassVar[Mapping[str, str]] = {}
    """Prefix of an id -> lookup that finds rows by it; the row's own id needs none."""
    called: ClassVar[tuple[str, str]] = ("", "")
    """One and many of them, where people do not say what the table is called."""
    nothing_here: ClassVar[str] = "Nothing is here yet."
    owns: ClassVar[Sequence[str]] = ()
    """Relations to rows that belong to it so closely that its audit page tells what staff did with them as well."""
    finds_people: ClassVar[bool] = False
    """True where rows are found by e-mail as well, by whoever may see personal data."""
    record_template: ClassVar[str] = "admin/record.html"

    actions: Any = None
    list_per_page = 50
    list_max_show_all = 0
    list_select_related: ClassVar[Sequence[str]] = ()
    list_filter: ClassVar[Sequence[Any]] = ()
    ordering: ClassVar[Sequence[str]] = ("-pk",)
    paginator = lists.EstimatedPaginator
    preserve_filters = False  # a row's page leads back by the browser; without them no address is resolved per row
    search_fields: ClassVar[Sequence[str]] = ("pk",)
    search_help_text: Any = gettext_lazy("Id")
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    sortable_by: ClassVar[Sequence[str]] = ()

    @property
    def singular(self) -> str:
        """What people call one of these rows."""
        return _(self.called[0] or str(self.opts.verbose_name))

    @property
    def plural(self) -> str:
        """What people call several of them."""
        return _(self.called[1] or str(self.opts.verbose_name_plural))

    @property
    def nothing_said(self) -> str:
        """What an empty list says."""
        return _(self.nothing_here)

    # --- nobody edits

    def has_add_permission(self, request: HttpRequest, *_more: object) -> bool:  # noqa: ARG002  Django's signature
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
        return [column.bound(viewer, leads=index == 0) for index, column in enumerate(self.columns)]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:  # noqa: ARG002  Django's signature
        """The filters; columns with choices say them in words."""
        found = []
        for one in self.list_filter:
            in_words = isinstance(one, str) and getattr(self.opts.get_field(one), "choices", None)
            found.append((one, lists.WordsFilter) if in_words else one)
        return found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DjangoChangeList]:  # noqa: ARG002  Django's
        """The list that is not counted twice."""
        return lists.ChangeList

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
        if "@" in term and self.finds_people and not shown.Viewer(request.user).sees_personal_data:
            messages.info(request, _("Your role may not search by e-mail. Ask support for the order or the payment."))
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
        """The list, by its own name; what its address says in vain is said, and taken out."""
        if request.method == "GET" and (strange := lists.unknown_parameters(request.GET, self.list_filter)):
            return self._without(request, strange)
        answer: Any = super().changelist_view(request, {"title": shown.capital(self.plural), **(extra_context or {})})
        changes = (getattr(answer, "context_data", None) or {}).get("cl")
        if request.method == "GET" and changes is not None and (strange := lists.unknown_values(changes)):
            return self._without(request, strange)
        found: HttpResponse = answer
        return found

    @staticmethod
    def _without(request: HttpRequest, strange: Sequence[str]) -> HttpResponse:
        """The same list without what it does not understand, which is said."""
        query = request.GET.copy()
        for name in strange:
            said = {"name": name, "value": ", ".join(query.pop(name))}
            messages.warning(
                request, _("This list cannot be narrowed by %(name)s = %(value)s: that was left out.") % said
            )
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)

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
            self.heading(row, self.viewer(request, row)),
            {**self.facts(request, row), **self._revealing(request, row), **(extra_context or {})},
        )

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """The row of a page, or the answer that there is none; `PermissionDenied` for who may not see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, unquote(object_id))
        if found is None:
            said = {"what": self.singular, "id": unquote(object_id)}
            messages.warning(request, _("There is no %(what)s %(id)s. Search by what you know of it.") % said)
            return HttpResponseRedirect(self.list_url())
        return found

    def facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of a row shows."""
        viewer = self.viewer(request, row)
        return {
            "row": row,
            "kind": shown.capital(self.singular),
            "headline": self.headline(row, viewer),
            "row_id": str(row.pk),
            "sections": [_section(row, viewer, *one) for one in self.sections],
            "tables": self.tables(row, viewer),
            "afterwards": [_section(row, viewer, *one) for one in self.afterwards],
            "doings": [*self.doings(request, row), *self._trail(row, viewer)],
        }

    def viewer(self, request: HttpRequest, row: Model) -> shown.Viewer:
        """Who looks at a row's page: with its personal data, where they have it shown."""
        return revealing.viewer(request, row)

    def _revealing(self, request: HttpRequest, row: Model) -> dict[str, Any]:
        """What `admin/parts/reveal.html` needs; whether anything is hidden is known once the rest is there."""
        return {"viewer": self.viewer(request, row), "reveal_address": self.address_of("reveal", row)}

    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the personal data of a row's page shown."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back, wanted = shown.address(type(row), row.pk), request.GET.get("next", "")
        about_it = wanted.startswith(back.removesuffix("change/"))
        return revealing.asked(self, request, row, wanted if about_it else back)

    def shown_first(self, request: HttpRequest, row: Model) -> HttpResponse | None:
        """None when this person has the row's personal data shown; else where they say why, and come back from."""
        if self.viewer(request, row).revealed:
            return None
        query = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{self.address_of('reveal', row)}?{query}")

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and the one that shows personal data."""
        return [self.route("reveal", self.reveal, "reveal"), *super().get_urls()]

    def _trail(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Doing]:
        """The way to what staff did with the row, for who audits; nobody audits the log itself."""
        if not viewer.may("payments.view_auditevent") or self.opts.model_name in ("auditevent", "rowchange"):
            return ()
        return (shown.Doing("Audit", reverse("admin:payments_auditevent_of", args=[row.pk])),)

    def heading(self, row: Any, viewer: shown.Viewer) -> str:
        """The words on top of a row's page and in the browser's tab: what it is called, where it has a name."""
        name = self.headline(row, viewer)
        plain = isinstance(name, str) and not isinstance(name, SafeString) and len(name) <= NAME
        return f"{shown.capital(self.singular)} {name if plain else shown.short(str(row.pk))}"

    def headline(self, row: Any, viewer: shown.Viewer) -> object:  # noqa: ARG002  for subclasses
        """The one thing about a row that is read first."""
        return shown.recite(str(row))

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:  # noqa: ARG002  for subclasses
        """Rows of other tables that belong to this one."""
        return ()

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:  # noqa: ARG002  for subclasses
        """What this person may do with the row."""
        return ()

    def page(self, request: HttpRequest, template: str, title: str, context: Mapping[str, Any]) -> TemplateResponse:
        """A page of our own in the frame of the admin."""
        request.current_app = self.admin_site.name
        fresh.refill(request, context)
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "list_title": shown.capital(self.plural),
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


def _section(row: Any, viewer: shown.Viewer, title: str, columns: Sequence[shown.Column]) -> tuple[str, list[Any]]:
    cells = [(column, column.cell(row, viewer)) for column in columns]
    return _(title), [(one.said, cell, one.wide and cell != shown.NOTHING) for one, cell in cells]
