"""Giving back by itself what came too late: the order was paid otherwise, or canceled, or had expired."""

from datetime import timedelta
from typing import Final

from payments.intents import selectors as intent_selectors
from payments.intents.models import Capture
from payments.kernel import attention, clock, jobs, money, unit
from payments.kernel.attention import AttentionKind
from payments.methods import selectors as methods
from refunds import selectors
from refunds.models import Origin, Reason, Refund
from refunds.services import moves

MOST_PER_HOUR: Final = 20
"""A bug must not empty the account: beyond this a person is told, and the rest waits."""


def give_back(capture_id: str, *, by: str = "platform") -> None:
    """Refund what is left of a capture, once however often it is asked; where the method cannot, a person is told.

    Raises `Retry` while too many such refunds were made within an hour; a person is told.
    """
    with unit.work():
        capture = Capture.objects.get(pk=capture_id)
        payment = intent_selectors.hold_with_attempt(capture.attempt_id)
        if Refund.objects.filter(duplicate_of=capture).exists():
            return
        if not methods.offer(payment.tried.method, payment.tried.account_id).refund:
            _ask_for_a_transfer(capture, payment.tried.method)
            return
        too_many = _made_lately() >= MOST_PER_HOUR
        if too_many:
            attention.open_item(
                AttentionKind.AUTO_REFUND_LIMIT,
                capture.pk,
                f"more than {MOST_PER_HOUR} automatic refunds within an hour",
            )
        else:
            left = [
                source.available for source in selectors.sources(payment) if source.attempt.pk == capture.attempt_id
            ]
            if amount := min(capture.amount_minor, sum(left)):
                held = moves.begin(
                    payment,
                    amount,
                    reason=Reason.DUPLICATE,
                    origin=Origin.DUPLICATE,
                    requested_by=by,
                    duplicate_of=capture,
                )
                jobs.enqueue("send_refund", refund_id=held.pk)
            attention.close_items(capture.pk, because="it is given back", by=by, kind=AttentionKind.AUTO_REFUND_LIMIT)
    if too_many:
        raise jobs.Retry(timedelta(hours=1), "too many automatic refunds within an hour")


def _ask_for_a_transfer(capture: Capture, method: str) -> None:
    """The method cannot give money back: finance does, by bank transfer."""
    why = f"{money.text(capture.amount)} paid by {method} came too late, and {method} cannot give money back"
    attention.open_item(AttentionKind.OVERPAYMENT, capture.pk, why)


def _made_lately() -> int:
    since = clock.now() - timedelta(hours=1)
    return Refund.objects.filter(origin=Origin.DUPLICATE, created_at__gte=since).count()
