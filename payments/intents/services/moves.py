"""What each event of an attempt does to its intent, its order, the ledger, and the client."""

from datetime import datetime
from typing import Final

from payments.connectors.base import Outcome, Verdict
from payments.gateway import accounts
from payments.intents import selectors
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.selectors import Held
from payments.intents.services import announcements
from payments.intents.states import HELD, AttemptStatus, CaptureStatus, IntentStatus
from payments.kernel import attention, clock, ids, jobs, meters, money, unit
from payments.ledger import postings
from payments.ledger import services as ledger
from payments.orders import services as orders
from payments.orders.states import OrderStatus

NOT_PAYABLE: Final = "order_not_payable"
"""Why we cancel what was reserved for an order that needs it no more."""


def challenge(held: Held, outcome: Outcome, by: str) -> None:
    """The customer must do something at the PSP's page first, unless nobody waits for this attempt any more."""
    attempt, intent = held.tried, held.intent
    attempt.advance("challenge", because="the customer must act", by=by)
    if not _is_current(held) or not intent.may("challenge") or intent.cancel_reason:
        jobs.enqueue("cancel_attempt", attempt_id=attempt.pk)
        return
    intent.advance("challenge", because="the customer must act", by=by, next_action=outcome.next_action)
    announcements.announce(intent, attempt, "payment_intent.requires_action")


def challenge_again(held: Held, outcome: Outcome, _by: str) -> None:
    """There is another step for the customer to take, as after the fingerprint of 3-D Secure."""
    intent = held.intent
    shown = _is_current(held) and intent.status == IntentStatus.REQUIRES_ACTION
    if shown and outcome.next_action and outcome.next_action != intent.next_action:
        intent.change(next_action=outcome.next_action)
        announcements.announce(intent, held.tried, "payment_intent.requires_action")


def wait(held: Held, outcome: Outcome, by: str) -> None:
    """The PSP has it and will say later."""
    held.tried.advance("wait", because=outcome.detail or "the PSP will say later", by=by)
    _process(held, "the PSP will say later", by)


def lose(held: Held, outcome: Outcome, by: str) -> None:
    """Nobody knows what happened: money may have moved, recovery asks."""
    held.tried.advance("lose", because=outcome.detail or "the PSP's answer is not known", by=by)
    _process(held, "the PSP's answer is not known", by)


def _process(held: Held, why: str, by: str) -> None:
    """The intent is in progress: its client need not do anything."""
    intent = held.intent
    if not _is_current(held):
        return
    if intent.may("process"):
        intent.advance("process", because=why, by=by, next_action=None)
    if intent.status == IntentStatus.PROCESSING:
        announcements.announce(intent, held.attempt, "payment_intent.processing")


def _is_current(held: Held) -> bool:
    """True when the intent shows this attempt to its client."""
    return held.intent.latest_attempt_id == held.tried.pk


def fail(held: Held, outcome: Outcome, by: str) -> None:
    """Proof that nothing happened at the PSP: the intent can be paid again."""
    why = outcome.detail or "the provider could not be reached: nothing happened there"
    held.tried.advance("fail", because=why, by=by)
    _payable_again(
        held,
        why,
        {
            "code": "provider_unavailable",
            "decline_code": None,
            "category": "technical",
            "customer_message": "The payment could not be made just now. You were not charged. Please try again.",
        },
        by=by,
    )


def decline(held: Held, outcome: Outcome, by: str) -> None:
    """The PSP or the issuer said no: the intent can be paid again."""
    decline = outcome.decline
    error: dict[str, object] = {
        "code": "payment_declined",
        "decline_code": decline.decline_code if decline else "generic_decline",
        "category": decline.category if decline else "hard",
        "customer_message": decline.customer_message if decline else "Your payment was declined.",
    }
    held.tried.advance(
        "decline",
        because=f"declined: {error['decline_code']}",
        by=by,
        decline={
            **error,
            "may_retry": bool(decline and decline.may_retry),
            "card_brand": held.tried.card_brand,
            "raw": dict(outcome.raw),
        },
    )
    _payable_again(held, f"declined: {error['decline_code']}", error, by=by)


