"""Dashboards: how much is paid, approved, declined, given back and on its way. Figures come from sums alone."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators import http

from payments.admin import shown
from payments.kernel import audit, clock
from reporting.admin import dashboards_attempts, dashboards_flows
from reporting.admin.dashboards_parts import Asked, Chart, Tile, named
from reporting.uptime import periods, rates, reading, rollups
from reporting.uptime.periods import Period, PeriodInvalid


@dataclass(frozen=True)
class Board:
    """One dashboard: who may see it, what question it answers, and how it is made."""

    title: Any
    question: Any
    icon: str
    right: str
    build: Callable[[Asked], tuple[list[Tile], list[Chart]]]
    parts: Sequence[str] = ("account", "method", "country")
    """What it can be narrowed by."""
    timed: bool = True


ATTEMPTS, TALLIES, AT_REST = (f"reporting.view_{model}" for model in ("attemptsday", "tallyday", "atrest"))

BOARDS: Final[Mapping[str, Board]] = {
    "volume": Board(
        gettext_lazy("Volume"), gettext_lazy("How much is paid?"), "bar_chart", ATTEMPTS, dashboards_attempts.volume
    ),
    "approval": Board(
        gettext_lazy("Approval"),
        gettext_lazy("Which share of the attempts to pay is approved?"),
        "task_alt",
        ATTEMPTS,
        dashboards_attempts.approval,
    ),
    "declines": Board(
        gettext_lazy("Declines"),
        gettext_lazy("Why are attempts not approved?"),
        "block",
        ATTEMPTS,
        dashboards_attempts.declines,
    ),
    "latency": Board(
        gettext_lazy("Time to answer"),
        gettext_lazy("How fast do PSPs answer?"),
        "timer",
        ATTEMPTS,
        dashboards_attempts.latency,
    ),
    "funnel": Board(
        gettext_lazy("Funnel"),
        gettext_lazy("How far do payments come?"),
        "filter_alt",
        ATTEMPTS,
        dashboards_flows.funnel,
        parts=("country",),
    ),
    "returns": Board(
        gettext_lazy("Refunds and disputes"),
        gettext_lazy("How much goes back, and why?"),
        "undo",
        TALLIES,
        dashboards_flows.returns,
        parts=("country",),
    ),
    "rest": Board(
        gettext_lazy("Money at rest"),
        gettext_lazy("What is on its way, and how long already?"),
        "hourglass_top",
        AT_REST,
        dashboards_flows.rest,
        parts=(),
        timed=False,
    ),
}

PERIODS: Final = {
    "today": gettext_lazy("Today"),
    "yesterday": gettext_lazy("Yesterday"),
    "7": gettext_lazy("7 days"),
    "30": gettext_lazy("30 days"),
    "90": gettext_lazy("90 days"),
    "custom": gettext_lazy("Chosen days"),
}
COMPARED: Final = {
    "previous": gettext_lazy("The period before"),
    "week": gettext_lazy("A week earlier"),
    "year": gettext_lazy("A year earlier (52 weeks)"),
    "none": gettext_lazy("Nothing"),
}


def routes() -> list[URLPattern]:
    """Where dashboards are, below `admin/`."""
    site = admin.site
    return [
        path("dashboards/<str:name>/", site.admin_view(board), name="dashboard"),
        path("dashboards/<str:name>/<str:slug>.csv", site.admin_view(download), name="dashboard_csv"),
    ]


def group() -> dict[str, Any]:
    """The dashboards' part of the menu, each shown to who may see it."""
    items = [
        {
            "title": one.title,
            "icon": one.icon,
            "link": reverse("dashboard", args=[name]),
            "permission": _may_see(one.right),
        }
        for name, one in BOARDS.items()
    ]
    return {"title": _("Dashboards"), "separator": True, "items": items}


