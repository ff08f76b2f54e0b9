"""Refunds: found, read in plain words, taken back, approved and rejected; and the queue of those that wait."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, fresh, reasons, shown
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.intents.models import PaymentIntent
from payments.kernel import money
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange
from refunds import selectors
from refunds.models import Origin, Refund, RefundLine
from refunds.services import approvals, refunds
from refunds.states import REFUND, RefundStatus
from reporting.admin import story, tracing, undoing, xray

LINE_COLUMNS = (
    shown.text_of("line.name", "What"),
    shown.reference_of("line_id", "Order line"),
    shown.number_of("quantity", "Units"),
    shown.amount_of("amount"),
)
CALL_COLUMNS = (
    shown.Column("Call", lambda row, viewer: viewer.link(row, row.kind)),
    shown.status_of("verdict", "Answer"),
    shown.time_of("sent_at", "Sent"),
    shown.code_of("provider_reference", "PSP's reference"),
)
MOVE_COLUMNS = (
    shown.time_of("at", "When"),
    shown.Column("What", lambda row, _: story.REFUND.get(row.to_state, shown.plain(row.to_state))),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)
WAITING_COLUMNS = (
    shown.Column("Waits", lambda row, _: _waits(row)),
    shown.Column("Refund", lambda row, viewer: viewer.link(row, shown.amount_text(row.amount)), right=True),
    shown.text_of("requested_by", "Asked for by"),
    shown.said_of("approval_reason", "Why a second person"),
    shown.Column("Reason", lambda row, viewer: _reason(row, viewer)),
    shown.Column("Payment", lambda row, viewer: viewer.link(row.intent, _named(row))),
)

MAY_REFUND, MAY_DECIDE = "refunds.add_refund", "refunds.approve_refund"

DOINGS: Final[Mapping[str, tuple[Any, str, Any]]] = {
    "cancel": (
        gettext_lazy("Take back"),
        MAY_REFUND,
        gettext_lazy("Nothing goes back. The amount, and the lines, can be refunded again."),
    ),
    "approve": (
        gettext_lazy("Approve"),
        MAY_DECIDE,
        gettext_lazy(
            "The money goes back by your word, and counts against your limit. It is held for a "
            "moment, in which it can be taken back."
        ),
    ),
    "reject": (
        gettext_lazy("Reject"),
        MAY_DECIDE,
        gettext_lazy("Nothing goes back. Whoever asked for it reads the reason."),
    ),
}
"""Event -> the button's words, the right that it takes, and what it does."""


class WhyForm(forms.Form):
    """Why: whoever looks later reads it."""

    reason = reasons.reason_field(gettext_lazy("At least five letters; it is kept with the refund."), max_length=500)