def _payable_again(held: Held, why: str, error: dict[str, object], *, by: str) -> None:
    """The attempt has come to nothing: the intent can be paid otherwise, or ends when a cancel was wished for."""
    intent, attempt = held.intent, held.tried
    if attempt.superseded_at is not None or intent.latest_attempt_id != attempt.pk:
        return
    if intent.cancel_reason and intent.may("cancel"):
        intent.advance(
            "cancel", because=f"canceled: {intent.cancel_reason}", by=by, next_action=None, amount_capturable_minor=0
        )
        announcements.announce(intent, attempt, "payment_intent.canceled")
    elif intent.may("decline"):
        intent.advance("decline", because=why, by=by, next_action=None, last_payment_error=error)
        announcements.announce(intent, attempt, "payment_intent.payment_failed")


def void(held: Held, outcome: Outcome, by: str) -> None:
    """The PSP has canceled it: the wish to cancel has won, or the customer gave up."""
    was_reserved = held.tried.status == AttemptStatus.AUTHORIZED
    if held.tried.status == AttemptStatus.UNKNOWN:
        attention.close_items(
            held.tried.pk, because="canceled at the PSP", by=by, kind=attention.AttentionKind.AMOUNT_DIFFERS
        )
    held.tried.advance("void", because=outcome.detail or "canceled at the PSP", by=by)
    if was_reserved:
        _no_longer_expiring(held.tried.pk, by)
    if was_reserved and held.intent.may("cancel") and held.intent.latest_attempt_id == held.tried.pk:
        held.intent.advance(
            "cancel",
            because=f"canceled: {held.intent.cancel_reason}",
            by=by,
            next_action=None,
            amount_capturable_minor=0,
        )
        announcements.announce(held.intent, held.attempt, "payment_intent.canceled")
        return
    _payable_again(
        held,
        "canceled at the PSP",
        {
            "code": "payment_canceled",
            "decline_code": None,
            "category": "customer",
            "customer_message": "The payment was not completed. You were not charged.",
        },
        by=by,
    )


def expire(held: Held, outcome: Outcome, by: str) -> None:
    """An authorisation ran out before it was captured."""
    held.tried.advance("expire", because=outcome.detail or "the authorisation expired at the PSP", by=by)
    _no_longer_expiring(held.tried.pk, by)
    if held.intent.may("expire") and held.intent.latest_attempt_id == held.tried.pk:
        held.intent.advance("expire", because="the authorisation expired", by=by, amount_capturable_minor=0)
        announcements.announce(held.intent, held.attempt, "payment_intent.expired")


def authorize(held: Held, _outcome: Outcome, by: str, amount: int | None = None) -> None:
    """Money is reserved for a capture; one that nobody waits for any more is voided.

    `amount` is what of it can be captured, in minor units, where that is less than was asked for.
    """
    attempt, intent = held.tried, held.intent
    awaited, fits = _is_awaited(held, "authorize"), _can_be_reserved(held)
    other = intent.latest_attempt_id
    attempt.advance(
        "authorize",
        because="authorised",
        by=by,
        authorized_at=clock.now(),
        decline=None,
        superseded_at=None if awaited else attempt.superseded_at,
    )
    if awaited:
        intent.advance(
            "authorize",
            because="authorised",
            by=by,
            next_action=None,
            last_payment_error=None,
            amount_capturable_minor=attempt.amount_minor if amount is None else amount,
            latest_attempt_id=attempt.pk,
            cancel_reason=intent.cancel_reason or ("" if fits else NOT_PAYABLE),
        )
        announcements.announce(intent, attempt, "payment_intent.requires_capture")
        if other != attempt.pk:
            jobs.enqueue("cancel_attempt", attempt_id=other)
    if not awaited or intent.cancel_reason:
        jobs.enqueue("cancel_attempt", attempt_id=attempt.pk)


