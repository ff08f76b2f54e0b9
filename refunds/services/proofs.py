"""Evidence that we have already: what was bought, who by, how it was delivered, and what the bank itself confirmed."""

from collections.abc import Iterator, Mapping
from typing import Final

from payments.connectors.disputes import EvidenceText
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.states import AttemptStatus
from payments.kernel import money
from payments.kernel.records import StateChange
from payments.orders import selectors as orders
from payments.orders.models import Customer, Order
from payments.orders.states import OrderStatus
from refunds.models import Dispute, Refund
from refunds.states import RefundStatus

T = EvidenceText

METADATA: Final[Mapping[EvidenceText, tuple[str, ...]]] = {
    T.CUSTOMER_IP: ("customer_ip", "ip"),
    T.BILLING_ADDRESS: ("billing_address",),
    T.SHIPPING_ADDRESS: ("shipping_address", "delivery_address"),
    T.SHIPPING_CARRIER: ("shipping_carrier", "carrier"),
    T.SHIPPING_DATE: ("shipping_date", "shipped_at"),
    T.SHIPPING_TRACKING: ("shipping_tracking", "tracking_number"),
    T.SERVICE_DATE: ("service_date",),
    T.REFUND_POLICY_DISCLOSURE: ("refund_policy_url",),
}
"""Where clients write in an order's or payment's metadata what a bank wants to know; documented with the API."""


def known(dispute: Dispute) -> dict[str, str]:
    """What can be said without asking anybody, by what it proves."""
    intent, order = dispute.intent, dispute.intent.order
    customer = intent.customer or (order.customer if order is not None else None)
    said = {
        T.PRODUCT_DESCRIPTION: _bought(order) if order is not None else intent.description,
        T.CUSTOMER_NAME: customer.name if customer is not None else "",
        T.CUSTOMER_EMAIL: customer.email if customer is not None else "",
        **_noted({**intent.metadata, **(order.metadata if order is not None else {})}),
        T.OTHER: "\n".join(_facts(intent, dispute.attempt, customer)),
    }
    return {str(kind): text for kind, text in said.items() if text}


def _bought(order: Order) -> str:
    lines = orders.lines([order])[order.pk]
    listed = (f"{line.quantity} × {line.name} ({line.sku}), {money.text(line.amount_total)}" for line in lines)
    return "\n".join([f"Order {order.reference}", *listed])


def _noted(metadata: Mapping[str, str]) -> dict[EvidenceText, str]:
    return {
        kind: next((metadata[name] for name in names if metadata.get(name)), "") for kind, names in METADATA.items()
    }


def _facts(intent: PaymentIntent, attempt: PaymentAttempt, customer: Customer | None) -> Iterator[str]:
    """What our own records prove, a sentence each."""
    when = f"{attempt.authorized_at or attempt.created_at:%Y-%m-%d %H:%M} UTC"
    card = (
        f"{(attempt.card_brand or attempt.method).replace('_', ' ').title()} ending in {attempt.card_last4}"
        if attempt.card_last4
        else ""
    )
    yield f"{money.text(attempt.amount)} was authorised by the customer's bank on {when}, by {card or attempt.method}."
    if confirmed_with_bank(attempt):
        yield "The customer confirmed the payment with their bank (3-D Secure or the bank's own page) before that."
    for row in Refund.objects.filter(intent=intent, status=RefundStatus.SUCCEEDED).order_by("pk"):
        yield f"{money.text(row.amount)} was refunded on {row.settled_at:%Y-%m-%d} ({row.provider_reference})."
    if customer is not None and (before := _bought_before(customer, intent)):
        yield f"The same customer has paid {before} other order{'s' if before > 1 else ''} that nobody disputes."


def confirmed_with_bank(attempt: PaymentAttempt) -> bool:
    """Whether the customer had to do something, and the money was taken after that."""
    asked = StateChange.objects.filter(object_id=attempt.pk, to_state=AttemptStatus.ACTION_REQUIRED)
    return attempt.status == AttemptStatus.CAPTURED and asked.exists()


def _bought_before(customer: Customer, intent: PaymentIntent) -> int:
    paid = Order.objects.filter(customer=customer, status=OrderStatus.PAID)
    return paid.exclude(pk=intent.order_id).exclude(intents__disputes__isnull=False).count()
