"""How customers and orders look to clients, in answers and in events."""

from collections.abc import Sequence
from typing import Any

from payments.orders.models import Customer, Order, OrderLine


def customer(row: Customer) -> dict[str, Any]:
    """The `customer` object of the API."""
    return {
        "id": row.pk,
        "object": "customer",
        "reference": row.reference,
        "email": row.email or None,
        "name": row.name or None,
        "country": row.country or None,
        "locale": row.locale or None,
        "erased_at": row.erased_at,
        "metadata": row.metadata,
        "created_at": row.created_at,
    }


def order(row: Order, lines: Sequence[OrderLine]) -> dict[str, Any]:
    """The `order` object of the API with its lines; amounts are minor units."""
    return {
        "id": row.pk,
        "object": "order",
        "reference": row.reference,
        "status": row.status,
        "currency": row.currency,
        "country": row.country,
        "amount_total": row.amount_total_minor,
        "amount_paid": row.amount_paid_minor,
        "amount_refunded": row.amount_refunded_minor,
        "shipping_amount": row.shipping_amount_minor,
        "discount_amount": row.discount_amount_minor,
        "customer": row.customer_id,
        "lines": [_line(line) for line in lines],
        "metadata": row.metadata,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
    }


def order_event(row: Order) -> dict[str, Any]:
    """The order as events carry it: without its lines, which do not change."""
    return {name: value for name, value in order(row, ()).items() if name != "lines"}


def _line(row: OrderLine) -> dict[str, Any]:
    return {
        "id": row.pk,
        "sku": row.sku,
        "name": row.name,
        "quantity": row.quantity,
        "unit_amount": row.unit_amount_minor,
        "tax_amount": row.tax_amount_minor,
        "discount_amount": row.discount_amount_minor,
        "amount_total": row.amount_total_minor,
        "quantity_refunded": row.quantity_refunded,
        "seller": row.seller or None,
    }
