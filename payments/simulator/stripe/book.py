"""The Stripe side of the book of truth: one line for each thing that moved or would move money."""

from collections.abc import Iterator
from typing import Any

from payments.simulator import differences
from payments.simulator.stripe import objects
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]


def lines(shop: Shop) -> Iterator[Json]:
    """Payments, captures, refunds, disputes, payouts and differences of one account, each kind oldest first."""
    for kind, make in (
        ("payment_intent", _payment),
        ("capture", _capture),
        ("refund", _refund),
        ("dispute", _dispute),
        ("payout", _payout),
    ):
        # A copy of the keys: the book is streamed while the shop stays open.
        for record_id in list(shop.tables[kind]):
            record = shop.tables[kind].get(record_id)
            if record is not None:
                yield {"psp": "stripe", "account": shop.account.code, **make(shop, record)}
    for line in differences.lines(shop):
        yield {"psp": "stripe", "account": shop.account.code, **line}


def _payment(shop: Shop, record: objects.PaymentIntent) -> Json:
    charge = shop.find(objects.Charge, record.latest_charge)
    method = shop.find(objects.PaymentMethod, record.payment_method)
    return {
        "object": "payment",
        "id": record.id,
        "payment": record.id,
        "status": record.status,
        "amount": record.amount,
        "amount_captured": record.amount_received,
        "amount_refunded": charge.amount_refunded if charge and charge.captured else 0,
        "currency": record.currency,
        "method": method.type if method else None,
        "charge": record.latest_charge,
        "reference": record.metadata,
        "idempotency_key": record.idempotency_key,
        "created": record.created,
    }


def _capture(_shop: Shop, record: objects.Capture) -> Json:
    captured = record.amount if record.status == "succeeded" else 0
    return {
        **_common("capture", record),
        "payment": record.payment_intent,
        "amount_captured": captured,
        "amount_refunded": 0,
        "automatic": record.automatic,
        "charge": record.charge,
        "idempotency_key": record.idempotency_key,
    }


def _refund(_shop: Shop, record: objects.Refund) -> Json:
    moved = record.amount if record.status not in {"failed", "canceled"} else 0
    return {
        **_common("refund", record),
        "payment": record.payment_intent,
        "amount_captured": 0,
        "amount_refunded": moved,
        "charge": record.charge,
        "idempotency_key": record.idempotency_key,
    }


def _dispute(_shop: Shop, record: objects.Dispute) -> Json:
    return {
        **_common("dispute", record),
        "payment": record.payment_intent,
        "amount_captured": 0,
        "amount_refunded": 0,
        "charge": record.charge,
        "reason": record.reason,
        "idempotency_key": None,
    }


def _payout(_shop: Shop, record: objects.Payout) -> Json:
    return {
        **_common("payout", record),
        "payment": None,
        "amount_captured": 0,
        "amount_refunded": 0,
        "automatic": record.automatic,
        "arrived": record.arrived,
        "trace": record.trace,
        "idempotency_key": None,
    }


def _common(name: str, record: objects.Capture | objects.Refund | objects.Dispute | objects.Payout) -> Json:
    return {
        "object": name,
        "id": record.id,
        "status": record.status,
        "amount": record.amount,
        "currency": record.currency,
        "reference": record.metadata,
        "created": record.created,
    }
