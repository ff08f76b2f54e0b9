"""What is still to be done by programs, and the record of every move."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html

from payments.admin import base, lists, shown
from payments.kernel import drain
from payments.kernel.jobs import REGISTRY, Job, JobState
from payments.kernel.records import StateChange


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

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Replay, while something is dead: the others run by themselves."""
        dead = Job.objects.filter(state=JobState.DEAD).exists()
        found: dict[str, Any] = super().get_actions(request) if dead else {}
        return found

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may bring dead jobs back."""
        return self.may(request, "change")

    @admin.action(description="Replay the dead ones among these", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Run the chosen dead jobs again."""
        dead = list(queryset.filter(state=JobState.DEAD))
        for row in dead:
            self._replay(request, row)
        if dead:
            messages.success(request, f"{len(dead)} dead {'job runs' if len(dead) == 1 else 'jobs run'} again.")
        else:
            messages.warning(request, "None of these is dead: the others run by themselves.")

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Replay, when it is dead."""
        if row.state != JobState.DEAD or not self.may(request, "change"):
            return ()
        return (shown.Doing("Replay", self.address_of("replay", row), main=True),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the replay."""
        return [self.route("replay", self.replay, "replay"), *super().get_urls()]

    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask once more, then run the dead job again."""
        if not self.may(request, "change"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back = shown.address(Job, row.pk)
        if row.state != JobState.DEAD:
            messages.warning(request, "It is not dead: it runs by itself.")
            return HttpResponseRedirect(back)
        if request.method == "POST":
            self._replay(request, row)
            messages.success(request, f"{row.name} runs again.")
            return HttpResponseRedirect(self.list_url())
        effect = "It runs at once, with its count of failures forgotten. Jobs are safe to repeat."
        context = {
            "row": row,
            "effect": effect,
            "button": "Replay",
            "what": row.name,
            "back": back,
            "error": shown.masked(row.last_error, shown.Viewer(request.user)),
        }
        return self.page(request, "admin/confirm.html", f"Replay {row.name}", context)

    def _replay(self, request: HttpRequest, row: Job) -> None:
        self.log_change(request, row, "replayed")
        drain.replay(str(row.pk))


def _arguments(row: Job, viewer: shown.Viewer) -> str:
    cells = (format_html("{}: {}", name, viewer.reference(str(value))) for name, value in row.arguments.items())
    return shown.joined(cells)


@admin.register(StateChange)
class StateChangeAdmin(base.ModelAdmin):
    """One move of one object: from, to, why, by whom."""

    columns = (
        shown.time_of("at", "When"),
        shown.reference_of("object_id", "What"),
        shown.Column("From", lambda row, _: shown.status(row.from_state)),
        shown.Column("To", lambda row, _: shown.status(row.to_state)),
        shown.said_of("because", "Why"),
        shown.text_of("by", "By whom"),
    )
    sections = (("About", columns),)
    list_filter = (lists.CreatedFilter,)
    id_lookups = dict.fromkeys(("pi", "att", "cap", "re", "ord", "pa"), "object_id")
    search_help_text = "Id of the object that moved"
    nothing_here = "Nothing has moved yet."
