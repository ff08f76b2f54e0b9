"""What each event of a refund does to its payment, its order and lines, the ledger, and the client."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.conf import settings
from moneyed import Money

from payments.connectors.base import Outcome
from payments.gateway import accounts
from payments.intents.models import PaymentIntent
from payments.intents.selectors import Held as HeldPayment
from payments.kernel import attention, clock, ids, jobs, money, unit
from payments.kernel.attention import AttentionKind
from payments.kernel.errors import invariant
from payments.ledger import postings
from payments.ledger import services as ledger
from payments.orders import services as orders
from refunds import selectors
from refunds.models import Origin, Refund, RefundLine
from refunds.selectors import Held
from refunds.services import announcements
from refunds.states import IN_FLIGHT, RefundStatus

FIRST_PAUSE: Final = timedelta(seconds=30)
"""How soon, at the earliest, a refund of which nothing happened at the PSP is sent again.

Whoever asks about the old call mostly has an answer by then, but may take `http.LONGEST_QUESTION_SECONDS`.
"""
LONGEST_PAUSE: Final = timedelta(minutes=15)
NEEDS_A_PERSON_AFTER: Final = timedelta(hours=1)
"""A refund that could not be sent for longer also stands in the attention queue; it is tried all the same."""

TAKE_UNITS: Final = "UPDATE payments_orderline SET quantity_refunded = quantity_refunded + %s WHERE id = %s"
"""For a refund that begins: the table refuses more units than the line has."""
FOLLOW_UNITS: Final = """
    UPDATE payments_orderline SET quantity_refunded = greatest(0, least(quantity, quantity_refunded + %s)) WHERE id = %s
"""
"""For what a PSP reports: it is recorded, and the count stays within the line."""


def begin(payment: HeldPayment, amount_minor: int, lines: Sequence[RefundLine] = (), **facts: Any) -> Held:
    """Put a refund of the payment's attempt on record and reserve its amount, with the payment held.

    `facts` are columns of the refund that only the caller knows. Only what was made outside may be more than is
    refundable: it has happened.
    """
    intent, attempt = payment.intent, payment.tried
    within = amount_minor <= money.to_minor(selectors.refundable(intent))
    invariant(within or facts.get("origin") == Origin.OUTSIDE, "a refund that we start is within what is refundable")
    refund = Refund(
        **{"id": ids.new("re"), **facts},
        client_id=intent.client_id,
        intent=intent,
        order_id=intent.order_id or "",
        attempt=attempt,
        account_id=attempt.account_id,
        currency=intent.currency,
        amount_minor=amount_minor,
    )
    for line in lines:
        line.refund = refund
    unit.current().add(refund, *lines)
    held = Held(refund, lines, payment)
    shift(intent, refunding=amount_minor)
    _count_units(TAKE_UNITS, lines, 1)
    announcements.announce(held, "refund.created")
    return held


def ask(held: Held, why: str, by: str) -> None:
    """It is beyond the limit of who asks: it stays reserved, and waits for a second person."""
    held.refund.advance("ask", because=why, by=by, approval_reason=why)
    announcements.announce(held, "refund.pending_approval")


def approve(held: Held, because: str, by: str) -> None:
    """A second person agrees."""
    held.refund.advance("approve", because=because, by=by, **_decided(because), approved_by=by)


def reject(held: Held, because: str, by: str) -> None:
    """A second person does not agree: nothing goes back."""
    settled = {"settled_at": clock.now(), "rejected_by": by}
    held.refund.advance("reject", because=because, by=by, **_decided(because), **settled)
    release(held)
    announcements.announce(held, "refund.rejected")


def _decided(because: str) -> dict[str, Any]:
    return {"decided_at": clock.now(), "decided_because": because[:500]}


def let_go(held: Held, whose: str, by: str, *, undo: bool) -> None:
    """It goes by somebody's word, and counts against the limit: at once, or when its time to be taken back is over."""
    refund, now = held.refund, clock.now()
    refund.change(released_by=whose, released_at=now)
    if not (undo and settings.REFUND_UNDO):
        queue(refund)
        return
    until = now + settings.REFUND_UNDO
    why = f"it can be taken back until {until:%H:%M:%S} UTC"
    refund.advance("hold", because=why, by=by, held_until=until)
    queue(refund, run_at=until)


