"""What an outcome means for a payment: state, ledger, order and events in one commit.

Every use case ends here, and so does every notification: it does not matter where the evidence comes from, how often,
or in which order. An outcome that the state machine has no move for is old news and changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import structlog
from moneyed import Money

from payments.connectors.base import Outcome, Verdict
from payments.gateway import calls
from payments.gateway.models import CallKind, ProviderCall
from payments.intents import selectors
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.selectors import Held
from payments.intents.services import moves
from payments.intents.states import CANCELABLE, NOTHING, SETTLED, AttemptStatus, CaptureStatus, IntentStatus
from payments.kernel import attention, clock, crashpoints, jobs, money, tracing, unit
from payments.kernel.errors import Refusal
from payments.methods import services as methods

log = structlog.get_logger(__name__)

MOVES: Final[Mapping[str, Callable[[Held, Outcome, str], None]]] = {
    "challenge": moves.challenge,
    "wait": moves.wait,
    "decline": moves.decline,
    "fail": moves.fail,
    "lose": moves.lose,
    "void": moves.void,
    "expire": moves.expire,
    "authorize": moves.authorize,
}
"""What each event of an attempt does; `capture` stands apart because it looks at amounts."""

EVENTS: Final = {
    Verdict.ACTION_REQUIRED: "challenge",
    Verdict.PENDING: "wait",
    Verdict.DECLINED: "decline",
    Verdict.UNAVAILABLE: "fail",
    Verdict.UNKNOWN: "lose",
}
"""Verdict -> event of the attempt, for those that need no look at anything else."""

MOVES_OF_CAPTURE: Final[Mapping[str, Callable[[Held, Capture, Outcome, str], None]]] = {
    "wait": moves.capture_waits,
    "lose": moves.capture_waits,
    "fail": moves.capture_fails,
}
"""What each event of a capture that has not succeeded does."""

TAKES_BACK: Final = (Verdict.DECLINED, Verdict.CANCELED)
"""What a PSP cannot say of money that it has taken, unless it has given it up again."""

CAPTURE_EVENTS: Final = {
    Verdict.PENDING: "wait",
    Verdict.DECLINED: "fail",
    Verdict.UNAVAILABLE: "fail",
    Verdict.CANCELED: "fail",
    Verdict.UNKNOWN: "lose",
    Verdict.ACTION_REQUIRED: "lose",
}
"""Verdict -> event of a capture that has not succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The use case that made a call and waits for its answer.

    `refuse` says what its caller is refused with, if anything, once the answer is applied; that is stored and raised.
    """

    point: str
    by: str
    refuse: Callable[[Held, Outcome], Refusal | None] = lambda _held, _outcome: None


def record(held: Held, call: ProviderCall, outcome: Outcome, sender: Sender, *, capture: Capture | None = None) -> Held:
    """Record a call's answer and all that follows from it, in one commit; the payment as it then is.

    The rows are those of the commit before the call, guarded by their versions. When somebody was quicker, a
    notification as a rule, the same is done again on the rows as they are now, under their locks.
    """
    try:
        with unit.work() as work:
            refusal = _answer(work, held, call, outcome, sender, capture)
    except unit.Stale:
        return record_anew(held.tried.pk, call, outcome, sender, capture=capture)
    return _recorded(held, refusal, sender)


def record_anew(
    attempt_id: str, call: ProviderCall, outcome: Outcome, sender: Sender, *, capture: Capture | None = None
) -> Held:
    """The same on the rows as they are now, under their locks, for who has found that somebody was quicker."""
    with unit.work() as work:
        held, call = selectors.hold_with_attempt(attempt_id), selectors.call(call.pk)
        capture = Capture.objects.get(pk=capture.pk) if capture is not None else None
        refusal = _answer(work, held, call, calls.first_hand(call, outcome), sender, capture)
    return _recorded(held, refusal, sender)


def _recorded(held: Held, refusal: Refusal | None, sender: Sender) -> Held:
    crashpoints.reach(f"{sender.point}.recorded")
    if refusal is not None:
        raise refusal
    return held


def pass_over(held: Held, call: ProviderCall, outcome: Outcome, *, by: str, point: str) -> None:
    """Record in the open unit that an attempt came to nothing, while the intent goes on with the next one already."""
    _record(held, call, outcome, by=by, point=point, capture=None)


def _answer(
    work: unit.Unit, held: Held, call: ProviderCall, outcome: Outcome, sender: Sender, capture: Capture | None
) -> Refusal | None:
    _record(held, call, outcome, by=sender.by, point=sender.point, capture=capture)
    refusal = sender.refuse(held, outcome)
    work.returns(refusal or held)
    return refusal


def settle(attempt_id: str, call_id: str, outcome: Outcome, *, by: str, capture_id: str | None = None) -> None:
    """The same for whoever was not there when the call was made, on the rows as they are now, under their locks."""
    with unit.work():
        held = selectors.hold_with_attempt(attempt_id)
        capture = Capture.objects.get(pk=capture_id) if capture_id is not None else None
        _record(held, selectors.call(call_id), outcome, by=by, point="recovery", capture=capture)


def _record(held: Held, call: ProviderCall, outcome: Outcome, *, by: str, point: str, capture: Capture | None) -> None:
    with tracing.about(intent_id=held.intent.pk, attempt_id=held.tried.pk):
        _follow(held, call, outcome, by=by, point=point, capture=capture)


def _follow(held: Held, call: ProviderCall, outcome: Outcome, *, by: str, point: str, capture: Capture | None) -> None:
    if call.look_at is not None:
        calls.answer(call, outcome)
    if call.kind == CallKind.REVERSE:
        undo(held, outcome, by=by)
        crashpoints.reach(f"{point}.applied")
        return
    if call.kind == CallKind.CANCEL and outcome.verdict not in (Verdict.CANCELED, Verdict.APPROVED):
        _not_canceled(held, outcome)
        return
    if call.kind == CallKind.ADJUST:
        moves.extend(held, outcome, call.sent_at, by)
        crashpoints.reach(f"{point}.applied")
        return
    canceled = call.kind == CallKind.CANCEL and outcome.verdict is Verdict.CANCELED  # else it was paid meanwhile
    if canceled and held.tried.status == AttemptStatus.UNKNOWN:
        moves.void(held, outcome, by)  # of which more was known than that it was sent
    elif capture is None:
        apply(held, outcome, by=by)
    else:
        apply_capture(held, capture, outcome, by=by)
    if call.kind == CallKind.COMPLETE and held.tried.status in SETTLED:
        _close_first_call(held.tried, outcome, by)
    crashpoints.reach(f"{point}.applied")


def _close_first_call(attempt: PaymentAttempt, outcome: Outcome, by: str) -> None:
    """The call that authorised waited for what the customer would do: that is known now."""
    first = ProviderCall.objects.filter(pk=attempt.call_id, look_at__isnull=False).first()
    if first is not None:
        calls.close(first, outcome.verdict, by)


def undo(held: Held, outcome: Outcome, *, by: str) -> None:
    """Apply what became of a reversal: what was reserved is released, or what was taken has gone back, or neither.

    Which of both it was decides no money: nothing of the payment is left. Where its capture is known to have succeeded
    it was a refund, whatever is said; else what is said counts, and a refund has a capture before it. The refund is put
    on record by who keeps refunds.
    """
    attempt, done = held.tried, outcome.verdict in (Verdict.CANCELED, Verdict.APPROVED)
    taken = attempt.status == AttemptStatus.CAPTURED
    ended = done or outcome.verdict in (Verdict.DECLINED, Verdict.UNAVAILABLE)
    if outcome.verdict is Verdict.APPROVED or (taken and ended):
        said = outcome.amount if done else None
        amount = "" if said is None else str(money.to_minor(said))
        key = f"record_reversal:{attempt.pk}:done"
        jobs.enqueue("record_reversal", unique=key, attempt_id=attempt.pk, given_back=amount)
    if taken:
        return
    if not done:
        _not_canceled(held, replace(outcome, modification="") if outcome.verdict is Verdict.DECLINED else outcome)
        return
    capture = selectors.capture_in_flight(attempt.pk)
    known = outcome if outcome.verdict is Verdict.CANCELED else replace(outcome, captured=True)
    if capture is None:
        apply(held, known, by=by)
    else:
        apply_capture(held, capture, replace(known, amount=capture.amount), by=by)


def _not_canceled(held: Held, outcome: Outcome) -> None:
    """The payment is still reserved, or still waits: what was to be canceled is tried again, or gets a person."""
    attempt = held.tried
    if attempt.status not in CANCELABLE or outcome.verdict is Verdict.UNKNOWN or outcome.modification:
        return
    if outcome.verdict is Verdict.DECLINED:
        attention.open_item(attention.AttentionKind.CANCEL_REFUSED, attempt.pk, outcome.detail or "no reason was given")
        return
    later = clock.now() + timedelta(seconds=30)
    jobs.enqueue("cancel_attempt", run_at=later, unique=f"cancel_attempt:{attempt.pk}", attempt_id=attempt.pk)


def apply(held: Held, outcome: Outcome, *, by: str) -> None:
    """Apply what is now known about an attempt, in the caller's unit of work with the payment held."""
    with tracing.about(intent_id=held.intent.pk, attempt_id=held.tried.pk):
        _apply(held, outcome, by=by)


