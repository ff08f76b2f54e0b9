"""Notifications from PSPs: as they came, how they were verified, what they changed, and acting on them once more."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payments.admin import base, effects, lists, several, shown, switches
from payments.gateway.models import ProviderAccount
from payments.webhooks.models import CameBy, EventSweep, InboundEvent, InboundReplay, InboundState
from payments.webhooks.services import replaying

VERIFIED: Final = {
    CameBy.WEBHOOK: gettext_lazy(
        "By its signature: it was made with this account's secret, and was checked over what came before any of it was"
        " stored. What is not signed is refused and not kept."
    ),
    CameBy.SWEEP: gettext_lazy("We have asked the PSP for it, over TLS and with this account's key."),
    CameBy.RESYNC: gettext_lazy("Somebody had the PSP asked for it, over TLS and with this account's key."),
}
REPLAY: Final = gettext_lazy(
    "It is acted upon as if it had come again. That is safe: what is so already stays as it is. Your name and the"
    " reason are kept, with what it has changed."
)

REPLAY_COLUMNS = (
    shown.time_of("asked_at", "Asked"),
    shown.text_of("by", "By whom"),
    shown.said_of("because", "Why"),
    shown.Column("State", lambda row, _viewer: shown.status(row.state or "pending")),
    shown.said_of("note", "What stood in the way"),
    shown.Column("Changed", lambda row, viewer: _changed(row, viewer)),
)


def _changed(row: InboundReplay, viewer: shown.Viewer) -> str:
    if row.done_at is None:
        return shown.NOTHING
    return (
        viewer.link(row, _("%(count)s rows") % {"count": len(row.effects)})
        if row.effects
        else _("Nothing: it was known")
    )


@admin.register(InboundEvent)
class InboundEventAdmin(base.ModelAdmin):
    """One notification of a PSP, as it came."""

    called = ("PSP notification", "PSP notifications")
    columns = (
        shown.text_of("type", "Notification"),
        shown.status_of("state"),
        shown.linked("provider_account"),
        shown.code_of("provider_reference", "PSP's reference"),
        shown.choice_of("came_by", "Came by"),
        shown.time_of("received_at"),
    )
    sections = (
        (
            "About",
            (*columns, shown.code_of("event_key", "PSP's key"), shown.text_of("kind", "Handled as"),
             shown.number_of("attempts", "Tries"), shown.time_of("processed_at"),
             shown.Column("How it was verified", lambda row, _viewer: VERIFIED[row.came_by], wide=True),
             shown.words_of("note", "Why it was not processed"),
             shown.Column("What the PSP sent", lambda row, viewer: shown.raw_bytes(row.body, viewer), wide=True)),
        ),
    )  # fmt: skip
    actions = ("replay_selected",)
    list_select_related = ("provider_account",)
    list_filter = ("state", "came_by", "provider_account", lists.CreatedFilter)
    search_help_text = "PSP's reference or key, or an id"
    nothing_here = "No PSP has told us anything yet."

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundEvent]:
        """Lists need no bodies, which may be large."""
        rows: QuerySet[InboundEvent] = super().get_queryset(request)
        return rows.defer("body", "effects")

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's id of the payment, or by the notification's own key."""
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return Q(provider_reference=term) | Q(provider_account_id__in=accounts, event_key=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its type."""
        return row.type

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What it has changed, and who had it acted upon once more."""
        empty = (
            _("Nothing: what it tells was known already.") if row.state == InboundState.PROCESSED else _("Nothing yet.")
        )
        if row.state == InboundState.PROCESSED and row.effects is None and not row.attempts:
            empty = _("Not recorded: it was processed by an earlier release.")
        replays = row.replays.order_by("-pk")
        return (
            effects.table("What it has changed", row.effects, viewer, empty=empty),
            shown.table("Replays", replays, REPLAY_COLUMNS, viewer, empty="It was never replayed."),
        )

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Replay, which first shows what would change."""
        if not self.may(request, "change"):
            return ()
        words = _("Replay: see what would change")
        return (shown.Doing(words, self.address_of("replay", row), main=row.state == InboundState.FAILED),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the replay."""
        return [self.route("replay", self.replay, "replay"), *super().get_urls()]

    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what would change, then have it acted upon once more."""
        if not self.may(request, "change"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back, viewer = shown.address(InboundEvent, row.pk), shown.Viewer(request.user)
        form = several.ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            replaying.ask([row.pk], because=reason, by=switches.by(request))
            self.log_change(request, row, f"Replay: {reason}")
            messages.success(request, _("It is acted upon once more. This page shows what came of it."))
            return HttpResponseRedirect(back)
        found = replaying.rehearse(row.pk)
        empty = _("Nothing would change: what it tells is known.") if found.well else _("Nothing would be written.")
        context = {
            "row": row, "form": form, "what": row.type, "back": back, "effect": REPLAY,
            "rehearsal": found, "says": shown.masked(found.says, viewer),
            "table": effects.table(_("What would change"), found.effects, viewer, empty=empty),
            "counted": effects.counted(found.counted),
        }  # fmt: skip
        return self.page(request, "admin/rehearsal.html", _("Replay %(type)s") % {"type": row.type}, context)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may have notifications acted upon once more."""
        return self.may(request, "change")

    @admin.action(description=gettext_lazy("Replay these"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[InboundEvent]) -> HttpResponse | None:
        """Replay the chosen ones, or all that a filter leaves, once their number is confirmed."""

        def act(keys: Sequence[Any], reason: str) -> str:
            count = replaying.ask(keys, because=reason, by=switches.by(request))
            said = ngettext("%(count)s notification is acted upon once more.",
                            "%(count)s notifications are acted upon once more.", count)  # fmt: skip
            return said % {"count": f"{count:,}"}

        none = _("No notification is chosen.")
        return several.asked(self, request, queryset, several.Ask(_("Replay notifications"), str(REPLAY), act, none))


@admin.register(InboundReplay)
class InboundReplayAdmin(base.ModelAdmin):
    """Somebody had a notification acted upon once more."""

    called = ("replay of a notification", "replays of notifications")
    columns = (
        shown.reference_of("inbound_id", "Notification"),
        shown.Column("State", lambda row, _viewer: shown.status(row.state or "pending")),
        shown.text_of("by", "By whom"),
        shown.said_of("because", "Why"),
        shown.time_of("asked_at", "Asked"),
        shown.time_of("done_at", "Done"),
    )
    sections = (("About", (*columns, shown.words_of("note", "What stood in the way"))),)
    list_filter = (lists.CreatedFilter,)
    id_lookups = {"in": "inbound"}
    search_help_text = "Id of a replay or of its notification"
    nothing_here = "No notification was ever replayed."

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What it has changed."""
        return (effects.table("What it has changed", row.effects, viewer, empty="Nothing: all of it was known."),)


@admin.register(EventSweep)
class EventSweepAdmin(base.ModelAdmin):
    """How far a PSP was asked for what no webhook has brought."""

    called = ("look for lost notifications", "looks for lost notifications")
    columns = (
        shown.linked("provider_account"),
        shown.time_of("swept_until", "All before is in"),
        shown.time_of("looked_at", "Looked last"),
        shown.number_of("missed", "Events that no webhook brought"),
        shown.words_of("problem", "Why the last look failed"),
    )
    sections = (("About", columns),)
    list_select_related = ("provider_account",)
    nothing_here = "Nobody has looked yet: it is done every hour, where a PSP has a list of its events."
