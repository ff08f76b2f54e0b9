"""Service levels for people: what was promised, what was kept, what is left of the error budgets, and what burns."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from payments.admin import base, shown
from reporting.models import ServiceLevel
from reporting.uptime import levels, slo
from reporting.uptime.levels import Level


def percent(share: Any, places: int = 2) -> str:
    """A share in percent; nothing where there is none."""
    return shown.NOTHING if share is None else f"{float(share):.{places}%}"


def _left(level: Level) -> str:
    if level.left is None:
        return shown.NOTHING
    tone = "good" if level.left > 0.5 else "wait" if level.left > 0 else "bad"
    return shown.status("left", f"{max(level.left, -9.99):.0%}".replace("-", "−"), {"left": tone})


def _burns(level: Level) -> str:
    if level.window is None:
        return f"{level.burn:.1f} ×"
    return shown.status("burns", f"{level.burn:.1f} ×, too fast", {"burns": "bad"})


LEVELS = (
    shown.Column("Promise", lambda row, viewer: viewer.link(ServiceLevel(name=row.slo.name), _(row.slo.title))),
    shown.Column("What", lambda row, _viewer: _(row.slo.promise), wide=True),
    shown.Column("Target", lambda row, _: percent(row.slo.target), right=True),
    shown.Column("30 days", lambda row, _: percent(row.count.share, 3), right=True),
    shown.Column("Of", lambda row, _: f"{row.count.total:,}", right=True),
    shown.Column("Budget left", lambda row, _: _left(row), right=True),
    shown.Column("Burns now", lambda row, _: _burns(row), right=True),
)
DAYS = (
    shown.Column("Day", lambda row, _: row[0].date().isoformat()),
    shown.Column("Kept", lambda row, _: percent(row[1].share, 3), right=True),
    shown.Column("Not kept", lambda row, _: f"{row[1].bad:,}", right=True),
    shown.Column("Of", lambda row, _: f"{row[1].total:,}", right=True),
)


def table(viewer: shown.Viewer) -> shown.Table:
    """Every promise as a table, for any page that shows them."""
    return shown.table("Service levels", levels.levels(), LEVELS, viewer, empty="Nothing is promised.")


@admin.register(ServiceLevel)
class ServiceLevelAdmin(base.ModelAdmin):
    """What was promised, and what was kept."""

    called = ("service level", "service levels")
    columns = (shown.text_of("name"), shown.time_of("counted_until"), shown.flag_of("burns", "Burns too fast"))
    sections = (("About", columns),)
    nothing_here = "Nothing is counted yet."

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """All of them on one page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            "kind": "", "headline": "", "sections": [], "row_id": "", "tables": [table(shown.Viewer(request.user))],
            **(extra_context or {}),
        }  # fmt: skip
        return self.page(request, "admin/levels.html", _("Service levels"), context)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What is promised."""
        one = slo.SLOS[row.name]
        return f"{_(one.title)}: {percent(one.target)}"

    def heading(self, row: Any, viewer: shown.Viewer) -> str:  # noqa: ARG002  the protocol
        """The same for the browser's tab."""
        return _(slo.SLOS[row.name].title)

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Its windows, and its days."""
        found = next(one for one in levels.levels() if one.slo.name == row.name)
        days = list(levels.by_day(row.name, 30))
        return (
            shown.table("Now", [found], LEVELS[1:], viewer, empty=""),
            shown.table("The last 30 days", days, DAYS, viewer, empty="Nothing has happened yet."),
        )