def extend(held: Held, outcome: Outcome, asked_at: datetime, by: str) -> None:
    """The PSP says whether it holds a reservation for longer, as it was asked at `asked_at`; nothing else changes.

    When it does not, the reservation ends when it would have, and a person has it.
    """
    attempt, intent = held.tried, held.intent
    said = outcome.verdict in (Verdict.APPROVED, Verdict.DECLINED, Verdict.CANCELED)
    if attempt.status != AttemptStatus.AUTHORIZED or not said:
        return
    if attempt.extended_at is not None and asked_at <= attempt.extended_at:
        return  # old news
    if outcome.verdict is not Verdict.APPROVED:
        why = f"authorised at {attempt.authorized_at:%Y-%m-%d %H:%M} UTC, and not held for longer: {outcome.detail}"
        attention.open_anew(attention.AttentionKind.AUTHORIZATION_EXPIRING, attempt.pk, why)
        return
    reserved = intent.amount_capturable if _is_current(held) else attempt.amount
    if outcome.amount != reserved:
        why = f"{money.text(reserved)} are reserved here, and the PSP has made another amount of it"
        attention.open_item(attention.AttentionKind.AMOUNT_DIFFERS, attempt.pk, why, amount=outcome.amount)
        return
    attempt.change(extended_at=asked_at)
    kind = attention.AttentionKind.AUTHORIZATION_EXPIRING
    attention.close_items(attempt.pk, because="the PSP holds it for longer", by=by, kind=kind)


def take(held: Held, amount: int, capture: Capture | None, by: str, excess: int = 0) -> None:
    """The PSP has taken `amount` (minor units) for the attempt, by `capture` or, when None, without our asking.

    Money that nobody waits for any more is booked all the same, and given back at once: an `excess` that nobody has
    asked for, and a capture of ours that was to be canceled while it was on its way.
    """
    attempt, intent, order = held.tried, held.intent, held.order
    awaited, fits, other = _is_awaited(held, "capture"), fits_order(held, amount - excess), intent.latest_attempt_id
    was_reserved, late = attempt.status == AttemptStatus.AUTHORIZED, _is_late(attempt)
    attempt.advance("capture", because="captured", by=by, decline=None)
    if was_reserved:
        _no_longer_expiring(attempt.pk, by)
    asked = capture is not None
    capture = _succeeded(held, amount, capture, by)
    _book(held, capture)
    intent.change(amount_captured_minor=intent.amount_captured_minor + amount)
    if order is not None:
        orders.follow_money(order, paid=amount, because=f"{intent.pk} captured", by=by)
        if late:
            jobs.enqueue("release_reservations", unique=f"release_reservations:{order.pk}", order_id=order.pk)
    if awaited:
        intent.advance(
            "capture",
            because="captured",
            by=by,
            next_action=None,
            last_payment_error=None,
            amount_capturable_minor=0,
            latest_attempt_id=attempt.pk,
        )
        announcements.announce(intent, attempt, "payment_intent.succeeded")
        if other != attempt.pk:
            jobs.enqueue("cancel_attempt", attempt_id=other)
    if excess or intent.cancel_reason or not (awaited and fits):
        owed = excess or not (awaited and fits) or asked
        _give_back(held, capture, str(excess) if excess and awaited and fits else "", owed=bool(owed))


def _give_back(held: Held, capture: Capture, part: str, *, owed: bool) -> None:
    """By the reversal that is under way, if one is: refunds put it on record. Else by a refund, where it is owed."""
    attempt, undo = held.tried, selectors.reversal(held.tried.pk)
    if undo is not None and undo.verdict != Verdict.UNAVAILABLE:
        jobs.enqueue("record_reversal", unique=f"record_reversal:{attempt.pk}", attempt_id=attempt.pk)
    elif owed:
        jobs.enqueue("refund_duplicate", unique=f"refund_duplicate:{capture.pk}", capture_id=capture.pk, amount=part)


def _succeeded(held: Held, amount: int, capture: Capture | None, by: str) -> Capture:
    if capture is not None:
        capture.advance("succeed", because="the PSP has captured", by=by, captured_at=clock.now())
        return capture
    attempt = held.tried
    capture = Capture(
        id=ids.new("cap"),
        attempt=attempt,
        intent=held.intent,
        currency=attempt.currency,
        amount_minor=amount,
        status=CaptureStatus.SUCCEEDED,
        call_id=attempt.call_id,
        captured_at=clock.now(),
    )
    unit.current().add(capture)
    return capture


def _book(held: Held, capture: Capture) -> None:
    code = accounts.account(held.tried.account_id).code
    refs = {"intent": held.intent.pk, "attempt": held.tried.pk, "order": held.intent.order_id or ""}
    ledger.post(
        postings.Event.CAPTURED,
        capture.pk,
        postings.captured(code, capture.amount),
        narrative=f"{money.text(capture.amount)} captured by {code}",
        refs=refs,
    )
    unit.after_commit(lambda: _count(code, capture))


