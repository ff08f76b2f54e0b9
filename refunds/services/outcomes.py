"""What an outcome means for a refund: state, amounts, ledger, order and events in one commit.

Every use case ends here, and so does every notification: it does not matter where the evidence comes from, how often,
or in which order. An outcome that the state machine has no move for is old news and changes nothing.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import structlog

from payments.connectors.base import Outcome, Verdict
from payments.gateway import calls
from payments.gateway.models import ProviderCall
from payments.kernel import clock, crashpoints, money, unit
from refunds import selectors
from refunds.models import Refund
from refunds.selectors import Held
from refunds.services import moves
from refunds.states import RefundStatus

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = timedelta(hours=1)
"""How often the PSP is asked about a refund that it has and has not settled: its notification may be lost."""

MOVES: Final[Mapping[str, Callable[[Held, Outcome, str], None]]] = {
    "defer": moves.defer,
    "lose": moves.lose,
    "challenge": moves.challenge,
    "wait": moves.wait,
    "succeed": moves.succeed,
    "fail": moves.fail,
    "cancel_at_psp": moves.cancel_at_psp,
    "bounce": moves.bounce,
}
"""What each event of a refund does."""

EVENTS: Final = {
    Verdict.APPROVED: "succeed",
    Verdict.ACTION_REQUIRED: "challenge",
    Verdict.PENDING: "wait",
    Verdict.DECLINED: "fail",
    Verdict.CANCELED: "cancel_at_psp",
    Verdict.UNAVAILABLE: "defer",
    Verdict.UNKNOWN: "lose",
}
"""Verdict -> event of the refund, while nothing else is known of it."""

ENDED: Final = {
    **{(RefundStatus.SUCCEEDED, verdict): "bounce" for verdict in (Verdict.DECLINED, Verdict.CANCELED)},
    **{(status, Verdict.APPROVED): "bounce" for status in (RefundStatus.FAILED, RefundStatus.CANCELED_AT_PSP)},
}
"""The same for the PSP's own refund once it has ended: it may succeed and then fail, never the other way round.

So news of a success that come after the failure are older than it, and both tell the same in either order.
"""


def record(held: Held, call: ProviderCall, outcome: Outcome, *, by: str) -> None:
    """Record a call's answer and all that follows from it, in one commit.

    The rows are those of the commit before the call, guarded by their versions. When somebody was quicker, a
    notification as a rule, the same is done again on the rows as they are now, under their locks.
    """
    try:
        with unit.work():
            _record(held, call, outcome, by=by)
    except unit.Stale:
        with unit.work():
            held, call = selectors.hold(held.refund.pk), selectors.call(call.pk)
            _record(held, call, calls.first_hand(call, outcome), by=by)
    crashpoints.reach("refund.recorded")


def settle(refund_id: str, call_id: str, outcome: Outcome, *, by: str) -> None:
    """The same for whoever was not there when the call was made, on the rows as they are now, under their locks."""
    with unit.work():
        held = selectors.hold(refund_id)
        _record(held, selectors.call(call_id), outcome, by=by)


def _record(held: Held, call: ProviderCall, outcome: Outcome, *, by: str) -> None:
    if call.look_at is not None:
        calls.answer(call, outcome)
    apply(held, outcome, by=by)
    keep_looking(held.refund, call)
    crashpoints.reach("refund.applied")


def keep_looking(refund: Refund, call: ProviderCall) -> None:
    """Ask again about a refund that waits at the PSP, by the call that made it."""
    if refund.status in (RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION) and refund.call_id == call.pk:
        call.change(look_at=clock.now() + LOOK_AGAIN)


def apply(held: Held, outcome: Outcome, *, by: str) -> None:
    """Apply what is now known about a refund, in the caller's unit of work with the payment held."""
    refund = held.refund
    _note_reference(refund, outcome)
    event = _event(refund, outcome)
    if event is None or not refund.may(event):
        log.info("old_news", refund=refund.pk, status=refund.status, verdict=outcome.verdict)
        return
    if outcome.provider_reference and not refund.provider_reference:
        refund.change(provider_reference=outcome.provider_reference)
    if event == "succeed" and outcome.amount != refund.amount:
        said = money.text(outcome.amount) if outcome.amount is not None else "no amount"
        moves.differ(held, outcome.amount, f"asked to refund {money.text(refund.amount)}, the PSP answered {said}", by)
    else:
        MOVES[event](held, outcome, by)
    if refund.status not in (RefundStatus.REQUESTED, RefundStatus.UNKNOWN):
        moves.disown(refund, by)


def _note_reference(refund: Refund, outcome: Outcome) -> None:
    """Keep the acquirer's reference: PSPs tell it days after the refund, in news that say nothing else new."""
    said, ours = outcome.acquirer_reference, (refund.provider_reference or outcome.provider_reference)
    if said and said != refund.acquirer_reference and outcome.provider_reference == ours:
        refund.change(acquirer_reference=said)


def _event(refund: Refund, outcome: Outcome) -> str | None:
    """The event that the outcome means, or None when it says nothing about this refund.

    Once the PSP's own refund is known, only what is said about that one counts: a call that was repeated and refused
    does not undo it.
    """
    if not refund.provider_reference:
        return EVENTS[outcome.verdict]
    if outcome.provider_reference != refund.provider_reference:
        return None
    return ENDED.get((RefundStatus(refund.status), outcome.verdict), EVENTS[outcome.verdict])
