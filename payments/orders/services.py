"""Opening, changing, ending orders, and following their money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError

from payments.kernel import audit, clock, jobs, money, unit
from payments.kernel.errors import Refusal
from payments.orders import selectors, shapes
from payments.orders.models import Customer, Order, OrderLine
from payments.orders.states import EVENTS, OrderStatus, derived
from payments.rest import idempotency
from payments.rest.models import ApiClient
from payments.webhooks.services import outbox


class OrderReferenceTaken(Refusal):
    """Another order of this client has the same reference."""

    code, status = "order_reference_taken", 409


class CustomerReferenceTaken(Refusal):
    """Another customer of this client has the same reference."""

    code, status = "customer_reference_taken", 409


class OrderTotalMismatch(Refusal):
    """The order's amounts do not add up to a positive total, or not to the total that was sent along."""

    code, status = "order_total_mismatch", 422


class CustomerErased(Refusal):
    """The customer was erased, for ever: nothing is written about them any more."""

    code, status = "customer_erased", 409


class CustomerUnknown(Refusal):
    """The client has no such customer."""

    code, status = "customer_unknown", 422


class OrderNotOpen(Refusal):
    """The order is paid, canceled or expired: it can no longer be changed."""

    code, status = "order_not_open", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDraft:
    """One line as the client sends it; amounts in minor units."""

    sku: str
    name: str
    quantity: int
    unit_amount: int
    tax_amount: int = 0
    discount_amount: int = 0
    seller: str = ""

    @property
    def total(self) -> int:
        """Quantity times unit, plus tax, less discount."""
        return self.quantity * self.unit_amount + self.tax_amount - self.discount_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDraft:
    """An order as the client sends it; amounts in minor units of `currency`."""

    reference: str
    currency: str
    country: str
    lines: Sequence[LineDraft]
    customer: str | None = None
    shipping_amount: int = 0
    discount_amount: int = 0
    amount_total: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def create_customer(client: ApiClient, *, reference: str, **facts: Any) -> Customer:
    """A new customer of this client; `CustomerReferenceTaken` when the reference is in use."""
    row = Customer(client_id=client.pk, reference=reference, **facts)
    try:
        with unit.work() as work:
            work.add(row)
            work.returns(row)
    except IntegrityError as error:
        if "customer_reference" not in str(error):
            raise
        raise CustomerReferenceTaken(f"The reference {reference!r} is taken.", param="reference") from error
    return row


def change_customer(customer_id: str, *, client: ApiClient, **facts: Any) -> Customer:
    """Change facts of a customer; `CustomerErased` when they were."""
    with unit.work() as work:
        row = Customer.objects.select_for_update().get(pk=customer_id, client_id=client.pk)
        if row.erased_at is not None:
            raise CustomerErased(f"The customer {customer_id} was erased.")
        row.change(**facts)
        work.returns(row)
    return row


def erase_customer(customer_id: str, *, client: ApiClient | None = None, because: str = "") -> Customer:
    """Forget who this customer is, for ever, also in stored answers. Twice is once.

    Orders, payments, amounts and books stay, and point at a nameless row. What was written with payments, evidence of
    disputes that are over, and saved methods at PSPs go by jobs. A `client` erases its own; staff say `because`.
    """
    nothing = {"email": "", "name": "", "country": "", "locale": "", "metadata": {}}
    owned = {} if client is None else {"client_id": client.pk}
    with unit.work() as work:
        row = Customer.objects.select_for_update(of=("self",)).select_related("client").get(pk=customer_id, **owned)
        if row.erased_at is None:
            row.change(erased_at=clock.now(), reference=f"erased-{customer_id}", **nothing)
            idempotency.forget_answers([customer_id])
            audit.record("customer.erased", customer_id, because=because or f"{row.client.name} wants it")
        _forget_elsewhere(customer_id)
        work.returns(row)
    return row


def _forget_elsewhere(customer_id: str) -> None:
    """Have forgotten what else is known of somebody: at PSPs, with payments, with refunds and disputes."""
    jobs.enqueue("forget_saved_methods", unique=f"forget_saved_methods:{customer_id}", customer_id=customer_id)
    jobs.enqueue("forget_payments", unique=f"forget_payments:{customer_id}", customer_id=customer_id)
    jobs.enqueue("forget_evidence", unique=f"forget_evidence:{customer_id}", customer_id=customer_id)


