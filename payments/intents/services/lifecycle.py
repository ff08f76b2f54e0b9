"""Creating, canceling and expiring intents, and continuing after a customer's action."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from django.db.models import Exists

from payments.connectors.base import Verdict
from payments.gateway import accounts, calls
from payments.gateway.models import ProviderAccount
from payments.intents import selectors
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent
from payments.intents.selectors import Held
from payments.intents.services import announcements, moves, outcomes, requests
from payments.intents.services.refusals import (
    IntentUnexpectedState,
    OrderAlreadyPaid,
    OrderNotPayable,
    OrderPaymentInProgress,
)
from payments.intents.states import CANCELABLE, AttemptStatus, CaptureStatus, IntentStatus
from payments.kernel import attention, clock, crashpoints, ids, jobs, money, rounds, unit
from payments.kernel.errors import Refusal
from payments.methods import selectors as methods
from payments.orders import selectors as order_selectors
from payments.orders import services as orders
from payments.orders.models import Customer, Order
from payments.orders.states import OrderStatus

RESTING: Final = (IntentStatus.PROCESSING, IntentStatus.REQUIRES_ACTION, IntentStatus.REQUIRES_CAPTURE)
"""Intents that go on with the attempt they have."""

RESERVATION_WARNING: Final = timedelta(days=6)
"""An authorisation this old, since it was last held for longer, expires soon: schemes release most after seven days."""


class OrderUnknown(Refusal):
    """The client has no such order."""

    code, status = "order_unknown", 422


class AmountExceedsOrder(Refusal):
    """The amount exceeds what is still to be paid of the order."""

    code, status = "amount_exceeds_order", 422


class CustomerRequired(Refusal):
    """A payment method is saved for a customer: the payment intent, or its order, must have one."""

    code, status = "customer_required", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentDraft:
    """An intent as the client sends it: of an order (its open amount when `amount` is None) or standalone."""

    order: str | None = None
    amount: int | None = None
    currency: str | None = None
    customer: str | None = None
    capture_method: str = "automatic"
    setup_future_usage: str = ""
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def create(draft: IntentDraft, *, client_id: str) -> Held:
    """Wish to collect an amount. Nothing is asked of any PSP."""
    with unit.work() as work:
        order = _order(draft, client_id) if draft.order is not None else None
        intent = _intent(draft, order, client_id)
        work.add(intent)
        announcements.announce(intent, None, "payment_intent.created")
        held = Held(intent, order)
        work.returns(held)
    return held


def _order(draft: IntentDraft, client_id: str) -> Order:
    try:
        order = order_selectors.order(str(draft.order), client_id=client_id)
    except Order.DoesNotExist:
        raise OrderUnknown(f"There is no order {draft.order}.", param="order") from None
    if order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        raise OrderNotPayable(f"The order is {order.status}.", param="order")
    return order


def _intent(draft: IntentDraft, order: Order | None, client_id: str) -> PaymentIntent:
    currency = order.currency if order is not None else str(draft.currency)
    if order is not None and draft.currency not in (None, currency):
        raise money.CurrencyMismatch(f"The order is in {currency}.", param="currency")
    customer_id = _customer(draft, order, client_id)
    if draft.setup_future_usage and customer_id is None:
        raise CustomerRequired("A payment method is saved for a customer.", param="customer")
    return PaymentIntent(
        client_id=client_id,
        order=order,
        customer_id=customer_id,
        setup_future_usage=draft.setup_future_usage,
        currency=currency,
        amount_minor=_amount(draft, order),
        capture_method=draft.capture_method,
        description=draft.description,
        metadata=dict(draft.metadata),
    )


def _amount(draft: IntentDraft, order: Order | None) -> int:
    if order is None:
        return int(draft.amount or 0)
    left = order.amount_total_minor - order.amount_paid_minor + order.amount_refunded_minor
    if left <= 0:
        raise OrderAlreadyPaid("The order has been paid.", param="order")
    if draft.amount is not None and draft.amount > left:
        raise AmountExceedsOrder(f"{left} is still to be paid of the order.", param="amount")
    return draft.amount or left


def _customer(draft: IntentDraft, order: Order | None, client_id: str) -> str | None:
    if draft.customer is None:
        return order.customer_id if order is not None else None
    if order is not None and order.customer_id == draft.customer:
        return draft.customer
    if not Customer.objects.filter(pk=draft.customer, client_id=client_id, erased_at__isnull=True).exists():
        raise orders.CustomerUnknown(f"There is no customer {draft.customer}.", param="customer")
    return draft.customer


def cancel(intent_id: str, *, reason: str, client_id: str, by: str) -> Held:
    """Cancel an intent: at once when nothing of it lives, else at the PSP first.

    While the PSP's answer to an attempt is not known, or it cannot be reached, only the wish is recorded; evidence
    decides whether it wins. What a capture has taken meanwhile goes back, where the PSP reverses payments.
    """
    with unit.work() as work:
        held = selectors.hold(intent_id, client_id=client_id)
        if not held.intent.may("cancel"):
            raise IntentUnexpectedState(f"The payment intent is {held.intent.status}.")
        held.attempt = selectors.latest_attempt(held.intent)
        held.intent.change(cancel_reason=reason)
        if held.intent.status == IntentStatus.REQUIRES_PAYMENT_METHOD:
            held.intent.advance("cancel", because=f"canceled: {reason}", by=by)
            announcements.announce(held.intent, held.attempt, "payment_intent.canceled")
        if held.attempt is None or held.attempt.status not in CANCELABLE:
            work.returns(held)
            return held
        _refuse_during_capture(held.attempt)
        _remember(held.attempt)
    return cancel_attempt(held.attempt.pk, by=by, interactive=True)


def _remember(attempt: PaymentAttempt) -> None:
    """A wish to cancel outlives the process that has it."""
    jobs.enqueue(
        "cancel_attempt",
        run_at=clock.now() + timedelta(seconds=30),
        unique=f"cancel_attempt:{attempt.pk}",
        attempt_id=attempt.pk,
    )


def _refuse_during_capture(attempt: PaymentAttempt) -> None:
    capture = selectors.capture_in_flight(attempt.pk)
    if capture is not None and not _may_be_reversed(attempt, capture):
        raise IntentUnexpectedState("A capture of this payment intent is in progress.")


def _may_be_reversed(attempt: PaymentAttempt, capture: Capture) -> bool:
    """Whether it can be undone before it is known what comes of its capture, which must have left."""
    gone = capture.status in (CaptureStatus.PENDING, CaptureStatus.UNKNOWN) and attempt.provider_reference != ""
    able = methods.offer(attempt.method, attempt.account_id).refund
    return gone and able and accounts.connector(accounts.account(attempt.account_id)).reverses


def cancel_attempt(attempt_id: str, *, by: str, interactive: bool = False) -> Held:
    """Stop an attempt at its PSP, if it can still be stopped and nobody waits for it; evidence says what came of it.

    While nobody knows what comes of its capture, it is reversed, where the PSP does that: canceled, or refunded.

    When the PSP cannot be reached, a job comes back: this one by `Retry`, or the one that an `interactive` caller,
    who waits for no more than that, has left.
    """
    with unit.work() as work:
        held = selectors.hold_with_attempt(attempt_id)
        attempt = held.tried
        capture = selectors.capture_in_flight(attempt.pk)
        stoppable = attempt.status in CANCELABLE and (capture is None or _may_be_reversed(attempt, capture))
        if not stoppable or _is_waited_for(held) or selectors.cancel_in_flight(attempt):
            work.returns(held)
            return held
        account = accounts.account(attempt.account_id)
        undo = requests.cancel if capture is None else requests.reverse
        request = undo(attempt, ids.new("call"))
        call = calls.open_call(account, request, owner_id=attempt.pk)
        crashpoints.reach("cancel.opened")
    crashpoints.reach("cancel.committed")
    outcome = calls.send(account, request, interactive=interactive)
    crashpoints.reach("cancel.answered")
    if outcome.verdict is Verdict.UNAVAILABLE:
        held = _not_reached(attempt_id, call.pk)
        if not interactive:
            raise jobs.Retry(timedelta(seconds=30), "the provider could not be reached")
        return held
    return outcomes.record(held, call, outcome, outcomes.Sender(point="cancel", by=by))


def _not_reached(attempt_id: str, call_id: str) -> Held:
    """Nothing was canceled; the payment as it is."""
    with unit.work() as work:
        held = selectors.hold_with_attempt(attempt_id)
        calls.close(selectors.call(call_id), Verdict.UNAVAILABLE, "not reached")
        work.returns(held)
    return held


def _is_waited_for(held: Held) -> bool:
    """True while the intent rests on this attempt, nobody wished for its end, and its time is not over."""
    intent, attempt = held.intent, held.tried
    rests = intent.latest_attempt_id == attempt.pk and intent.status in RESTING
    over = attempt.status == AttemptStatus.ACTION_REQUIRED and intent.expires_at <= clock.now()
    return rests and not intent.cancel_reason and not over


def release_reservations(order_id: str) -> None:
    """Let go of what is reserved for an order beyond what it still needs, the newest first: it was paid otherwise."""
    with unit.work():
        order_selectors.locked(order_id)
        reserved = selectors.held_for_order(order_id)
        for attempt in selectors.reservations(order_id):
            held = selectors.hold_with_attempt(attempt.pk)
            if moves.fits_order(held, reserved):
                return
            reserved -= attempt.amount_minor
            if not held.intent.cancel_reason and selectors.capture_in_flight(attempt.pk) is None:
                held.intent.change(cancel_reason=moves.NOT_PAYABLE)
                jobs.enqueue("cancel_attempt", attempt_id=attempt.pk)


def complete(intent_id: str, *, details: Mapping[str, str], client_id: str, by: str) -> Held:
    """The same as `complete_action`, for the attempt whose action the intent shows to its client."""
    intent = selectors.intent(intent_id, client_id=client_id)
    if intent.status != IntentStatus.REQUIRES_ACTION:
        raise IntentUnexpectedState(f"The payment intent is {intent.status}.")
    return complete_action(intent.latest_attempt_id, by=by, details=details)


def complete_action(attempt_id: str, *, by: str, details: Mapping[str, str] = MappingProxyType({})) -> Held:
    """The customer has come back with what the action gave: hand it to the PSP, and record what came of it.

    When the PSP cannot be reached, the customer may come back once more.
    """
    with unit.work() as work:
        held = selectors.hold_with_attempt(attempt_id)
        attempt = held.tried
        account = accounts.account(attempt.account_id)
        if attempt.status != AttemptStatus.ACTION_REQUIRED or _would_make_unwanted(held, account):
            work.returns(held)
            return held
        request = requests.complete(attempt, ids.new("call"), details)
        call = calls.open_call(account, request, owner_id=attempt.pk)
        crashpoints.reach("complete.opened")
    crashpoints.reach("complete.committed")
    outcome = calls.send(account, request)
    crashpoints.reach("complete.answered")
    if outcome.verdict is Verdict.UNAVAILABLE:
        with unit.work():
            calls.close(selectors.call(call.pk), Verdict.UNAVAILABLE, "not reached")
        return held
    return outcomes.record(held, call, outcome, outcomes.Sender(point="complete", by=by))


def _would_make_unwanted(held: Held, account: ProviderAccount) -> bool:
    """True where handing the result over would make a payment that nobody wants any more."""
    unwanted = held.tried.superseded_at is not None or bool(held.intent.cancel_reason)
    return unwanted and not accounts.connector(account).can_be_asked


def change_order(order_id: str, *, client_id: str, metadata: Mapping[str, str]) -> order_selectors.OrderWithLines:
    """Change an open order of which nothing lives."""
    with unit.work() as work:
        order = order_selectors.locked(order_id, client_id=client_id)
        _refuse_while_paid(order_id)
        orders.change(order, metadata=metadata)
        changed = order_selectors.OrderWithLines(order, order_selectors.lines([order])[order.pk])
        work.returns(changed)
    return changed


def _refuse_while_paid(order_id: str) -> None:
    if selectors.held_for_order(order_id):
        raise OrderPaymentInProgress("A payment of this order is in progress.")


def cancel_order(order_id: str, *, client_id: str, by: str) -> order_selectors.OrderWithLines:
    """Cancel an open order of which nothing lives."""
    with unit.work() as work:
        order = order_selectors.locked(order_id, client_id=client_id)
        _refuse_while_paid(order_id)
        orders.end(order, "cancel", because="canceled by the client", by=by)
        canceled = order_selectors.OrderWithLines(order, order_selectors.lines([order])[order.pk])
        work.returns(canceled)
    return canceled


def expire_due() -> None:
    """Expire intents and orders whose time is over; what waits at a PSP is stopped there first."""
    now = clock.now()
    unpaid = PaymentIntent.objects.filter(status="requires_payment_method", expires_at__lt=now)
    rounds.each(unpaid, "expires_at", _expire_intent)
    waiting = PaymentAttempt.objects.filter(status="action_required", intent__expires_at__lt=now)
    rounds.each(waiting.exclude(_is_being_canceled()), "intent__expires_at", _stop_attempt)
    rounds.each(Order.objects.filter(status="open", expires_at__lt=now), "expires_at", _expire_order)


def _expire_intent(intent_id: str) -> None:
    with unit.work():
        held = selectors.hold(intent_id)
        if held.intent.status == IntentStatus.REQUIRES_PAYMENT_METHOD:
            held.intent.advance("expire", because="its time is over", by="upkeep")
            announcements.announce(held.intent, selectors.latest_attempt(held.intent), "payment_intent.expired")


def _is_being_canceled() -> Exists:
    key = rounds.written("cancel_attempt:att")
    return Exists(jobs.Job.objects.filter(unique_key=key, state__in=[jobs.JobState.READY, jobs.JobState.RUNNING]))


def _stop_attempt(attempt_id: str) -> None:
    with unit.work():
        jobs.enqueue("cancel_attempt", unique=f"cancel_attempt:{attempt_id}", attempt_id=attempt_id)


def _expire_order(order_id: str) -> None:
    with unit.work():
        order = order_selectors.locked(order_id)
        if order.may("expire") and not selectors.held_for_order(order_id):
            orders.end(order, "expire", because="its time is over", by="upkeep")


def warn_of_expiring_reservations() -> None:
    """Ask for a person where an authorisation expires soon and nobody has captured it."""
    old = selectors.reservations_older(RESERVATION_WARNING)
    asked = attention.AttentionItem.objects.filter(
        kind=attention.AttentionKind.AUTHORIZATION_EXPIRING, closed_at__isnull=True, object_id=rounds.written("att")
    )
    rounds.each(old.exclude(Exists(asked)), "authorized_at", _warn_of_expiry)


def _warn_of_expiry(attempt_id: str) -> None:
    attempt = PaymentAttempt.objects.get(pk=attempt_id)
    with unit.work():
        attention.open_item(
            attention.AttentionKind.AUTHORIZATION_EXPIRING,
            attempt.pk,
            f"{money.text(attempt.amount)} authorised at {attempt.authorized_at:%Y-%m-%d %H:%M} UTC",
        )
