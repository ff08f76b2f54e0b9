"""Refunds and their lines, to be found and read; they are asked for on the page of their payment."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q

from payments.admin import base, shown
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.kernel.records import StateChange
from refunds.models import Refund, RefundLine

LINE_COLUMNS = (
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
CHANGE_COLUMNS = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


@admin.register(Refund)
class RefundAdmin(base.ModelAdmin):
    """Money given back, or on its way."""

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
                shown.time_of("created_at"),
                shown.time_of("sent_at"),
                shown.time_of("settled_at"),
                shown.words_of("note"),
                shown.raw_of("metadata"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = ("status", "reason", "origin", base.CreatedFilter)
    id_lookups = {"pi": "intent", "ord": "order_id", "att": "attempt"}
    search_help_text = "PSP's reference, or the id of a refund, payment or order"
    nothing_here = "No money has been given back yet. Refunds are made on the page of a payment."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's id of the refund."""
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return Q(account_id__in=accounts, provider_reference=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount), shown.status(row.status)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Lines, calls, moves."""
        lines, calls = row.lines.order_by("pk"), ProviderCall.objects.filter(owner_id=row.pk).order_by("pk")
        moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
        return (
            shown.table("Lines", lines, LINE_COLUMNS, viewer, empty="It is by amount, not by lines of the order."),
            shown.table("What happened", moves, CHANGE_COLUMNS, viewer, empty="It waits to be sent."),
            shown.table("Calls to the PSP", calls, CALL_COLUMNS, viewer, empty="The PSP has not been asked yet."),
        )


def _related(row: Refund, viewer: shown.Viewer) -> str:
    return shown.joined(viewer.reference(other) for other in row.related)


@admin.register(RefundLine)
class RefundLineAdmin(base.ModelAdmin):
    """Units of one order line in one refund."""

    columns = (*LINE_COLUMNS, shown.reference_of("refund_id", "Refund"))
    sections = (("About", columns),)
    id_lookups = {"re": "refund", "line": "line"}
    search_help_text = "Id of a refund or of an order line"
    nothing_here = "No refund by lines of an order yet."
