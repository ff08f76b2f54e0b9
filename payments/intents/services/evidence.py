"""Accepting a PSP's notification as evidence about an attempt, its captures and its cancels."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.core.exceptions import ValidationError

from payments.connectors.base import Outcome, PspEvent, Verdict
from payments.gateway import accounts, calls
from payments.gateway.models import CallKind, ProviderCall
from payments.intents import selectors
from payments.intents.models import PaymentAttempt
from payments.intents.selectors import Held
from payments.intents.services import moves, outcomes
from payments.intents.states import SETTLED, AttemptStatus
from payments.kernel import attention, clock, jobs, money, unit
from payments.methods import selectors as method_selectors
from payments.methods import services as methods
from payments.webhooks.dispatch import NotYet

log = structlog.get_logger(__name__)

TAKEN = (AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED)
"""Attempts whose money has been taken and booked; their call was closed in the same commit."""


def accept(account_id: str, event: PspEvent) -> None:
    """Apply what a notification proves; `NotYet` when we know no such payment.

    A payment is recognised by our own reference, which only this account's PSP can have returned, or by the PSP's.
    """
    attempt, outcome = _known(account_id, event), event.outcome
    if attempt is None or outcome is None:
        return
    if _is_taken(attempt, outcome):  # as most are: the answer to our own call was quicker
        _compare(attempt, outcome)
        return
    by = f"notification {event.type}"
    with unit.work():
        held = selectors.hold_with_attempt(attempt.pk)
        outcomes.apply(held, outcome, by=by)
        if _is_answered(held, outcome):
            _close_calls(held.tried.pk, AUTHORIZING, outcome, by)


def _is_answered(held: Held, outcome: Outcome) -> bool:
    """Whether no call of the attempt has to be asked about any more.

    Also when another amount was approved: recovery must not cancel, behind them, what two people decide about.
    """
    return held.tried.status in SETTLED or outcome.verdict is Verdict.APPROVED


AUTHORIZING = (CallKind.AUTHORIZE, CallKind.COMPLETE)
"""The calls that need no answer any more once their attempt is."""


def accept_capture(account_id: str, event: PspEvent) -> None:
    """Apply what a notification proves about a capture: ours, the automatic one, or one that was made outside."""
    attempt, outcome = _known(account_id, event), event.outcome
    if attempt is None or outcome is None:
        return
    by = f"notification {event.type}"
    with unit.work():
        held = selectors.hold_with_attempt(attempt.pk)
        capture = selectors.capture_told_of(held.tried, event.reference, event.modification_reference)
        if capture is None:
            _accept_foreign_capture(held, outcome, by)
            if _is_answered(held, outcome):  # this may be the first that is heard of the payment
                _close_calls(held.tried.pk, AUTHORIZING, outcome, by)
            return
        if outcome.verdict is Verdict.DECLINED and outcome.captured:
            outcomes.undo_capture(held, capture, outcome, by=by)
        else:
            outcomes.apply_capture(held, capture, outcome, by=by)
        _close_calls(capture.pk, (CallKind.CAPTURE,), outcome, by)


def _accept_foreign_capture(held: Held, outcome: Outcome, by: str) -> None:
    """Of a capture that is not on record only the success counts, once ours, if there is one, has been answered."""
    if outcome.verdict is Verdict.DECLINED and not outcome.captured:
        return
    if outcome.verdict is Verdict.DECLINED or selectors.capture_in_flight(held.tried.pk) is not None:
        raise NotYet(f"another capture of {held.tried.pk} is not known yet")
    outcomes.apply(held, outcome, by=by)


def accept_cancel(account_id: str, event: PspEvent) -> None:
    """Apply what a notification proves about a cancel. One that did not succeed proves nothing about the payment."""
    attempt, outcome = _known(account_id, event), event.outcome
    if attempt is None or outcome is None:
        return
    by = f"notification {event.type}"
    with unit.work():
        held = selectors.hold_with_attempt(attempt.pk)
        if _is_of_a_part(held, outcome):
            return
        undone = selectors.reversal_named(attempt.pk, event.modification_reference)
        if undone is not None:  # a report tells what a reversal was, as if it had been asked for that
            _apply_reversal(held, undone, outcome, by)
            return
        if outcome.verdict is Verdict.CANCELED:
            outcomes.apply(held, outcome, by=by)
            if held.tried.status == AttemptStatus.CAPTURED:  # its capture was only taken for granted
                why = "booked as taken, and canceled at the PSP says its notification: see which of both it is"
                attention.open_item(attention.AttentionKind.UNKNOWN_OUTCOME, attempt.pk, why)
            if held.tried.status in SETTLED:
                _close_calls(held.tried.pk, AUTHORIZING, outcome, by)
        elif held.tried.status == AttemptStatus.AUTHORIZED:
            attention.open_item(attention.AttentionKind.CANCEL_REFUSED, attempt.pk, outcome.detail)
        _close_calls(held.tried.pk, (CallKind.CANCEL,), outcome, by)


def accept_adjustment(account_id: str, event: PspEvent) -> None:
    """Apply what a notification proves about a reservation that was to be held for longer: by us, or outside."""
    attempt, outcome = _known(account_id, event), event.outcome
    if attempt is None or outcome is None:
        return
    by = f"notification {event.type}"
    with unit.work():
        held = selectors.hold_with_attempt(attempt.pk)
        asked = selectors.told_of(attempt.pk, CallKind.ADJUST, event.modification_reference)
        if asked is not None or outcome.verdict is Verdict.APPROVED:
            moves.extend(held, outcome, asked.sent_at if asked is not None else clock.now(), by)
        if asked is not None and asked.look_at is not None:
            calls.close(asked, outcome.verdict, by, modification=outcome.modification)


def accept_reversal(account_id: str, event: PspEvent) -> None:
    """Apply what a notification proves about a payment that we wanted to be undone.

    One that somebody has undone outside gets a person: no wish of ours says that nothing of it shall be left.
    """
    attempt, outcome = _known(account_id, event), event.outcome
    if attempt is None or outcome is None:
        return
    by = f"notification {event.type}"
    with unit.work():
        held = selectors.hold_with_attempt(attempt.pk)
        asked = selectors.told_of(attempt.pk, CallKind.REVERSE, event.modification_reference)
        if asked is None:
            if outcome.verdict is not Verdict.DECLINED:
                why = (
                    f"{outcome.detail}, outside; whether it canceled or refunded is not signed: see which of both it is"
                )
                attention.open_item(attention.AttentionKind.UNMATCHED_EVENT, attempt.pk, why)
            return
        _apply_reversal(held, asked, outcome, by)


def _apply_reversal(held: Held, asked: ProviderCall, outcome: Outcome, by: str) -> None:
    if asked.look_at is not None:
        calls.close(asked, outcome.verdict, by, modification=outcome.modification)
    outcomes.undo(held, outcome, by=by)


def _is_of_a_part(held: Held, outcome: Outcome) -> bool:
    """Whether less was released than was reserved. That ends nothing; before a capture somebody outside has done it.

    What two people have accepted as reserved may be less than was asked for, or more.
    """
    attempt, intent, amount = held.tried, held.intent, outcome.amount
    if outcome.verdict is not Verdict.CANCELED or amount is None or amount == attempt.amount:
        return False
    if attempt.status == AttemptStatus.AUTHORIZED:
        current = intent.latest_attempt_id == attempt.pk
        reserved = intent.amount_capturable if current else attempt.amount
        if amount.currency == reserved.currency and amount >= reserved:
            return False
        why = f"{money.text(amount)} of {money.text(reserved)} was released at the PSP, and the rest was not"
        attention.open_item(attention.AttentionKind.AMOUNT_DIFFERS, attempt.pk, why)
    return True


def accept_method(account_id: str, event: PspEvent) -> None:
    """A PSP says something of a saved method. One that no payment of ours has saved is nothing of ours."""
    saved = event.saved
    news_only = saved is not None and not saved.last4 and not event.reference
    if saved is None or methods.accept(account_id, saved, gone=event.gone, ask=news_only):
        return
    attempt = _attempt(account_id, event)
    if attempt is not None and attempt.saves and not event.gone:
        with unit.work():
            outcomes.look_up(attempt.pk, saved.token)


def look_up_method(attempt_id: str, token: str) -> None:
    """Keep what the PSP keeps since an attempt, as it says when it is asked. `Retry` while it does not say."""
    attempt = PaymentAttempt.objects.select_related("intent").get(pk=attempt_id)
    customer_id = attempt.intent.customer_id
    if not customer_id:
        return
    payer = attempt.payer or method_selectors.payer(customer_id, attempt.account_id)
    connector = accounts.connector(accounts.account(attempt.account_id), interactive=False)
    found = connector.look_up_method(payer or customer_id, token)
    if found.verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN):
        raise jobs.Retry(timedelta(seconds=30), found.detail)
    if found.saved is None or not attempt.saves:
        return
    with unit.work():
        held = selectors.hold_with_attempt(attempt_id)
        row = methods.keep(customer_id, attempt.account_id, attempt.method, found.saved, payer=payer or found.payer)
        if row is not None and not held.tried.saved_method_id:
            held.tried.change(saved_method_id=row.pk)


def _known(account_id: str, event: PspEvent) -> PaymentAttempt | None:
    """The attempt that the event is about; None when another payment at the PSP only carries its id."""
    attempt = _attempt(account_id, event)
    if attempt is None:
        raise NotYet(f"no attempt for {event.provider_reference}")
    if _is_of_another(attempt, event):
        _set_aside(attempt, event)
        return None
    return attempt


def _is_taken(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    approved = outcome.verdict is Verdict.APPROVED
    return approved and outcomes.takes(attempt, outcome) and attempt.status in TAKEN


def _compare(attempt: PaymentAttempt, outcome: Outcome) -> None:
    """Amount integrity: money that was taken and is said to be other money gets a person."""
    taken = attempt.amount
    if outcome.amount != taken:
        taken = attempt.captures.latest("id").amount  # a part of it, or what two people have accepted
    if outcome.amount != taken:
        said = money.text(outcome.amount) if outcome.amount is not None else "no amount"
        with unit.work():
            why = f"{money.text(taken)} was taken, the PSP now says {said}"
            kind = attention.AttentionKind.AMOUNT_DIFFERS
            attention.open_item(kind, attempt.pk, why, amount=outcome.amount, booked=True)


def _is_of_another(attempt: PaymentAttempt, event: PspEvent) -> bool:
    """Anybody at the PSP can write our reference on a payment: it counts while we know of no other one."""
    return event.provider_reference not in ("", attempt.provider_reference) and attempt.provider_reference != ""


def _set_aside(attempt: PaymentAttempt, event: PspEvent) -> None:
    """A second payment of the same attempt moves nothing here; when it took money, a person looks after it."""
    log.warning("reference_used_twice", attempt=attempt.pk, provider_reference=event.provider_reference)
    if event.outcome is not None and event.outcome.verdict is Verdict.APPROVED:
        with unit.work():
            attention.open_item(
                attention.AttentionKind.UNMATCHED_EVENT,
                attempt.pk,
                f"{event.provider_reference} carries this attempt's id, and took money beside"
                f" {attempt.provider_reference}",
            )


def _attempt(account_id: str, event: PspEvent) -> PaymentAttempt | None:
    found = PaymentAttempt.objects.filter(account_id=account_id)
    try:
        known = found.filter(pk=event.reference).first() if event.reference else None
    except ValidationError:
        known = None  # somebody else's reference
    if known is None and event.provider_reference:
        known = found.filter(provider_reference=event.provider_reference).first()
    return known


def _close_calls(owner_id: str, kinds: Sequence[CallKind], outcome: Outcome, by: str) -> None:
    """What the notification says is the answer that these calls were waiting for."""
    for call in ProviderCall.objects.filter(owner_id=owner_id, kind__in=kinds, look_at__isnull=False):
        calls.close(call, outcome.verdict, by, modification=outcome.modification)
