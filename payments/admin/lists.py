"""Lists of rows: counted cheaply, narrowed by filters that can be seen and taken away again."""

import json
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.templatetags.unfold_list import result_headers
from unfold.views import ChangeList as UnfoldChangeList

from payments.admin import narrowing, rows, shown
from payments.kernel import clock, ids

COUNTED: Final = 10_000
"""Rows are counted exactly up to here; beyond it the planner's estimate, or "more than", is enough."""

PAGES: Final = 200
"""Nobody turns further: search and filters lead there, and a far page costs what lies before it."""

FAR: Final = 10
"""From this page on the keys of its rows are found first, so that what is passed over is not joined with anything."""

DEAR: Final = 3_000.0
"""What counting may cost, as the planner reckons: ten thousand rows of one table by an index, not by way of others."""

_ESTIMATE = """
    SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
     WHERE relkind = 'r'
       AND (oid = %s::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass))
"""


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts few rows exactly and many not at all."""

    exact = True
    counted = True
    """False where not even so much is known, because counting would cost more than the page."""

    @cached_property
    def count(self) -> int:
        """Rows of the list; an estimate where the whole of a large table is shown."""
        query: Any = self.object_list
        estimate = 0 if query.query.where else self._estimate(query.model._meta.db_table)
        if estimate > COUNTED:
            self.exact = False
            return estimate
        some = query.order_by()[: COUNTED + 1]
        if self._cost(some) > DEAR:
            self.exact = self.counted = False
            return COUNTED
        found = int(some.count())
        self.exact = found <= COUNTED
        return min(found, COUNTED)

    def page(self, number: int | str) -> Any:
        """A page; of a far one, the rows that their keys name."""
        found: Any = super().page(number)
        if found.number < FAR:
            return found
        rows: Any = self.object_list
        keys = list(found.object_list.select_related(None).values_list("pk", flat=True))
        found.object_list = rows.model._default_manager.filter(pk__in=keys).order_by(*rows.query.order_by)
        found.object_list.query.select_related = rows.query.select_related
        return found

    def is_over(self, number: int, rows: int) -> None:
        """So many rows are on this page; where nothing was counted and it is not full, that says how many there are."""
        if not self.counted and rows < self.per_page and (rows or number == 1):
            self.count, self.exact, self.counted = (number - 1) * self.per_page + rows, True, True
            self.__dict__.pop("num_pages", None)  # it was reckoned before

    @cached_property
    def num_pages(self) -> int:
        """The pages that can be turned to."""
        return min(-(-max(self.count, 1) // self.per_page), PAGES)

    def in_words(self, singular: str, plural: str) -> str:
        """How many there are, as far as that is known."""
        name = singular if self.count == 1 and self.exact else plural
        if self.exact:
            return f"{self.count:,} {name}"
        if not self.counted:
            return _("many %(what)s, not counted") % {"what": name}
        words = _("about %(count)s %(what)s") if self.count > COUNTED else _("more than %(count)s %(what)s")
        return words % {"count": f"{self.count:,}", "what": name}

    @staticmethod
    def _cost(rows: QuerySet[Any]) -> float:
        """What the planner thinks that reading the rows costs, where it knows the table at all."""
        said = rows.values("pk").explain(format="json")
        return float(json.loads(said)[0]["Plan"]["Total Cost"]) if said else 0.0  # nothing can be there

    @staticmethod
    def _estimate(table: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_ESTIMATE, [table, table])
            return int(cursor.fetchone()[0])


@dataclass(frozen=True)
class Chip:
    """One thing that narrows a list, in words, and the address of the list without it."""

    words: str
    without: str


class ChangeList(UnfoldChangeList, DjangoChangeList):  # type: ignore[misc]  # unfold has no types
    """A list that is not counted twice."""

    def get_results(self, request: HttpRequest) -> None:
        """The page of rows; what is shown is all there is to say about the number."""
        page: Any = self.model_admin
        self.search_help_text = _(str(page.search_help_text))
        if page.finds_people and shown.Viewer(request.user).sees_personal_data:
            self.search_help_text = _("%(found)s, e-mail") % {"found": self.search_help_text}
        super().get_results(request)
        self.paginator.is_over(self.page_num, len(self.result_list))
        self.result_count = self.full_result_count = self.paginator.count

    def get_filters(self, request: HttpRequest) -> Any:
        """The filters, with the titles that models give them in the reader's language."""
        found = super().get_filters(request)
        for spec in found[0]:
            said = _(str(spec.title))
            spec.title = said if said != spec.title else _(shown.capital(spec.title))
        return found

    @cached_property
    def rows(self) -> SafeString | None:
        """The page's rows as HTML; None where unfold has to write them."""
        return rows.bodies(self) if self.result_list else None

    @property
    def headers(self) -> list[Any]:
        """What stands above the rows."""
        return list(result_headers(self))

    @cached_property
    def chips(self) -> list[Chip]:
        """What the list is narrowed to: the search and every filter that is set."""
        said: str = getattr(self, "query", "")
        found = (
            [Chip(_("Search: %(said)s") % {"said": said}, self.get_query_string(remove=[SEARCH_VAR, PAGE_VAR]))]
            if said
            else []
        )
        for spec in self.filter_specs:
            if not set(spec.expected_parameters()) & set(self.params):
                continue
            chosen = ", ".join(str(one["display"]) for one in spec.choices(self) if one["selected"])
            without = self.get_query_string(remove=[*map(str, spec.expected_parameters()), PAGE_VAR])
            found.append(Chip(f"{shown.capital(_(str(spec.title)))}: {chosen}", without))
        return found

    @property
    def filters_set(self) -> int:
        """How many filters are set, apart from the search."""
        return len(self.chips) - bool(self.query)

    @property
    def before(self) -> str:
        """The address of the page before this one; "" on the first."""
        return self.get_query_string({PAGE_VAR: self.page_num - 1}) if self.page_num > 1 else ""

    @property
    def after(self) -> str:
        """The address of the page after this one; "" on the last."""
        return self.get_query_string({PAGE_VAR: self.page_num + 1}) if self.page_num < self.paginator.num_pages else ""

    @property
    def counted(self) -> str:
        """How many rows there are, in words."""
        page: Any = self.model_admin
        return str(self.paginator.in_words(page.singular, page.plural))

    def url_for_result(self, result: Model) -> str:
        """The address of a row's page: our ids need no quoting."""
        return shown.address(type(result), result.pk)


