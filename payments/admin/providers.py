"""Legal entities, provider accounts with their switch, and the calls that were made."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from unfold import widgets

from payments.admin import base, lists, shown
from payments.gateway import accounts
from payments.gateway.models import LegalEntity, ProviderAccount, ProviderCall
from payments.kernel import clock, unit
from payments.kernel.records import StateChange

CHANGE_COLUMNS = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


@admin.register(LegalEntity)
class LegalEntityAdmin(base.ModelAdmin):
    """A company of the marketplace."""

    columns = (shown.text_of("name"), shown.text_of("functional_currency", "Currency"), shown.text_of("time_zone"))
    sections = (("About", (*columns, shown.time_of("created_at"))),)
    search_help_text = "Name or id"
    nothing_here = "No company is set up yet: `manage.py provision` makes the first."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its name."""
        return Q(name=term)


class SwitchForm(forms.Form):
    """Which way an account is switched, and why: everybody who looks later reads it.

    `wanted` is what the page said when it was opened, so that a form that comes late or twice never does the opposite.
    """

    wanted = forms.ChoiceField(choices=[("enabled", "On"), ("disabled", "Off")], widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=200,
        min_length=5,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="What has happened? At least five letters; it is kept with the change.",
    )


@admin.register(ProviderAccount)
class ProviderAccountAdmin(base.ModelAdmin):
    """One account at one PSP; switched off, it takes no new payments."""

    columns = (
        shown.text_of("code", "Account"),
        shown.Column("State", lambda row, _: shown.status("enabled" if row.enabled else "disabled")),
        shown.choice_of("psp", "PSP"),
        shown.linked("legal_entity"),
        shown.flag_of("livemode", "Live money"),
        shown.number_of("weight"),
    )
    sections = (
        (
            "About",
            (
                *columns[1:],
                shown.list_of("countries", none="Every country"),
                shown.list_of("currencies", none="Every currency"),
                shown.text_of("base_url", "Address"),
                shown.time_of("created_at"),
            ),
        ),
    )
    list_select_related = ("legal_entity",)
    list_filter = ("enabled",)
    search_help_text = "Code or id"
    nothing_here = "No provider account is set up yet: `manage.py provision` makes those of the environment."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its code."""
        return Q(code=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its code."""
        return row.code

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Who switched it, when and why."""
        changes = StateChange.objects.filter(object_id=row.pk).order_by("-pk")
        return (shown.table("Switched", changes, CHANGE_COLUMNS, viewer, empty="It has never been switched."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """The switch."""
        if not self.may(request, "change"):
            return ()
        return (shown.Doing(_switch_words(row), self.address_of("switch", row)),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the switch."""
        return [self.route("switch", self.switch, "switch"), *super().get_urls()]

    def switch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then switch the account off or on."""
        if not self.may(request, "change"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = SwitchForm(request.POST or None, initial={"wanted": "disabled" if row.enabled else "enabled"})
        if form.is_valid():
            self._switched(request, row, **form.cleaned_data)
            return HttpResponseRedirect(shown.address(ProviderAccount, row.pk))
        if "wanted" in form.errors:
            messages.error(request, "The form did not say which way to switch: nothing was changed. Open it again.")
            return HttpResponseRedirect(shown.address(ProviderAccount, row.pk))
        effect = (
            "No new payment is sent to it, within 5 seconds everywhere. Payments that it already has go on: "
            "their captures, refunds and notifications are not touched."
            if row.enabled
            else "Routing may send it new payments again, within 5 seconds everywhere."
        )
        context = {
            "row": row, "form": form, "effect": effect, "button": _switch_words(row), "danger": row.enabled,
            "what": row.code, "back": shown.address(ProviderAccount, row.pk),
        }  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{_switch_words(row)}: {row.code}", context)

    def _switched(self, request: HttpRequest, row: ProviderAccount, *, wanted: str, reason: str) -> None:
        """Switch, unless somebody has done so since the form was opened."""
        words = "on" if wanted == "enabled" else "off"
        if not _switch(row.pk, wanted, because=reason, by=f"staff {request.user}"):
            last = StateChange.objects.filter(object_id=row.pk).order_by("-pk").first()
            who = f" by {last.by} at {last.at:%Y-%m-%d %H:%M:%S} UTC: “{last.because}”" if last is not None else ""
            messages.warning(request, f"{row.code} is switched {words} already{who}. Nothing was changed.")
            return
        self.log_change(request, row, f"Switch {words}: {reason}")
        messages.success(request, f"{row.code} is switched {words}.")


def _switch_words(row: ProviderAccount) -> str:
    return "Switch off" if row.enabled else "Switch on"


def _switch(pk: str, wanted: str, *, because: str, by: str) -> bool:
    """Set the account's switch and leave on record who did it and why; False when it stands so already."""
    before, after = ("disabled", "enabled") if wanted == "enabled" else ("enabled", "disabled")
    with unit.work() as work:
        row = ProviderAccount.objects.select_for_update().get(pk=pk)
        if row.enabled == (wanted == "enabled"):
            return False
        row.change(enabled=wanted == "enabled")
        work.add(
            StateChange(object_id=row.pk, from_state=before, to_state=after, event=after.removesuffix("d"),
                        because=because, by=by[:80], at=clock.now())
        )  # fmt: skip
    accounts.forget()
    return True


@admin.register(ProviderCall)
class ProviderCallAdmin(base.ModelAdmin):
    """One request to a PSP that can move money."""

    called = ("call to a PSP", "calls to PSPs")
    columns = (
        shown.text_of("kind", "Call"),
        shown.status_of("verdict", "Answer"),
        shown.linked("account", "Provider account"),
        shown.reference_of("owner_id", "Made for"),
        shown.time_of("sent_at", "Sent"),
        shown.Column("Took", lambda row, _: f"{row.latency_ms:,} ms" if row.answered_at else "no answer yet"),
    )
    sections = (
        (
            "About",
            (
                *columns,
                shown.code_of("provider_reference", "PSP's reference"),
                shown.code_of("id", "Idempotency key"),
                shown.code_of("body_hash", "Hash of what was asked"),
                shown.time_of("answered_at"),
                shown.time_of("look_at", "Recovery looks next"),
                shown.number_of("looks", "Looks so far"),
                shown.raw_of("raw", "What the PSP said"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = ("kind", "verdict", "account", lists.CreatedFilter)
    id_lookups = {"att": "owner_id", "cap": "owner_id", "re": "owner_id"}
    search_help_text = "Id of a call, or of the attempt, capture or refund it was made for"
    nothing_here = "No PSP has been called yet."