def create(client: ApiClient, draft: OrderDraft) -> selectors.OrderWithLines:
    """Open an order; refused when it does not add up, or its reference is taken."""
    total = _total(draft)
    order = Order(
        client_id=client.pk,
        reference=draft.reference,
        customer_id=_customer_id(client, draft.customer),
        country=draft.country,
        currency=draft.currency,
        amount_total_minor=total,
        shipping_amount_minor=draft.shipping_amount,
        discount_amount_minor=draft.discount_amount,
        metadata=dict(draft.metadata),
        expires_at=clock.now() + timedelta(days=client.order_lifetime_days),
    )
    lines = [_line(order, position, line) for position, line in enumerate(draft.lines)]
    try:
        with unit.work() as work:
            work.add(order, *lines)
            announce(order, "order.created")
            work.returns(opened := selectors.OrderWithLines(order, lines))
    except IntegrityError as error:
        if "order_reference" not in str(error):
            raise
        raise OrderReferenceTaken(f"The reference {draft.reference!r} is taken.", param="reference") from error
    return opened


def _total(draft: OrderDraft) -> int:
    for position, line in enumerate(draft.lines):
        if line.total < 0:
            raise OrderTotalMismatch("The line's discount exceeds its amount.", param=f"lines[{position}]")
    total = sum(line.total for line in draft.lines) + draft.shipping_amount - draft.discount_amount
    if total <= 0:
        raise OrderTotalMismatch(f"The order's amounts add up to {total}.", param="lines")
    if draft.amount_total is not None and draft.amount_total != total:
        raise OrderTotalMismatch(
            f"The lines, shipping and discount add up to {total}, not {draft.amount_total}.", param="amount_total"
        )
    if total >= money.LIMIT:
        raise money.AmountInvalid("The order's amounts add up to more than the largest amount.", param="lines")
    return total


def _customer_id(client: ApiClient, customer_id: str | None) -> str | None:
    if customer_id is None:
        return None
    if not Customer.objects.filter(pk=customer_id, client_id=client.pk, erased_at__isnull=True).exists():
        raise CustomerUnknown(f"There is no customer {customer_id}.", param="customer")
    return customer_id


def _line(order: Order, position: int, line: LineDraft) -> OrderLine:
    return OrderLine(
        order=order,
        position=position,
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        currency=order.currency,
        unit_amount_minor=line.unit_amount,
        tax_amount_minor=line.tax_amount,
        discount_amount_minor=line.discount_amount,
        amount_total_minor=line.total,
        seller=line.seller,
    )


def follow_money(order: Order, *, paid: int = 0, refunded: int = 0, because: str, by: str) -> None:
    """Add to what was paid and given back (minor units, negative when it is undone), and let the status follow.

    Runs in the caller's unit with the order locked. A canceled or expired order stays what it is.
    """
    order.change(
        amount_paid_minor=order.amount_paid_minor + paid, amount_refunded_minor=order.amount_refunded_minor + refunded
    )
    if order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        return
    target = derived(order.amount_total_minor, order.amount_paid_minor, order.amount_refunded_minor)
    if target != order.status:
        order.advance(EVENTS[target], because=because, by=by)
    announce(order, f"order.{order.status}" if order.status != OrderStatus.OPEN else "order.reopened")


def end(order: Order, event: str, *, because: str, by: str) -> None:
    """Cancel or expire an open order in the caller's unit; the caller has seen that nothing of it lives."""
    if not order.may(event):
        raise OrderNotOpen(f"The order is {order.status}.")
    order.advance(event, because=because, by=by)
    announce(order, f"order.{order.status}")


def change(order: Order, *, metadata: Mapping[str, str]) -> None:
    """Change an open order's metadata in the caller's unit; the caller has seen that nothing of it lives."""
    if order.status != OrderStatus.OPEN:
        raise OrderNotOpen(f"The order is {order.status}.")
    order.change(metadata=dict(metadata))
    announce(order, "order.updated")


def announce(order: Order, type_: str) -> None:
    """Tell the client, with the next number of this order's events."""
    order.change(event_sequence=order.event_sequence + 1)
    outbox.emit(order.pk, order.client_id, type_, shapes.order_event(order), order.event_sequence)
