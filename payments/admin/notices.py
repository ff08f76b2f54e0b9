"""Events for clients and their deliveries."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, lists, several, shown
from payments.kernel import audit, clock, ids
from payments.kernel.errors import Refusal
from payments.webhooks.models import Delivery, DeliveryState, DeliveryTry, Endpoint, Event
from payments.webhooks.services import resending

MAY_SEND = "payments.change_delivery"
SEEN_BEFORE = gettext_lazy("It comes with the id that it has had before, by which the client knows what it has seen.")

DELIVERY_COLUMNS = (
    shown.Column("Delivery", lambda row, viewer: viewer.link(row, _what(row))),
    shown.linked("endpoint", text=lambda endpoint: endpoint.url),
    shown.status_of("state"),
    shown.Column("Waits for", lambda row, _: _waits_for(row)),
    shown.number_of("attempts", "Tries"),
    shown.Column("Last answer", lambda row, viewer: _answer(row, viewer)),
    shown.time_of("created_at"),
)


TRY_COLUMNS = (
    shown.time_of("at", "When"),
    shown.Column("Answer", lambda row, _viewer: _tried(row)),
    shown.Column("Took", lambda row, _: shown.NOTHING if row.milliseconds is None else f"{row.milliseconds:,} ms",
                 right=True),
    shown.said_of("error"),
    shown.said_of("response", "Beginning of the answer"),
)  # fmt: skip


def _tried(row: DeliveryTry) -> str:
    if row.status is None:
        return shown.status("failed", _("No answer"))
    return shown.status("succeeded" if row.status // 100 == 2 else "failed", str(row.status))


def _receiving(client_id: str) -> list[tuple[str, str]]:
    rows = Endpoint.objects.filter(client_id=client_id, enabled=True, deleted_at=None).order_by("pk")
    return [(row.pk, row.url) for row in rows]


class SendForm(several.ReasonForm):
    """Where to, and why."""

    endpoint = forms.ChoiceField(label=gettext_lazy("Endpoint"))
    field_order = ("endpoint", "reason")

    def __init__(self, endpoints: list[tuple[str, str]], data: Any = None) -> None:
        super().__init__(data)
        self.fields["endpoint"].choices = endpoints  # type: ignore[attr-defined]  # a choice


class SinceForm(several.ReasonForm):
    """From when on, and why."""

    since = forms.DateTimeField(
        label=gettext_lazy("Given up since (UTC)"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    field_order = ("since", "reason")


def confirmed(count: int) -> forms.Field:
    """The number that a person has seen, which comes back with the form."""
    return forms.CharField(initial=str(count), widget=forms.HiddenInput, required=False)


@admin.register(DeliveryTry)
class DeliveryTryAdmin(base.ModelAdmin):
    """One time that a delivery was sent."""

    called = ("try of a delivery", "tries of deliveries")
    columns = (
        shown.Column("Delivery", lambda row, viewer: viewer.reference(ids.encode("wd", row.delivery_id))),
        *TRY_COLUMNS,
    )
    sections = (("About", columns),)
    list_filter = (lists.CreatedFilter,)
    search_help_text = "Id of a delivery"
    nothing_here = "Nothing was sent to clients yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the delivery."""
        prefix, _sign, digits = term.partition("_")
        return Q(delivery_id=uuid.UUID(digits)) if prefix == "wd" and len(digits) == 32 else base.NOWHERE


def _try(request: HttpRequest, words: str, act: Any, *, recorded: tuple[str, str, str, dict[str, Any]]) -> None:
    """Do it and put it on record, or say why not."""
    action, object_id, because, after = recorded
    try:
        act()
    except Refusal as refusal:
        messages.warning(request, _("%(why)s Nothing was changed.") % {"why": refusal.detail})
        return
    audit.record(action, object_id, because=because, after=after)
    messages.success(request, words)


def know_the_first(rows: Iterable[Delivery]) -> list[Delivery]:
    """The rows, each with its event's `type`, and `first`: the oldest event of its object that its endpoint lacks.

    Two queries at most; events are large, and what else they say is left where it is.
    """
    found = list(rows)
    types = dict(Event.objects.filter(pk__in={row.event_id for row in found}).values_list("pk", "type"))
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
        row.type = types.get(row.event_id, "")  # type: ignore[attr-defined]  # so is this
    return found


def _what(row: Any) -> str:
    """payment_intent.succeeded #2: which event of its object."""
    return f"{row.type} #{row.sequence}"


def _waits_for(row: Delivery) -> str:
    """What has to happen before it is sent, or sent again."""
    if row.state != DeliveryState.PENDING:
        return shown.NOTHING if row.state == DeliveryState.SUCCEEDED else _("Nothing: it was given up")
    endpoint, now, first = row.endpoint, clock.now(), getattr(row, "first", None)
    if not endpoint.enabled or endpoint.deleted_at is not None:
        return _("The endpoint, which is switched off")
    if first is not None and first < row.sequence:
        return _("Event #%(first)s of the same object") % {"first": first}
    if endpoint.paused_until is not None and endpoint.paused_until > now:
        return format_html(_("The endpoint, which rests until {at}"), at=shown.moment(endpoint.paused_until))
    if row.next_attempt_at is not None and row.next_attempt_at > now:
        return format_html(_("Its next try at {at}"), at=shown.moment(row.next_attempt_at))
    return _("A worker")


