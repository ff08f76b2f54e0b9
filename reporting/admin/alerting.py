"""Where alerts go: channels with their test, rules, and silences. Engineers set them up; addresses are never shown."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from payments.admin import base, fresh, reasons, shown
from payments.kernel import clock
from payments.kernel.attention import Severity
from payments.kernel.errors import Refusal
from reporting.admin import transfers
from reporting.admin.alerts import MESSAGES
from reporting.admin.queue import TONES
from reporting.models import AlertChannel, AlertRule, Silence
from reporting.models.alerts import ChannelKind, Source
from reporting.services import alert_rules

SOURCES: Final = [one for one in shown.choices(Source) if one[0] != Source.CHANNEL]
HOURS: Final = (
    (1, lazy("1 hour")), (4, lazy("4 hours")), (24, lazy("1 day")), (72, lazy("3 days")), (168, lazy("7 days")),
)  # fmt: skip


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _scope(text: str) -> dict[str, str]:
    """`account stripe-eu, country NL`"""
    found = {}
    for part in _parts(text):
        name, _space, value = part.partition(" ")
        if not value.strip():
            said = _("“%(part)s” is not a dimension and its value, like country NL.") % {"part": part}
            raise forms.ValidationError(said)
        found[name] = value.strip()
    return found


def _about(row: Any) -> str:
    said = [", ".join(row.kinds), ", ".join(f"{name} {value}" for name, value in row.scope.items())]
    return "; ".join(part for part in said if part) or _("Everything")


class ChannelForm(forms.Form):
    """A channel, with its secret."""

    name = forms.CharField(max_length=60, label=lazy("Name"))
    kind = forms.ChoiceField(choices=shown.choices(ChannelKind), label=lazy("Kind"))
    to = forms.CharField(
        required=False, max_length=500, label=lazy("Write to"), help_text=lazy("E-mail only: addresses, with commas.")
    )
    url = forms.CharField(
        required=False,
        max_length=500,
        label=lazy("Address of the webhook"),
        help_text=lazy("It is kept encrypted and never shown again. With PagerDuty, empty means PagerDuty's own."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    routing_key = forms.CharField(
        required=False,
        max_length=100,
        label=lazy("Routing key"),
        help_text=lazy("PagerDuty only: of an Events API v2 integration."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def made(self, *, by: str) -> AlertChannel:
        """The channel that the form says."""
        said = self.cleaned_data
        way = alert_rules.Way(
            kind=said["kind"], to=_parts(said["to"]), url=said["url"].strip(), routing_key=said["routing_key"].strip()
        )
        return alert_rules.make_channel(said["name"].strip(), way, by=by)


class AboutForm(forms.Form):
    """What a rule or a silence is about."""

    kinds = forms.CharField(
        required=False,
        max_length=400,
        label=lazy("Kinds"),
        help_text=lazy("Like outage, slow, unknown_outcome, with commas. Empty means any."),
    )
    scope = forms.CharField(
        required=False,
        max_length=200,
        label=lazy("Where"),
        help_text=lazy("Incidents only: account stripe-eu, country NL. Empty means everywhere."),
    )

    def clean_kinds(self) -> list[str]:
        """outage, slow"""
        return _parts(self.cleaned_data["kinds"])

    def clean_scope(self) -> dict[str, str]:
        """account stripe-eu, country NL"""
        return _scope(self.cleaned_data["scope"])


class RuleForm(AboutForm):
    """A rule as somebody wants it."""

    name = forms.CharField(max_length=80, label=lazy("Name"))
    source = forms.ChoiceField(choices=SOURCES, label=lazy("About"))
    least = forms.ChoiceField(choices=shown.choices(Severity), label=lazy("At least"))
    channels = forms.MultipleChoiceField(choices=(), label=lazy("Channels"), widget=forms.SelectMultiple)
    wait_seconds = forms.IntegerField(
        min_value=0, max_value=600, initial=20, label=lazy("Wait for company, seconds"),
        help_text=lazy("What comes within this time is told in one message."),
    )  # fmt: skip
    repeat_minutes = forms.IntegerField(
        min_value=0, max_value=10_080, initial=60, label=lazy("Tell again after minutes"),
        help_text=lazy("While it lasts and nobody looks after it. 0 means never."),
    )  # fmt: skip

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        choices = AlertChannel.objects.filter(enabled=True).order_by("name").values_list("pk", "name")
        self.fields["channels"].choices = list(choices)  # type: ignore[attr-defined]
        self.order_fields(["name", "source", "least", "kinds", "scope", "channels", "wait_seconds", "repeat_minutes"])

    def made(self, *, by: str) -> AlertRule:
        """The rule that the form says."""
        return alert_rules.make_rule(alert_rules.Draft(**self.cleaned_data), by=by)


class SilenceForm(AboutForm):
    """A silence as somebody wants it."""

    source = forms.ChoiceField(
        required=False,
        choices=[("", lazy("Everything")), *SOURCES],
        label=lazy("About"),
    )
    hours = forms.TypedChoiceField(choices=HOURS, coerce=int, label=lazy("For how long"))
    because = forms.CharField(max_length=200, min_length=5, validators=[reasons.no_card_number], label=lazy("Why"))

    def made(self, *, by: str) -> Silence:
        """The silence that the form says."""
        said = dict(self.cleaned_data)
        until = clock.now() + timedelta(hours=said.pop("hours"))
        return alert_rules.silence(**said, until=until, by=by)


class _Admin(base.ModelAdmin):
    """A list with a form for a new one, and what may be done with each: asked once more, then done."""

    change_list_template = "admin/list_with_new.html"
    new_form: type[Any]
    new_words: tuple[str, str] = ("", "")
    """The words of the button and what making it does."""
    moves: Mapping[str, tuple[str, str]] = {}

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to a new one."""
        url = reverse(self._named("new")) if self._may_make(request) else ""
        new = {"new_url": url, "new_words": _(self.new_words[0])}
        return super().changelist_view(request, {**new, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and those of making and moving."""
        new = path("new/", self.admin_site.admin_view(self.new), name=self._named("new").removeprefix("admin:"))
        return [new, *(self.route(move, self._view(move), move) for move in self.moves), *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Make one."""
        if not self._may_make(request):
            raise PermissionDenied
        if (ask := fresh.required(request)) is not None:
            return ask
        form = self.new_form(request.POST or None)
        if form.is_valid():
            try:
                row = form.made(by=transfers.person(request))
            except Refusal as refusal:
                param = refusal.param or ""
                form.add_error(param if param in form.fields else next(iter(form.fields)), refusal.detail)
            else:
                self.log_addition(request, row, "Made")
                return HttpResponseRedirect(shown.address(self.model, row.pk))
        words, effect = self.new_words
        context = {"form": form, "effect": _(effect), "button": _(words), "what": _("New"), "back": self.list_url()}
        return self.page(request, "admin/confirm.html", _(words), context)

    def _named(self, tail: str) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_{tail}"

    def _may_make(self, request: HttpRequest) -> bool:
        return self.may(request, "add")

    def _view(self, move: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.move(request, object_id, move)

        return view

    def move(self, request: HttpRequest, object_id: str, move: str) -> HttpResponse:
        """Ask once more, then do it."""
        if not self.may(request, "change"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        words, effect = self.moves[move]
        back = shown.address(self.model, row.pk)
        if request.method != "POST":
            context = {"row": row, "effect": _(effect), "button": _(words), "what": str(row), "back": back}
            return self.page(request, "admin/confirm.html", f"{_(words)}: {row}", context)
        try:
            self.moved(request, row, move)
        except Refusal as refusal:
            messages.warning(request, refusal.detail)
        else:
            self.log_change(request, row, words)
        return HttpResponseRedirect(back)

    def moved(self, request: HttpRequest, row: Any, move: str) -> None:
        """Do it, and say what came of it."""
        raise NotImplementedError

    def offered(self, row: Any) -> Sequence[str]:
        """Which moves this row allows now."""
        raise NotImplementedError

    def doings(self, request: HttpRequest, row: Model) -> Sequence[shown.Doing]:
        """What this person may do with it."""
        if not self.may(request, "change"):
            return ()
        return [shown.Doing(_(self.moves[move][0]), self.address_of(move, row)) for move in self.offered(row)]


def _channel_stands(row: AlertChannel) -> str:
    if not row.enabled:
        return shown.status("disabled", "Off")
    return shown.status("failed", "Broken") if row.broken_at is not None else shown.status("active", "Works")


@admin.register(AlertChannel)
class AlertChannelAdmin(_Admin):
    """Where people are reached."""

    called = ("alert channel", "alert channels")
    new_form = ChannelForm
    new_words = ("New channel", "Nothing is sent to it until a rule says so. Its address leads to people: test it.")
    moves = {
        "test": ("Send a test", "A message that says that nothing is wrong is sent now. You see what came of it."),
        "off": ("Switch off", "It is told nothing from now on, and what it was to be told is dropped."),
        "on": ("Switch on", "It is told what begins from now on."),
    }  # fmt: skip
    columns = (
        shown.text_of("name"),
        shown.Column("Stands", lambda row, _: _channel_stands(row)),
        shown.choice_of("kind"),
        shown.text_of("shown", "Leads to"),
        shown.time_of("told_at", "Took the last message"),
        shown.text_of("problem", "Last problem"),
    )
    sections = (
        (
            "About",
            (
                *columns[1:],
                shown.number_of("failures", "Failures in a row"),
                shown.time_of("broken_at", "Broken since"),
                shown.text_of("made_by"),
            ),
        ),
    )
    nothing_here = "There is no channel: nobody is told anything."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its name, and whether it works."""
        return shown.joined((row.name, _channel_stands(row)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was sent to it, the newest first, and which rules name it."""
        rules = row.rules.order_by("name")
        return (
            shown.table("What was sent", row.messages.order_by("-pk"), MESSAGES, viewer, empty="Nothing yet."),
            shown.table("Rules", rules, RULES, viewer, empty="No rule names it: nothing is sent to it."),
        )

    def offered(self, row: AlertChannel) -> Sequence[str]:
        """A test at any time; on or off."""
        return ("test", "off") if row.enabled else ("test", "on")

    def moved(self, request: HttpRequest, row: AlertChannel, move: str) -> None:
        """Test it, switch it."""
        if move != "test":
            alert_rules.switch_channel(row.pk, on=move == "on")
            return
        sent = alert_rules.test_channel(row.pk, by=transfers.person(request))
        if sent.sent_at is not None:
            messages.success(request, _("The channel took it within %(ms)s ms.") % {"ms": sent.milliseconds})
        else:
            messages.error(request, _("The channel did not take it: %(why)s") % {"why": sent.problem})


RULES = (
    shown.Column("Rule", lambda row, viewer: viewer.link(row)),
    shown.Column("Stands", lambda row, _: shown.status("active" if row.enabled else "disabled")),
    shown.choice_of("source", "About"),
    shown.Column("At least", lambda row, _: shown.status(row.least, tones=TONES)),
    shown.Column("Of it", lambda row, _: _about(row)),
)


@admin.register(AlertRule)
class AlertRuleAdmin(_Admin):
    """What is told to which channels."""

    called = ("alert rule", "alert rules")
    new_form = RuleForm
    new_words = (
        "New rule",
        "It holds at once for what begins from now on. What it says stays: switch it off and make another.",
    )
    moves = {
        "off": ("Switch off", "Nothing is told by it from now on."),
        "on": ("Switch on", "What begins from now on is told by it."),
    }
    columns = (
        *RULES,
        shown.number_of("wait_seconds", "Waits, seconds"),
        shown.number_of("repeat_minutes", "Again after minutes"),
    )
    sections = (("About", (*columns[1:], shown.time_of("live_since", "Holds since"), shown.text_of("made_by"))),)
    nothing_here = "There is no rule: nobody is told anything."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its name."""
        return row.name

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Where it leads."""
        columns = (shown.Column("Channel", lambda one, viewer: viewer.link(one)), *AlertChannelAdmin.columns[1:])
        return (shown.table("Channels", row.channels.order_by("name"), columns, viewer, empty="None."),)

    def offered(self, row: AlertRule) -> Sequence[str]:
        """On or off."""
        return ("off",) if row.enabled else ("on",)

    def moved(self, request: HttpRequest, row: AlertRule, move: str) -> None:  # noqa: ARG002  the protocol
        """Switch it."""
        alert_rules.switch_rule(row.pk, on=move == "on")


def _silent(row: Silence) -> bool:
    return row.ended_at is None and row.until > clock.now()


@admin.register(Silence)
class SilenceAdmin(_Admin):
    """What nobody is told of, for a while."""

    called = ("silence", "silences")
    new_form = SilenceForm
    new_words = (
        "New silence",
        "Nobody is told of what lies in it. Alerts are there all the same; what lasts is told at its end.",
    )
    moves = {"end": ("End it now", "What lasts is told within half a minute.")}
    columns = (
        shown.text_of("because", "Why"),
        shown.Column(
            "Stands", lambda row, _: shown.status("wait", "Silent") if _silent(row) else shown.status("ended")
        ),
        shown.Column("About", lambda row, _viewer: _(row.get_source_display() or "Everything")),
        shown.Column("Of it", lambda row, _: _about(row)),
        shown.time_of("until"),
        shown.text_of("made_by"),
    )
    sections = (("About", (*columns[1:], shown.time_of("ended_at"), shown.text_of("ended_by"))),)
    nothing_here = "Nothing was ever silenced."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Why."""
        return row.because

    def offered(self, row: Silence) -> Sequence[str]:
        """Its end."""
        return ("end",) if _silent(row) else ()

    def moved(self, request: HttpRequest, row: Silence, move: str) -> None:  # noqa: ARG002  the protocol
        """End it."""
        alert_rules.end_silence(row.pk, by=transfers.person(request))
