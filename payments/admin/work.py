"""What is still to be done: jobs, matters for people, and the record of every move."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from unfold import widgets

from payments.admin import base, lists, shown
from payments.kernel import attention, clock, drain, jobs, unit
from payments.kernel.attention import AttentionItem, AttentionKind
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


class OpenFilter(admin.SimpleListFilter):
    """Matters that still need a person."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The open or the closed ones."""
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(closed_at__isnull=chosen == "open")


class ReleaseForm(forms.Form):
    """Why money may go back although a limit stopped it: everybody who looks later reads it."""

    reason = forms.CharField(
        max_length=200,
        min_length=5,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="How do you know that this is no mistake? At least five letters; it is kept.",
    )


@admin.register(AttentionItem)
class AttentionItemAdmin(base.ModelAdmin):
    """Why an object needs a person; closed with the evidence."""

    called = ("matter that needs attention", "matters that need attention")
    columns = (
        shown.choice_of("kind", "Matter"),
        shown.Column("State", lambda row, _: shown.status("open" if row.closed_at is None else "closed")),
        shown.reference_of("object_id", "About"),
        shown.time_of("opened_at"),
        shown.Column("Age", lambda row, _: _age(row)),
    )
    sections = (
        (
            "About",
            (*columns, shown.words_of("detail", "What is known"), shown.time_of("closed_at"),
             shown.said_of("closed_because"), shown.text_of("closed_by")),
        ),
    )  # fmt: skip
    actions = ("release_selected",)
    list_filter = (OpenFilter, "kind", lists.CreatedFilter)
    id_lookups = dict.fromkeys(("pi", "att", "cap", "re", "ord", "in"), "object_id")
    search_help_text = "Id of a matter, or of what it is about"
    nothing_here = "Nothing needs a person. That is how it should be."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """The matter."""
        return row.get_kind_display()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The release, while something waits for it."""
        found: dict[str, Any] = super().get_actions(request) if _stopped().exists() else {}
        return found

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Who may let money go that a limit has stopped: by a role, being superuser is not enough (decision 7)."""
        return not request.user.is_superuser and self.may(request, "change")

    @admin.action(description="Give back what a limit stopped among these", permissions=["release"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[AttentionItem]) -> None:
        """Release the chosen refunds; that a person chose them is the reason."""
        released = [row for row in queryset if self._released(request, row, "chosen from the list of what waits")]
        if released:
            messages.success(request, f"{len(released)} will be given back now.")
        else:
            messages.warning(request, "None of these waits for a release.")

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """The release, when a limit has stopped it."""
        if not _is_stopped(row) or not self.has_release_permission(request):
            return ()
        return (shown.Doing("Give it back", self.address_of("release", row), main=True),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the release."""
        return [self.route("release", self.release, "release"), *super().get_urls()]

    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then let the refund go."""
        if not self.has_release_permission(request):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back, form = shown.address(AttentionItem, row.pk), ReleaseForm(request.POST or None)
        if not _is_stopped(row):
            messages.warning(request, "It does not wait for a release.")
            return HttpResponseRedirect(back)
        if form.is_valid():
            if self._released(request, row, form.cleaned_data["reason"]):
                messages.success(request, "It will be given back now.")
            return HttpResponseRedirect(back)
        effect = f"It was stopped: {row.detail}. The money goes back to the customer at once, and this is on record."
        context = {
            "row": row, "form": form, "effect": effect, "button": "Give it back", "danger": True,
            "what": row.get_kind_display(), "back": back,
        }  # fmt: skip
        return self.page(request, "admin/confirm.html", "Give it back", context)

    def _released(self, request: HttpRequest, row: AttentionItem, reason: str) -> bool:
        if not _release(row.pk, because=reason, by=f"staff {request.user}"):
            return False
        self.log_change(request, row, f"Released: {reason}")
        return True


def _stopped() -> QuerySet[AttentionItem]:
    return AttentionItem.objects.filter(kind=AttentionKind.AUTO_REFUND_LIMIT, closed_at__isnull=True)


def _is_stopped(row: AttentionItem) -> bool:
    return row.kind == AttentionKind.AUTO_REFUND_LIMIT and row.closed_at is None


def _release(pk: str, *, because: str, by: str) -> bool:
    """Say yes to a refund that a limit has stopped, on record with who said so and why; False when nothing waits."""
    with unit.work() as work:
        row = _stopped().select_for_update().filter(pk=pk).first()
        if row is None:
            return False
        attention.close_items(row.object_id, because=because, by=by[:80], kind=AttentionKind.AUTO_REFUND_LIMIT)
        work.add(
            StateChange(object_id=row.object_id, from_state="stopped", to_state="released", event="release",
                        because=because, by=by[:80], at=clock.now())
        )  # fmt: skip
        jobs.enqueue("refund_duplicate", unique=f"refund_duplicate:{row.object_id}", capture_id=row.object_id)
        jobs.hasten("refund_duplicate", f"refund_duplicate:{row.object_id}")
    return True


def _age(row: AttentionItem) -> str:
    """How long it has been, or was, open."""
    minutes = int(((row.closed_at or clock.now()) - row.opened_at).total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


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