def _count(code: str, capture: Capture) -> None:
    meters.CAPTURES.add(code, capture.status)
    meters.CAPTURED.add(code, capture.currency, amount=capture.amount_minor)


def capture_waits(held: Held, capture: Capture, outcome: Outcome, by: str, event: str = "") -> None:
    """Nobody knows yet what becomes of a capture, or the PSP will say later: the intent is in progress."""
    event = event or ("wait" if outcome.verdict is Verdict.PENDING else "lose")
    capture.advance(event, because=outcome.detail or f"the PSP's answer: {outcome.verdict}", by=by)
    _process(held, "the outcome of the capture is not known yet", by)


def capture_fails(held: Held, capture: Capture, outcome: Outcome, by: str) -> None:
    """Nothing was captured: what is reserved can be captured again, while it is reserved."""
    why, intent = outcome.detail or f"the PSP's answer: {outcome.verdict}", held.intent
    capture.advance("fail", because=why, by=by)
    if intent.status != IntentStatus.PROCESSING or not _is_current(held):
        return
    error = {
        "code": "capture_failed",
        "decline_code": outcome.decline.decline_code if outcome.decline else None,
        "category": "technical",
        "customer_message": None,
    }
    intent.advance("authorize", because=f"the capture has failed: {why}", by=by, last_payment_error=error)
    announcements.announce(intent, held.attempt, "payment_intent.requires_capture")


def reverse(held: Held, capture: Capture, *, because: str, by: str) -> None:
    """A capture that had succeeded has failed after all: everything that it did is undone."""
    code, intent = accounts.account(held.tried.account_id).code, held.intent
    capture.advance("reverse", because=because, by=by)
    held.tried.advance("reverse", because=because, by=by)
    ledger.post(
        postings.Event.CAPTURE_REVERSED,
        capture.pk,
        postings.capture_reversed(code, capture.amount),
        narrative=f"{money.text(capture.amount)} captured by {code} has failed",
        refs={"intent": intent.pk, "attempt": held.tried.pk, "order": intent.order_id or ""},
    )
    left = intent.amount_captured_minor - capture.amount_minor
    over = left < intent.claimed_minor
    intent.change(amount_captured_minor=left, over_returned=over)
    if over:
        why = f"refunds and disputes exceed the {money.text(intent.amount_captured)} that are still captured"
        attention.open_item(attention.AttentionKind.OVER_RETURNED, intent.pk, why)
    if held.order is not None:
        orders.follow_money(held.order, paid=-capture.amount_minor, because=because, by=by)
    if intent.may("reverse"):
        intent.advance("reverse", because=because, by=by)
        announcements.announce(intent, held.attempt, "payment_intent.reversed")


def _is_awaited(held: Held, event: str) -> bool:
    """False for money that comes too late for its intent: it has ended, or holds another attempt's reservation."""
    intent, attempt = held.intent, held.tried
    another_holds = intent.status == IntentStatus.REQUIRES_CAPTURE and intent.latest_attempt_id != attempt.pk
    return intent.may(event) and not another_holds


def _no_longer_expiring(attempt_id: str, by: str) -> None:
    for kind in (attention.AttentionKind.AUTHORIZATION_EXPIRING, attention.AttentionKind.CANCEL_REFUSED):
        attention.close_items(attempt_id, because="the reservation has ended", by=by, kind=kind)


def _is_late(attempt: PaymentAttempt) -> bool:
    """True for money that nobody counted on: meanwhile the order's amount may have been promised to others."""
    return attempt.superseded_at is not None or attempt.status not in HELD


def _can_be_reserved(held: Held) -> bool:
    """False when the order needs no more: it has ended, is paid, or late money meets what other intents hold for it."""
    order, attempt = held.order, held.tried
    if order is None:
        return True
    order.must_stand()
    others = selectors.held_for_order(order.pk, but=attempt.intent_id) if _is_late(attempt) else 0
    return fits_order(held, attempt.amount_minor + others)


def fits_order(held: Held, amount: int) -> bool:
    """False when the order has ended, or would be paid beyond its total by `amount` more, in minor units."""
    order = held.order
    if order is None:
        return True
    if order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        return False
    taken = order.amount_paid_minor - order.amount_refunded_minor
    return taken + amount <= order.amount_total_minor
