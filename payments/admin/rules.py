"""Routing rules: drafted by one person, tried on recorded payments, approved and activated by another."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from payments.admin import base, fresh, shown, spared
from payments.admin.switches import HISTORY, ReasonForm, by
from payments.intents import selectors
from payments.intents.models import RoutingRule
from payments.intents.services import backtest, rules
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange

LISTS: Final = {
    "methods": "card, ideal",
    "currencies": "EUR",
    "countries": "NL, DE",
    "brands": "visa, amex",
    "bins": "411111, 37",
    "segments": gettext_lazy("As the customer's metadata says: vip"),
    "channels": "Web, iOS, Android",
}
"""What a rule may match, with an example of each; empty matches everything."""


LABELS: Final = {"bins": gettext_lazy("First digits"), "segments": gettext_lazy("Customer segments")}
"""What their names do not say."""


def _text(help_text: Any = "", *, required: bool = False, label: Any = None) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=400, widget=widgets.UnfoldAdminTextInputWidget, help_text=help_text
    )


def _number(help_text: Any = "", **facts: Any) -> forms.IntegerField:
    return forms.IntegerField(min_value=0, widget=widgets.UnfoldAdminIntegerFieldWidget, help_text=help_text, **facts)


class RuleForm(forms.Form):
    """A rule as somebody wants it."""

    name = _text(gettext_lazy("It stands with every attempt that the rule routes."), required=True)
    priority = _number(gettext_lazy("The smallest is read first."), initial=100)
    split = _text(gettext_lazy("Provider accounts with weights: adyen-eu 70, stripe-eu 30. Empty blocks what matches."))
    amount_from = _number(
        gettext_lazy("Minor units of the one currency above."), required=False, label=gettext_lazy("Amount from")
    )
    amount_to = _number(gettext_lazy("Below this amount."), required=False, label=gettext_lazy("Amount to"))
    control_percent = _number(
        gettext_lazy("Spared by the rule, to compare it with: 0 to 50."),
        label=gettext_lazy("Spared, percent"),
        initial=10,
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for name, example in LISTS.items():
            self.fields[name] = _text(example, label=LABELS.get(name))
        self.order_fields(["name", "priority", "split", *LISTS])

    def clean_split(self) -> list[tuple[str, int]]:
        """adyen-eu 70, stripe-eu 30"""
        found = []
        for part in _parts(self.cleaned_data["split"]):
            code, _rest, weight = part.rpartition(" ")
            if not code or not weight.isdigit():
                raise forms.ValidationError(
                    _("“%(part)s” is not an account and its weight, like adyen-eu 70.") % {"part": part}
                )
            found.append((code.strip(), int(weight)))
        return found

    def draft(self) -> rules.Draft:
        """What the form says."""
        said = self.cleaned_data
        lists = {name: _parts(said[name]) for name in LISTS}
        return rules.Draft(**{**said, **lists})


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _split(row: RoutingRule) -> str:
    return ", ".join(f"{code} {weight}" for code, weight in row.split) or "blocks"


def _matches(row: RoutingRule) -> object:
    said = [f"{shown.titled(name)}: {', '.join(getattr(row, name))}" for name in LISTS if getattr(row, name)]
    if row.amount_from_minor is not None:
        said.append(_("From %(amount_from_minor)s minor units") % {"amount_from_minor": row.amount_from_minor})
    if row.amount_to_minor is not None:
        said.append(_("Below %(amount_to_minor)s minor units") % {"amount_to_minor": row.amount_to_minor})
    return shown.stacked(said or [_("Everything")])


def _percent(rate: float | None) -> str:
    return shown.NOTHING if rate is None else f"{rate:.1%}"


ARMS = (
    shown.Column("Payments", lambda row, _: row[0]),
    shown.Column("Ended", lambda row, _: f"{row[1].tried:,}", right=True),
    shown.Column("Approved", lambda row, _: _percent(row[1].rate if row[1].tried else None), right=True),
)
LINES = (
    shown.Column("Account", lambda row, _: row.account),
    shown.Column("Took", lambda row, _: f"{row.took:,}", right=True),
    shown.Column("Of these approved", lambda row, _: _percent(row.rate), right=True),
    shown.Column("Would take", lambda row, _: f"{row.would_take:,}", right=True),
)
COSTS = (
    shown.Column("Currency", lambda row, _: row[0]),
    shown.Column("Where they went", lambda row, _: shown.amount(row[1].actual), right=True),
    shown.Column("With the rule", lambda row, _: shown.amount(row[1].expected), right=True),
    shown.Column("Without a contract", lambda row, _: f"{row[1].unknown:,}", right=True),
)
MOVES: Final[Mapping[str, tuple[Any, str, Any]]] = {
    "approve": (
        gettext_lazy("Approve"), "draft",
        gettext_lazy("You agree with what the rule says. Nothing is routed by it yet."),
    ),
    "activate": (
        gettext_lazy("Activate"), "approved",
        gettext_lazy("Payments are routed by it within 5 seconds. It is rolled back by itself when"
                     " fewer of its payments are approved than of those that it spares."),
    ),
    "retire": (
        gettext_lazy("Retire"), "draft approved active",
        gettext_lazy("Nothing is routed by it any more, within 5 seconds everywhere."),
    ),
}  # fmt: skip
"""Move -> the button's words, the states it is offered in, and what it does."""


