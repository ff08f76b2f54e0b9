"""The Adyen side of the book of truth: one line for each thing that moved or would move money."""

from collections.abc import Iterator
from typing import Any

from payments.simulator import differences
from payments.simulator.adyen import objects
from payments.simulator.adyen.shop import Shop

Json = dict[str, Any]

# Of modifications only these move money that had come.
MOVING = {"capture": "capture", "refund": "refund"}


def lines(shop: Shop) -> Iterator[Json]:
    """Payments, captures, refunds, disputes, payouts and differences of one account, each kind oldest first."""
    for kind, make in (
        ("payment", _payment),
        ("modification", _modification),
        ("dispute", _dispute),
        ("batch", _payout),
    ):
        # A copy of the keys: the book is streamed while the shop stays open.
        for record_id in list(shop.tables[kind]):
            record = shop.tables[kind].get(record_id)
            line = make(shop, record) if record is not None else None
            if line is not None:
                yield {"psp": "adyen", "account": shop.account.code, **line}
    for line in differences.lines(shop):
        yield {"psp": "adyen", "account": shop.account.code, **line}


def _line(name: str, record: Any, **more: Any) -> Json:
    return {
        "object": name,
        "id": record.id,
        "status": record.status,
        "amount": record.amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "currency": record.currency,
        "idempotency_key": None,
        "created": record.created,
        **more,
    }


def _payment(_shop: Shop, record: objects.Payment) -> Json:
    return _line(
        "payment",
        record,
        payment=record.id,
        amount_captured=record.captured,
        amount_refunded=record.refunded,
        method=record.method,
        reference=record.metadata,
        merchant_reference=record.reference,
        idempotency_key=record.idempotency_key,
    )


def _modification(shop: Shop, record: objects.Modification) -> Json | None:
    name = MOVING.get(record.type) or record.action
    if name not in MOVING:
        return None
    payment = shop.known(objects.Payment, str(record.payment))
    moved = record.amount if record.status == "succeeded" else 0
    return _line(
        name,
        record,
        payment=record.payment,
        amount_captured=moved if name == "capture" else 0,
        amount_refunded=moved if name == "refund" else 0,
        automatic=record.automatic,
        reason=record.reason,
        reference=payment.metadata,
        merchant_reference=record.reference,
        idempotency_key=record.idempotency_key,
    )


def _dispute(shop: Shop, record: objects.Dispute) -> Json:
    payment = shop.known(objects.Payment, record.payment)
    return _line(
        "dispute",
        record,
        payment=record.payment,
        amount_deducted=record.deducted,
        reason=record.reason,
        reference=payment.metadata,
        merchant_reference=payment.reference,
    )


def _payout(_shop: Shop, record: objects.Batch) -> Json | None:
    """What was paid out, or what is carried into the next batch (below 0)."""
    if record.amount == record.carried:
        return None
    return {
        "object": "payout" if record.amount else "carry",
        "id": f"batch_{record.id}",
        "payment": None,
        "status": "carried" if record.carried else "returned" if record.status == "returned" else "paid",
        "amount": record.amount or record.carried,
        "amount_captured": 0,
        "amount_refunded": 0,
        "currency": record.currency,
        "reference": {},
        "merchant_reference": record.file,
        "arrived": record.arrived,
        "trace": record.words or None,
        "idempotency_key": None,
        "created": record.created,
    }
