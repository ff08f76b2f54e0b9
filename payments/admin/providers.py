"""Legal entities, provider accounts with their switch, and the calls that were made."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _

from payments.admin import base, lists, shown, spared
from payments.admin.switches import WHAT_STOPS, ReasonForm, switched_off
from payments.gateway import circuits, limits
from payments.gateway.models import CallKind, LegalEntity, ProviderAccount, ProviderCall, SwitchKind
from payments.gateway.switches import open_switch
from payments.kernel.records import StateChange
from payments.webhooks.models import EventSweep

CHANGE_COLUMNS = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


SWEEP_COLUMNS = (
    shown.time_of("swept_until", "All before is in"),
    shown.time_of("looked_at", "Looked last"),
    shown.number_of("missed", "Events that no webhook brought"),
    shown.words_of("problem", "Why the last look failed"),
)


@admin.register(LegalEntity)
class LegalEntityAdmin(base.ModelAdmin):
    """A company of the marketplace."""

    columns = (shown.text_of("name"), shown.text_of("functional_currency", "Currency"), shown.text_of("time_zone"),
               shown.time_of("closed_until", "Books closed until"))  # fmt: skip
    sections = (("About", (*columns, shown.time_of("created_at"))),)
    search_help_text = "Name or id"
    nothing_here = "No company is set up yet: `manage.py provision` makes the first."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By its name."""
        return Q(name=term)


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
                shown.Column("Requests per second", lambda row, _: _limit(row)),
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
        """How its circuits stand; what goes elsewhere; who switched it, and why; how far its PSP was asked for news."""
        changes = StateChange.objects.filter(object_id=row.pk).order_by("-pk")
        away = row.shifts.filter(ended_at__isnull=True)
        sweeps = EventSweep.objects.filter(provider_account_id=row.pk)
        empty = _("Nobody has looked yet, or its PSP has no list of its events.")
        return (
            shown.table("Circuits", _circuits(row), CIRCUIT_COLUMNS, viewer, empty="It is not called."),
            shown.table("Goes elsewhere", away, spared.COLUMNS, viewer, empty="It takes all of its payments."),
            shown.table("Switched", changes, CHANGE_COLUMNS, viewer, empty="It has never been switched."),
            shown.table("Looks for lost notifications", sweeps, SWEEP_COLUMNS, viewer, empty=empty),
        )

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """The switch."""
        if not self.may(request, "change"):
            return ()
        return (shown.Doing("Switch off" if row.enabled else "Switch on", self.address_of("switch", row)),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the switch."""
        return [self.route("switch", self.switch, "switch"), *super().get_urls()]

    def switch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then switch the account off; on again it is asked for at the switch that is off."""
        if not self.may(request, "change"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        if request.method != "POST" and (off := open_switch(SwitchKind.ACCOUNT, row.code)) is not None:
            return HttpResponseRedirect(reverse("admin:payments_killswitch_on", args=[off.pk]))
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            before = row.enabled
            switched_off(request, SwitchKind.ACCOUNT, row.code, form.cleaned_data["reason"])
            if before:
                self.log_change(request, row, f"Switch off: {form.cleaned_data['reason']}")
            return HttpResponseRedirect(shown.address(ProviderAccount, row.pk))
        context = {
            "row": row, "form": form, "effect": WHAT_STOPS, "button": _("Switch off"), "danger": True,
            "what": row.code, "back": shown.address(ProviderAccount, row.pk),
        }  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Switch off: %(code)s") % {"code": row.code}, context)


def _circuits(row: ProviderAccount) -> list[tuple[str, str]]:
    return [(kind.label, circuits.standing(row.code, kind)) for kind in CallKind]


def _limit(row: ProviderAccount) -> str:
    allowed = limits.rates(row)
    each = _(", %(each)s to each endpoint") % {"each": f"{allowed.each:,}"} if allowed.each else ""
    return _("%(whole)s in all%(each)s") % {"whole": f"{allowed.whole:,}", "each": each}


CIRCUIT_TONES = {"closed": "good", "half_open": "wait", "open": "bad"}
CIRCUIT_COLUMNS = (
    shown.Column("Calls to", lambda row, _: row[0]),
    shown.Column("Circuit", lambda row, _: shown.status(row[1], tones=CIRCUIT_TONES)),
)


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
        shown.Column("Took", lambda row, _viewer: f"{row.latency_ms:,} ms" if row.answered_at else _("no answer yet")),
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
