"""Finding a payment by what a customer says: exact and indexed, whatever the volume."""

from typing import Any, Final

from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast, Right
from django.db.models.lookups import Exact

from payments.gateway.models import ProviderAccount
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.orders import selectors as orders
from payments.orders.models import Customer, Order
from refunds.models import Refund

NEWEST: Final = 200
"""Four digits are shared by many: only the newest are looked at, by card, by order and by id."""


def payments(term: str, *, personal: bool) -> Q:
    """The payments that `term` names.

    An order's reference or its end, the PSP's id of a payment or refund, four characters (the end of a card number or
    of the payment's id), or an e-mail address, where `personal` data may be seen.
    """
    if "@" in term:
        return Q(customer__in=_customers(term)) if personal else Q(pk__in=[])
    named = Q(order__in=_orders(term)) | Q(pk__in=_by_provider(PaymentAttempt, term, "intent_id"))
    named |= Q(pk__in=_by_provider(Refund, term, "intent_id"))
    return named | Q(pk__in=_by_four(term.lower())) if len(term) == 4 else named


def _customers(email: str) -> QuerySet[Customer]:
    return Customer.objects.filter(orders.by_email(email))


def _orders(reference: str) -> list[str]:
    found = Order.objects.filter(orders.called(reference)).order_by("-id")
    return list(found.values_list("pk", flat=True)[:NEWEST])


def _by_provider(model: type[Model], reference: str, column: str) -> list[str]:
    """By the unique index of account and the PSP's id: there are few accounts."""
    accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
    found: Any = model._default_manager.filter(account_id__in=accounts, provider_reference=reference)
    return list(found.values_list(column, flat=True))


def _by_four(end: str) -> set[str]:
    by_id = PaymentIntent.objects.filter(Exact(Right(Cast("id", TextField()), 4), end)).order_by("-id")
    by_card = PaymentAttempt.objects.filter(card_last4=end).order_by("-id")
    return {
        *by_id.values_list("pk", flat=True)[:NEWEST],
        *by_card.values_list("intent_id", flat=True)[:NEWEST],
    }
