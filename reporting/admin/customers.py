"""Customers: who it is, what they paid and got back in each currency, what is open, what happened last; and erasing."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, fresh, reasons, shown
from payments.intents.selectors import of_customer
from payments.kernel.attention import AttentionItem
from payments.kernel.audit import AuditEvent
from payments.kernel.records import StateChange
from payments.methods.models import PaymentMethod
from payments.orders import selectors as orders
from payments.orders import services
from payments.orders.models import Customer, Order
from payments.rest.models import ApiClient
from refunds.models import Dispute, Refund
from reporting.admin import payments

MAY_ERASE: Final = "payments.erase_customer"
NEWEST: Final = 100
"""Of so many orders, payments, refunds and disputes it is said what is open and what happened."""

SUM_COLUMNS = (
    shown.text_of("currency"),
    shown.number_of("count", "Payments"),
    shown.Column("Paid", lambda row, _: shown.minor(row.captured, row.currency), right=True),
    shown.Column("Given back", lambda row, _: shown.minor(row.refunded, row.currency), right=True),
    shown.Column("Disputed", lambda row, _: shown.minor(row.disputed, row.currency), right=True),
    shown.Column(
        "Kept", lambda row, _: shown.minor(row.captured - row.refunded - row.disputed, row.currency), right=True
    ),
)
ORDER_COLUMNS = (
    shown.Column("Order", lambda row, viewer: viewer.link(row, row.reference)),
    shown.status_of(),
    shown.amount_of("amount_total", "Total"),
    shown.amount_of("amount_paid", "Paid"),
    shown.amount_of("amount_refunded", "Refunded"),
    shown.time_of("created_at"),
)
PAYMENT_COLUMNS = (
    shown.Column("Payment", lambda row, viewer: viewer.link(row, shown.amount(row.amount))),
    shown.Column("Order", lambda row, viewer: viewer.link(row.order) if row.order is not None else shown.NOTHING),
    shown.status_of(),
    shown.amount_of("amount_captured", "Captured"),
    shown.amount_of("amount_refunded", "Refunded"),
    shown.time_of("created_at"),
)
METHOD_COLUMNS = (
    shown.Column("Saved method", lambda row, viewer: viewer.link(row, str(row))),
    shown.Column("State", lambda row, _viewer: _("Deleted") if row.deleted_at else _("Can be paid with")),
    shown.time_of("created_at", "Saved"),
)
MATTER_COLUMNS = (
    shown.Column("Matter", lambda row, viewer: viewer.link(row, shown.said(row.get_kind_display()))),
    shown.Column("About", lambda row, viewer: viewer.reference(row.object_id)),
    shown.time_of("opened_at", "Since"),
)
MOVE_COLUMNS = (
    shown.Column("What", lambda row, viewer: viewer.reference(row.object_id)),
    shown.Column("Moved", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because"),
    shown.time_of("at", "When"),
)
AUDIT_COLUMNS = (
    shown.text_of("action", "What"),
    shown.text_of("by", "By"),
    shown.said_of("because", "Why"),
    shown.time_of("at", "When"),
)


class EraseForm(forms.Form):
    """Why: everybody who looks later reads it."""

    reason = forms.CharField(
        label=gettext_lazy("Why are they erased?"),
        min_length=5,
        max_length=200,
        validators=[reasons.no_card_number],
        help_text=gettext_lazy("At least five letters, without their name: this stays on record."),
    )


@admin.register(Customer)
class CustomerAdmin(base.ModelAdmin):
    """A person who buys, with everything that they bought."""

    columns = (
        shown.personal_of("name"),
        shown.personal_of("email", "E-mail"),
        shown.code_of("reference", "Client's reference"),
        shown.text_of("country"),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "Who",
            (
                shown.personal_of("name"),
                shown.personal_of("email", "E-mail"),
                shown.text_of("country"),
                shown.text_of("locale", "Language"),
                shown.code_of("reference", "Client's reference"),
                shown.linked("client"),
                shown.time_of("created_at"),
                shown.time_of("erased_at"),
                shown.raw_of("metadata"),
            ),
        ),
    )
    list_select_related = ("client",)
    list_filter = (base.CreatedFilter,)
    search_help_text = "Client's reference, id"
    finds_people = True
    nothing_here = "No customer is known yet. The shop makes them through the API."

    def find(self, term: str, viewer: shown.Viewer) -> Q:
        """By e-mail and name, for who may see them, and by the client's reference."""
        if "@" in term:
            return orders.by_email(term) if viewer.sees_personal_data else base.NOWHERE
        referred = Q(client_id__in=list(ApiClient.objects.values_list("pk", flat=True)), reference=term)
        return referred | orders.by_name(term) if viewer.sees_personal_data else referred

    def headline(self, row: Any, viewer: shown.Viewer) -> object:
        """Their name, as far as it may be seen."""
        return viewer.personal(row.name or row.email) or viewer.nameless(row.reference)

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Sums by currency, what is open, then everything, newest first."""
        ordered, paid = Order.objects.filter(customer=row).order_by("-pk"), of_customer(row.pk).order_by("-pk")
        # by their time, which no index has: the few of this customer are sorted. By their keys, which say the same,
        # all refunds there are would be walked through until enough of them are this customer's
        refunds = Refund.objects.filter(intent__in=of_customer(row.pk)).order_by("-created_at", "-pk")
        disputes = Dispute.objects.filter(intent__in=of_customer(row.pk)).order_by("-created_at", "-pk")
        methods = PaymentMethod.objects.filter(customer=row).order_by("-pk")
        theirs = [row.pk, *(pk for rows in (ordered, paid, refunds, disputes)
                            for pk in rows.values_list("pk", flat=True)[:NEWEST])]  # fmt: skip
        matters = AttentionItem.objects.filter(object_id__in=theirs, closed_at=None).order_by("-pk")
        moves = StateChange.objects.filter(object_id__in=theirs).order_by("-pk")[:20]
        staff = AuditEvent.objects.filter(object_id=row.pk).order_by("-pk")[:20]
        table = shown.table
        return (
            table("Sums", _sums(row), SUM_COLUMNS, viewer, empty="This customer has paid nothing yet."),
            table("Open matters", matters, MATTER_COLUMNS, viewer, empty="Nothing is open."),
            table("Payments", paid.select_related("order"), PAYMENT_COLUMNS, viewer, empty="No payment yet."),
            table("Orders", ordered, ORDER_COLUMNS, viewer, empty="This customer has ordered nothing yet."),
            table("Refunds", refunds, payments.REFUND_COLUMNS, viewer, empty="No money was given back."),
            table("Disputes", disputes, payments.DISPUTE_COLUMNS, viewer, empty="No bank disputes a payment."),
            table("Saved methods", methods, METHOD_COLUMNS, viewer, empty="This customer has saved none."),
            table("What happened last", list(moves), MOVE_COLUMNS, viewer, empty="Nothing has happened yet."),
            table("What staff did", list(staff), AUDIT_COLUMNS, viewer, empty="Nobody has touched it."),
        )

    # --- erasing

    def doings(self, request: HttpRequest, row: Any) -> Sequence[shown.Doing]:
        """Erase, for who may, once."""
        may = base.from_role(request, MAY_ERASE) and row.erased_at is None
        return (shown.Doing(_("Erase"), self.address_of("erase", row)),) if may else ()

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and the one that erases."""
        return [self.route("erase", self.erase, "erase"), *super().get_urls()]

    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what goes and what stays, ask why, and forget who this is."""
        if not base.from_role(request, MAY_ERASE):
            raise PermissionDenied
        row = self.row(request, object_id)
        if not isinstance(row, HttpResponse) and row.erased_at is not None:
            messages.warning(request, _("They are erased already."))
            row = HttpResponseRedirect(shown.address(Customer, row.pk))
        ask = row if isinstance(row, HttpResponse) else fresh.required(request)
        if ask is not None:
            return ask
        form = EraseForm(request.POST or None)
        back = shown.address(Customer, row.pk)
        if request.method == "POST" and form.is_valid():
            services.erase_customer(row.pk, because=form.cleaned_data["reason"])
            messages.success(request, _("They are erased. Saved methods and old evidence follow within minutes."))
            return HttpResponseRedirect(back)
        context = {"row": row, "form": form, "effect": _effect(row), "button": _("Erase for ever"), "danger": True,
                   "what": self.viewer(request, row).nameless(row.reference), "back": back}  # fmt: skip
        return self.page(request, "admin/confirm.html", _("Erase a customer"), context)


def _effect(row: Customer) -> str:
    """What goes and what stays, in words and numbers."""
    return _(
        "Name, e-mail, country, language, the shop's reference and notes of this customer go for ever, with what the"
        " shop wrote with %(orders)s orders and %(payments)s payments, raw data of PSPs about them, and %(methods)s"
        " saved methods, at PSPs too. Evidence goes once no dispute is open; %(open)s are now. Amounts, ids, states and"
        " the books stay: the law wants them. This cannot be taken back."
    ) % {
        "orders": Order.objects.filter(customer=row).count(),
        "payments": of_customer(row.pk).count(),
        "methods": PaymentMethod.objects.filter(customer=row, deleted_at=None).count(),
        "open": Dispute.objects.filter(intent__in=of_customer(row.pk), closed_at=None).count(),
    }


class _Sum:
    """What came and went in one currency, in minor units."""

    def __init__(self, currency: str, **figures: int) -> None:
        self.currency = currency
        self.count, self.captured = figures["count"], figures["captured"]
        self.refunded, self.disputed = figures["refunded"], figures["disputed"]


def _sums(row: Customer) -> list[_Sum]:
    """Everything they ever paid, however many payments that are: one row for each currency."""
    found = of_customer(row.pk).values("currency").order_by("currency")
    figures = found.annotate(
        count=Count("pk"),
        captured=Sum("amount_captured_minor"),
        refunded=Sum("amount_refunded_minor"),
        disputed=Sum("amount_disputed_minor"),
    )
    return [_Sum(**each) for each in figures if each["captured"]]
