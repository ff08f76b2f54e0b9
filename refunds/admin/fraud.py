"""Warnings of fraud: refund before it becomes a dispute, or keep the money with a reason."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, shown
from payments.kernel.errors import Refusal
from refunds.admin.evidence import AcceptForm
from refunds.models import FraudWarning
from refunds.services import fraud

ACTIONABLE = {True: gettext_lazy("Yes"), False: gettext_lazy("No"), None: gettext_lazy("Not said")}


def _decision(row: FraudWarning) -> str:
    tone = {"refunded": "good", "kept": "good", "disputed": "bad", "": "wait"}[row.decision]
    words = shown.said(row.get_decision_display()) or _("To be decided")
    return shown.status(row.decision or "open", words, {row.decision or "open": tone})


@admin.register(FraudWarning)
class FraudWarningAdmin(base.ModelAdmin):
    """The card scheme was told that a payment was fraud."""

    called = ("fraud warning", "fraud warnings")
    columns = (
        shown.Column("Warning", lambda row, _viewer: shown.said(row.kind) if row.kind else _("Fraud")),
        shown.Column("What is done", lambda row, _: _decision(row)),
        shown.amount_of("intent.amount", "Payment of"),
        shown.reference_of("intent_id", "Payment"),
        shown.Column(
            "A refund helps", lambda row, _viewer: _({True: "Yes", False: "No", None: "Not said"}[row.actionable])
        ),
        shown.time_of("warned_at", "Since"),
    )
    sections = (
        (
            "About",
            (
                *columns,
                shown.reference_of("order_id", "Order"),
                shown.linked("account", "Provider account"),
                shown.code_of("provider_reference", "PSP's reference"),
                shown.text_of("decided_by", "Decided by"),
                shown.said_of("decided_because", "Why"),
                shown.time_of("decided_at"),
            ),
        ),
    )
    list_select_related = ("intent", "account")
    list_filter = ("decision", base.CreatedFilter)
    ordering = (Case(When(decision="", then=0), default=1), "-pk")  # type: ignore[assignment]  # expressions too
    id_lookups = {"pi": "intent", "ord": "order_id"}
    search_help_text = "Id of a warning, payment or order"
    nothing_here = "No payment was reported as fraud."

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and what is done about it."""
        return shown.joined((shown.amount(row.intent.amount), _decision(row)), " ")

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Refund or keep, while nobody has decided."""
        if row.decision or request.user.is_superuser:
            return ()
        found = []
        if request.user.has_perm("refunds.add_refund"):
            address = reverse("admin:payments_paymentintent_refund", args=[row.intent_id])
            found.append(shown.Doing("Refund", address, main=True))
        if self.may(request, "change"):
            found.append(shown.Doing("Keep the money", self.address_of("keep", row)))
        return tuple(found)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and keeping the money."""
        return [self.route("keep", self.keep, "keep"), *super().get_urls()]

    def keep(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then leave the payment as it is."""
        if request.user.is_superuser or not self.may(request, "change"):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        back, form = shown.address(FraudWarning, row.pk), AcceptForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            try:
                fraud.keep(row.pk, because=reason, by=f"staff {request.user.get_username()}"[:80])
            except Refusal as refusal:
                messages.warning(request, _("%(detail)s Nothing was changed.") % {"detail": refusal.detail})
            else:
                self.log_change(request, row, f"Kept: {reason}")
                messages.success(
                    request, _("The money is kept. If the bank disputes it, the dispute appears by itself.")
                )
            return HttpResponseRedirect(back)
        effect = _(
            "The payment stays as it is. It may still become a dispute, which costs a fee and counts with the scheme."
        )
        context = {"row": row, "form": form, "effect": effect, "button": _("Keep the money"),
                   "what": shown.short(row.pk), "back": back}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Keep the money"), context)
