"""Somebody was erased: what was written about them with their payments goes; ids, amounts, states and books stay."""

from collections.abc import Iterable
from typing import Final

from payments.intents import selectors
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.kernel import unit
from payments.orders import selectors as orders
from payments.orders.models import Order
from payments.rest import idempotency
from payments.webhooks.services import inbound, outbox

PART: Final = 200
"""So many payments are looked at together."""


def forget(customer_id: str) -> None:
    """Empty what was written with a customer's orders and payments, also in events and answers, and what PSPs sent.

    Each row in a unit of its own, so that nobody waits; again does no harm.
    """
    about = list(Order.objects.filter(customer_id=customer_id).values_list("pk", flat=True))
    for order_id in about:
        with unit.work():
            orders.locked(order_id).change(metadata={})
    intents = list(selectors.of_customer(customer_id).order_by("pk").values_list("pk", flat=True))
    for intent_id in intents:
        with unit.work():
            row = PaymentIntent.objects.select_for_update(no_key=True).get(pk=intent_id)
            row.change(metadata={}, description="")
    for part in _parts([*about, *intents]):
        outbox.forget(part)
        with unit.work():
            idempotency.forget_answers(part)
    for part in _parts(intents):
        known = PaymentAttempt.objects.filter(intent__in=part).exclude(provider_reference="")
        inbound.forget(list(known.values_list("provider_reference", flat=True)))


def _parts(all_ids: list[str]) -> Iterable[list[str]]:
    return (all_ids[start : start + PART] for start in range(0, len(all_ids), PART))
