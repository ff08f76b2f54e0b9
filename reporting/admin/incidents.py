"""What is or was wrong: incidents with what they cost, what routing did, and what people do about them."""

from collections.abc import Callable, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from payments.admin import base, fresh, reasons, shown
from payments.intents.models import PaymentAttempt
from payments.kernel.attention import Severity
from payments.kernel.errors import Refusal
from reporting.admin import queue, transfers
from reporting.models import Incident
from reporting.services import handling, shifting
from reporting.uptime import incidents as reading
from reporting.uptime import postmortem
from reporting.uptime.findings import place

MAY_ACT: Final = "reporting.change_incident"
TONES: Final = {"open": "bad", "closed": "good"}
HELP: Final = gettext_lazy("At least five letters; it stands in the timeline, which everybody reads.")
SHARES: Final = (
    ("0", gettext_lazy("None: all of them go elsewhere")),
    ("0.01", gettext_lazy("1 %")),
    ("0.1", gettext_lazy("10 %")),
    ("0.5", gettext_lazy("Half of them")),
    ("1", gettext_lazy("All of them: as routing wants it")),
)

Act = Callable[[HttpRequest, Incident, dict[str, Any]], str]


class ReasonForm(forms.Form):
    """Why, or what is known."""

    reason = reasons.reason_field(HELP)


class HoldForm(ReasonForm):
    """How many of its payments a place keeps, and why."""

    share = forms.ChoiceField(
        label=gettext_lazy("It keeps"), choices=SHARES, widget=widgets.UnfoldAdminSelectWidget, initial="0"
    )
    field_order = ("share", "reason")


class StateFilter(admin.SimpleListFilter):
    """What is wrong now, and whose it is."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("open", _("Open")), ("nobody", _("Open and nobody's")), ("closed", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The incidents that stand so."""
        found = {"open": Q(status="open"), "nobody": Q(status="open", taken_by=""), "closed": Q(status="closed")}
        return queryset.filter(found[str(self.value())]) if self.value() in found else queryset


def _money(minor: dict[str, int]) -> object:
    largest = sorted(minor.items(), key=lambda one: -one[1])
    return shown.stacked(shown.minor(amount, code) for code, amount in largest) if minor else shown.NOTHING


def touched(attempts: Sequence[PaymentAttempt], country: str, viewer: shown.Viewer) -> list[str]:
    """A sentence for each incident in which a payment was tried, which leads there."""
    return [
        format_html(_("It was tried while something was wrong: {what} {where}, {when}."),
                    what=viewer.link(row, shown.said(row.get_kind_display())), where=place(row.scope), when=span(row))
        for row in reading.touching(attempts, country)
    ]  # fmt: skip


def span(row: Incident) -> str:
    """From when to when, in UTC; an end on the day on which it began is said by its time alone."""
    since, until = row.since.astimezone(UTC), row.closed_at and row.closed_at.astimezone(UTC)
    form = "%H:%M" if until and until.date() == since.date() else "%Y-%m-%d %H:%M"
    said = {"since": f"{since:%Y-%m-%d %H:%M}", "until": f"{until:{form}}" if until else ""}
    return (_("%(since)s to %(until)s") if row.closed_at else _("since %(since)s")) % said


def _stands(row: Incident) -> str:
    return shown.status(row.status, str(_("Open") if row.closed_at is None else _("Over")), tones=TONES)


def _severity(row: Incident) -> str:
    return shown.status(row.severity, Severity(row.severity).label.partition(":")[0], tones=queue.TONES)


def _text(row: Incident) -> str:
    told = postmortem.text(row, reading.timeline(row.pk))
    return format_html('<pre class="bo-raw" tabindex="0">{}</pre>', told)


COLUMNS: Final = (
    shown.Column("State", lambda row, _viewer: _stands(row)),
    shown.Column("Severity", lambda row, _viewer: _severity(row)),
    shown.choice_of("kind", "What"),
    shown.Column("Where", lambda row, _viewer: shown.capital(place(row.scope))),
    shown.time_of("since", "Since"),
    shown.Column("A minute now", lambda row, _viewer: _money(row.per_minute_minor), right=True),
    shown.Column("Not approved", lambda row, _viewer: _money(row.lost_minor), right=True),
    shown.text_of("taken_by", "Looked after by"),
)
TIMELINE: Final = (
    shown.time_of("at", "When"),
    shown.choice_of("kind", "What"),
    shown.said_of("words", "In words"),
    shown.text_of("by", "By whom"),
)
FIGURES: Final = (
    shown.Column("Figure", lambda one, _viewer: shown.plain(one[0])),
    shown.Column("Value", lambda one, _viewer: f"{one[1]:,.2f}".rstrip("0").rstrip("."), right=True),
)


