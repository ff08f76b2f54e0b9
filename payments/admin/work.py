"""What is still to be done by programs, and the record of every move."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payments.admin import base, lists, several, shown, switches
from payments.kernel import clock, letters
from payments.kernel.errors import Refusal
from payments.kernel.jobs import REGISTRY, Job, JobRun, JobState
from payments.kernel.records import StateChange

REPLAY = gettext_lazy("It runs at once, with its count of failures forgotten. Jobs are safe to repeat.")

LINE_COLUMNS = (
    shown.Column("Queue", lambda line, _viewer: _queue(line)),
    shown.Column("Oldest due (UTC)", lambda line, _viewer: shown.moment(line.oldest_due)),
    shown.Column("Behind by", lambda line, _viewer: _behind(line), right=True),
    shown.number_of("due", "Due"),
    shown.number_of("running", "Running"),
    shown.number_of("later", "Later"),
    shown.number_of("dead", "Dead"),
)

RUN_COLUMNS = (
    shown.text_of("name", "Job"),
    shown.Column(
        "What became of it", lambda row, _viewer: shown.status(row.outcome, shown.said(row.get_outcome_display()))
    ),
    shown.number_of("attempts", "Tries"),
    shown.Column("Error", lambda row, viewer: shown.masked(row.error.strip().rpartition("\n")[2], viewer)
                 or shown.NOTHING),
    shown.text_of("by", "By whom"),
    shown.said_of("because", "Why"),
    shown.time_of("at", "When"),
)  # fmt: skip


def _queue(line: letters.Line) -> str:
    """A queue's name, which leads to its jobs."""
    return format_html('<a class="bo-link" href="{}?queue__exact={}">{}</a>', shown.list_address(Job), line.queue,
                       line.queue)  # fmt: skip


def _behind(line: letters.Line) -> str:
    if line.oldest_due is None:
        return shown.NOTHING
    seconds = max(0, int((clock.now() - line.oldest_due).total_seconds()))
    return (
        f"{seconds}\N{NO-BREAK SPACE}s"
        if seconds < 600
        else _("%(minutes)s\N{NO-BREAK SPACE}min") % {"minutes": f"{seconds // 60:,}"}
    )


