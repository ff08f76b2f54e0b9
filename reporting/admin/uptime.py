"""Uptime for engineers: whether payments work this minute, and what it costs while they do not."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators import http

from payments.admin import shown
from reporting.admin import dashboards_flows, incidents, levels
from reporting.admin import dashboards_parts as parts
from reporting.admin.dashboards_parts import Tile
from reporting.models import Incident
from reporting.models.rollups import Counted
from reporting.services import watching
from reporting.services.watching import Place, Seen, Standing

RIGHT: Final = "reporting.view_servicelevel"
"""Whoever may see what was promised may see how it goes."""
CIRCUITS: Final = {"open": gettext_lazy("Open: passed by"), "half_open": gettext_lazy("Half open: it is tried")}


def routes() -> list[URLPattern]:
    """Where the page is, below `admin/`."""
    return [path("uptime/", admin.site.admin_view(page), name="uptime")]


def entry() -> dict[str, Any]:
    """Its place in the menu."""
    return {"title": _("Uptime"), "icon": "monitor_heart", "link": reverse("uptime"),
            "permission": lambda request: request.user.has_perm(RIGHT)}  # fmt: skip


@http.require_safe
def page(request: HttpRequest) -> HttpResponse:
    """How things stand now; a script brings it up to date while somebody looks."""
    if not request.user.has_perm(RIGHT):
        raise PermissionDenied
    now, viewer = watching.now(), shown.Viewer(request.user)
    context = {
        **admin.site.each_context(request),
        "title": _("Uptime"),
        "now": now,
        "tiles": _tiles(now),
        "tables": _tables(now, viewer),
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "dashboards/uptime.html", context)


# --- tiles


def _tiles(now: Standing) -> list[Tile]:
    whole = now.everything
    lost: dict[str, int] = {}
    for one in now.incidents:
        for code, minor in one.lost_minor.items():
            lost[code] = lost.get(code, 0) + minor
    usual = whole.usual_approval
    attempts = _("%(count)s attempts a minute") % {"count": f"{whole.per_minute:,.1f}"}
    return [
        Tile(_("Not approved a minute"), _money(whole.refused_per_minute), attempts),
        Tile(_("Open incidents"), parts.whole(len(now.incidents)),
             format_html("{} {}", _money(lost), _("not approved so far")) if lost else "",
             href=f"{shown.list_address(Incident)}?state=open"),
        Tile(_("Approval now"), parts.percent(whole.approval),
             _("Usually %(share)s") % {"share": parts.percent(usual)} if usual is not None else ""),
        _budget(now),
    ]  # fmt: skip


def _budget(now: Standing) -> Tile:
    """The error budget of which least is left."""
    title, link = _("Smallest error budget"), reverse("admin:reporting_servicelevel_changelist")
    least = min((one for one in now.levels if one.left is not None), key=lambda one: one.left or 0.0, default=None)
    if least is None or least.left is None:
        return Tile(title, parts.NOTHING, href=link)
    return Tile(title, parts.percent(100 * max(least.left, -9.99)), _(least.slo.title), href=link)


def _money(minor: Mapping[str, int]) -> str:
    """The largest amounts first, three at most."""
    largest = sorted(minor.items(), key=lambda one: -one[1])[:3]
    return str(shown.joined((shown.minor(value, code) for code, value in largest), " + ")) if largest else "0"


# --- tables


def _tables(now: Standing, viewer: shown.Viewer) -> Sequence[shown.Table]:
    """What is wrong first; what is as it should be is left out where it would only say so."""
    places = list(now.places.items())[: shown.ROWS]
    tables = [
        shown.table("Open incidents", now.incidents, INCIDENTS, viewer, empty="No incident is open."),
        shown.table("Where payments are taken", [(now, *one) for one in places], PLACES, viewer,
                    empty="Nobody has tried to pay in the last hour."),
    ]  # fmt: skip
    if now.circuits:
        tables.append(shown.table("Circuits", list(now.circuits.items()), CIRCUIT, viewer, empty=""))
    if now.shifts:
        tables.append(shown.table("Payments that go elsewhere", list(now.shifts), SHIFTS, viewer, empty=""))
    steps = [(step, count, now.funnel[Counted.CREATED]) for step, count in now.funnel.items()]
    tables += [
        shown.table("The last hour's payments", steps, STEPS, viewer, empty="Nothing is counted yet."),
        shown.table("Jobs that are due", [(now.at, one) for one in now.queues], QUEUES, viewer, empty="None waits."),
        shown.table("Service levels", now.levels, levels.LEVELS, viewer, empty="Nothing is promised."),
    ]
    return tables


def _attempts(now: Standing, place: Place, viewer: shown.Viewer) -> str:
    """The account's code, leading to today's attempts of the place."""
    account, method, country = place
    if not viewer.may("payments.view_paymentattempt"):
        return account
    narrowed = {"account__is": account, "method__is": method, "country__is": country,
                "created": f"{now.at:%Y-%m-%d}..{now.at:%Y-%m-%d}"}  # fmt: skip
    query = urlencode({name: value for name, value in narrowed.items() if value})
    address = reverse("admin:payments_paymentattempt_changelist")
    return format_html('<a class="bo-link" href="{}?{}">{}</a>', address, query, account)


def _approval(seen: Seen) -> str:
    said = parts.percent(seen.approval)
    return shown.status("below", said, {"below": "bad"}) if seen.low else said


def _usually(value: object, usual: str) -> str:
    """What is, and below it what is usual: one column less to be scrolled to."""
    if not usual or usual == shown.NOTHING:
        return str(value)
    return shown.stacked((value, _("usually %(share)s") % {"share": usual}))


def _age(seconds: float) -> str:
    return _("%(count)s s") % {"count": f"{max(seconds, 0):,.0f}"}


def _of(value: int, whole: int) -> float | None:
    return 100 * value / whole if whole else None


INCIDENTS: Final = (
    shown.Column("What", lambda row, viewer: viewer.link(row, shown.said(row.get_kind_display()))),
    incidents.COLUMNS[1],
    *incidents.COLUMNS[3:],
)
PLACES: Final = (
    shown.Column("Provider account", lambda row, viewer: _attempts(row[0], row[1], viewer)),
    shown.Column("Method", lambda row, _viewer: shown.method(row[1][1])),
    shown.Column("Country", lambda row, _viewer: row[1][2] or shown.NOTHING),
    shown.Column("Not approved a minute", lambda row, _viewer: _money(row[2].refused_per_minute), right=True),
    shown.Column("Approval", lambda row, _viewer: _usually(_approval(row[2]), parts.percent(row[2].usual_approval)),
                 right=True),
    shown.Column("No answer", lambda row, _viewer: parts.percent(row[2].unanswered_share), right=True),
    shown.Column("Attempts a minute", lambda row, _viewer: _usually(
        f"{row[2].per_minute:,.1f}", f"{row[2].usual_per_minute:,.1f}" if row[2].usual_per_minute else ""), right=True),
    shown.Column("95 of 100 within", lambda row, _viewer: parts.milliseconds(row[2].p95), right=True),
)  # fmt: skip
CIRCUIT: Final = (
    shown.Column("Provider account", lambda row, _viewer: row[0][0]),
    shown.Column("Kind of call", lambda row, _viewer: row[0][1]),
    shown.Column("State", lambda row, _viewer: shown.status(row[1], CIRCUITS[row[1]], {"open": "bad"})),
)
SHIFTS: Final = (
    shown.Column("Provider account", lambda row, viewer: viewer.link(row.account, row.account.code)),
    shown.Column("Payments", lambda row, _viewer: str(row)),
    shown.Column("It keeps", lambda row, _viewer: f"{row.share:.0%}", right=True),
    shown.time_of("set_at", "Since"),
    shown.text_of("set_by", "By whom"),
    shown.said_of("because", "Why"),
)
STEPS: Final = (
    shown.Column("Step", lambda row, _viewer: str(dashboards_flows.STEPS[row[0]])),
    shown.Column("Payments", lambda row, _viewer: parts.whole(row[1]), right=True),
    shown.Column("Of those begun", lambda row, _viewer: parts.percent(_of(row[1], row[2])), right=True),
)
QUEUES: Final = (
    shown.Column("Queue", lambda row, _viewer: row[1].name),
    shown.Column("Jobs", lambda row, _viewer: parts.whole(row[1].count), right=True),
    shown.Column("The oldest waits", lambda row, _viewer: _age((row[0] - row[1].oldest).total_seconds()), right=True),
)