@admin.register(RoutingRule)
class RoutingRuleAdmin(base.ModelAdmin):
    """One line of the rule book; the first that matches has the first say."""

    columns = (
        shown.text_of("name"),
        shown.status_of(tones={"active": "good", "draft": "wait", "approved": "wait"}),
        shown.number_of("priority"),
        shown.Column("Split", lambda row, _: _split(row)),
        shown.Column("Matches", lambda row, _: _matches(row), wide=True),
        shown.text_of("drafted_by"),
    )
    sections = (
        (
            "About",
            (
                *columns[1:],
                shown.text_of("approved_by"),
                shown.text_of("activated_by"),
                shown.time_of("activated_at"),
                shown.time_of("retired_at"),
                shown.Column("Spared to compare", lambda row, _: f"{row.control_percent} %"),
            ),
        ),
    )
    change_list_template = "admin/list_with_new.html"
    list_filter = ("status",)
    ordering = (Case(When(status="active", then=0), When(status="retired", then=2), default=1), "priority", "pk")  # type: ignore[assignment]  # expressions too
    search_help_text = "Name of a rule, or its id"
    nothing_here = "There is no rule: accounts take payments by their weights."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its name: there are few."""
        return Q(name=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its name."""
        return row.name

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """How its payments fare beside those that it spares, and what was done with it."""
        moves = StateChange.objects.filter(object_id=row.pk).order_by("-pk")
        done = shown.table("What was done", moves, HISTORY, viewer, empty="It was drafted.")
        if row.activated_at is None:
            return (done,)
        arms = list(zip((_("routed by it"), _("spared")), selectors.arms(row), strict=True))
        return (shown.table("Payments of its last day", arms, ARMS, viewer, empty="No payment has ended yet."), done)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Try it on paper, and what its state allows this person."""
        found = [shown.Doing("Backtest", self.address_of("backtest", row))]
        if self.may(request, "change"):
            own = row.drafted_by == by(request)
            for move, (words, states, _effect) in MOVES.items():
                if row.status in states.split() and not (own and move != "retire"):
                    found.append(shown.Doing(words, self.address_of(move, row), main=move != "retire"))
        return found

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to a new rule."""
        new = reverse("admin:payments_routingrule_new") if self.may(request, "add") else ""
        return super().changelist_view(request, {"new_url": new, "new_words": _("New rule"), **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and those of a rule's life."""
        new = path("new/", self.admin_site.admin_view(self.new), name="payments_routingrule_new")
        moves = [self.route(move, self._view(move), move) for move in MOVES]
        return [new, self.route("backtest", self.backtest, "backtest"), *moves, *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Draft a rule."""
        if not self.may(request, "add"):
            raise PermissionDenied
        form = RuleForm(request.POST or None)
        if form.is_valid() and (row := self._drafted(request, form)) is not None:
            return HttpResponseRedirect(shown.address(RoutingRule, row.pk))
        effect = _("Nothing is routed by a draft. Another person approves and activates it; what it says stays.")
        context = {"form": form, "effect": effect, "button": _("Draft"), "what": _("New"), "back": self.list_url()}
        return self.page(request, "admin/confirm.html", _("New rule"), context)

    def _drafted(self, request: HttpRequest, form: RuleForm) -> RoutingRule | None:
        try:
            row = rules.draft(form.draft(), by=by(request))
        except Refusal as refusal:
            param = refusal.param or ""
            form.add_error(param if param in form.fields else "split", refusal.detail)
            return None
        self.log_addition(request, row, "Drafted")
        return row

    def _view(self, move: str) -> Any:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.move(request, object_id, move)

        return view

    def move(self, request: HttpRequest, object_id: str, move: str) -> HttpResponse:
        """Ask once more, then do it."""
        if not self.may(request, "change"):
            raise PermissionDenied
        if move != "retire" and (ask := fresh.required(request)) is not None:
            return ask
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        words, _states, effect = MOVES[move]
        back = shown.address(RoutingRule, row.pk)
        form = ReasonForm(request.POST or None) if move == "retire" else None
        if request.method == "POST" and (form is None or form.is_valid()):
            self._moved(request, row, move, form.cleaned_data["reason"] if form is not None else "")
            return HttpResponseRedirect(back)
        context = {"row": row, "form": form, "effect": effect, "button": words, "danger": move == "retire",
                   "what": row.name, "back": back}  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{words}: {row.name}", context)

    def _moved(self, request: HttpRequest, row: RoutingRule, move: str, reason: str) -> None:
        try:
            if move == "retire":
                rules.retire(row.pk, because=reason, by=by(request))
            else:
                {"approve": rules.approve, "activate": rules.activate}[move](row.pk, by=by(request))
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return
        self.log_change(request, row, f"{shown.english(MOVES[move][0])}: {reason}".removesuffix(": "))
        messages.success(request, _("Done: %(what)s.") % {"what": shown.within(MOVES[move][0])})

    def backtest(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the rule would have done with the payments of the last 30 days."""
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        found, viewer = backtest.run(row.pk), shown.Viewer(request.user)
        facts = [
            (_("Payments looked at"), f"{found.looked_at:,}"),
            (_("It matches"), f"{found.matched:,}"),
            (_("It would have moved"), f"{found.moved:,}"),
            (_("It would have blocked"), f"{found.blocked:,}"),
            (_("Were approved"), _percent(found.actual)),
            (_("Expected with it, at its accounts' rates"), _percent(found.expected)),
        ]
        context = {
            "row": row, "kind": _("Backtest"), "headline": row.name, "row_id": str(row.pk),
            "sections": [(_("The last 30 days"), [(name, value, False) for name, value in facts])],
            "tables": [
                shown.table("By account", list(found.lines), LINES, viewer, empty="No payment matches."),
                shown.table("Fees by the contracts, as if each succeeded", list(found.costs.items()), COSTS, viewer,
                            empty="No payment matches."),
                *_away(found, viewer),
            ],
            "doings": [shown.Doing("Back to the rule", shown.address(RoutingRule, row.pk))],
        }  # fmt: skip
        return self.page(request, "admin/record.html", _("Backtest: %(name)s") % {"name": row.name}, context)


def _away(found: backtest.Result, viewer: shown.Viewer) -> list[shown.Table]:
    """What goes elsewhere now, whatever the rules say, and is left out of a backtest."""
    columns = (shown.linked("account"), *spared.COLUMNS)
    title = _("Goes elsewhere now, which this does not count")
    return [shown.table(title, found.away, columns, viewer, empty="")] if found.away else []
