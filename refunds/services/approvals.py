"""A second person decides about a refund that is beyond a limit."""

from payments.kernel import audit, unit
from refunds import selectors
from refunds.policy import Person
from refunds.selectors import Held, RefundWithLines
from refunds.services import limits, moves, refusals
from refunds.states import RefundStatus


def approve(refund_id: str, person: Person, *, because: str = "") -> RefundWithLines:
    """Let it go by this person's word: it counts against his limit, and he can take it back while it is held.

    What several payments give back together is one amount for that limit, although each is decided about.
    Refuses with `RefundUnexpectedState` when it does not wait for approval, `ApprovalNotAllowed`,
    `ApprovalNeedsAnotherPerson`, `PaymentDisputed` and `RefundExceedsRefundable` when the money has gone meanwhile, and
    `ApprovalBeyondLimit` when his own limit does not cover it.
    """
    with unit.work() as work:
        held = _waiting(refund_id, person)
        _refuse_what_has_gone(held)
        word = limits.of_person(person)
        why = limits.beyond(word, held.refund.amount, of=selectors.asked_for(held.refund))
        if why:
            raise refusals.ApprovalBeyondLimit(f"It is beyond your own limit as well: {why}.")
        moves.approve(held, because or "approved", person.name)
        moves.let_go(held, word.name, person.name, undo=True)
        audit.did("refund.approved", refund_id, because=because)
        work.returns(held)
    return held


def reject(refund_id: str, person: Person, *, because: str) -> RefundWithLines:
    """Decide against it: amount and lines can be refunded again. Refuses as `approve` does, and without a reason."""
    if not because.strip():
        raise refusals.RejectionNeedsReason("Say why: whoever asked for it wants to know.", param="because")
    with unit.work() as work:
        held = _waiting(refund_id, person)
        moves.reject(held, because.strip(), person.name)
        audit.did("refund.rejected", refund_id, because=because)
        work.returns(held)
    return held


def _refuse_what_has_gone(held: Held) -> None:
    why = selectors.gone_meanwhile(held.refund, held.payment.intent)
    if not why:
        return
    disputed = held.payment.intent.amount_disputed_minor
    refusal = refusals.PaymentDisputed if disputed else refusals.RefundExceedsRefundable
    raise refusal(f"It would go back twice: {why}. Reject it.")


def _waiting(refund_id: str, person: Person) -> Held:
    held = selectors.hold(refund_id)
    limits.refuse_unless_decides(person, held.refund.requested_by)
    if held.refund.status != RefundStatus.NEEDS_APPROVAL:
        raise refusals.RefundUnexpectedState(f"The refund is {held.refund.status}: nobody has to decide about it.")
    return held