def queue(refund: Refund, *, run_at: datetime | None = None) -> None:
    """Have it sent: those of a batch in a queue of their own, so that nobody's single refund stands behind them."""
    if refund.origin == Origin.BULK:
        jobs.enqueue("send_bulk_refund", run_at=run_at, refund_id=refund.pk)
    else:
        jobs.enqueue("send_refund", run_at=run_at, refund_id=refund.pk)


def cancel(held: Held, because: str, by: str) -> None:
    """It does not leave for the PSP, or not again: nothing goes back."""
    held.refund.advance("cancel", because=because, by=by, settled_at=clock.now())
    release(held)
    disown(held.refund, by)
    announcements.announce(held, "refund.canceled")
    _own_overpayment(held.refund, because)


def send(held: Held, call_id: str, by: str) -> None:
    """It leaves for the PSP. The ledger carries it as in flight from the first time on, until it is settled."""
    refund = held.refund
    first = refund.sent_at is None
    refund.advance("send", because="sent to the PSP", by=by, call_id=call_id, sent_at=refund.sent_at or clock.now())
    if first:
        _post(held, postings.Event.REFUND_SENT, postings.refund_sent(_code(refund), refund.amount), "sent")
        announcements.announce(held, "refund.sent")


def defer(held: Held, outcome: Outcome, by: str) -> None:
    """Proof that nothing happened at the PSP: it is sent again, ever later, and may be canceled meanwhile."""
    refund, now = held.refund, clock.now()
    why = outcome.detail or "the provider could not be reached: nothing happened there"
    refund.advance("defer", because=why, by=by)
    pause = min(max(now - refund.created_at, FIRST_PAUSE), LONGEST_PAUSE)
    queue(refund, run_at=now + pause)
    if now - refund.created_at >= NEEDS_A_PERSON_AFTER:
        attention.open_item(
            AttentionKind.UNKNOWN_OUTCOME,
            refund.pk,
            f"the PSP could not be reached for this refund since {refund.created_at:%Y-%m-%d %H:%M:%S} UTC: {why}",
        )
    else:
        disown(refund, by)


def disown(refund: Refund, by: str) -> None:
    """Nobody needs to find out any more what becomes of it."""
    attention.close_items(
        refund.pk, because=f"the refund is {refund.status}", by=by, kind=AttentionKind.UNKNOWN_OUTCOME
    )


def lose(held: Held, outcome: Outcome, by: str) -> None:
    """Nobody knows what happened: money may have moved, recovery asks."""
    held.refund.advance("lose", because=outcome.detail or "the PSP's answer is not known", by=by)


def challenge(held: Held, outcome: Outcome, by: str) -> None:
    """The PSP waits for the customer."""
    held.refund.advance("challenge", because=outcome.detail or "the customer must act", by=by)


def wait(held: Held, outcome: Outcome, by: str) -> None:
    """The PSP has it and will say later."""
    held.refund.advance("wait", because=outcome.detail or "the PSP will say later", by=by)


def differ(held: Held, said: Money | None, why: str, by: str) -> None:
    """Amount integrity: an answer about other money is not applied, and two people settle it."""
    if held.refund.may("differ"):
        held.refund.advance("differ", because=why, by=by)
    attention.open_item(AttentionKind.AMOUNT_DIFFERS, held.refund.pk, why, amount=said)


def succeed(held: Held, outcome: Outcome, by: str) -> None:
    """The money has gone back; also when we believed that it had not."""
    refund, amount = held.refund, held.refund.amount_minor
    reserved = refund.status in IN_FLIGHT
    in_flight = reserved and refund.sent_at is not None
    refund.advance(
        "succeed", because=outcome.detail or "refunded by the PSP", by=by, failure_reason="", settled_at=clock.now()
    )
    recipe = postings.refund_succeeded if in_flight else postings.refund_succeeded_after_all
    _post(held, postings.Event.REFUND_SUCCEEDED, recipe(_code(refund), refund.amount), "succeeded")
    shift(held.payment.intent, refunding=-amount if reserved else 0, refunded=amount)
    if not reserved:
        _count_units(FOLLOW_UNITS, held.lines, 1)
    _follow(held, amount, by)
    announcements.announce(held, "refund.succeeded")


