"""Confirming an intent: open an attempt, ask the PSP, record what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from payments.connectors.base import Authorize, Outcome, Verdict
from payments.gateway import accounts, calls
from payments.gateway.models import ProviderCall
from payments.intents import routing, rulebook, selectors
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.selectors import Held
from payments.intents.services import outcomes, requests
from payments.intents.services.refusals import (
    IntentUnexpectedState,
    OrderAlreadyPaid,
    OrderNotPayable,
    OrderPaymentInProgress,
    PaymentMethodDetailsRequired,
    ProviderUnavailable,
    TooManyAttempts,
)
from payments.intents.states import AttemptStatus, IntentStatus
from payments.kernel import clock, crashpoints, ids, jobs, unit
from payments.methods import selectors as method_selectors
from payments.methods import services as methods
from payments.methods.models import PaymentMethod, PaymentMethodToken
from payments.orders.models import Order
from payments.orders.states import OrderStatus

MOST_ATTEMPTS: Final = 10
"""Per intent: whoever tries more has a list of cards."""

SAYS_HOW_IT_STANDS: Final = (Verdict.APPROVED, Verdict.PENDING, Verdict.DECLINED, Verdict.CANCELED)
"""Answers by which an attempt that waits for its customer waits no longer."""

PAID: Final = (IntentStatus.SUCCEEDED, IntentStatus.REQUIRES_CAPTURE)
"""Nothing is left to collect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How the customer wants to pay: a token that the PSP's own fields made, or that its documents list; or `saved`.

    Where those fields make no token, `details` are what they gave; `browser` is what 3-D Secure wants to know.
    """

    type: str = ""
    token: str = ""
    saved: str = ""
    provider_account: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    browser: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The kind of method, and where it is a saved one, its tokens by provider account."""

    kind: str
    saved: PaymentMethod | None = None
    tokens: Mapping[str, PaymentMethodToken] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a customer wants to be done, and who says so."""

    method: Method
    means: Means
    by: str
    return_url: str = ""
    off_session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call on record, and what it asks."""

    call: ProviderCall
    request: Authorize


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is asked first, by which plan, for which wish."""

    wish: Wish
    plan: routing.Plan
    question: Question


def confirm(
    intent_id: str, method: Method, *, client_id: str, by: str, return_url: str = "", off_session: bool = False
) -> Held:
    """Try to collect the intent's amount, once: with the first account of the plan, or the next one when it may.

    Each attempt and its call are on record before the request leaves, and no transaction is open while we wait.
    A crash on any line leaves rows that recovery can ask about. A decline, a challenge and an unknown outcome are
    answers like a success; `ProviderUnavailable` is raised only with proof that nothing happened. A customer who was
    sent to the PSP, paid there and pays anew pays once: the answer is the payment that they have made.
    """
    means = Means(kind=method.type)
    point, wish = "confirm", Wish(method=method, means=means, by=by, return_url=return_url, off_session=off_session)
    with unit.work():
        held = selectors.hold(intent_id, client_id=client_id)
        _refuse_unless_payable(held)
        waiting = _to_ask_about(held)
        begun = _begin(held, wish) if waiting is None else None
    if waiting is not None:
        held, begun = _ask_first(waiting, wish, client_id=client_id)
    if begun is None:
        return held
    wish, plan, question = begun.wish, begun.plan, begun.question
    outcome = _ask(held, question, point)
    while (onward := plan.after(outcome)) is not None:
        tried = held.tried
        try:
            question = _move_on(held, question, outcome, wish, onward)
        except unit.Stale:  # a notification or a cancel was quicker: nobody else is asked
            return outcomes.record_anew(tried.pk, question.call, outcome, _sender(wish, point))
        plan, point = onward, "failover"
        outcome = _ask(held, question, point)
    return outcomes.record(held, question.call, outcome, _sender(wish, point))


def _begin(held: Held, wish: Wish) -> Begun:
    """Put the first attempt and its call on record, with the payment held."""
    wish = replace(wish, means=_means(held.intent, wish.method))
    plan = rulebook.plan(_facts(held, wish), held.intent.customer_id, able=_able(held, wish))
    question = _open_attempt(held, wish, plan)
    crashpoints.reach("confirm.opened")
    return Begun(wish=wish, plan=plan, question=question)


def _to_ask_about(held: Held) -> PaymentAttempt | None:
    """The attempt whose customer was sent to the PSP and now pays anew, where the PSP says how it stands.

    They may have paid there, and come back before the news of it.
    """
    if held.intent.status != IntentStatus.REQUIRES_ACTION:
        return None
    waiting = selectors.alive(held.intent.pk)
    if waiting is None or waiting.status != AttemptStatus.ACTION_REQUIRED:
        return None
    return waiting if calls.can_be_asked(selectors.call(waiting.call_id)) else None


def _ask_first(waiting: PaymentAttempt, wish: Wish, *, client_id: str) -> tuple[Held, Begun | None]:
    """Apply what the PSP says of the waiting attempt; then begin, unless the intent turns out to be paid.

    A PSP that does not say keeps nobody from paying otherwise: should the waiting attempt be paid all the same, that
    money goes back.
    """
    call = selectors.call(waiting.call_id)
    request, known = requests.authorize(waiting, call.given), waiting.provider_reference
    outcome = calls.find(call, request, provider_reference=known, interactive=True)
    if outcome.verdict in SAYS_HOW_IT_STANDS:
        outcomes.settle(waiting.pk, call.pk, outcome, by=wish.by)
    with unit.work() as work:
        held = selectors.hold(waiting.intent_id, client_id=client_id)
        if held.intent.status in PAID:
            held.attempt = selectors.latest_attempt(held.intent)
            work.returns(held)
            return held, None
        _refuse_unless_payable(held)
        return held, _begin(held, wish)


def _sender(wish: Wish, point: str) -> outcomes.Sender:
    return outcomes.Sender(point=point, by=wish.by, refuse=_refusal)


def _ask(held: Held, question: Question, point: str) -> Outcome:
    """Make the call that is on record."""
    crashpoints.reach(f"{point}.committed")
    outcome = calls.send(accounts.account(held.tried.account_id), question.request)
    crashpoints.reach(f"{point}.answered")
    return outcome


def _move_on(held: Held, asked: Question, outcome: Outcome, wish: Wish, plan: routing.Plan) -> Question:
    """In one commit, end the attempt that came to nothing and open the next: the order stays held throughout.

    `Stale` when the order, the intent or the attempt is not as it was when this confirmation began.
    """
    with unit.work():
        failed = held.tried
        if held.order is not None:
            held.order.must_stand()
        following = _open_attempt(held, wish, plan)
        outcomes.pass_over(Held(held.intent, held.order, failed), asked.call, outcome, by=wish.by, point="confirm")
        crashpoints.reach("failover.opened")
    return following


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


def _means(intent: PaymentIntent, method: Method) -> Means:
    """What it is paid with; refuses a saved method that is not there for this customer."""
    if not method.saved:
        return Means(kind=method.type)
    saved = methods.usable(method.saved, customer_id=intent.customer_id)
    tokens = {row.account_id: row for row in method_selectors.live_tokens(saved.pk)}
    return Means(kind=saved.method, saved=saved, tokens=tokens)


def _able(held: Held, wish: Wish) -> frozenset[str]:
    """The accounts that take this payment at all; refuses, and says what would do, when there is none."""
    method, means = wish.method, wish.means
    channel = str(method.browser.get("channel", "")).lower()
    fit = selectors.able(held, means.kind, token=method.token, wanted=method.provider_account, channel=channel)
    if means.saved is None:
        return _told_enough(held, wish, fit)
    keeping = fit & {accounts.account(account_id).code for account_id in means.tokens}
    if not keeping:
        raise routing.PaymentMethodNotAvailable(
            "No provider account that keeps this saved method takes the payment.", param="saved_payment_method"
        )
    return keeping


def _told_enough(held: Held, wish: Wish, fit: frozenset[str]) -> frozenset[str]:
    """Those of the accounts whose PSP has all that it requires for this method; refuses before any is asked."""
    method = wish.method
    missing = selectors.missing(held, wish.means.kind, fit, method.details, token=bool(method.token))
    enough = frozenset(code for code in fit if not missing[code])
    if enough and method.provider_account in (None, *enough):
        return enough
    names = missing[method.provider_account] if method.provider_account else min(missing.values(), key=len)
    raise PaymentMethodDetailsRequired(
        f"{wish.means.kind} needs {', '.join(names)} in payment_method.details.",
        param=f"payment_method.details.{names[0]}",
        required=names,
    )


def _facts(held: Held, wish: Wish) -> routing.Facts:
    """What routing may know of this payment; brand and first digits where the client's fields have told them."""
    intent, method, told = held.intent, wish.method, wish.method.details
    return routing.Facts(
        intent_id=intent.pk,
        currency=intent.currency,
        country=held.order.country if held.order is not None else "",
        method=wish.means.kind,
        amount=intent.amount_minor,
        brand=str(told.get("brand", "")),
        bin=str(told.get("bin", "")),
        channel=str(method.browser.get("channel", "")),
        has_token=bool(method.token or method.saved),
        wanted=method.provider_account,
    )


