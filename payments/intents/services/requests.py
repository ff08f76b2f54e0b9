"""What we ask a PSP, rebuilt from the rows: a repetition is the same request, byte for byte."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core import signing
from moneyed import Money

from payments.connectors.base import Adjust, Authorize, Cancel, Complete, Line, Reverse, Shopper
from payments.connectors.base import Capture as CaptureRequest
from payments.intents.models import Capture, PaymentAttempt
from payments.kernel import money
from payments.methods import catalogue
from payments.methods import selectors as methods
from payments.orders import selectors as orders
from payments.orders.models import Order

_returns = signing.Signer(salt="payments.return")
"""Signs without a time, so that a repeated request has the same body."""


def authorize(attempt: PaymentAttempt, given: Mapping[str, Any]) -> Authorize:
    """Take or reserve the attempt's amount; `given` is what the customer's own fields said, as its call keeps it."""
    offer, order = methods.offer(attempt.method, attempt.account_id), attempt.intent.order
    return Authorize(
        key=attempt.call_id,
        reference=attempt.pk,
        amount=attempt.amount,
        type=offer.type,
        token="" if attempt.saved_method_id else attempt.token,
        capture=attempt.capture,
        off_session=attempt.off_session,
        return_url=return_url(attempt),
        metadata={"intent": attempt.intent_id, **({"order": attempt.order_id} if attempt.order_id else {})},
        details=_in_order(given.get("details", {})),
        fields=offer.fields,
        from_shopper=offer.from_shopper,
        always=offer.always,
        expires_after_days=offer.expires_after_days,
        browser=_in_order(given.get("browser", {})),
        shopper=_shopper(attempt, order),
        lines=lines(attempt, attempt.amount),
        save=attempt.saves,
        unattended=attempt.intent.setup_future_usage == "off_session",
        saved_token=attempt.token if attempt.saved_method_id else "",
    )


def _in_order(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """By name, as it came and as the database gives it back: PSPs compare a repetition's text with the first one's."""
    return dict(sorted(said.items()))


def _shopper(attempt: PaymentAttempt, order: Order | None) -> Shopper:
    """Who pays, from where: the order's country before the customer's."""
    country, customer = order.country if order is not None else "", attempt.intent.customer
    if customer is None:
        return Shopper(country=country)
    return Shopper(
        reference=customer.pk,
        payer=attempt.payer,
        email=customer.email,
        name=customer.name,
        country=country or customer.country,
        locale=customer.locale,
    )


def _is_lent(attempt: PaymentAttempt) -> bool:
    """Whether somebody pays for the customer first, who wants to know what is bought."""
    method = catalogue.METHODS.get(attempt.method)
    return method is not None and method.family is catalogue.Family.PAY_LATER


def lines(attempt: PaymentAttempt, amount: Money) -> Sequence[Line]:
    """What `amount` is for, where somebody pays for the customer first; () where nobody asks.

    The order's lines when they come to the amount, else (a part, a discount of the whole) one line.
    """
    if not _is_lent(attempt):
        return ()
    order, code, found = attempt.intent.order, attempt.currency, []
    if order is not None:
        for row in orders.lines([order])[order.pk]:
            tax = money.from_minor(row.tax_amount_minor, code)
            found.append(Line(sku=row.sku, name=row.name, quantity=row.quantity, amount=row.amount_total, tax=tax))
        if order.shipping_amount_minor:
            shipping = money.from_minor(order.shipping_amount_minor, code)
            nothing = money.from_minor(0, code)
            found.append(Line(sku="shipping", name="Shipping", quantity=1, amount=shipping, tax=nothing))
    if sum(money.to_minor(line.amount) for line in found) == money.to_minor(amount):
        return found
    name = order.reference if order is not None else attempt.intent_id
    return [Line(sku=name, name=name, quantity=1, amount=amount, tax=money.from_minor(0, code))]


def complete(attempt: PaymentAttempt, key: str, details: Mapping[str, Any]) -> Complete:
    """Continue after the customer has come back, with what the action gave back."""
    return Complete(
        key=key,
        provider_reference=attempt.provider_reference,
        details=_in_order(details),
        reference=attempt.pk,
        capture=attempt.capture,
    )


def capture(row: Capture, attempt: PaymentAttempt) -> CaptureRequest:
    """Take reserved money."""
    return CaptureRequest(
        key=row.call_id,
        reference=row.pk,
        provider_reference=attempt.provider_reference,
        amount=row.amount,
        final=row.final,
        lines=lines(attempt, row.amount),
    )


def cancel(attempt: PaymentAttempt, key: str) -> Cancel:
    """Release reserved money, or stop a payment that waits for its customer."""
    reference = attempt.provider_reference
    return Cancel(key=key, provider_reference=reference, reason="abandoned", reference=attempt.pk)


def reverse(attempt: PaymentAttempt, key: str) -> Reverse:
    """Release what is reserved, or give back what was taken of it."""
    return Reverse(key=key, reference=attempt.pk, provider_reference=attempt.provider_reference)


def adjust(attempt: PaymentAttempt, amount: Money, key: str) -> Adjust:
    """Hold what is reserved for longer: `amount` is what of it can be captured."""
    return Adjust(key=key, reference=attempt.pk, provider_reference=attempt.provider_reference, amount=amount)


def return_url(attempt: PaymentAttempt) -> str:
    """Where the PSP sends the customer back to: our own address, which carries the attempt in a signed state."""
    return f"{settings.PUBLIC_URL}/return/{_returns.sign(attempt.pk)}"


def attempt_in(state: str) -> str:
    """The attempt that a signed state names; `BadSignature` when it is not ours."""
    return _returns.unsign(state)