def fail(held: Held, outcome: Outcome, by: str) -> None:
    """The PSP has said no: the money stays with us."""
    decline = outcome.decline.decline_code if outcome.decline else "refund_declined"
    held.refund.advance("fail", because=f"declined: {decline}", by=by, failure_reason=decline, settled_at=clock.now())
    release(held)
    announcements.announce(held, "refund.failed")
    _own_overpayment(held.refund, decline)


def cancel_at_psp(held: Held, outcome: Outcome, by: str) -> None:
    """The PSP has canceled it before any money moved."""
    held.refund.advance("cancel_at_psp", because=outcome.detail or "canceled at the PSP", by=by, settled_at=clock.now())
    release(held)
    announcements.announce(held, "refund.canceled")
    _own_overpayment(held.refund, "canceled at the PSP")


def _own_overpayment(refund: Refund, why: str) -> None:
    """Money that came too late has stayed with us: nobody asks for it again by himself."""
    if refund.origin == Origin.DUPLICATE:
        text = f"{money.text(refund.amount)} came too late and cannot be given back: {why}"
        attention.open_item(AttentionKind.OVERPAYMENT, refund.pk, text, amount=refund.amount)


def bounce(held: Held, outcome: Outcome, by: str) -> None:
    """It had succeeded and has come back: what it did is undone, and a person is asked.

    Its end may be known before its success: then nothing is left to be undone.
    """
    refund, amount = held.refund, held.refund.amount_minor
    undo = refund.status == RefundStatus.SUCCEEDED
    reason = outcome.decline.decline_code if outcome.decline else refund.failure_reason or "refund_declined"
    refund.advance("bounce", because=f"came back: {reason}", by=by, failure_reason=reason, settled_at=clock.now())
    if undo:
        _post(held, postings.Event.REFUND_BOUNCED, postings.refund_bounced(_code(refund), refund.amount), "came back")
        shift(held.payment.intent, refunded=-amount)
        _count_units(FOLLOW_UNITS, held.lines, -1)
        _follow(held, -amount, by)
    why = f"{money.text(refund.amount)} came back: {reason}"
    attention.open_item(AttentionKind.REFUND_BOUNCED, refund.pk, why, amount=refund.amount)
    announcements.announce(held, "refund.bounced")


def propose(held: Held, *, because: str, by: str) -> None:
    """Finance has paid it from a bank account: reserved, until a second person says that this is so."""
    held.refund.advance("propose", because=because, by=by)


def transfer(held: Held, bank_account: str, *, value_date: date, because: str, by: str) -> None:
    """Two people say that it has left a bank account of ours: it is booked for that day."""
    refund, amount = held.refund, held.refund.amount_minor
    refund.advance("transfer", because=because, by=by, settled_at=clock.now())
    lines = postings.refund_transferred(bank_account, refund.amount)
    _post(held, postings.Event.REFUND_TRANSFERRED, lines, f"left {bank_account}", day=value_date)
    shift(held.payment.intent, refunding=-amount, refunded=amount)
    _follow(held, amount, by)
    announcements.announce(held, "refund.succeeded")


def withdraw(held: Held, *, because: str, by: str) -> None:
    """Somebody of finance says that it has not: what was reserved can be given back otherwise."""
    held.refund.advance("withdraw", because=because, by=by, settled_at=clock.now())
    release(held)
    announcements.announce(held, "refund.canceled")


