"""Orders and what is in them."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _

from payments.admin import base, lists, shown
from payments.kernel import money
from payments.orders import selectors as orders
from payments.orders.models import Customer, Order, OrderLine

INTENT_COLUMNS = (
    shown.Column("Payment", lambda row, viewer: viewer.link(row, shown.amount(row.amount))),
    shown.status_of(),
    shown.amount_of("amount_captured", "Captured"),
    shown.amount_of("amount_refunded", "Refunded"),
    shown.time_of("created_at"),
)
LINE_COLUMNS = (
    shown.text_of("name", "Article"),
    shown.code_of("sku", "SKU"),
    shown.number_of("quantity"),
    shown.Column("Unit price", lambda row, _: _minor(row.unit_amount_minor, row), right=True),
    shown.amount_of("amount_total", "Total"),
    shown.number_of("quantity_refunded", "Units refunded"),
    shown.text_of("seller"),
)


@admin.register(Order)
class OrderAdmin(base.ModelAdmin):
    """What a customer buys, and the payments for it."""

    owns = ("intents",)
    columns = (
        shown.text_of("reference", "Order"),
        shown.status_of(),
        shown.amount_of("amount_total", "Total"),
        shown.amount_of("amount_paid", "Paid"),
        shown.amount_of("amount_refunded", "Refunded"),
        shown.Column("Customer", lambda row, viewer: _customer(row, viewer)),
        shown.time_of("created_at"),
    )
    sections = (
        (
            "Money",
            (
                shown.amount_of("amount_total", "Total"),
                shown.amount_of("amount_paid", "Paid"),
                shown.amount_of("amount_refunded", "Refunded"),
                shown.Column("Shipping", lambda row, _: _minor(row.shipping_amount_minor, row)),
                shown.Column("Discount", lambda row, _: _minor(row.discount_amount_minor, row)),
            ),
        ),
        (
            "About",
            (
                shown.code_of("reference", "Client's reference"),
                shown.Column("Customer", lambda row, viewer: _customer(row, viewer)),
                shown.text_of("country"),
                shown.linked("client"),
                shown.time_of("created_at"),
                shown.time_of("expires_at"),
                shown.raw_of("metadata"),
            ),
        ),
    )
    list_select_related = ("client", "customer")
    list_filter = ("status", lists.CreatedFilter)
    id_lookups = {"cus": "customer"}
    search_help_text = "Order reference or its end, id"
    finds_people = True
    nothing_here = "No order yet. Orders appear when a shop makes them through the API."

    def find(self, term: str, viewer: shown.Viewer) -> Q:
        """By the client's reference or its end, or by the customer's e-mail."""
        if "@" in term:
            customers = Customer.objects.filter(orders.by_email(term))
            return Q(customer__in=customers) if viewer.sees_personal_data else base.NOWHERE
        return orders.called(term)

    def heading(self, row: Any, _viewer: shown.Viewer) -> str:
        """By the reference that people say."""
        return _("Order %(reference)s") % {"reference": row.reference}

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount_total), shown.status(row.status)), " ")

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Payments and lines."""
        lines, intents = row.lines.order_by("position"), row.intents.order_by("-pk")
        return (
            shown.table("Payments", intents, INTENT_COLUMNS, viewer, empty="Nobody has tried to pay this order yet."),
            shown.table("Lines", lines, LINE_COLUMNS, viewer, empty="This order has no lines."),
        )


@admin.register(OrderLine)
class OrderLineAdmin(base.ModelAdmin):
    """One article of an order."""

    columns = (*LINE_COLUMNS[:3], LINE_COLUMNS[4], shown.linked("order"))
    sections = (("About", (*LINE_COLUMNS, shown.linked("order"))),)
    list_select_related = ("order",)
    id_lookups = {"ord": "order"}
    search_help_text = "Id of a line or of an order"
    nothing_here = "No order has lines yet."


def _customer(row: Any, viewer: shown.Viewer) -> str:
    customer = row.customer
    if customer is None:
        return _("Guest")
    return viewer.link(
        customer, viewer.personal(customer.name or customer.email) or viewer.nameless(customer.reference)
    )


def _minor(amount: int, row: Any) -> str:
    return shown.amount(money.from_minor(amount, row.currency))
