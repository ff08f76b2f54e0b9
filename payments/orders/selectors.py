"""Reading customers and orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower, Reverse, Upper
from django.db.models.lookups import Exact, StartsWith

from payments.kernel import invariants, reads
from payments.orders.models import Customer, Order, OrderLine

SHORTEST_END: Final = 4
"""So many characters of the end of an order's reference name it; fewer are shared by too many."""


@dataclass(frozen=True, slots=True)
class OrderWithLines:
    """An order together with its lines."""

    order: Order
    lines: Sequence[OrderLine]

    @property
    def pk(self) -> str:
        """The order's id."""
        return self.order.pk


def customers_of(client_id: str) -> QuerySet[Customer]:
    """A client's own customers."""
    return Customer.objects.filter(client_id=client_id)


def orders_of(client_id: str) -> QuerySet[Order]:
    """A client's own orders."""
    return Order.objects.filter(client_id=client_id)


def by_email(address: str) -> Q:
    """The customers with an e-mail address, in capitals or not; also those that are not encrypted yet."""
    return Q(email=address) | Q(Exact(Lower("plain_email"), address.lower()), ~Q(plain_email=""))


def by_name(name: str) -> Q:
    """The customers with exactly this name, in capitals or not; also those that are not encrypted yet."""
    return Q(name=name) | Q(Exact(Lower("plain_name"), name.lower()), ~Q(plain_name=""))


def called(term: str) -> Q:
    """The orders that people mean by a reference or its end, in capitals or not: `7731` is A-2026-7731.

    By the index of references read backwards, where the end stands first.
    """
    backwards, wanted = Reverse(Upper("reference")), term.upper()[::-1]
    return Q(StartsWith(backwards, wanted) if len(term) >= SHORTEST_END else Exact(backwards, wanted))


def with_lines(order_id: str, *, client_id: str) -> OrderWithLines:
    """A client's own order with its lines; `DoesNotExist` for anybody else's."""
    row = order(order_id, client_id=client_id)
    return OrderWithLines(row, lines([row])[row.pk])


def customer(customer_id: str, *, client_id: str) -> Customer:
    """A client's own customer; `DoesNotExist` for anybody else's."""
    return Customer.objects.get(pk=customer_id, client_id=client_id)


def order(order_id: str, *, client_id: str) -> Order:
    """A client's own order; `DoesNotExist` for anybody else's."""
    found = reads.one(Order, "WHERE a.id = %s", [reads.key(Order, order_id)])
    if found is None or found.client_id != client_id:
        raise Order.DoesNotExist
    return found


def lines(orders: Sequence[Order]) -> dict[str, list[OrderLine]]:
    """The lines of these orders by order id, in their order, in one query."""
    found: dict[str, list[OrderLine]] = {row.pk: [] for row in orders}
    for line in OrderLine.objects.filter(order__in=found).order_by("order_id", "position"):
        found[line.order_id].append(line)
    return found


def locked(order_id: str, *, client_id: str | None = None) -> Order:
    """The order, locked until the end of the transaction: first in the house's lock order."""
    rows = Order.objects.select_for_update()
    return rows.get(pk=order_id) if client_id is None else rows.get(pk=order_id, client_id=client_id)


invariants.declare(
    5,
    "order_lines_add_up",
    "Every order's total is its lines, plus shipping, less discount",
    """SELECT o.id::text, 'total ' || o.amount_total_minor || ', lines ' || coalesce(sum(l.amount_total_minor), 0)
         FROM payments_order o LEFT JOIN payments_orderline l ON l.order_id = o.id
        GROUP BY o.id HAVING o.amount_total_minor <>
              coalesce(sum(l.amount_total_minor), 0) + o.shipping_amount_minor - o.discount_amount_minor""",
    "SELECT count(*) FROM payments_order",
)