def give_up_transfer(held: Held, bank_account: str, *, returned_on: date, because: str, by: str) -> None:
    """The customer's bank has sent it back: what it did is undone, and a person is asked."""
    refund, amount = held.refund, held.refund.amount_minor
    refund.advance("bounce", because=because, by=by, failure_reason="transfer_returned", settled_at=clock.now())
    lines = postings.transfer_returned(bank_account, refund.amount)
    _post(held, postings.Event.TRANSFER_RETURNED, lines, f"came back to {bank_account}", day=returned_on)
    shift(held.payment.intent, refunded=-amount)
    _count_units(FOLLOW_UNITS, held.lines, -1)
    _follow(held, -amount, by)
    text = f"{money.text(refund.amount)} by bank transfer came back to {bank_account}: {because}"
    attention.open_item(AttentionKind.REFUND_BOUNCED, refund.pk, text, amount=refund.amount)
    announcements.announce(held, "refund.bounced")


def release(held: Held) -> None:
    """A refund in flight has ended without moving money: amount and lines can be refunded again."""
    if held.refund.sent_at is not None:
        lines = postings.refund_failed(_code(held.refund), held.refund.amount)
        _post(held, postings.Event.REFUND_FAILED, lines, "came to nothing")
    shift(held.payment.intent, refunding=-held.refund.amount_minor)
    _count_units(FOLLOW_UNITS, held.lines, -1)


def _code(refund: Refund) -> str:
    return accounts.account(refund.account_id).code


def _post(held: Held, event: postings.Event, lines: postings.Lines, what: str, *, day: date | None = None) -> None:
    """`day` is when the money moved, where a bank has said so; else it is now."""
    refund = held.refund
    refs = {"intent": refund.intent_id, "attempt": refund.attempt_id, "order": refund.order_id}
    who = _code(refund) if day is None else "bank transfer"
    narrative = f"Refund of {money.text(refund.amount)} by {who} {what}"
    moved = None if day is None else datetime.combine(day, time(), UTC)
    ledger.post(event, refund.pk, lines, refs=refs, narrative=narrative, effective_at=moved)


def shift(intent: PaymentIntent, *, refunding: int = 0, refunded: int = 0, disputed: int = 0) -> None:
    """Move minor units into or out of what is reserved, refunded and disputed, with the intent held.

    The only writer of the three. An excess that a PSP reports is taken, and a person is asked about it; anew when it
    grows, also when somebody has settled what it was before.
    """
    before = intent.claimed_minor - intent.amount_captured_minor
    intent.change(
        amount_refunding_minor=intent.amount_refunding_minor + refunding,
        amount_refunded_minor=intent.amount_refunded_minor + refunded,
        amount_disputed_minor=intent.amount_disputed_minor + disputed,
    )
    over = intent.claimed_minor > intent.amount_captured_minor
    if over and (not intent.over_returned or intent.claimed_minor - intent.amount_captured_minor > before):
        back = money.text(money.from_minor(intent.claimed_minor, intent.currency))
        contested = " or is disputed" if intent.amount_disputed_minor else ""
        detail = f"{back} went back{contested} of {money.text(intent.amount_captured)} captured"
        excess = money.from_minor(intent.claimed_minor - intent.amount_captured_minor, intent.currency)
        attention.open_anew(AttentionKind.OVER_RETURNED, intent.pk, detail, amount=excess)
    elif intent.over_returned and not over:
        attention.close_items(
            intent.pk, because="no more went back than was captured", by="refunds", kind=AttentionKind.OVER_RETURNED
        )
    intent.change(over_returned=over)


def _follow(held: Held, refunded: int, by: str) -> None:
    if held.payment.order is not None:
        orders.follow_money(
            held.payment.order, refunded=refunded, by=by, because=f"{held.refund.pk} {held.refund.status}"
        )


def _count_units(sql: str, lines: Sequence[RefundLine], sign: int) -> None:
    """Show on the order's lines how many units are refunded; in one order of rows, so that nobody waits in a ring.

    The count is for reading and for the table's guard; what is left is reckoned from the refunds that live
    (`selectors.refunded_units`).
    """
    for line in sorted(lines, key=lambda line: line.line_id):
        unit.current().run(sql, [sign * line.quantity, ids.decode("line", line.line_id)])