class WhoseFilter(admin.SimpleListFilter):
    """The refunds that somebody asked for in the back office."""

    title = gettext_lazy("asked for by")
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """What can be chosen."""
        return [("mine", _("Me"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of whoever looks."""
        if self.value() != "mine":
            return queryset
        return queryset.filter(requested_by=selectors.person(request.user).name, origin=Origin.STAFF)


@admin.register(Refund)
class RefundAdmin(base.ModelAdmin):
    """Money given back, or on its way."""

    owns = ("transfer",)
    columns = (
        shown.amount_of("amount"),
        shown.status_of(),
        shown.choice_of("reason"),
        shown.text_of("requested_by", "Asked for by"),
        shown.reference_of("intent_id", "Payment"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (
                shown.choice_of("reason"),
                shown.text_of("requested_by", "Asked for by"),
                shown.choice_of("origin", "Comes from"),
                shown.reference_of("intent_id", "Payment"),
                shown.reference_of("order_id", "Order"),
                shown.linked("account", "Provider account"),
                shown.code_of("provider_reference", "PSP's reference"),
                shown.text_of("failure_reason", "Why it failed"),
                shown.Column("Refunds of the same request", lambda row, viewer: _related(row, viewer)),
                shown.said_of("approval_reason", "Why a second person"),
                shown.text_of("approved_by"),
                shown.text_of("rejected_by"),
                shown.said_of("decided_because", "Their reason"),
                shown.time_of("created_at"),
                shown.time_of("decided_at"),
                shown.time_of("held_until"),
                shown.time_of("sent_at"),
                shown.time_of("settled_at"),
                shown.words_of("note"),
                shown.raw_of("metadata"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = (WhoseFilter, "status", "reason", "origin", base.CreatedFilter)
    id_lookups = {"pi": "intent", "ord": "order_id", "att": "attempt"}
    search_help_text = "PSP's reference, or the id of a refund, payment or order"
    nothing_here = "No money has been given back yet. Refunds are made on the page of a payment."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's id of the refund."""
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return Q(account_id__in=accounts, provider_reference=term)

    record_template = "admin/refund_page.html"

    def facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What happened, what may be taken back, and what it would change while somebody has to decide."""
        waits = row.status == RefundStatus.NEEDS_APPROVAL
        told = super().facts(request, row)
        [(title, cells)] = told["sections"]
        return {
            **told,
            "sections": [(title, [cell for cell in cells if cell[1] != shown.NOTHING])],
            "trace": tracing.trace(row),
            "held": undoing.held([row]) if base.from_role(request, MAY_REFUND) else [],
            "changes": xray.changes(row, selectors.person(request.user)) if waits else None,
            "mine": waits and row.requested_by == selectors.person(request.user).name,
        }

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount), shown.status(row.status)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Lines, calls, moves."""
        lines, calls = (
            row.lines.select_related("line").order_by("pk"),
            ProviderCall.objects.filter(owner_id=row.pk).order_by("pk"),
        )
        moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
        return (
            shown.table("Lines", lines, LINE_COLUMNS, viewer, empty="It is by amount, not by lines of the order."),
            shown.table("What happened", moves, MOVE_COLUMNS, viewer, empty="It waits to be sent."),
            shown.table("Calls to the PSP", calls, CALL_COLUMNS, viewer, empty=_not_asked(row)),
        )

    # --- what may be done

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Take it back, or decide about it, while it has not left. What is held is taken back by its own button."""
        who = selectors.person(request.user)
        return [
            shown.Doing(words, self.address_of(event, row), main=event == "approve")
            for event, (words, right, _) in DOINGS.items()
            if base.from_role(request, right)
            and REFUND.allows(row.status, event)
            and not (event == "cancel" and row.status == RefundStatus.HELD)
            and not (right == MAY_DECIDE and row.requested_by == who.name)
        ]

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, those of what may be done, and the queue of those that wait."""
        queue = path("waiting/", self.admin_site.admin_view(self.waiting), name="refunds_refund_waiting")
        return [queue, *(self.route(event, self._view(event), event) for event in DOINGS), *super().get_urls()]

    def waiting(self, request: HttpRequest) -> HttpResponse:
        """What waits for a second person, oldest first."""
        if not base.from_role(request, MAY_DECIDE):
            raise PermissionDenied
        viewer, rows = shown.Viewer(request.user), undoing.waiting()
        mine = selectors.person(request.user).name
        empty = _("Nothing waits. What is asked for beyond a limit appears here.")
        context = {
            "table": shown.table(
                "Waiting for a second person, oldest first", rows, WAITING_COLUMNS, viewer, empty=empty
            ),
            "count": rows.count(),
            "own": rows.filter(requested_by=mine).count(),
        }
        return self.page(request, "admin/waiting.html", _("Approvals"), context)

    def _view(self, event: str) -> Any:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.move(request, object_id, event)

        return view

    def move(self, request: HttpRequest, object_id: str, event: str) -> HttpResponse:
        """Ask once more, then do it; the button beside the countdown has asked already."""
        words, right, effect = DOINGS[event]
        if not base.from_role(request, right):
            raise PermissionDenied
        if right == MAY_DECIDE and (ask := fresh.required(request)) is not None:
            return ask
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        form = WhyForm(request.POST or None) if event == "reject" else None
        if request.method == "POST" and (form is None or form.is_valid()):
            self._moved(request, row, event, form.cleaned_data["reason"] if form is not None else "")
            return HttpResponseRedirect(_back(request, row))
        context = {"row": row, "form": form, "effect": effect, "button": words, "danger": event != "approve",
                   "what": money.text(row.amount), "back": shown.address(Refund, row.pk)}  # fmt: skip
        return self.page(request, "admin/confirm.html", f"{words}: {money.text(row.amount)}", context)

    def _moved(self, request: HttpRequest, row: Refund, event: str, reason: str) -> None:
        who = selectors.person(request.user)
        try:
            if event == "cancel":
                refunds.cancel(row.pk, client_id=None, by=who.name)
            elif event == "approve":
                approvals.approve(row.pk, who)
            else:
                approvals.reject(row.pk, who, because=reason)
        except Refusal as refusal:
            row.refresh_from_db()
            said = _("%(detail)s Nothing was changed.") % {"detail": refusal.detail}
            messages.warning(request, undoing.too_late(row) if event == "cancel" else said)
            return
        row.refresh_from_db()
        self.log_change(request, row, f"{shown.english(DOINGS[event][0])}: {reason}".removesuffix(": "))
        messages.success(request, undoing.done(row, event))


def _back(request: HttpRequest, row: Refund) -> str:
    """To the page on which the button was pressed."""
    if request.POST.get("from") == "payment":
        return shown.address(PaymentIntent, row.intent_id)
    return shown.address(Refund, row.pk)


def _not_asked(row: Refund) -> str:
    return _("No PSP is asked: finance pays it.") if row.origin == Origin.BANK else _("The PSP has not been asked yet.")


def _related(row: Refund, viewer: shown.Viewer) -> str:
    return shown.joined(viewer.reference(other) for other in row.related)


def _waits(row: Refund) -> str:
    return undoing.ago(row.created_at)


def _reason(row: Refund, viewer: shown.Viewer) -> str:
    note = shown.masked(row.note, viewer)
    return f"{shown.said(row.get_reason_display())}: {note}" if note else shown.said(row.get_reason_display())


def _named(row: Refund) -> str:
    return row.intent.order.reference if row.intent.order is not None else shown.short(row.intent_id)


@admin.register(RefundLine)
class RefundLineAdmin(base.ModelAdmin):
    """Units of one order line in one refund."""

    columns = (*LINE_COLUMNS[1:], shown.reference_of("refund_id", "Refund"))
    sections = (("About", columns),)
    id_lookups = {"re": "refund", "line": "line"}
    search_help_text = "Id of a refund or of an order line"
    nothing_here = "No refund by lines of an order yet."
