"""Attempts to collect money, and captures. The payment itself is shown by reporting, where everything can be seen."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _

from payments.admin import base, lists, narrowing, shown
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.intents.models import Capture, PaymentAttempt

CALL_COLUMNS = (
    shown.Column("Call", lambda row, viewer: viewer.link(row, row.kind)),
    shown.status_of("verdict", "Answer"),
    shown.time_of("sent_at", "Sent"),
    shown.Column("Took", lambda row, _viewer: f"{row.latency_ms:,} ms" if row.answered_at else _("no answer yet")),
    shown.code_of("provider_reference", "PSP's reference"),
)
_MONEY = (shown.amount_of("amount"), shown.status_of())


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(base.ModelAdmin):
    """One try with one provider account and one method."""

    called = ("attempt", "attempts")
    columns = (
        *_MONEY,
        shown.method_of(),
        shown.linked("account", "Provider account"),
        shown.code_of("provider_reference", "PSP's reference"),
        shown.reference_of("intent_id", "Payment"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "About",
            (
                *_MONEY,
                shown.method_of(),
                shown.reference_of("intent_id", "Payment"),
                shown.reference_of("order_id", "Order"),
                shown.linked("account", "Provider account"),
                shown.said_of("reason_for_route", "Why this provider"),
                shown.Column("Who else", lambda row, _: _who_else(row), wide=True),
                shown.reference_of("rule_id", "Routing rule"),
                shown.text_of("rule_arm", "Routed by it, or spared"),
                shown.code_of("provider_reference", "PSP's reference"),
                shown.text_of("issuer", "Card issued by"),
                shown.flag_of("capture", "Takes the money at once"),
                shown.flag_of("off_session", "Without the customer"),
                shown.reference_of("saved_method_id", "Saved method"),
                shown.time_of("created_at"),
                shown.time_of("authorized_at"),
                shown.time_of("extended_at", "Held for longer since"),
                shown.time_of("superseded_at"),
                shown.raw_of("decline", "Why it was declined"),
            ),
        ),
    )
    list_select_related = ("account",)
    list_filter = ("status", "account", lists.CreatedFilter, *narrowing.OF_ATTEMPTS)
    id_lookups = {"pi": "intent", "ord": "order_id"}
    search_help_text = "PSP's reference or an id"
    nothing_here = "Nobody has tried to pay yet."

    def find(self, term: str, _viewer: shown.Viewer) -> Q:
        """By the PSP's id of the payment."""
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return Q(account_id__in=accounts, provider_reference=term)

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount), shown.status(row.status)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Its calls and captures."""
        calls = ProviderCall.objects.filter(owner_id=row.pk).order_by("pk")
        captures = row.captures.order_by("pk")
        return (
            shown.table("Calls to the PSP", calls, CALL_COLUMNS, viewer, empty="The PSP has not been called yet."),
            shown.table("Captures", captures, CAPTURE_COLUMNS, viewer, empty="No money was taken by this attempt."),
        )


def _who_else(row: PaymentAttempt) -> object:
    """The rest of the decision: who would have been next, and who could not, each with the reason."""
    words = {"next": "next", "left_out": "not"}
    told = [(words[part], one) for part in words for one in row.route.get(part, ())]
    return shown.stacked(f"{word} {one['provider_account']}: {one['why']}" for word, one in told)


CAPTURE_COLUMNS = (
    shown.Column("Capture", lambda row, viewer: viewer.link(row, shown.amount(row.amount))),
    shown.status_of(),
    shown.time_of("captured_at"),
)


@admin.register(Capture)
class CaptureAdmin(base.ModelAdmin):
    """Money taken of an authorisation."""

    columns = (*_MONEY, shown.reference_of("intent_id", "Payment"), shown.time_of("captured_at"))
    sections = (
        (
            "About",
            (
                *_MONEY,
                shown.reference_of("intent_id", "Payment"),
                shown.reference_of("attempt_id", "Attempt"),
                shown.reference_of("call_id", "Call"),
                shown.flag_of("final", "Releases the rest"),
                shown.time_of("created_at"),
                shown.time_of("captured_at"),
            ),
        ),
    )
    list_filter = ("status", lists.CreatedFilter)
    id_lookups = {"pi": "intent", "att": "attempt"}
    search_help_text = "Id of a capture, an attempt or a payment"
    nothing_here = "No money has been captured yet."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount), shown.status(row.status)), " ")
