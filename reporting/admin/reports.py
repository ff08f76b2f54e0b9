"""Reports: asked for, watched while they are written, downloaded with their manifest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, shown
from payments.kernel import money
from payments.kernel.errors import Refusal
from reporting.admin import asking
from reporting.models import ReportRun, ReportSchedule, Way
from reporting.reports.base import Parameters
from reporting.reports.catalogue import REPORTS
from reporting.services import exports
from reporting.states import RunStatus

TONES = {"requested": "wait", "running": "wait", "ready": "good", "failed": "bad"}
MAY_DOWNLOAD = "reporting.download_report"
MAY_DOWNLOAD_UNTIED = "reporting.download_untied_report"


def _interval(row: ReportRun) -> str:
    first, last = Parameters.from_json(row.parameters).days()
    if first == last:
        return f"{first}, {row.parameters['timezone']}"
    days = _("%(since)s to %(until)s") % {"since": first, "until": last}
    return format_html('<span class="bo-time">{}</span>, {}', days, row.parameters["timezone"])


def _currency(row: ReportRun) -> str:
    return row.parameters.get("currency") or _("Every currency")


def _final(row: ReportRun) -> str:
    """Whether the period was over when the file was written; what is not can still get rows."""
    as_of = (row.manifest or {}).get("as_of")
    if not as_of:
        return shown.NOTHING
    return shown.status("ready", _("Final")) if as_of["complete"] else shown.status("running", _("Not final"))


def _as_of(row: ReportRun) -> str:
    """Until when the file has everything, in words."""
    as_of = (row.manifest or {}).get("as_of")
    if not as_of:
        return shown.NOTHING
    moment = _(f"{datetime.fromisoformat(as_of['at']).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    if as_of["complete"]:
        return _("Final: everything of these days was there at %(moment)s.") % {"moment": moment}
    return _("Not final: what was there at %(moment)s. Ask again when the days are over.") % {"moment": moment}


def _stands(row: ReportRun) -> str:
    """How far it is, and whether what it says can still change."""
    stands = shown.status(row.status, tones=TONES)
    final = _final(row)
    return stands if final == shown.NOTHING else shown.joined((stands, final), " ")


def _tied(row: ReportRun, words: str = "") -> str:
    if row.tied is None:
        return shown.NOTHING
    return (
        shown.status("tied", words or _("Tied to the ledger")) if row.tied else shown.status("not_tied", _("NOT TIED"))
    )


@dataclass
class _Total:
    """The rows and money of one movement in one currency, in the file and in the ledger (minor units)."""

    movement: str
    currency: str
    count: int = 0
    in_file: int = 0
    in_ledger: int = 0


def _minor(amount: int, row: _Total) -> str:
    return shown.amount(money.from_minor(amount, row.currency))


TOTALS = (
    shown.Column("Movement", lambda row, _: shown.plain(row.movement)),
    shown.number_of("count", "Rows"),
    shown.Column("In the file", lambda row, _: _minor(row.in_file, row), right=True),
    shown.Column(
        "In the ledger", lambda row, _: shown.amount(money.from_minor(row.in_ledger, row.currency)), right=True
    ),
)


TAKEN = (
    shown.time_of("at", "When"),
    shown.text_of("by", "By whom"),
    shown.choice_of("way", "How"),
)
PAGES = ("download", "manifest", "progress", "cancel", "again")


def _totals(manifest: Mapping[str, Any]) -> list[_Total]:
    found: dict[tuple[str, str], _Total] = {}
    for name, column in (("control_totals", "in_file"), ("ledger_totals", "in_ledger")):
        for one in manifest.get(name, ()):
            key = (one["movement"], one["currency"])
            total = found.setdefault(key, _Total(*key))
            setattr(total, column, one["amount_minor"])
            total.count = max(total.count, one["count"])
    return [found[key] for key in sorted(found)]


class ReportFilter(admin.SimpleListFilter):
    """Which report it is."""

    title = gettext_lazy("report")
    parameter_name = "report"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [(one.name, _(one.title)) for one in REPORTS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The runs of one report."""
        return queryset.filter(report=self.value()) if self.value() else queryset


