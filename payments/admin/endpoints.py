"""Addresses of clients that receive events: their state, how far they are behind, and sending there once more."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _

from payments.admin import base, lists, notices, several, shown, switches
from payments.kernel import audit, clock
from payments.kernel.errors import Refusal
from payments.webhooks.models import Delivery, Endpoint, EventReplay
from payments.webhooks.services import endpoints, resending

REPLAY_COLUMNS = (
    shown.Column(
        "Replay", lambda row, viewer: viewer.link(row, _("Failed ones") if row.only_failed else _("Everything"))
    ),
    shown.time_of("since", "From"),
    shown.number_of("planned", "Sent again"),
    shown.Column("State", lambda row, _viewer: shown.status("processed" if row.done_at else "running")),
    shown.text_of("by", "By whom"),
    shown.said_of("because", "Why"),
    shown.time_of("created_at", "Asked"),
)


def _lag(row: Endpoint) -> str:
    count, oldest = resending.lag(row)
    if oldest is None:
        return _("Nothing waits")
    more = count >= resending.WAITING_AT_MOST
    words = (
        _("at least {count} waiting, the oldest since {at}") if more else _("{count} waiting, the oldest since {at}")
    )
    return format_html(words, count=f"{count:,}", at=shown.moment(oldest))


@admin.register(Endpoint)
class EndpointAdmin(base.ModelAdmin):
    """An address of a client that receives events. Its secret is shown to the client alone."""

    called = ("webhook endpoint", "webhook endpoints")
    columns = (
        shown.text_of("url", "Address"),
        shown.Column("State", lambda row, _: _endpoint_state(row)),
        shown.linked("client"),
        shown.time_of("failing_since"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (*columns[1:], shown.text_of("description"), shown.list_of("event_types"),
             shown.Column("Behind", lambda row, _viewer: _lag(row)), shown.text_of("disabled_reason"),
             shown.time_of("paused_until"), shown.time_of("previous_secret_until", "Old secret signs until"),
             shown.time_of("deleted_at")),
        ),
    )  # fmt: skip
    list_select_related = ("client",)
    list_filter = ("enabled",)
    nothing_here = "No client has asked for events yet."

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was sent there last, and what was asked to be sent once more."""
        found = Delivery.objects.filter(endpoint=row).select_related("endpoint").order_by("-pk")
        deliveries = notices.know_the_first(found[: shown.ROWS + 1])
        empty = _("Nothing has been sent there yet.")
        replays = row.replays.order_by("-pk")
        return (
            shown.table("Newest deliveries", deliveries, notices.DELIVERY_COLUMNS, viewer, empty=empty),
            shown.table("Replays", replays, REPLAY_COLUMNS, viewer, empty="Nothing was asked to be sent once more."),
        )

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Send what was given up once more, and switch it on again."""
        if row.deleted_at is not None or not request.user.has_perm(notices.MAY_SEND):
            return ()
        if row.enabled:
            return (shown.Doing(_("Send failed ones again"), self.address_of("failed", row)),)
        return (shown.Doing(_("Enable again"), self.address_of("enable", row), main=True),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and what may be done."""
        ours = [self.route(name, getattr(self, name), name) for name in ("failed", "enable")]
        return [*ours, *super().get_urls()]

    def failed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Since when, then how many, then once more."""
        row = self._mine(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        started = request.method == "POST"
        day_ago = clock.now() - timedelta(days=1)
        form = notices.SinceForm(request.POST) if started else notices.SinceForm(initial={"since": day_ago})
        button, effect, back = _("Count them"), _("What was given up since then is counted first."), self._page(row)
        if started and form.is_valid():
            since = form.cleaned_data["since"].replace(tzinfo=UTC)
            count = resending.failed_since(row, since)
            if request.POST.get("confirmed") == str(count) and count:
                self._replay(request, row, since, form.cleaned_data["reason"], count)
                return HttpResponseRedirect(back)
            effect = _("%(count)s deliveries were given up since then and not sent again. %(seen)s") % {
                "count": f"{count:,}", "seen": notices.SEEN_BEFORE}  # fmt: skip
            button = _("Send %(count)s again") % {"count": f"{count:,}"} if count else button
            form.fields["confirmed"] = notices.confirmed(count)
            form.data = {**request.POST.dict(), "confirmed": str(count)}
        context = {"row": row, "form": form, "effect": effect, "button": button, "what": row.url, "back": back}
        return self.page(request, "admin/confirm.html", _("Send failed ones again"), context)

    def _replay(self, request: HttpRequest, row: Endpoint, since: Any, reason: str, count: int) -> None:
        try:
            found = resending.replay_failed(row, since=since, because=reason, by=switches.by(request))
        except Refusal as refusal:
            messages.warning(request, _("%(why)s Nothing was changed.") % {"why": refusal.detail})
            return
        audit.record("delivery.sent_again", row.pk, because=reason, after={"count": count, "replay": found.pk})
        messages.success(request, _("They are sent again, some at a time."))

    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then send events there again."""
        row = self._mine(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form, back = several.ReasonForm(request.POST or None), self._page(row)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            endpoints.change(row.pk, client=row.client, enabled=True)
            audit.record("webhook_endpoint.enabled", row.pk, because=reason, before={"why": row.disabled_reason})
            messages.success(
                request, _("It receives what happens from now on. What it has missed is sent by a replay.")
            )
            return HttpResponseRedirect(back)
        effect = _(
            "It receives what happens from now on, with a clean record. What it has missed is not sent by itself."
        )
        context = {
            "row": row,
            "form": form,
            "effect": effect,
            "button": _("Enable again"),
            "what": row.url,
            "back": back,
        }
        return self.page(request, "admin/confirm.html", _("Enable again"), context)

    def _mine(self, request: HttpRequest, object_id: str) -> Any:
        if not request.user.has_perm(notices.MAY_SEND):
            raise PermissionDenied
        return self.row(request, object_id)

    @staticmethod
    def _page(row: Endpoint) -> str:
        return shown.address(Endpoint, row.pk)


def _endpoint_state(row: Endpoint) -> str:
    if row.deleted_at is not None:
        return shown.status("deleted")
    return shown.status("enabled" if row.enabled else "disabled")


@admin.register(EventReplay)
class EventReplayAdmin(base.ModelAdmin):
    """Events that are sent to an endpoint once more, because somebody asked for it."""

    called = ("replay of events", "replays of events")
    columns = (
        shown.Column("What", lambda row, _viewer: _("What failed") if row.only_failed else _("Everything it wants")),
        shown.linked("endpoint"),
        *REPLAY_COLUMNS[1:],
        shown.time_of("done_at", "Done"),
    )
    sections = (("About", columns),)
    list_select_related = ("endpoint",)
    list_filter = (lists.CreatedFilter,)
    id_lookups = {"we": "endpoint"}
    search_help_text = "Id of a replay or of an endpoint"
    nothing_here = "Nothing was asked to be sent once more."