def _apply(held: Held, outcome: Outcome, *, by: str) -> None:
    attempt = held.tried
    if outcome.provider_reference and not attempt.provider_reference:
        attempt.change(provider_reference=outcome.provider_reference)
    _recognise(attempt, outcome)
    _keep(held, outcome)
    event = _event(held, outcome)
    if event == "challenge" and attempt.status == AttemptStatus.ACTION_REQUIRED:
        moves.challenge_again(held, outcome, by)
        return
    if not attempt.may(event):
        log.info("old_news", attempt=attempt.pk, status=attempt.status, news=event)
        if attempt.status == AttemptStatus.CAPTURED and outcome.verdict in TAKES_BACK:
            _look_again(attempt.pk)
        return
    if event == "capture":
        _captured(held, outcome, by)
    elif event == "authorize" and outcome.amount != attempt.amount:
        _set_aside(held, outcome, attempt.amount, by, taken=False)
    else:
        MOVES[event](held, outcome, by)


def _recognise(attempt: PaymentAttempt, outcome: Outcome) -> None:
    """By what the customer knows the card, and whose it is."""
    card = outcome.raw.get("card")
    if card and not attempt.card_last4:
        attempt.change(card_brand=card["brand"], card_last4=card["last4"])
    if card and card.get("issuer") and not attempt.issuer:
        attempt.change(issuer=card["issuer"])