def _answer(row: Delivery, viewer: shown.Viewer) -> str:
    return str(row.last_status or shown.recite(shown.masked(row.last_error, viewer)) or shown.NOTHING)


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

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Send it once more."""
        if not request.user.has_perm(MAY_SEND):
            return ()
        return (shown.Doing(_("Send to an endpoint"), self.address_of("send", row)),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the sending."""
        return [self.route("send", self.send, "send"), *super().get_urls()]

    def send(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose the endpoint, then send it there once more."""
        if not request.user.has_perm(MAY_SEND):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = SendForm(_receiving(row.client_id), request.POST or None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            _try(request, _("It is on its way."), lambda: resending.send(row.pk, said["endpoint"]),
                 recorded=("event.sent_again", row.pk, said["reason"], {"endpoint": said["endpoint"]}))  # fmt: skip
            return HttpResponseRedirect(shown.address(Event, row.pk))
        context = {"row": row, "form": form, "effect": SEEN_BEFORE, "button": _("Send it"), "what": row.type,
                   "back": shown.address(Event, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Send to an endpoint"), context)

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Where it went."""
        found = Delivery.objects.filter(event=row).select_related("endpoint").order_by("pk")
        deliveries = know_the_first(found[: shown.ROWS + 1])
        empty = _("No endpoint wants this event.")
        return (shown.table("Deliveries", deliveries, DELIVERY_COLUMNS, viewer, empty=empty),)


class DeliveryList(lists.ChangeList):
    """Deliveries, each knowing what stands before it."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows, with one query more."""
        super().get_results(request)
        self.result_list = know_the_first(self.result_list)


@admin.register(Delivery)
class DeliveryAdmin(base.ModelAdmin):
    """One event on its way to one endpoint."""

    columns = (
        shown.Column("Delivery", lambda row, _viewer: _what(row)),
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
    actions = ("send_selected",)
    list_select_related = ("endpoint",)
    list_filter = ("state", lists.CreatedFilter)
    id_lookups = {"evt": "event", "we": "endpoint"}
    search_help_text = "Id of a delivery, an event or an endpoint"
    nothing_here = "Nothing has been delivered to clients yet."

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002  Django's signature
        """The list that knows what waits for what."""
        return DeliveryList

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Every try, the newest first."""
        tries = DeliveryTry.objects.filter(delivery_id=ids.decode("wd", row.pk)).order_by("-pk")
        return (shown.table("Tries", tries, TRY_COLUMNS, viewer, empty="It was not sent yet."),)

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Send it once more, when it is over."""
        if row.state == DeliveryState.PENDING or not self.has_send_permission(request):
            return ()
        return (shown.Doing(_("Send it again"), self.address_of("again", row), main=row.state == DeliveryState.FAILED),)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and sending again."""
        return [self.route("again", self.again, "again"), *super().get_urls()]

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Who may send events once more."""
        return bool(request.user.has_perm(MAY_SEND))

    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then send it once more."""
        if not self.has_send_permission(request):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form, back = several.ReasonForm(request.POST or None), shown.address(Delivery, row.pk)
        if request.method == "POST" and form.is_valid():
            if resending.again([row.pk]):
                audit.record("delivery.sent_again", row.pk, because=form.cleaned_data["reason"])
                messages.success(request, _("It is on its way, as a new delivery."))
            else:
                messages.warning(request, _("It is on its way already, or its endpoint is switched off."))
            return HttpResponseRedirect(back)
        context = {"row": row, "form": form, "effect": SEEN_BEFORE, "button": _("Send it again"),
                   "what": _what(row), "back": back}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Send it again"), context)

    @admin.action(description=gettext_lazy("Send these again"), permissions=["send"])
    def send_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        """Send the chosen ones, or all that a filter leaves, once their number is confirmed."""

        def act(keys: Sequence[Any], reason: str) -> str:
            count = resending.again(keys)
            audit.record("delivery.sent_again", "", because=reason, after={"count": count, "first": keys[0]})
            return _("%(count)s are on their way, each as a new delivery.") % {"count": f"{count:,}"}

        over = queryset.exclude(state=DeliveryState.PENDING)
        none = _("None of these is over: the others are on their way.")
        return several.asked(self, request, over, several.Ask(_("Send deliveries again"), str(SEEN_BEFORE), act, none))

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """The row, knowing what it is of and what stands before it."""
        found = super().row(request, object_id)
        if isinstance(found, Delivery):
            know_the_first([found])
        return found

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """Which event of its object."""
        return _what(row)