def _open_attempt(held: Held, wish: Wish, plan: routing.Plan) -> Question:
    """Put an attempt with the plan's first account, and the call that follows, on record."""
    intent, method, means = held.intent, wish.method, wish.means
    why = f"{'keeps the saved method; ' if means.saved else ''}{plan.first.why}"[:200]
    if intent.status == IntentStatus.REQUIRES_ACTION:
        _supersede(intent)
    account = accounts.account(plan.first.code)
    kept, saves = means.tokens.get(account.pk), _saves(intent, means, account.pk)
    attempt = PaymentAttempt(
        id=ids.new("att"),
        intent=intent,
        order_id=intent.order_id or "",
        account_id=account.pk,
        currency=intent.currency,
        amount_minor=intent.amount_minor,
        method=means.kind,
        token=kept.token if kept else method.token,
        saved_method=means.saved,
        saves=saves,
        payer=_payer(intent, account.pk, kept, saves=saves),
        return_url=wish.return_url,
        channel=str(method.browser.get("channel", "")).lower()[:8],
        capture=intent.capture_method == "automatic",
        off_session=wish.off_session,
        reason_for_route=why,
        route=plan.told(),
        rule_id=plan.rule,
        rule_arm=plan.arm,
        call_id=ids.new("call"),
    )
    unit.current().add(attempt)
    attempt.advance("send", because=why, by=wish.by)
    intent.advance(
        "fail_over" if plan.tried else "confirm",
        because=f"{account.code} is tried: {why}" if plan.tried else f"confirmed with {means.kind}",
        by=wish.by,
        latest_attempt_id=attempt.pk,
        next_action=None,
        last_payment_error=None,
    )
    held.attempt = attempt
    request = requests.authorize(attempt, _given(method))
    return Question(call=calls.open_call(account, request, owner_id=attempt.pk), request=request)


def _saves(intent: PaymentIntent, means: Means, account_id: str) -> bool:
    """Whether the PSP is to keep what the intent is paid with: where it was wished for, and can be, and is new."""
    wished = bool(intent.setup_future_usage) and means.saved is None
    return wished and method_selectors.offer(means.kind, account_id).saves


def _payer(intent: PaymentIntent, account_id: str, kept: PaymentMethodToken | None, *, saves: bool) -> str:
    if kept is not None:
        return kept.payer
    return method_selectors.payer(intent.customer_id, account_id) if saves else ""


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