def _keep(held: Held, outcome: Outcome) -> None:
    """What the PSP keeps since this payment; what it only names is asked for, soon."""
    attempt, customer_id = held.tried, held.intent.customer_id
    if not customer_id or not attempt.saves:
        return
    if outcome.payer and not attempt.payer:
        methods.remember_payer(customer_id, attempt.account_id, outcome.payer)
    saved = outcome.saved
    if saved is None:
        return
    if not saved.last4:
        look_up(attempt.pk, saved.token)
        return
    row = methods.keep(customer_id, attempt.account_id, attempt.method, saved, payer=outcome.payer)
    if row is not None and not attempt.saved_method_id:
        attempt.change(saved_method_id=row.pk)


def look_up(attempt_id: str, token: str) -> None:
    """Ask the PSP, soon, what it keeps since an attempt."""
    jobs.enqueue("look_up_method", unique=f"look_up_method:{attempt_id}", attempt_id=attempt_id, token=token)


def apply_capture(held: Held, capture: Capture, outcome: Outcome, *, by: str) -> None:
    """Apply what is now known about our own capture of an authorisation."""
    if outcome.verdict is Verdict.APPROVED:
        if held.tried.may("capture"):
            _captured(held, outcome, by, capture)
        return
    event = CAPTURE_EVENTS[outcome.verdict]
    if capture.may(event):
        MOVES_OF_CAPTURE[event](held, capture, outcome, by)
    if outcome.verdict is Verdict.CANCELED:
        apply(held, outcome, by=by)


def undo_capture(held: Held, capture: Capture, outcome: Outcome, *, by: str) -> None:
    """A capture has failed after it had succeeded. When only the failure has been told, the success is booked first."""
    if outcome.amount != capture.amount:
        _set_aside(held, outcome, capture.amount, by, booked=True)
        return
    if capture.status != CaptureStatus.SUCCEEDED and held.tried.may("capture"):
        _captured(held, outcome, by, capture)
    if capture.may("reverse"):
        moves.reverse(held, capture, because=outcome.detail, by=by)