class CurrencyFilter(admin.SimpleListFilter):
    """Whether it is about one currency or all."""

    title = gettext_lazy("currency")
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("one", _("One currency")), ("every", _("Every currency"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The runs that were narrowed, or those that were not."""
        if self.value() is None:
            return queryset
        every = Q(parameters__currency=None)
        return queryset.filter(every if self.value() == "every" else ~every)


@admin.register(ReportRun)
class ReportRunAdmin(base.ModelAdmin):
    """Files for finance, each with the manifest that proves it."""

    called = ("report", "reports")
    columns = (
        shown.Column("Report", lambda row, _: title(row)),
        shown.Column("Status", lambda row, _: _stands(row)),
        shown.Column("Days", lambda row, _: _interval(row)),
        shown.Column("Currency", lambda row, _: _currency(row)),
        shown.number_of("rows"),
        shown.Column("Ledger", lambda row, _viewer: _tied(row, _("Tied"))),
        shown.text_of("requested_by", "Asked for by"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (
                shown.Column("Days", lambda row, _: _interval(row)),
                shown.Column("Currency", lambda row, _: _currency(row)),
                shown.Column("Is it final", lambda row, _: _as_of(row)),
                shown.number_of("rows"),
                shown.Column(
                    "Size",
                    lambda row, _viewer: (
                        _("%(size)s bytes") % {"size": f"{row.size:,}"} if row.sha256 else shown.NOTHING
                    ),
                ),
                shown.Column("Ledger", lambda row, _: _tied(row)),
                shown.choice_of("format"),
                shown.text_of("requested_by", "Asked for by"),
                shown.time_of("created_at"),
                shown.time_of("ready_at"),
                shown.text_of("error", "Why it failed"),
                shown.Column("SHA-256 of the uncompressed file", lambda row, _: shown.copyable(row.sha256), wide=True),
            ),
        ),
    )
    list_filter = (ReportFilter, "status", CurrencyFilter, base.CreatedFilter)
    nothing_here = "No report has been asked for yet."
    record_template = "admin/report.html"
    change_list_template = "admin/reports.html"

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """Which report it is, and not its id."""
        return _("Report: %(title)s") % {"title": title(row)}

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Which report, and how far it is."""
        return shown.joined((title(row), shown.status(row.status, tones=TONES)), " ")

    def facts(self, request: HttpRequest, row: ReportRun) -> dict[str, Any]:
        """The page, with the address that says how far it is."""
        moving = row.status in (RunStatus.REQUESTED, RunStatus.RUNNING)
        more = {"moving": moving, "said": _so_far(row), "expected": _expected(row)}
        return {**super().facts(request, row), **more, "progress_url": self.address_of("progress", row)}

    def doings(self, request: HttpRequest, row: ReportRun) -> Sequence[shown.Doing]:
        """Download, manifest, cancel."""
        found = []
        if row.status == RunStatus.READY and _may_download(request, row):
            found = [
                shown.Doing("Download", self.address_of("download", row), main=True),
                shown.Doing("Manifest", self.address_of("manifest", row)),
            ]
        if row.status == RunStatus.FAILED and self.may(request, "add"):
            found.append(shown.Doing("Try again", self.address_of("again", row), main=True))
        if row.may("cancel") and self.may(request, "add"):
            found.append(shown.Doing("Cancel", self.address_of("cancel", row)))
        return found

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The file's totals beside the ledger's."""
        empty = _("The totals are there when the report is ready; a report without rows has none.")
        taken = shown.table("Taken by", row.downloads.order_by("-pk")[:50], TAKEN, viewer, empty="Nobody yet.")
        return (shown.table("Control totals", _totals(row.manifest or {}), TOTALS, viewer, empty=empty), taken)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, with the way to a new report."""
        new = reverse("admin:reporting_reportrun_new") if self.may(request, "add") else ""
        return super().changelist_view(request, {"new_url": new, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of reports."""
        new = path("new/", self.admin_site.admin_view(self.new), name="reporting_reportrun_new")
        pages = [self.route(name, getattr(self, name), name) for name in PAGES]
        return [new, *pages, *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Ask for a report."""
        if not self.may(request, "add"):
            raise PermissionDenied
        preset = request.GET.get("preset", "last-month")
        form = asking.ReportForm(request.POST or None, preset)
        if form.is_valid():
            run = self._asked(form, by=f"staff {request.user.get_username()}"[:80])
            if run is not None:
                return HttpResponseRedirect(shown.address(ReportRun, run.pk))
        presets = [(name, *one, name == preset) for name, one in asking.presets().items()]
        context = {"form": form, "offers": asking.offers(), "presets": presets, "back": self.list_url()}
        return self.page(request, "admin/new_report.html", _("New report"), context)

    @staticmethod
    def _asked(form: asking.ReportForm, *, by: str) -> ReportRun | None:
        try:
            said = form.cleaned_data
            return exports.request(said["report"], form.parameters(), by=by, file_format=said["format"])
        except (Refusal, OverflowError) as refusal:
            field = {"interval_end": "last_day", "interval_start": "first_day", "currency": "currency"}
            param = getattr(refusal, "param", "") or ""
            form.add_error(field.get(param, "last_day"), getattr(refusal, "detail", "The interval is too far away."))
            return None

    def download(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        """The file, streamed; what does not tie only for who may see that."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if not _may_download(request, row):
            raise PermissionDenied
        try:
            untied = request.user.has_perm(MAY_DOWNLOAD_UNTIED)
            by = f"staff {request.user.get_username()}"
            file = exports.download(row.pk, client_id=None, by=by, way=Way.PAGE, untied=untied)
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(shown.address(ReportRun, row.pk))
        return FileResponse(file.open(), as_attachment=True, filename=file.name, content_type=file.content_type)

    def manifest(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What proves the file, as JSON."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if not _may_download(request, row):
            raise PermissionDenied
        try:
            found = exports.manifest(row.pk, client_id=None)
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(shown.address(ReportRun, row.pk))
        name = exports.filename(row)
        return JsonResponse(
            found,
            json_dumps_params={"indent": 2},
            headers={"content-disposition": f'attachment; filename="{name}.manifest.json"'},
        )

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far it is, for the page that waits."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        return JsonResponse({"status": row.status, "said": _so_far(row), "done": row.rows, "all": _expected(row)})

    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have no file made."""
        by = f"staff {request.user.get_username()}"[:80]
        effect = _("No file will be made; what was written so far is thrown away.")
        confirm = {"effect": effect, "button": _("Cancel the report"), "danger": True}
        done = _("The report is canceled.")
        return self._act(request, object_id, confirm, done, lambda pk: exports.cancel(pk, client_id=None, by=by))

    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have a report written that has failed."""
        by = f"staff {request.user.get_username()}"[:80]
        confirm = {"effect": _("A worker writes the file from its beginning."), "button": _("Try again")}
        done = _("The report is being written anew.")
        return self._act(request, object_id, confirm, done, lambda pk: exports.try_again(pk, by=by))

    def _act(
        self, request: HttpRequest, object_id: str, confirm: dict[str, Any], done: str, act: Callable[[str], object]
    ) -> HttpResponse:
        if not self.may(request, "add"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back = shown.address(ReportRun, row.pk)
        if request.method == "POST":
            try:
                act(row.pk)
                messages.success(request, done)
            except Refusal as refusal:
                messages.warning(request, refusal.detail)
            return HttpResponseRedirect(back)
        context = {"row": row, "what": title(row), "back": back, **confirm}
        return self.page(request, "admin/confirm.html", str(confirm["button"]), context)


def title(row: ReportRun | ReportSchedule) -> str:
    """What a report is called, by one of its runs or by what asks for it again and again."""
    return _(REPORTS[row.report].title) if row.report in REPORTS else row.report


def _expected(row: ReportRun) -> int | None:
    """About how many rows there will be; None where nobody knows, or where there are more already."""
    return row.expected if row.expected and row.expected >= row.rows > 0 else None


def _so_far(row: ReportRun) -> str:
    of = _expected(row)
    return (
        _("%(rows)s of about %(of)s rows so far") % {"rows": f"{row.rows:,}", "of": f"{of:,}"}
        if of
        else _("%(rows)s rows so far") % {"rows": f"{row.rows:,}"}
    )


def _may_download(request: HttpRequest, row: ReportRun) -> bool:
    """Finance has every file, auditors those that tie."""
    return request.user.has_perm(MAY_DOWNLOAD) and (row.tied is not False or request.user.has_perm(MAY_DOWNLOAD_UNTIED))
