"""Events for clients and their deliveries."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Min
from django.http import HttpRequest
from django.utils.html import format_html

from payments.admin import base, lists, shown
from payments.kernel import clock
from payments.webhooks.models import Delivery, DeliveryState, Endpoint, Event

DELIVERY_COLUMNS = (
    shown.Column("Delivery", lambda row, viewer: viewer.link(row, f"#{row.sequence} to {row.endpoint.url}")),
    shown.status_of("state"),
    shown.Column("Waits for", lambda row, _: _waits_for(row)),
    shown.number_of("attempts", "Tries"),
    shown.Column("Last answer", lambda row, viewer: _answer(row, viewer)),
)


def _know_the_first(rows: Iterable[Delivery]) -> list[Delivery]:
    """The rows, each with `first`: the oldest event of its object that its endpoint has not got yet; one query."""
    found = list(rows)
    waiting = [row for row in found if row.state == DeliveryState.PENDING]
    first: dict[tuple[str, str], int] = {}
    if waiting:
        pending = Delivery.objects.filter(
            state=DeliveryState.PENDING,
            endpoint__in={row.endpoint_id for row in waiting},
            object_id__in={row.object_id for row in waiting},
        )
        for endpoint_id, object_id, sequence in (
            pending.order_by().values_list("endpoint_id", "object_id").annotate(first=Min("sequence"))
        ):
            first[endpoint_id, object_id] = sequence
    for row in found:
        row.first = first.get((row.endpoint_id, row.object_id))  # type: ignore[attr-defined]  # for the page alone
    return found


def _waits_for(row: Delivery) -> str:
    """What has to happen before it is sent, or sent again."""
    if row.state != DeliveryState.PENDING:
        return shown.NOTHING if row.state == DeliveryState.SUCCEEDED else "Nothing: it was given up"
    endpoint, now, first = row.endpoint, clock.now(), getattr(row, "first", None)
    if not endpoint.enabled or endpoint.deleted_at is not None:
        return "The endpoint, which is switched off"
    if first is not None and first < row.sequence:
        return f"Event #{first} of the same object"
    if endpoint.paused_until is not None and endpoint.paused_until > now:
        return format_html("The endpoint, which rests until {}", shown.moment(endpoint.paused_until))
    if row.next_attempt_at is not None and row.next_attempt_at > now:
        return format_html("Its next try at {}", shown.moment(row.next_attempt_at))
    return "A worker"


def _answer(row: Delivery, viewer: shown.Viewer) -> str:
    return str(row.last_status or shown.masked(row.last_error, viewer) or shown.NOTHING)


@admin.register(Event)
class EventAdmin(base.ModelAdmin):
    """One change that clients are told of."""

    called = ("client event", "client events")
    columns = (
        shown.text_of("type", "Event"),
        shown.reference_of("object_id", "About"),
        shown.number_of("sequence"),
        shown.linked("client"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (*columns, shown.time_of("dispatched_at"), shown.raw_of("data", "The object after the change"),
             shown.raw_of("previous", "What was different before")),
        ),
    )  # fmt: skip
    list_select_related = ("client",)
    list_filter = ("client", lists.CreatedFilter)
    id_lookups = dict.fromkeys(("pi", "ord", "cus", "re"), "object_id")
    search_help_text = "Id of an event, or of what it is about"
    nothing_here = "Nothing has happened yet that clients are told of."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Its type."""
        return row.type

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Where it went."""
        found = Delivery.objects.filter(event=row).select_related("endpoint").order_by("pk")
        deliveries = _know_the_first(found[: shown.ROWS + 1])
        empty = "No endpoint wants this event."
        return (shown.table("Deliveries", deliveries, DELIVERY_COLUMNS, viewer, empty=empty),)


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
             shown.text_of("disabled_reason"), shown.time_of("paused_until"), shown.time_of("deleted_at")),
        ),
    )  # fmt: skip
    list_select_related = ("client",)
    list_filter = ("enabled",)
    nothing_here = "No client has asked for events yet."

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """What was sent there last."""
        found = Delivery.objects.filter(endpoint=row).select_related("endpoint").order_by("-pk")
        deliveries = _know_the_first(found[: shown.ROWS + 1])
        empty = "Nothing has been sent there yet."
        return (shown.table("Newest deliveries", deliveries, DELIVERY_COLUMNS, viewer, empty=empty),)


def _endpoint_state(row: Endpoint) -> str:
    if row.deleted_at is not None:
        return shown.status("deleted")
    return shown.status("enabled" if row.enabled else "disabled")


class DeliveryList(lists.ChangeList):
    """Deliveries, each knowing what stands before it."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows, with one query more."""
        super().get_results(request)
        self.result_list = _know_the_first(self.result_list)


@admin.register(Delivery)
class DeliveryAdmin(base.ModelAdmin):
    """One event on its way to one endpoint."""

    columns = (
        shown.Column("Delivery", lambda row, _: f"Event #{row.sequence}"),
        shown.reference_of("object_id", "About"),
        shown.status_of("state"),
        shown.Column("Waits for", lambda row, _: _waits_for(row)),
        shown.linked("endpoint"),
        shown.number_of("attempts", "Tries"),
        shown.Column("Last answer", lambda row, viewer: _answer(row, viewer)),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (*columns, shown.reference_of("event_id", "Event"), shown.time_of("next_attempt_at", "Next try"),
             shown.time_of("delivered_at"),
             shown.words_of("response", "The endpoint's answer")),
        ),
    )  # fmt: skip
    list_select_related = ("endpoint",)
    list_filter = ("state", lists.CreatedFilter)
    id_lookups = {"evt": "event", "we": "endpoint"}
    search_help_text = "Id of a delivery, an event or an endpoint"
    nothing_here = "Nothing has been delivered to clients yet."

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002  Django's signature
        """The list that knows what waits for what."""
        return DeliveryList

    def facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The page, knowing what stands before it."""
        _know_the_first([row])
        return super().facts(request, row)
