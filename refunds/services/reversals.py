"""Money that a PSP gives back because a payment was undone as a whole: put on record as the refund that it is."""

from datetime import timedelta
from typing import Any, Final

from payments.connectors.base import Outcome, Verdict
from payments.connectors.declines import DECLINES
from payments.gateway.models import ProviderCall
from payments.intents import selectors as intent_selectors
from payments.intents.models import Capture
from payments.intents.selectors import Held as HeldPayment
from payments.intents.states import CaptureStatus
from payments.kernel import attention, jobs, money, unit
from payments.kernel.attention import AttentionKind
from refunds import selectors
from refunds.models import Origin, Reason, Refund
from refunds.selectors import Held
from refunds.services import moves, outcomes

DONE: Final = (Verdict.APPROVED, Verdict.CANCELED)
"""Of a payment whose capture has succeeded both mean that the money has gone back."""


def record(attempt_id: str, *, given_back: int = 0, by: str = "platform") -> None:
    """Put the refund that a reversal of captured money is on record, as far as it has come; once, however often asked.

    From then on that money is spoken for, and nobody else gives it back. `given_back` is what the PSP says of it, in
    minor units; 0 where it has not said. `Retry` while it is not known whether the PSP was reached; where it was not,
    the money goes back by a refund of its own.
    """
    with unit.work():
        payment = intent_selectors.hold_with_attempt(attempt_id)
        call = intent_selectors.reversal(attempt_id)
        if call is None:
            return
        refund = Refund.objects.filter(attempt=attempt_id, call_id=call.pk).first()
        held = selectors.held(payment, refund) if refund is not None else _begun(payment, call, by)
        if held is not None:
            outcomes.apply(held, _outcome(held, call, given_back), by=by)


def _begun(payment: HeldPayment, call: ProviderCall, by: str) -> Held | None:
    """The refund of what is left of the capture; None where nothing was taken, or it goes back otherwise."""
    attempt = payment.tried
    capture = Capture.objects.filter(attempt=attempt, status=CaptureStatus.SUCCEEDED).first()
    if capture is None or Refund.objects.filter(duplicate_of=capture).exists():
        return None
    if not call.verdict:
        raise jobs.Retry(timedelta(seconds=5), "the PSP has not answered yet")
    if call.verdict == Verdict.UNAVAILABLE:
        jobs.enqueue("refund_duplicate", unique=f"refund_duplicate:{capture.pk}", capture_id=capture.pk)
        return None
    amount = min(selectors.left_of(attempt.pk), money.to_minor(selectors.refundable(payment.intent)))
    if amount <= 0:
        if call.verdict != Verdict.DECLINED:
            why = "the PSP was asked to undo this payment, and it is being refunded otherwise: see what it gave back"
            attention.open_item(AttentionKind.UNMATCHED_EVENT, attempt.pk, why)
        return None
    reason, note = _why(payment.intent.cancel_reason)
    facts: dict[str, Any] = {
        "reason": reason,
        "note": note,
        "origin": Origin.DUPLICATE,
        "requested_by": by,
        "duplicate_of": capture,
    }
    held = moves.begin(payment, amount, **facts)
    moves.send(held, call.pk, by)
    return held


def _why(cancel_reason: str) -> tuple[Reason, str]:
    """The reason for which the payment was canceled, as that of a refund."""
    if cancel_reason in (Reason.REQUESTED_BY_CUSTOMER, Reason.FRAUDULENT, Reason.DUPLICATE):
        return Reason(cancel_reason), ""
    return Reason.OTHER, f"Canceled while it was captured: {cancel_reason or 'nobody waits for it any more'}."


def _reference(call: ProviderCall) -> str:
    return str(call.raw.get("modification", ""))


def _outcome(held: Held, call: ProviderCall, given_back: int) -> Outcome:
    """How the refund stands, as its call says. A PSP may mean all of a payment by the amount it was authorised for."""
    seen = Outcome(verdict=Verdict.PENDING, provider_reference=_reference(call), detail="the PSP undoes the payment")
    if call.verdict in (Verdict.DECLINED, Verdict.UNAVAILABLE):
        return Outcome(
            verdict=Verdict.DECLINED, provider_reference=_reference(call), decline=DECLINES["request_refused"]
        )
    if call.verdict not in DONE:
        return seen
    whole = given_back in (0, held.payment.tried.amount_minor)
    amount = held.refund.amount if whole else money.from_minor(given_back, held.refund.currency)
    return Outcome(verdict=Verdict.APPROVED, provider_reference=_reference(call), amount=amount)
