"""What is found, a line each: how much, how it stands, what it is about and when, masked for who may not see more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Model, QuerySet
from django.utils.html import format_html
from django.utils.translation import gettext as _

from payments.admin import shown
from payments.intents import selectors as intents
from payments.intents.models import PaymentIntent
from payments.orders.models import Customer, Order
from payments.webhooks.models import InboundEvent
from refunds.models import Dispute, Refund
from reporting.admin import sentence
from reporting.models import Payout, SettlementLine


@dataclass(frozen=True)
class Hit:
    """One thing that was found; `told` are the few facts by which it is recognised."""

    address: str
    title: object
    state: object
    told: Sequence[object]
    at: datetime | None


def _rows(model: type[Model], keys: Sequence[str], *with_: str) -> list[Any]:
    rows: QuerySet[Any] = model._default_manager.filter(pk__in=keys).order_by("-pk")
    return list(rows.select_related(*with_) if with_ else rows)


def _facts(*facts: object) -> list[object]:
    return [fact for fact in facts if fact]


def _who(customer: Customer | None, viewer: shown.Viewer) -> str:
    if customer is None:
        return _("Guest")
    return viewer.personal(customer.name or customer.email) or viewer.nameless(customer.reference)


def _order(reference: str) -> str:
    return _("Order %(reference)s") % {"reference": reference}


def payments(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:
    """How much and how it stands, by what it was paid, for which order, by whom."""
    rows = _rows(PaymentIntent, keys, "order", "customer")
    attempts = intents.latest_attempts(rows)
    return [
        Hit(
            shown.address(PaymentIntent, row.pk),
            shown.amount(row.amount),
            sentence.status(row),
            _facts(
                sentence.method(attempts.get(row.pk)),
                _order(row.order.reference) if row.order else shown.masked(row.description, viewer),
                _who(row.customer, viewer),
                shown.short(row.pk),
            ),
            row.created_at,
        )
        for row in rows
    ]


def refunds(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:
    """How much goes back and how that stands, to which card, of which order, and why."""
    return [
        Hit(
            shown.address(Refund, row.pk),
            shown.amount(row.amount),
            shown.status(row.status),
            _facts(
                _("back to %(method)s") % {"method": sentence.method(row.attempt)},
                _order(row.intent.order.reference) if row.intent.order else "",
                shown.said(row.get_reason_display()),
                _who(row.intent.customer, viewer),
            ),
            row.created_at,
        )
        for row in _rows(Refund, keys, "attempt", "intent__order", "intent__customer")
    ]


def orders(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:
    """The reference, how it stands, how much it is and whose."""
    return [
        Hit(
            shown.address(Order, row.pk),
            row.reference,
            shown.status(row.status),
            _facts(shown.amount(row.amount_total), _who(row.customer, viewer), row.country),
            row.created_at,
        )
        for row in _rows(Order, keys, "customer")
    ]


def customers(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:
    """The name and address, as far as they may be seen, and how the client calls them."""
    return [
        Hit(
            shown.address(Customer, row.pk),
            _who(row, viewer),
            shown.status("erased", _("Erased")) if row.erased_at else "",
            _facts(viewer.personal(row.email), viewer.nameless(row.reference), row.country),
            row.created_at,
        )
        for row in _rows(Customer, keys)
    ]


def disputes(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:
    """How much is disputed and how that stands, why, and until when an answer is due."""
    return [
        Hit(
            shown.address(Dispute, row.pk),
            shown.amount(row.amount),
            shown.status(row.status),
            _facts(
                shown.said(row.get_reason_display()),
                _order(row.intent.order.reference) if row.intent.order else "",
                _who(row.intent.customer, viewer),
                format_html(_("answer by {}"), shown.moment(row.respond_by)) if row.respond_by else "",
            ),
            row.opened_at,
        )
        for row in _rows(Dispute, keys, "intent__order", "intent__customer")
    ]


def payouts(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:  # noqa: ARG001  as the others
    """How much is paid out, where it is, by which account."""
    return [
        Hit(
            shown.address(Payout, row.pk),
            shown.amount(row.amount),
            shown.status(row.status),
            _facts(row.account.code, row.provider_reference),
            row.announced_at,
        )
        for row in _rows(Payout, keys, "account")
    ]


def lines(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:  # noqa: ARG001  as the others
    """What the PSP's file says: its word, how much, how it compares with us."""
    return [
        Hit(
            shown.address(SettlementLine, row.pk),
            shown.minor(row.settled_minor, row.currency),
            shown.status(row.match, shown.said(row.get_match_display())),
            _facts(row.psp_type, row.account.code, row.payout_reference),
            row.occurred_at,
        )
        for row in _rows(SettlementLine, keys, "account")
    ]


def notifications(keys: Sequence[str], viewer: shown.Viewer) -> list[Hit]:  # noqa: ARG001  as the others
    """What the PSP told us, and what came of it."""
    return [
        Hit(
            shown.address(InboundEvent, row.pk),
            row.type,
            shown.status(row.state),
            _facts(row.provider_account.code, row.event_key),
            row.received_at,
        )
        for row in _rows(InboundEvent, keys, "provider_account")
    ]


OF: Final[Mapping[str, Callable[[Sequence[str], shown.Viewer], list[Hit]]]] = {
    "payments": payments,
    "refunds": refunds,
    "orders": orders,
    "customers": customers,
    "disputes": disputes,
    "payouts": payouts,
    "lines": lines,
    "notifications": notifications,
}
