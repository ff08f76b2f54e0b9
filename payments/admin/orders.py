"""Customers and orders."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q

from payments.admin import base, lists, saved, shown
from payments.intents.models import PaymentIntent
from payments.kernel import money
from payments.methods.models import PaymentMethod
from payments.orders import selectors as orders
from payments.orders.models import Customer, Order, OrderLine
from payments.rest.models import ApiClient

INTENT_COLUMNS = (
    shown.Column("Payment", lambda row, viewer: viewer.link(row, shown.amount(row.amount))),
    shown.status_of(),
    shown.amount_of("amount_captured", "Captured"),
    shown.amount_of("amount_refunded", "Refunded"),
    shown.time_of("created_at"),
)
ORDER_COLUMNS = (
    shown.Column("Order", lambda row, viewer: viewer.link(row, row.reference)),
    shown.status_of(),
    shown.amount_of("amount_total", "Total"),
    shown.amount_of("amount_paid", "Paid"),
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


def client_ids() -> list[str]:
    """The few clients there are: with them a reference is found by its unique index."""
    return list(ApiClient.objects.values_list("pk", flat=True))


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
    list_filter = (lists.CreatedFilter,)
    search_help_text = "Client's reference, id"
    finds_people = True
    nothing_here = "No customer is known yet. The shop makes them through the API."

    def find(self, term: str, viewer: shown.Viewer) -> Q:
        """By e-mail and name, for who may see them, and by the client's reference."""
        if "@" in term:
            return orders.by_email(term) if viewer.sees_personal_data else base.NOWHERE
        referred = Q(client_id__in=client_ids(), reference=term)
        return referred | orders.by_name(term) if viewer.sees_personal_data else referred

    def headline(self, row: Any, viewer: shown.Viewer) -> object:
        """Their name, as far as it may be seen."""
        return viewer.personal(row.name or row.email) or row.reference

    def tables(self, row: Any, viewer: shown.Viewer) -> Sequence[shown.Table]:
        """Orders, payments and what they may pay with again, newest first."""
        ordered = Order.objects.filter(customer=row).order_by("-pk")
        intents = PaymentIntent.objects.filter(customer=row).order_by("-pk")
        methods = PaymentMethod.objects.filter(customer=row).order_by("-pk")
        return (
            shown.table("Orders", ordered, ORDER_COLUMNS, viewer, empty="This customer has ordered nothing yet."),
            shown.table("Payments", intents, INTENT_COLUMNS, viewer, empty="This customer has paid nothing yet."),
            shown.table("Saved methods", methods, saved.METHOD_COLUMNS, viewer, empty="This customer has saved none."),
        )


@admin.register(Order)
class OrderAdmin(base.ModelAdmin):
    """What a customer buys, and the payments for it."""

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
        return f"Order {row.reference}"

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
        return "Guest"
    return viewer.link(customer, viewer.personal(customer.name or customer.email) or customer.reference)


def _minor(amount: int, row: Any) -> str:
    return shown.amount(money.from_minor(amount, row.currency))
