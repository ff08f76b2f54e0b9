"""What each reading of a question means for each kind of thing that is found: rows by an index of theirs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.db.models import Exists, Model, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, Right
from django.db.models.lookups import Exact

from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.orders.models import Customer, Order
from payments.webhooks.models import InboundEvent
from refunds.models import Dispute, Refund
from reporting import finding
from reporting.finding import Arm, Known, Narrowed
from reporting.models import Payout, SettlementLine
from reporting.terms import Card, Email, End, Id, Name, Pair, Reading, Reference, Term
from reporting.written import Sum


def _plain(rows: QuerySet[Any], narrowed: Narrowed) -> QuerySet[Any]:
    return narrowed.rows(rows)


def _paid_on(rows: QuerySet[Any], narrowed: Narrowed) -> QuerySet[Any]:
    """Payments of these amounts that were opened on the days, or tried: customers mean when they paid."""
    rows = Narrowed(narrowed.sums).rows(rows)
    for spans in narrowed.spans:
        tries = Narrowed(spans=(spans,)).rows_of("intent_id", OuterRef("pk"), PaymentAttempt.objects.all())
        rows = rows.filter(finding.any_of(finding.on_days(one, "") for one in spans) | Q(Exists(tries)))
    return rows


def _of_orders(rows: QuerySet[Any], narrowed: Narrowed) -> QuerySet[Any]:
    return narrowed.rows(rows, "amount_total_minor")


def _of_payouts(rows: QuerySet[Any], narrowed: Narrowed) -> QuerySet[Any]:
    return narrowed.rows(rows, moment="announced_at")


def _nothing(rows: QuerySet[Any], narrowed: Narrowed) -> QuerySet[Any]:
    """Neither an amount nor a day says anything of it."""
    return rows.none() if narrowed else rows


def _own(model: type[Model], lookups: Mapping[str, str], reading: Id) -> Iterator[Arm]:
    """By an id of ours: its own, or another one's that leads to it."""
    prefix = reading.text.rpartition("_")[0]
    lookup = "pk" if prefix == finding.prefix_of(model) else lookups.get(prefix)
    if lookup:
        yield Arm(model._default_manager.filter(**{lookup: reading.text}), "pk")


_PAYMENT: Final = {
    "ord": "order", "cus": "customer", "att": "attempts", "cap": "captures", "re": "refunds", "dp": "disputes",
}  # fmt: skip


def _payments(reading: Reading, known: Known, narrowed: Narrowed) -> Iterator[Arm]:
    rows = narrowed.opened(PaymentIntent.objects.all())
    match reading:
        case Id():
            yield from _own(PaymentIntent, _PAYMENT, reading)
        case Card(last4):
            yield Arm(narrowed.rows_of("card_last4", last4, PaymentAttempt.objects.all()), "intent_id")
        case End(text):
            ending = Exact(Right(Cast("id", TextField()), 4), text[-4:])
            yield Arm(rows.filter(ending, pk__in=_ending(text)) if len(text) > 4 else rows.filter(ending), "pk")
        case Reference():
            yield from _payments_called(reading, rows, known, narrowed)
        case Email() | Name():
            yield Arm(rows.filter(customer_id__in=known.customers(reading)), "pk")
        case Pair(key, value):
            yield Arm(rows.filter(metadata__contains={key: value}).exclude(metadata={}), "pk")
        case Sum():
            yield Arm(rows.filter(finding.costing([reading], "amount_minor")), "pk")


def _payments_called(reading: Reference, rows: QuerySet[Any], known: Known, narrowed: Narrowed) -> Iterator[Arm]:
    text = reading.text
    yield Arm(PaymentIntent.objects.filter(order_id__in=known.orders(text)), "pk", few=True)
    yield Arm(PaymentAttempt.objects.filter(pk__in=known.attempts(text)), "intent_id")
    yield Arm(known.said_by_psp(Refund, text), "intent_id")
    yield Arm(Refund.objects.filter(acquirer_reference=text).exclude(acquirer_reference=""), "intent_id")
    yield Arm(known.said_by_psp(Dispute, text), "intent_id")
    yield Arm(rows.filter(customer_id__in=known.customers(reading)), "pk")
    if len(text) == 4:
        yield from _payments(End(text.lower()), known, narrowed)


def _ending(text: str) -> QuerySet[PaymentIntent]:
    """Payments whose id ends so, among those that end in the same four."""
    ending = Exact(Right(Cast("id", TextField()), 4), text[-4:])
    last = Right(Cast("id", TextField()), min(len(text), 12))
    return PaymentIntent.objects.filter(ending, Exact(last, text[-12:]))


def _orders(reading: Reading, known: Known, narrowed: Narrowed) -> Iterator[Arm]:
    rows = _of_orders(Order.objects.all(), narrowed)
    match reading:
        case Id():
            yield from _own(Order, {"pi": "intents", "cus": "customer"}, reading)
        case Reference(text):
            yield Arm(rows.filter(pk__in=known.orders(text)), "pk")
            yield Arm(rows.filter(customer_id__in=known.customers(reading)), "pk")
        case Email() | Name():
            yield Arm(rows.filter(customer_id__in=known.customers(reading)), "pk")
        case Pair(key, value):
            yield Arm(rows.filter(metadata__contains={key: value}).exclude(metadata={}), "pk")


