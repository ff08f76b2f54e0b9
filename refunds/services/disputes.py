"""Accepting what a PSP says of a dispute: late, doubled, in any order, it comes to the same."""

from payments.connectors.base import PspEvent
from payments.connectors.disputes import DisputeNews
from payments.intents import selectors as intent_selectors
from payments.intents.models import PaymentAttempt
from payments.intents.states import AttemptStatus
from payments.kernel import unit
from payments.webhooks.dispatch import NotYet
from refunds import disputes
from refunds.services import dispute_moves, fraud


def accept(account_id: str, event: PspEvent) -> None:
    """Apply what a notification says; `NotYet` when we know no such payment, or not yet that it took money.

    A chargeback of what was given back already is recorded like every other: the money has gone.
    """
    news = event.dispute
    if news is None:
        return
    by = f"notification {event.type}"
    with unit.work():
        payment = intent_selectors.hold_with_attempt(_attempt_id(account_id, event, news))
        _refuse_what_does_not_fit(payment.tried, news)
        known = disputes.told_of(account_id, news.reference)
        if known is None:
            held = dispute_moves.begin(payment, news, event.occurred_at)
            fraud.became_a_dispute(payment.tried.pk, by=by)
        else:
            held = disputes.held(payment, known)
        dispute_moves.apply(held, news, event.occurred_at, by=by)


def _attempt_id(account_id: str, event: PspEvent, news: DisputeNews) -> str:
    known = disputes.told_of(account_id, news.reference)
    if known is not None:
        return known.attempt_id
    attempts = PaymentAttempt.objects.filter(account_id=account_id, provider_reference=event.provider_reference)
    attempt = attempts.first() if event.provider_reference else None
    if attempt is None:
        raise NotYet(f"no attempt for {event.provider_reference or 'the dispute'} {news.reference}".strip())
    return attempt.pk


def _refuse_what_does_not_fit(attempt: PaymentAttempt, news: DisputeNews) -> None:
    if attempt.status not in (AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED):
        raise NotYet(f"{attempt.pk} is {attempt.status}: its capture is not known yet")
    said = [*([news.amount] if news.amount is not None else []), *(one.amount for one in news.movements)]
    for amount in said:
        if amount.currency.code != attempt.currency:
            raise NotYet(f"{amount} cannot be disputed of a payment in {attempt.currency}")