def _may_see(right: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(right)


@http.require_safe
def board(request: HttpRequest, name: str) -> HttpResponse:
    """One dashboard; what the address says in vain is said, and the last seven days are shown."""
    chosen = _board(request, name)
    asked, wrong = _asked(request, name, chosen)
    if wrong:
        messages.warning(request, wrong)
    tiles, charts = chosen.build(asked)
    context = {
        **admin.site.each_context(request),
        "title": chosen.title,
        "board": chosen,
        "asked": asked,
        "tiles": tiles,
        "charts": [(one, _csv_address(asked, one)) for one in charts],
        "tabs": [(one.title, _address("dashboard", [key], _same(asked, one)), key == name)
                 for key, one in BOARDS.items() if request.user.has_perm(one.right)],
        "fields": _fields(request, chosen, asked),
        "spans": _spans(asked),
        "missing": asked.rates.missing(_currencies(charts), asked.currency),
    }  # fmt: skip
    request.current_app = admin.site.name
    return TemplateResponse(request, "dashboards/board.html", context)


@http.require_safe
@translation.override("en")
def download(request: HttpRequest, name: str, slug: str) -> HttpResponse:
    """The table of one chart as CSV, of the same figures, in English for whoever reads it; its taking is on record."""
    chosen = _board(request, name)
    asked, wrong = _asked(request, name, chosen)
    chart = next((one for one in chosen.build(asked)[1] if one.slug == slug), None)
    if chart is None or wrong:
        raise Http404(wrong or _("There is no such table."))
    audit.record("dashboard.downloaded", f"{name}/{slug}", after=dict(request.GET.items()))
    file = io.StringIO()
    written = csv.writer(file, lineterminator="\r\n")
    written.writerow(chart.headers)
    written.writerows([_safe(one.raw) for one in row] for row in chart.rows)
    called = f"{name}-{slug}-{asked.days()}.csv"
    head = {"content-disposition": f'attachment; filename="{called}"'}
    return HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8", headers=head)


def _safe(value: object) -> object:
    """What a spreadsheet would take for a formula is text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "@", "\t") else value


def _board(request: HttpRequest, name: str) -> Board:
    chosen = BOARDS.get(name)
    if chosen is None:
        raise Http404(_("There is no such dashboard."))
    if not request.user.has_perm(chosen.right):
        raise PermissionDenied
    return chosen


def _asked(request: HttpRequest, name: str, chosen: Board) -> tuple[Asked, str]:
    """What the address asks for, and in words what of it cannot be understood."""
    query, now, wrong = request.GET, clock.now(), ""
    try:
        since, until = (date.fromisoformat(query[key]) if query.get(key) else None for key in ("since", "until"))
        period = periods.chosen(query.get("period") or "7", since, until, now)
    except PeriodInvalid as reason:
        period, wrong = periods.chosen("7", None, None, now), str(reason)
    except ValueError:
        period, wrong = periods.chosen("7", None, None, now), _("A day is written like 2026-11-25.")
    how = query.get("compare") or "previous"
    if how not in periods.COMPARISONS:
        how, wrong = "previous", _("Choose what to compare with.")
    table, usual = rates.latest(), rates.usual()
    currency = (query.get("currency") or usual).upper()
    if currency not in table.per_euro and currency != usual:
        currency, wrong = usual, _("There is no rate for this currency.")
    narrowed = {key: query[key] for key in chosen.parts if query.get(key)}
    against = periods.compared(period, how, now) if chosen.timed else None
    viewer, until = shown.Viewer(request.user), rollups.counted_until()
    named = "7" if wrong else query.get("period") or "7"
    return Asked(name, named, period, against, how, currency, narrowed, table, viewer, until), wrong


def _same(asked: Asked, other: Board, *, fixed: bool = False) -> dict[str, str]:
    """The address of the same question at another dashboard, as far as it can be asked there; `fixed` to its days."""
    own = {"period": asked.chosen, "compare": asked.how, "currency": asked.currency}
    if fixed or asked.chosen == "custom":
        since, until = asked.days().split("..")
        own |= {"period": "custom", "since": since, "until": until}
    return {**own, **{name: value for name, value in asked.narrowed.items() if name in other.parts}}


def _address(route: str, arguments: Sequence[str], query: Mapping[str, str]) -> str:
    return f"{reverse(route, args=arguments)}?{urlencode(query)}"


def _csv_address(asked: Asked, chart: Chart) -> str:
    return _address("dashboard_csv", [asked.name, chart.slug], _same(asked, BOARDS[asked.name], fixed=True))


def _fields(request: HttpRequest, chosen: Board, asked: Asked) -> list[tuple[str, Any, list[tuple[str, Any, bool]]]]:
    """What can be chosen: name, words, and the choices with the one that stands."""
    fields: list[tuple[str, Any, Mapping[str, Any], str]] = []
    if chosen.timed:
        known = request.GET.get("period") or "7"
        fields.append(("period", _("Period"), PERIODS, known if known in PERIODS else "7"))
        fields.append(("compare", _("Compared with"), COMPARED, asked.how))
    currencies = sorted({*asked.rates.per_euro, asked.currency})
    fields.append(("currency", _("Currency"), {code: code for code in currencies}, asked.currency))
    words = {"account": _("Provider account"), "method": _("Method"), "country": _("Country")}
    offered = reading.choices(asked.period) if chosen.parts else {}
    for name in chosen.parts:
        values = sorted({*offered[name], *([asked.narrowed[name]] if name in asked.narrowed else [])})
        every = {"": _("All")} | {value: named(name, value) for value in values}
        fields.append((name, words[name], every, asked.narrowed.get(name, "")))
    return [(name, said, [(key, text, key == stands) for key, text in choices.items()])
            for name, said, choices, stands in fields]  # fmt: skip


def _spans(asked: Asked) -> dict[str, str]:
    """The two periods in words."""
    return {"now": _span(asked.period), "then": _span(asked.against) if asked.against else ""}


def _span(period: Period) -> str:
    first, last = period.since, period.steps[-1]
    if period.grain == "hour" and period.days < periods.HOURLY:
        return f"{first:%d %b %Y}" if first.date() == last.date() else f"{first:%d %b %Y %H:%M} – {last:%d %b %Y %H:%M}"
    return f"{first:%d %b %Y} – {last:%d %b %Y}"


def _currencies(charts: Sequence[Chart]) -> set[str]:
    """The currencies of which a board of volumes tells."""
    return {str(row[0].raw) for one in charts if one.slug == "currencies" for row in one.rows}