def takes(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether an approved outcome says that the money was taken.

    Where it only says that the PSP did as it was asked: unless the reservation is known to have ended before.
    """
    if outcome.captured is None:
        return attempt.capture and attempt.status not in (AttemptStatus.VOIDED, AttemptStatus.EXPIRED)
    return outcome.captured


def _event(held: Held, outcome: Outcome) -> str:
    if outcome.verdict is Verdict.APPROVED:
        return "capture" if takes(held.tried, outcome) else "authorize"
    if outcome.verdict is Verdict.CANCELED:
        return _ended(held, outcome)
    return EVENTS[outcome.verdict]


def _ended(held: Held, outcome: Outcome) -> str:
    """What the end of a payment at the PSP means: one of which nobody knew more than that it was sent never began.

    One that a cancel of ours has ended had begun: news of its beginning may still come.
    """
    if held.tried.status in (AttemptStatus.SENT, AttemptStatus.UNKNOWN) and not outcome.modification:
        return "fail"
    return "expire" if _unasked(held) else "void"


def _unasked(held: Held) -> bool:
    """True when an authorisation that somebody still waits to capture has ended at the PSP by itself."""
    intent, attempt = held.intent, held.tried
    waiting = intent.status in (IntentStatus.REQUIRES_CAPTURE, IntentStatus.PROCESSING)
    waited_for = waiting and intent.latest_attempt_id == attempt.pk
    return attempt.status == AttemptStatus.AUTHORIZED and waited_for and not intent.cancel_reason


def _captured(held: Held, outcome: Outcome, by: str, meant: Capture | None = None) -> None:
    """The PSP has taken money: automatically, by our own capture (`meant`), or by hand in its dashboard."""
    attempt = held.tried
    capture = meant or (None if attempt.capture else selectors.capture_meant(attempt.pk, outcome.amount))
    if capture is not None and not capture.may("succeed"):
        return
    expected = capture.amount if capture is not None else attempt.amount
    made_outside = not attempt.capture and capture is None
    amount = outcome.amount
    if amount is None or not (amount == expected or (made_outside and _within(amount, expected))):
        if capture is not None and capture.may("lose"):
            moves.capture_waits(held, capture, outcome, by, event="lose")
        _set_aside(held, outcome, expected, by, taken=True, capture=capture.pk if capture is not None else "")
        return
    if attempt.status in NOTHING:
        _look_again(attempt.pk)  # this may be older than the news that it came to nothing
    moves.take(held, money.to_minor(amount), capture, by)


def _look_again(attempt_id: str) -> None:
    jobs.enqueue("look_again", unique=f"look_again:{attempt_id}", attempt_id=attempt_id)


def correct(attempt_id: str, outcome: Outcome, *, by: str) -> None:
    """Believe what the PSP says now that it was asked, also that money which it had taken is not ours after all."""
    with unit.work():
        held = selectors.hold_with_attempt(attempt_id)
        if held.tried.status == AttemptStatus.CAPTURED and outcome.verdict in TAKES_BACK:
            why = outcome.detail or "the PSP says that the capture has failed"
            moves.reverse(held, selectors.capture_taken(attempt_id), because=why, by=by)
        else:
            apply(held, outcome, by=by)
        attention.close_items(
            attempt_id, because="the PSP has said how it is", by=by, kind=attention.AttentionKind.UNKNOWN_OUTCOME
        )


def _within(amount: Money, limit: Money) -> bool:
    return amount.currency == limit.currency and amount <= limit


def _set_aside(held: Held, outcome: Outcome, expected: Money, by: str, **facts: Any) -> None:
    """Amount integrity: an answer about other money is not applied, and two people settle it (`settling`)."""
    attempt = held.tried
    said = money.text(outcome.amount) if outcome.amount is not None else "no amount"
    why = f"asked for {money.text(expected)}, the PSP answered {said}"
    if attempt.may("lose"):
        moves.lose(held, outcome, by)
    attention.open_item(attention.AttentionKind.AMOUNT_DIFFERS, attempt.pk, why, amount=outcome.amount, **facts)