@admin.register(Incident)
class IncidentAdmin(base.ModelAdmin):
    """Something that is or was wrong."""

    columns = (shown.said_of("words", "Incident"), *COLUMNS)
    sections = (
        (
            "About",
            (
                *COLUMNS[:5],
                shown.time_of("opened_at", "Found"),
                shown.time_of("closed_at", "Over"),
                *COLUMNS[5:7],
                shown.Column("In its worst minute", lambda row, _viewer: _money(row.worst_minor), right=True),
                shown.Column("Its payments", lambda row, _viewer: postmortem.traffic(row) or shown.NOTHING),
                COLUMNS[7],
                shown.text_of("closed_by", "Closed by"),
                shown.said_of("closed_because", "Why it is over"),
                shown.linked("merged_into", "Told in"),
            ),
        ),
    )
    afterwards = (("For a post-mortem", (shown.Column("Text to copy", lambda row, _viewer: _text(row), wide=True),)),)
    list_filter = (StateFilter, "kind", "severity")
    ordering = (Case(When(status="open", then=0), default=1), "-opened_at")  # type: ignore[assignment]  # expressions too
    search_help_text = "Id of an incident"
    nothing_here = "Nothing was ever wrong."

    def heading(self, row: Any, viewer: shown.Viewer) -> str:  # noqa: ARG002  the base's
        """The words on top."""
        return shown.said(str(row.get_kind_display()))

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What is wrong, in plain words."""
        return postmortem.sentence(row)

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What happened, and what was found last."""
        figures = sorted(row.figures.items())
        return (
            shown.table("Timeline", reading.timeline(row.pk), TIMELINE, viewer, empty="Nothing has happened yet."),
            shown.table("What was found last", figures, FIGURES, viewer, empty="No figures were given."),
        )

    # --- what this person may do

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """What is offered to this person, and nothing that would be refused."""
        if not base.from_role(request, MAY_ACT):
            return ()
        offers: list[tuple[str, Any, bool]] = [("note", _("Add a note"), False)]
        if row.closed_at is None:
            offers = [("take", _("I look after it"), not row.taken_by), *offers, ("close", _("It is over"), False)]
            if shifting.movable(row):
                offers.append(("hold", _("Hold its payments"), False))
            if shifting.held(row.pk):
                offers.append(("release", _("Let go of its payments"), False))
        elif row.merged_into_id is None:
            offers.append(("reopen", _("It is not over"), False))
        return [shown.Doing(str(words), self.address_of(name, row), main=main) for name, words, main in offers]

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and what people do about an incident."""
        names = ("take", "note", "close", "reopen", "hold", "release")
        return [*(self.route(name, getattr(self, name), name) for name in names), *super().get_urls()]

    def take(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put one's name on it."""

        def act(request: HttpRequest, row: Incident, _said: dict[str, Any]) -> str:
            handling.take(row.pk, by=transfers.person(request))
            return str(_("You look after it."))

        return self._asked(request, object_id, (_("I look after it"), _("Your name stands on it.")), act)

    def note(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what one knows."""

        def act(request: HttpRequest, row: Incident, said: dict[str, Any]) -> str:
            handling.note(row.pk, words=said["reason"], by=transfers.person(request))
            return str(_("It stands in the timeline."))

        offered = (_("Add a note"), _("It stands in the timeline for ever."))
        return self._asked(request, object_id, offered, act, ReasonForm)

    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that it is over."""

        def act(request: HttpRequest, row: Incident, said: dict[str, Any]) -> str:
            handling.close(row.pk, because=said["reason"], by=transfers.person(request))
            return str(_("It is over. What went elsewhere comes back within a minute."))

        effect = _("All of its payments go there again. While it is still found it stays closed for four hours, unless"
                   " it becomes graver.")  # fmt: skip
        return self._asked(request, object_id, (_("It is over"), effect), act, ReasonForm)

    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that it is not over."""

        def act(request: HttpRequest, row: Incident, said: dict[str, Any]) -> str:
            handling.reopen(row.pk, because=said["reason"], by=transfers.person(request))
            return str(_("It is open again."))

        offered = (_("It is not over"), _("It is open again, and people are told."))
        return self._asked(request, object_id, offered, act, ReasonForm)

    def hold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say how many of its payments the place keeps."""

        def act(request: HttpRequest, row: Incident, said: dict[str, Any]) -> str:
            share = Decimal(said["share"])
            shifting.hold(row.pk, share, because=said["reason"], by=transfers.person(request))
            return str(_("Within 5 seconds everywhere. Nothing moves by itself until somebody lets go."))

        effect = _("Nothing moves by itself until somebody lets go, or the incident is over. What nobody else can take"
                   " goes there anyway.")  # fmt: skip
        return self._asked(request, object_id, (_("Hold its payments"), effect), act, HoldForm, sure=True)

    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let its payments find their way by themselves."""

        def act(request: HttpRequest, row: Incident, _said: dict[str, Any]) -> str:
            shifting.release(row.pk, by=transfers.person(request))
            return str(_("Its payments find their way by themselves again."))

        effect = _("What goes elsewhere stays there, and tries it again by a hundredth, a tenth, and all.")
        return self._asked(request, object_id, (_("Let go of its payments"), effect), act, sure=True)

    def _asked(
        self, request: HttpRequest, object_id: str, offered: tuple[str, str], act: Act, form_class: Any = None,
        *, sure: bool = False,
    ) -> HttpResponse:  # fmt: skip
        """Say what it does, ask for what is needed, and do it on POST; `sure` of who it is, where money moves by it."""
        if not base.from_role(request, MAY_ACT):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if sure and (ask := fresh.required(request)) is not None:
            return ask
        words, effect = offered
        form = None if form_class is None else form_class(request.POST or None)
        back = shown.address(Incident, row.pk)
        if request.method == "POST" and (form is None or form.is_valid()):
            given = {} if form is None else form.cleaned_data
            self._done(request, row, words, lambda: act(request, row, given))
            return HttpResponseRedirect(back)
        context = {"row": row, "form": form, "effect": effect, "button": words,
                   "what": shown.said(row.get_kind_display()), "back": back}  # fmt: skip
        return self.page(request, "admin/confirm.html", words, context)

    def _done(self, request: HttpRequest, row: Incident, words: str, act: Callable[[], str]) -> None:
        try:
            said = act()
        except Refusal as refusal:
            messages.warning(request, f"{refusal.detail} " + _("Nothing was changed."))
            return
        self.log_change(request, row, words)
        messages.success(request, said)
