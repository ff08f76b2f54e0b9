"""Accepting a PSP's notification as evidence about a refund: ours, or one that was made outside."""

from typing import Final

from payments.connectors.base import Outcome, PspEvent
from payments.gateway import calls
from payments.gateway.models import ProviderCall
from payments.intents import selectors as intent_selectors
from payments.intents.models import PaymentAttempt
from payments.intents.selectors import Held as HeldPayment
from payments.intents.states import AttemptStatus
from payments.kernel import attention, ids, money, unit
from payments.webhooks.dispatch import NotYet
from refunds import selectors
from refunds.models import Origin, Reason, Refund
from refunds.selectors import Held
from refunds.services import moves, outcomes
from refunds.states import RefundStatus

OUTSIDE: Final = "Made outside, at the PSP."


def accept(account_id: str, event: PspEvent) -> None:
    """Apply what a notification proves; `NotYet` when we know no such payment, or not yet that it took money.

    A refund is recognised by the PSP's id of it, or by our own reference, which only this account's PSP can have
    returned. Whatever else the PSP gives back of a payment of ours was made outside, and is recorded as that.
    """
    outcome = event.outcome
    if outcome is None:
        return
    if not event.modification_reference:
        raise NotYet(f"{event.type} does not say which refund it is about")
    by = f"notification {event.type}"
    with unit.work():
        payment = intent_selectors.hold_with_attempt(_attempt_id(account_id, event))
        known = _known(account_id, event)
        held = selectors.held(payment, known) if known is not None else _imported(payment, event, outcome, by)
        outcomes.apply(held, outcome, by=by)
        _close_call(held.refund, outcome, by)
        _own_outside(held.refund, by)


def _attempt_id(account_id: str, event: PspEvent) -> str:
    known = _known(account_id, event)
    if known is not None:
        return known.attempt_id
    paid = PaymentAttempt.objects.filter(account_id=account_id, provider_reference=event.provider_reference)
    attempt = paid.first() if event.provider_reference else None
    if attempt is None:
        raise NotYet(f"no attempt for {event.provider_reference}")
    return attempt.pk


def _known(account_id: str, event: PspEvent) -> Refund | None:
    """Our row for the PSP's refund. One that carries our reference, while ours is another one, was made outside.

    Anybody at the PSP can write a reference on a refund: it counts for a refund of that very payment only.
    """
    rows = Refund.objects.filter(account_id=account_id).exclude(origin=Origin.BANK)
    found = rows.filter(provider_reference=event.modification_reference).first()
    if found is None and _is_id(event.reference):
        unnamed = rows.filter(provider_reference="", attempt__provider_reference=event.provider_reference)
        found = unnamed.filter(pk=event.reference).first()
    return found


def _is_id(reference: str) -> bool:
    try:
        ids.decode("re", reference)
    except ValueError:
        return False
    return True


def _imported(payment: HeldPayment, event: PspEvent, outcome: Outcome, by: str) -> Held:
    """Put a refund that we did not make on record: reserved, in the ledger and sent, before its outcome is applied."""
    attempt, amount = payment.tried, outcome.amount
    if attempt.status not in (AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED):
        raise NotYet(f"{attempt.pk} is {attempt.status}: its capture is not known yet")
    if intent_selectors.reversal_named(attempt.pk, event.modification_reference) is not None:
        raise NotYet("this is a reversal of ours, which is about to be put on record as a refund")
    if not event.reference and _awaited(attempt.pk):
        raise NotYet("a refund of ours waits for its answer, and it may be this one")
    if amount is None or amount.currency.code != attempt.currency:
        raise NotYet(f"{amount} cannot be a refund of a payment in {attempt.currency}")
    held = moves.begin(
        payment,
        money.to_minor(amount),
        reason=Reason.OTHER,
        note=OUTSIDE,
        origin=Origin.OUTSIDE,
        requested_by=by,
        provider_reference=event.modification_reference,
    )
    moves.send(held, "", by)
    return held


def _awaited(attempt_id: str) -> bool:
    rows = Refund.objects.filter(attempt_id=attempt_id, provider_reference="")
    return rows.filter(status__in=(RefundStatus.SENT, RefundStatus.UNKNOWN)).exists()


def _close_call(refund: Refund, outcome: Outcome, by: str) -> None:
    """The call needs no answer any more once the refund is settled; while it waits at the PSP, we ask again."""
    call = ProviderCall.objects.filter(pk=refund.call_id).first() if refund.call_id else None
    if call is None:
        return
    outcomes.keep_looking(refund, call)
    if call.look_at is not None and refund.settled_at is not None:
        calls.close(call, outcome.verdict, by)


def _own_outside(refund: Refund, by: str) -> None:
    """Nobody but a person can follow up on a refund that somebody else has made and that is not settled."""
    if refund.origin != Origin.OUTSIDE:
        return
    if refund.settled_at is None:
        attention.open_item(attention.AttentionKind.UNMATCHED_EVENT, refund.pk, "made outside, and not settled yet")
    else:
        attention.close_items(
            refund.pk, because=f"the refund is {refund.status}", by=by, kind=attention.AttentionKind.UNMATCHED_EVENT
        )
