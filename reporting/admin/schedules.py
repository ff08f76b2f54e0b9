"""Reports that come by themselves, and who has taken a file."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, shown
from payments.kernel.errors import Refusal
from reporting.admin import asking, reports
from reporting.models import FileFormat, ReportDownload, ReportRun, ReportSchedule, Rhythm
from reporting.reports.catalogue import REPORTS
from reporting.services import schedules

MAY_MAKE = "reporting.add_reportschedule"


class ScheduleForm(forms.Form):
    """Which report comes when, about which days, to whom."""

    report = forms.ChoiceField(choices=[])
    rhythm = forms.ChoiceField(choices=Rhythm.choices, label=gettext_lazy("How often"))
    hour = forms.IntegerField(
        min_value=0, max_value=23, initial=3, label=gettext_lazy("At what hour"), help_text=gettext_lazy("0 to 23.")
    )
    timezone = forms.CharField(
        max_length=64,
        initial="UTC",
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Of the hour and of the days: UTC, or Europe/Madrid."),
        validators=[asking.known_zone],
    )
    currency = forms.CharField(
        required=False, max_length=3, help_text=gettext_lazy("Like EUR. Empty means every currency.")
    )
    file_format = forms.ChoiceField(choices=shown.choices(FileFormat), label=gettext_lazy("Format"))
    notify = forms.EmailField(
        required=False,
        label=gettext_lazy("Write to"),
        help_text=gettext_lazy("When a file is ready; the file is not sent."),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["report"].choices = [(one.name, _(one.title)) for one in REPORTS.values()]  # type: ignore[attr-defined]

    def clean_currency(self) -> str:
        """As ISO 4217 writes it."""
        return str(self.cleaned_data["currency"]).strip().upper()


def _stands(row: ReportSchedule) -> str:
    return (
        shown.status("ready", _("Runs"))
        if row.due_at
        else shown.status("canceled", _("Paused by %(paused_by)s") % {"paused_by": row.paused_by})
    )


@admin.register(ReportSchedule)
class ReportScheduleAdmin(base.ModelAdmin):
    """Made, paused and let go on by finance."""

    called = ("scheduled report", "scheduled reports")
    columns = (
        shown.Column("Report", lambda row, _: reports.title(row)),
        shown.Column("Stands", lambda row, _: _stands(row)),
        shown.choice_of("rhythm", "How often"),
        shown.time_of("due_at", "Next"),
        shown.text_of("timezone", "Time zone"),
        shown.text_of("notify", "Writes to"),
        shown.text_of("made_by", "Made by"),
    )
    sections = (
        (
            "About",
            (
                shown.choice_of("rhythm", "How often"),
                shown.number_of("hour", "At what hour"),
                shown.text_of("timezone", "Time zone"),
                shown.Column("Currency", lambda row, _viewer: row.currency or _("Every currency")),
                shown.choice_of("format"),
                shown.text_of("notify", "Writes to"),
                shown.time_of("due_at", "Next"),
                shown.text_of("made_by", "Made by"),
                shown.time_of("created_at"),
            ),
        ),
    )
    nothing_here = "No report comes by itself yet."
    change_list_template = "admin/list_with_new.html"

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Which report, and whether it comes."""
        return shown.joined((reports.title(row), _stands(row)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """The files that have come."""
        runs = ReportRun.objects.filter(schedule=row).order_by("-pk")[:50]
        columns = (
            shown.time_of("created_at", "Asked for"),
            shown.Column("Report", lambda run, viewer: viewer.reference(run.pk)),
            shown.Column("Status", lambda run, _: shown.status(run.status)),
            shown.number_of("rows"),
        )
        return (shown.table("Files", runs, columns, viewer, empty="None has come yet."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Pause it, or let it go on."""
        if not base.from_role(request, MAY_MAKE):
            return ()
        name, words = ("pause", _("Pause")) if row.due_at else ("go_on", _("Let it go on"))
        return (shown.Doing(words, self.address_of(name, row)),)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, with the way to a new one."""
        may = base.from_role(request, MAY_MAKE)
        new = {"new_url": reverse("admin:reporting_reportschedule_new") if may else "", "new_words": _("New schedule")}
        return super().changelist_view(request, {**new, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of schedules."""
        new = path("new/", self.admin_site.admin_view(self.new), name="reporting_reportschedule_new")
        more = [self.route(name, getattr(self, name), name) for name in ("pause", "go_on")]
        return [new, *more, *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Let a report come by itself."""
        if not base.from_role(request, MAY_MAKE):
            raise PermissionDenied
        form = ScheduleForm(request.POST or None)
        if form.is_valid():
            row = self._made(form, by=f"staff {request.user.get_username()}"[:80])
            if row is not None:
                messages.success(request, _("The report comes by itself from now on."))
                return HttpResponseRedirect(shown.address(ReportSchedule, row.pk))
        context = {"form": form, "back": self.list_url(), "button": _("Let it come")}
        return self.page(request, "admin/new_schedule.html", _("New schedule"), context)

    @staticmethod
    def _made(form: ScheduleForm, *, by: str) -> ReportSchedule | None:
        try:
            return schedules.make(**form.cleaned_data, by=by)
        except Refusal as refusal:
            form.add_error(refusal.param if refusal.param in form.fields else "report", refusal.detail)
            return None

    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """No file comes until it goes on."""
        by = f"staff {request.user.get_username()}"[:80]
        effect = _("No file comes by itself until somebody lets it go on. Files that are there stay.")
        return self._act(request, object_id, gettext_lazy("Pause"), effect, lambda pk: schedules.pause(pk, by=by))

    def go_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Files come again."""
        effect = _("Files come again, from the next days on. Days that were left out can be asked for as a report.")
        return self._act(request, object_id, gettext_lazy("Let it go on"), effect, schedules.go_on)

    def _act(self, request: HttpRequest, object_id: str, words: Any, effect: str, act: Any) -> HttpResponse:
        if not base.from_role(request, MAY_MAKE):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back = shown.address(ReportSchedule, row.pk)
        if request.method != "POST":
            context = {"row": row, "effect": effect, "button": words, "what": reports.title(row), "back": back}
            return self.page(request, "admin/confirm.html", words, context)
        try:
            act(row.pk)
            self.log_change(request, row, shown.english(words))
        except Refusal as refusal:
            messages.warning(request, refusal.detail)
        return HttpResponseRedirect(back)


@admin.register(ReportDownload)
class ReportDownloadAdmin(base.ModelAdmin):
    """Who has taken which file, when, how."""

    called = ("download", "report downloads")
    columns = (
        shown.time_of("at", "When"),
        shown.text_of("by", "By whom"),
        shown.choice_of("way", "How"),
        shown.Column("Report", lambda row, viewer: viewer.reference(row.run_id)),
    )
    sections = (("About", columns),)
    list_filter = ("way",)
    nothing_here = "Nobody has taken a file yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Who took it, and how."""
        return f"{row.by}, {shown.within(shown.said(row.get_way_display()))}"
