"""Confirming an intent: open an attempt, ask the PSP, record what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from payments.connectors.base import Outcome
from payments.gateway import accounts, calls
from payments.intents import routing, selectors
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.selectors import Held
from payments.intents.services import outcomes, requests
from payments.intents.services.refusals import (
    IntentUnexpectedState,
    OrderAlreadyPaid,
    OrderNotPayable,
    OrderPaymentInProgress,
    ProviderUnavailable,
    TooManyAttempts,
)
from payments.intents.states import AttemptStatus, IntentStatus
from payments.kernel import clock, crashpoints, ids, jobs, unit
from payments.orders.models import Order
from payments.orders.states import OrderStatus

MOST_ATTEMPTS: Final = 10
"""Per intent: whoever tries more has a list of cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How the customer wants to pay: a token that the PSP's own fields made, or that its documents list.

    Where those fields make no token, `details` are what they gave; `browser` is what 3-D Secure wants to know.
    """

    type: str
    token: str = ""
    provider_account: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    browser: Mapping[str, Any] = field(default_factory=dict)


def confirm(
    intent_id: str, method: Method, *, client_id: str, by: str, return_url: str = "", off_session: bool = False
) -> Held:
    """Try to collect the intent's amount, once.

    The attempt and its call are on record before the request leaves, and no transaction is open while we wait.
    A crash on any line leaves rows that recovery can ask about. A decline, a challenge and an unknown outcome are
    answers like a success; `ProviderUnavailable` is raised only with proof that nothing happened.
    """
    with unit.work():
        held = selectors.hold(intent_id, client_id=client_id)
        _refuse_unless_payable(held)
        _open_attempt(held, method, return_url=return_url, off_session=off_session, by=by)
        account, request = accounts.account(held.tried.account_id), requests.authorize(held.tried, _given(method))
        call = calls.open_call(account, request, owner_id=held.tried.pk)
        crashpoints.reach("confirm.opened")
    crashpoints.reach("confirm.committed")
    outcome = calls.send(account, request)
    crashpoints.reach("confirm.answered")
    return outcomes.record(held, call, outcome, outcomes.Sender(point="confirm", by=by, refuse=_refusal))


def _refuse_unless_payable(held: Held) -> None:
    intent = held.intent
    if not intent.may("confirm"):
        if intent.status == IntentStatus.PROCESSING:
            raise OrderPaymentInProgress("A payment of this intent is in progress.")
        raise IntentUnexpectedState(f"The payment intent is {intent.status}.")
    if intent.cancel_reason:
        raise IntentUnexpectedState("A cancel of this payment intent is in progress.")
    if intent.latest_attempt_id and selectors.attempts_made(intent.pk) >= MOST_ATTEMPTS:
        raise TooManyAttempts(f"{MOST_ATTEMPTS} attempts were made to pay this intent.")
    if held.order is not None:
        _refuse_unless_owed(held.order, intent)


def _refuse_unless_owed(order: Order, intent: PaymentIntent) -> None:
    """One order, one payment: what is taken and what may still be taken leave room for this intent."""
    if order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        raise OrderNotPayable(f"The order is {order.status}.")
    taken = order.amount_paid_minor - order.amount_refunded_minor
    if taken + intent.amount_minor > order.amount_total_minor:
        left = max(order.amount_total_minor - taken, 0)
        raise OrderAlreadyPaid(f"Of the order {left} is still to be paid, in minor units; this payment is larger.")
    waiting = selectors.held_for_order(order.pk, except_waiting_of=intent.pk)
    if taken + waiting + intent.amount_minor > order.amount_total_minor:
        raise OrderPaymentInProgress("Another payment of this order is in progress.")


def _open_attempt(held: Held, method: Method, *, return_url: str, off_session: bool, by: str) -> None:
    """Choose the provider account, and put the attempt on record."""
    intent = held.intent
    choice = routing.plan(
        selectors.able(
            held,
            method.type,
            token=method.token,
            wanted=method.provider_account,
            channel=str(method.browser.get("channel", "")).lower(),
        ),
        intent_id=intent.pk,
        country=held.order.country if held.order else "",
        currency=intent.currency,
        wanted=method.provider_account,
    )
    if intent.status == IntentStatus.REQUIRES_ACTION:
        _supersede(intent)
    account = accounts.account(choice.code)
    attempt = PaymentAttempt(
        id=ids.new("att"),
        intent=intent,
        order_id=intent.order_id or "",
        account_id=account.pk,
        currency=intent.currency,
        amount_minor=intent.amount_minor,
        method=method.type,
        token=method.token,
        return_url=return_url,
        capture=intent.capture_method == "automatic",
        off_session=off_session,
        reason_for_route=choice.why,
        call_id=ids.new("call"),
    )
    unit.current().add(attempt)
    attempt.advance("send", because=choice.why, by=by)
    intent.advance(
        "confirm",
        because=f"confirmed with {method.type}",
        by=by,
        latest_attempt_id=attempt.pk,
        next_action=None,
        last_payment_error=None,
    )
    held.attempt = attempt


def _given(method: Method) -> Mapping[str, Any]:
    return {"details": method.details, "browser": method.browser}


def _supersede(intent: PaymentIntent) -> None:
    """The customer has left the PSP's page and pays otherwise: the waiting attempt is canceled there, soon."""
    waiting = selectors.alive(intent.pk)
    if waiting is None:
        return
    if waiting.status != AttemptStatus.ACTION_REQUIRED:
        raise OrderPaymentInProgress("A payment of this intent is in progress.")
    waiting.change(superseded_at=clock.now())
    jobs.enqueue("cancel_attempt", attempt_id=waiting.pk)


def _refusal(held: Held, _outcome: Outcome) -> ProviderUnavailable | None:
    """Nothing happened at the PSP: the caller may use the same key again."""
    if held.tried.status != AttemptStatus.FAILED:
        return None
    return ProviderUnavailable("The payment provider could not be reached. Nothing was charged; try again.")