@admin.register(Job)
class JobAdmin(base.ModelAdmin):
    """One thing to do. Those that failed too often are dead, until somebody who mended the cause replays them."""

    columns = (
        shown.text_of("name", "Job"),
        shown.status_of("state", tones={"running": "wait", "dead": "bad"}),
        shown.text_of("queue"),
        shown.Column("Arguments", lambda row, viewer: _arguments(row, viewer)),
        shown.number_of("attempts", "Tries"),
        shown.time_of("due_at", "Due"),
    )
    sections = (
        (
            "About",
            (*columns, shown.time_of("created_at"), shown.code_of("unique_key"),
             shown.words_of("last_error", "Why it failed last")),
        ),
    )  # fmt: skip
    actions = ("replay_selected",)
    change_list_template = "admin/jobs.html"
    ordering: ClassVar[Sequence[Any]] = (Case(When(state=JobState.DEAD, then=0), default=1), "-pk")
    list_filter = ("state", "queue")
    search_help_text = "Name of a job, or its id"
    nothing_here = "Nothing is to be done."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By name: the table holds only what is not done yet."""
        return Q(name=term) if term in REGISTRY else base.NOWHERE

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its name."""
        return row.name

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What became of it before."""
        runs = JobRun.objects.filter(job_id=row.pk).order_by("-pk")
        return (shown.table("What became of it", runs, RUN_COLUMNS[1:], viewer, empty="It has not failed."),)

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, below how the queues stand."""
        table = shown.table("Queues", letters.lines(), LINE_COLUMNS, shown.Viewer(request.user), empty="No queue.")
        return super().changelist_view(request, {"table": table, **(extra_context or {})})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Replay, while something is dead: the others run by themselves."""
        dead = Job.objects.filter(state=JobState.DEAD).exists()
        found: dict[str, Any] = super().get_actions(request) if dead else {}
        return found

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may bring dead jobs back."""
        return self.may(request, "change")

    @admin.action(description=gettext_lazy("Replay the dead ones among these"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Run the chosen dead jobs, or all that a filter leaves, once their number is confirmed."""

        def act(keys: Sequence[Any], reason: str) -> str:
            count = letters.replay_all(keys, because=reason, by=switches.by(request))
            return ngettext("One dead job runs again.", "%(count)s dead jobs run again.", count) % {"count": count}

        none = _("None of these is dead: the others run by themselves.")
        ask = several.Ask(_("Replay dead jobs"), str(REPLAY), act, none)
        return several.asked(self, request, queryset.filter(state=JobState.DEAD), ask)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Replay, when it is dead; cancel, when nobody waits for it."""
        if not self.may(request, "change"):
            return ()
        found = []
        if row.state == JobState.DEAD:
            found.append(shown.Doing(_("Replay"), self.address_of("replay", row), main=True))
        if letters.dropped(row):
            found.append(shown.Doing(_("Cancel"), self.address_of("cancel", row)))
        return found

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, the replay and the cancel."""
        return [self.route(name, getattr(self, name), name) for name in ("replay", "cancel")] + list(super().get_urls())

    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask once more, then run the dead job again."""
        row = self._found(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if row.state != JobState.DEAD:
            messages.warning(request, _("It is not dead: it runs by itself."))
            return HttpResponseRedirect(shown.address(Job, row.pk))
        if request.method == "POST":
            letters.replay(str(row.pk), by=switches.by(request))
            messages.success(request, _("%(job)s runs again.") % {"job": row.name})
            return HttpResponseRedirect(self.list_url())
        error = shown.masked(row.last_error, shown.Viewer(request.user))
        return self._asks(request, row, (_("Replay"), str(REPLAY)), error=error)

    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what is lost and ask why, then forget the job."""
        row = self._found(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        lost = letters.dropped(row)
        if not lost:
            messages.warning(request, _("Something waits for this job: mend the cause, and replay it."))
            return HttpResponseRedirect(shown.address(Job, row.pk))
        form = several.ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                letters.cancel(str(row.pk), because=form.cleaned_data["reason"], by=switches.by(request))
                messages.success(request, _("%(job)s is canceled.") % {"job": row.name})
            except Refusal as refusal:
                messages.warning(request, _("%(why)s Nothing was changed.") % {"why": refusal.detail})
            return HttpResponseRedirect(self.list_url())
        return self._asks(request, row, (_("Cancel this job"), lost), form=form, danger=True)

    def _asks(self, request: HttpRequest, row: Job, said: tuple[str, str], **more: Any) -> HttpResponse:
        words, effect = said
        context = {"row": row, "effect": effect, "button": words, "what": row.name,
                   "back": shown.address(Job, row.pk), **more}  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{words}: {row.name}", context)

    def _found(self, request: HttpRequest, object_id: str) -> Any:
        if not self.may(request, "change"):
            raise PermissionDenied
        return self.row(request, object_id)


@admin.register(JobRun)
class JobRunAdmin(base.ModelAdmin):
    """What became of a job that failed, or who did what about it."""

    called = ("run of a job", "runs of jobs")
    columns = (*RUN_COLUMNS,)
    sections = (("About", (*RUN_COLUMNS, shown.Column("Arguments", lambda row, viewer: _arguments(row, viewer)),
                           shown.words_of("error", "The whole error"))),)  # fmt: skip
    list_filter = ("outcome", lists.CreatedFilter)
    search_help_text = "Name of a job, or the id of one that failed"
    nothing_here = "No job has failed in the last 30 days."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the job's name."""
        return Q(name=term) if term in REGISTRY else base.NOWHERE


def _arguments(row: Job, viewer: shown.Viewer) -> str:
    cells = (
        format_html("{}: {}", shown.titled(name), viewer.reference(str(value))) for name, value in row.arguments.items()
    )
    return format_html("<span>{}</span>", shown.joined(cells))  # one thing: on a phone a cell is laid out by its parts


@admin.register(StateChange)
class StateChangeAdmin(base.ModelAdmin):
    """One move of one object: from, to, why, by whom."""

    columns = (
        shown.time_of("at", "When"),
        shown.reference_of("object_id", "What"),
        shown.Column("From", lambda row, _: shown.status(row.from_state)),
        shown.Column("To", lambda row, _: shown.status(row.to_state)),
        shown.said_of("because", "Why"),
        shown.said_of("by", "By whom"),
    )
    sections = (("About", columns),)
    list_filter = (lists.CreatedFilter,)
    id_lookups = dict.fromkeys(("pi", "att", "cap", "re", "ord", "pa"), "object_id")
    search_help_text = "Id of the object that moved"
    nothing_here = "Nothing has moved yet."
