"""Kill switches: one person switches an account, a method or a country off with a reason, two switch it on again."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from payments.admin import base, fresh, reasons, shown
from payments.gateway import accounts, switches
from payments.gateway.models import KillSwitch, SwitchKind
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from payments.methods import catalogue

WHAT_STOPS = gettext_lazy(
    "It takes no new payment, within 5 seconds everywhere. Payments that are there go on: their captures, refunds and"
    " notifications are not touched. On again takes two people."
)

HISTORY = (
    shown.time_of("at", "When"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


class ReasonForm(forms.Form):
    """Why: everybody who looks later reads it."""

    reason = reasons.reason_field(gettext_lazy("What has happened? At least five letters; it is kept with the change."))


class OffForm(ReasonForm):
    """What is switched off as a whole."""

    kind = forms.ChoiceField(choices=shown.choices(SwitchKind), widget=widgets.UnfoldAdminSelectWidget)
    target = forms.CharField(
        max_length=40,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("An account's code (stripe-us), a method (card) or a country (NL)."),
    )
    field_order = ("kind", "target", "reason")

    def clean(self) -> dict[str, Any]:
        """A switch for something that is not there would do nothing, and nobody would notice."""
        said: dict[str, Any] = super().clean() or {}
        kind, target = said.get("kind"), str(said.get("target", "")).strip()
        known = {
            SwitchKind.ACCOUNT: target in accounts.codes(),
            SwitchKind.METHOD: target in catalogue.METHODS,
            SwitchKind.COUNTRY: len(target) == 2 and target.isascii() and target.isupper(),
        }
        if target and kind and not known[SwitchKind(kind)]:
            self.add_error(
                "target",
                _("%(kind)s: there is no %(target)s.") % {"kind": shown.said(SwitchKind(kind).label), "target": target},
            )
        return {**said, "target": target}


def by(request: HttpRequest) -> str:
    """Who does it, as it is recorded."""
    return f"staff {request.user.get_username()}"[:80]


@admin.register(KillSwitch)
class KillSwitchAdmin(base.ModelAdmin):
    """Something takes no new payments, or took none for a while."""

    columns = (
        shown.Column("Switched off", lambda row, _: row.target),
        shown.choice_of("kind"),
        shown.Column("State", lambda row, _: shown.status("disabled" if row.on_at is None else "enabled")),
        shown.time_of("off_at", "Since"),
        shown.text_of("off_by", "By whom"),
        shown.said_of("off_because", "Why"),
    )
    sections = (
        (
            "About",
            (
                *columns[1:],
                shown.text_of("asked_by", "Who wants it on again"),
                shown.said_of("asked_because", "Why on again"),
                shown.time_of("asked_at"),
                shown.text_of("on_by", "Who agreed"),
                shown.time_of("on_at", "On since"),
            ),
        ),
    )
    change_list_template = "admin/list_with_new.html"
    list_filter = ("kind",)
    ordering = (Case(When(on_at=None, then=0), default=1), "-pk")  # type: ignore[assignment]  # expressions too
    search_help_text = "An account's code, a method or a country"
    nothing_here = "Nothing was ever switched off."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By what is switched: there are few."""
        return Q(target=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """What is switched."""
        return row.target

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was done with it; with an account's own page for an account."""
        about = accounts.account(row.target).pk if row.kind == SwitchKind.ACCOUNT else row.pk
        moves = StateChange.objects.filter(object_id=about, at__gte=row.off_at).order_by("-pk")
        return (shown.table("What was done", moves, HISTORY, viewer, empty="Nothing yet."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """On again."""
        if row.on_at is not None or not self.may(request, "change"):
            return ()
        return (shown.Doing(_on_words(row, by(request)), self.address_of("on", row)),)

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """The list, with the way to switch something off."""
        new = reverse("admin:payments_killswitch_new") if self.may(request, "add") else ""
        return super().changelist_view(
            request, {"new_url": new, "new_words": _("Switch something off"), **(extra_context or {})}
        )

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, off and on."""
        new = path("new/", self.admin_site.admin_view(self.new), name="payments_killswitch_new")
        return [new, self.route("on", self.on, "on"), *super().get_urls()]

    def new(self, request: HttpRequest) -> HttpResponse:
        """Switch something off."""
        if not self.may(request, "add"):
            raise PermissionDenied
        form = OffForm(request.POST or None)
        if form.is_valid():
            said = form.cleaned_data
            row = switched_off(request, SwitchKind(said["kind"]), said["target"], said["reason"])
            self.log_change(request, row, f"Switch off: {said['reason']}")
            return HttpResponseRedirect(shown.address(KillSwitch, row.pk))
        context = {"form": form, "effect": WHAT_STOPS, "button": _("Switch off"), "danger": True,
                   "what": _("New"), "back": self.list_url()}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Switch something off"), context)

    def on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for it to be on again, or agree with the one who has asked."""
        if not self.may(request, "change"):
            raise PermissionDenied
        if (ask := fresh.required(request)) is not None:
            return ask
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back, agrees = shown.address(KillSwitch, row.pk), _agrees(row, by(request))
        form = None if agrees else ReasonForm(request.POST or None)
        if request.method == "POST" and (form is None or form.is_valid()):
            self._on(request, row, form.cleaned_data["reason"] if form is not None else "")
            return HttpResponseRedirect(back)
        effect = (
            _(
                "%(asked_by)s wants %(target)s on again: “%(asked_because)s” If you agree, it takes "
                "payments again within 5 seconds."
            )
            % {"asked_by": row.asked_by, "target": row.target, "asked_because": row.asked_because}
            if agrees
            else _("%(target)s stays off until somebody else agrees with you.") % {"target": row.target}
        )
        words = _on_words(row, by(request))
        context = {"row": row, "form": form, "effect": effect, "button": words, "what": row.target, "back": back}
        return self.page(request, "admin/confirm.html", f"{words}: {row.target}", context)

    def _on(self, request: HttpRequest, row: KillSwitch, reason: str) -> None:
        try:
            if reason:
                switches.ask_on(row.pk, because=reason, by=by(request))
                messages.success(request, _("Recorded. Another person has to agree on this page."))
            else:
                switches.agree(row.pk, by=by(request))
                messages.success(request, _("%(target)s is switched on.") % {"target": row.target})
        except Refusal as refusal:
            messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            return
        self.log_change(request, row, f"Wants it on: {reason}" if reason else "Switch on: agreed")


def switched_off(request: HttpRequest, kind: SwitchKind, target: str, reason: str) -> KillSwitch:
    """Switch it off, or say who did so before."""
    try:
        row = switches.switch_off(kind, target, because=reason, by=by(request))
    except switches.SwitchedAlready:
        found = switches.open_switch(kind, target)
        if found is None:
            raise
        messages.warning(
            request,
            _(
                "%(target)s is switched off already by %(off_by)s at %(off_at)s UTC: “%(off_because)s”. "
                "Nothing was changed."
            )
            % {
                "target": target,
                "off_by": found.off_by,
                "off_at": f"{found.off_at:%Y-%m-%d %H:%M:%S}",
                "off_because": found.off_because,
            },
        )
        return found
    messages.success(request, _("%(target)s is switched off.") % {"target": target})
    return row


def _agrees(row: KillSwitch, person: str) -> bool:
    return row.asked_by not in ("", person)


def _on_words(row: KillSwitch, person: str) -> str:
    return _("Agree to switch on") if _agrees(row, person) else _("Ask to switch on")