def _customers(reading: Reading, known: Known, _: Narrowed) -> Iterator[Arm]:
    match reading:
        case Id():
            yield from _own(Customer, {"ord": "order", "pi": "paymentintent"}, reading)
        case Email() | Name() | Reference():
            yield Arm(Customer.objects.filter(pk__in=known.customers(reading)), "pk")


_REFUND: Final = {"pi": "intent", "att": "attempt", "ord": "intent__order", "cus": "intent__customer"}


def _refunds(reading: Reading, known: Known, narrowed: Narrowed) -> Iterator[Arm]:
    rows = narrowed.rows(Refund.objects.all())
    match reading:
        case Reference(text):
            yield Arm(known.said_by_psp(Refund, text), "pk")
            yield Arm(rows.filter(acquirer_reference=text).exclude(acquirer_reference=""), "pk")
            yield Arm(rows.filter(order_id__in=known.orders(text)).exclude(order_id=""), "pk", few=True)
        case Pair(key, value):
            yield Arm(rows.filter(metadata__contains={key: value}).exclude(metadata={}), "pk")
        case Sum():
            yield Arm(rows.filter(finding.costing([reading], "amount_minor")), "pk")
    yield from _of_payments(Refund, reading, known, narrowed)


def _disputes(reading: Reading, known: Known, narrowed: Narrowed) -> Iterator[Arm]:
    rows = narrowed.rows(Dispute.objects.all())
    if isinstance(reading, Reference):
        yield Arm(known.said_by_psp(Dispute, reading.text), "pk")
        yield Arm(rows.filter(order_id__in=known.orders(reading.text)).exclude(order_id=""), "pk", few=True)
    yield from _of_payments(Dispute, reading, known, narrowed)


def _of_payments(model: type[Model], reading: Reading, known: Known, narrowed: Narrowed) -> Iterator[Arm]:
    """By what names the payment that they belong to: its ids, its card, its customer, the PSP's reference of it."""
    rows = narrowed.rows(model._default_manager.all())
    match reading:
        case Id():
            yield from _own(model, _REFUND, reading)
        case Card(last4) if narrowed:
            yield Arm(rows.filter(attempt__card_last4=last4), "pk")
        case Card(last4):
            yield Arm(
                rows.filter(attempt_id__in=finding.newest(PaymentAttempt.objects.filter(card_last4=last4))),
                "pk",
                few=True,
            )
        case Reference(text):
            yield Arm(rows.filter(attempt_id__in=known.attempts(text)), "pk", few=True)
        case Email() | Name():
            payments = PaymentIntent.objects.filter(customer_id__in=known.customers(reading))
            yield Arm(rows.filter(intent_id__in=finding.newest(payments)), "pk", few=True)


def _payouts(reading: Reading, known: Known, narrowed: Narrowed) -> Iterator[Arm]:
    rows = _of_payouts(Payout.objects.all(), narrowed)
    match reading:
        case Id():
            yield from _own(Payout, {}, reading)
        case Reference(text):
            yield Arm(known.said_by_psp(Payout, text), "pk")
            yield Arm(rows.filter(trace=text).exclude(trace=""), "pk")


def _lines(reading: Reading, known: Known, _: Narrowed) -> Iterator[Arm]:
    if isinstance(reading, Reference):
        of_account = SettlementLine.objects.filter(account_id__in=known.accounts)
        yield Arm(of_account.filter(payment_reference=reading.text), "pk")
        yield Arm(of_account.filter(key=reading.text), "pk")


def _notifications(reading: Reading, known: Known, _: Narrowed) -> Iterator[Arm]:
    if isinstance(reading, Reference):
        yield Arm(InboundEvent.objects.filter(provider_account_id__in=known.accounts, event_key=reading.text), "pk")


KINDS: Final = (
    finding.Kind("payments", PaymentIntent, _payments, _plain, alone=True, keyed=True, exactly=_paid_on),
    finding.Kind("refunds", Refund, _refunds, _plain, alone=True, keyed=True),
    finding.Kind("orders", Order, _orders, _of_orders),
    finding.Kind("customers", Customer, _customers, _nothing),
    finding.Kind("disputes", Dispute, _disputes, _plain, alone=True),
    finding.Kind("payouts", Payout, _payouts, _of_payouts, alone=True),
    finding.Kind("lines", SettlementLine, _lines, _nothing),
    finding.Kind("notifications", InboundEvent, _notifications, _nothing),
)
"""What is found, in the order in which it is shown."""


def payments(question: Sequence[Term], *, personal: bool) -> list[str]:
    """The payments that a question means, newest first."""
    return finding.found(KINDS[0], question, Known(personal=personal))