class CreatedFilter(admin.SimpleListFilter):
    """When a row was made, by its time-ordered key: no other index is needed."""

    title = gettext_lazy("created (UTC)")
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        offered = [
            ("today", _("Today")),
            ("yesterday", _("Yesterday")),
            ("7", _("Last 7 days")),
            ("30", _("Last 30 days")),
        ]
        asked = str(self.value() or "")
        return [*offered, (asked, asked.replace("..", " – "))] if narrowing.days(asked) else offered

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The rows whose key lies within."""
        chosen, today = self.value(), datetime.combine(clock.now().date(), time.min, clock.now().tzinfo)
        match chosen:
            case "today":
                return queryset.filter(pk__gte=ids.first(today))
            case "yesterday":
                since = today - timedelta(days=1)
                return queryset.filter(pk__gte=ids.first(since), pk__lt=ids.first(today))
            case "7" | "30":
                return queryset.filter(pk__gte=ids.first(today - timedelta(days=int(chosen))))
        if between := narrowing.days(chosen):
            return queryset.filter(pk__gte=ids.first(between[0]), pk__lt=ids.first(between[1]))
        return queryset


class WordsFilter(admin.ChoicesFieldListFilter):
    """The choices of a column, in words where the model says its own names only."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.title = _(str(self.title))

    def choices(self, changelist: Any) -> Any:
        """What can be chosen."""
        for choice in super().choices(changelist):
            said = str(choice["display"])
            yield {**choice, "display": shown.said(said)}


def unknown_parameters(query: QueryDict, filters: Any) -> list[str]:
    """The parts of an address that no list understands, like `colour=red`: ignoring them would show everything."""
    names = {PAGE_VAR, SEARCH_VAR, ORDER_VAR, ALL_VAR, "_changelist_filters"}
    for one in filters:
        if isinstance(one, str):
            names |= {f"{one}__exact", f"{one}__isnull", f"{one}__id__exact"}
        else:
            names.add(one.parameter_name)
    return [name for name in query if name not in names]


def unknown_values(changes: DjangoChangeList) -> list[str]:
    """The filters of an address that are set to something which cannot be chosen."""
    found = []
    for spec in changes.filter_specs:
        used = [name for name in spec.expected_parameters() if name in changes.params]
        if used and not any(one["selected"] for one in spec.choices(changes)):
            found += used
    return found
