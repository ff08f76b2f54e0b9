"""Payments of which the PSP says another amount than we asked for: two people settle them, the moves are the usual."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import structlog

from payments.connectors.base import Outcome, Verdict
from payments.gateway import accounts, calls
from payments.intents import selectors
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.selectors import Held
from payments.intents.services import announcements, moves, outcomes, requests
from payments.intents.states import AttemptStatus
from payments.kernel import attention, audit, ids, jobs, money, unit
from payments.kernel.attention import Action, AttentionItem, NotOffered, Settlement

log = structlog.get_logger(__name__)

UNWANTED: Final = "amount_differs"
"""Why an intent ends whose payment goes back as a whole."""


def offered(item: AttentionItem) -> Mapping[Action, str]:
    """What can be done about it, and what that does, in plain words; what is missing cannot (`why_not`).

    | the PSP says that it has | accept | void | refund | undone | stand |
    |---|---|---|---|---|---|
    | reserved another amount | yes | yes | | yes | |
    | taken another amount | yes | | yes | yes | |
    | reserved or taken another currency | | if reserved | | yes | |
    | another amount than what is booked already | | | | | yes |
    """
    attempt = PaymentAttempt.objects.get(pk=item.object_id)
    if _is_booked(item, attempt):
        return {Action.STAND: "Nothing changes: what is booked is what was taken, and the settlement will show it."}
    said, taken, found = item.amount, _is_taken(item, attempt), {}
    fits = said is not None and said.currency.code == attempt.currency
    if said is not None and fits and attempt.may("capture" if taken else "authorize"):
        text = money.text(said)
        found[Action.ACCEPT] = _accepting(attempt, money.to_minor(said), taken=taken)
        if taken:
            found[Action.REFUND] = (
                f"{text} are booked as taken, the payment ends, and all of it goes back to the customer by itself."
            )
    if not taken and attempt.status == AttemptStatus.UNKNOWN:
        found[Action.VOID] = "The PSP is asked to cancel it. Then the customer can pay again."
    found[Action.UNDONE] = (
        "Nothing is booked, and the customer can pay again. Only when the PSP's dashboard shows that nothing of it is"
        " reserved or taken any more."
    )
    return found


def _accepting(attempt: PaymentAttempt, said: int, *, taken: bool) -> str:
    asked, text = attempt.amount_minor, money.text(money.from_minor(said, attempt.currency))
    if not taken:
        fitting = money.text(money.from_minor(min(said, asked), attempt.currency))
        return f"{text} count as reserved; {fitting} of them can be captured."
    if said <= asked:
        return f"{text} are booked as taken. What is missing of the order stays to be paid."
    excess = money.text(money.from_minor(said - asked, attempt.currency))
    return f"{text} are booked as taken, and {excess}, which nobody asked for, go back to the customer by themselves."


def why_not(item: AttentionItem) -> str:
    """Why the rest is not offered, in plain words."""
    attempt = PaymentAttempt.objects.get(pk=item.object_id)
    if _is_booked(item, attempt):
        return "This payment is booked already: give money back by a refund on its page."
    if item.amount is None:
        return "The PSP has said no amount, so that none can be booked."
    if item.amount.currency.code != attempt.currency:
        return (
            f"{item.amount.currency.code} cannot be booked on a payment in {attempt.currency}: what was taken in"
            " another currency is given back in the PSP's dashboard first."
        )
    if _is_taken(item, attempt):
        return "What has been taken cannot be canceled any more, only given back."
    return "Nothing has been taken that could be given back."


def _is_booked(item: AttentionItem, attempt: PaymentAttempt) -> bool:
    return bool(item.facts.get("booked")) or attempt.status in (AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED)


def _is_taken(item: AttentionItem, attempt: PaymentAttempt) -> bool:
    return bool(item.facts.get("taken", attempt.capture))


def propose(item_id: str, action: str, *, because: str, by: str) -> Settlement:
    """One person says what is to be done; refuses what is not offered."""
    _refuse_unless_offered(AttentionItem.objects.get(pk=item_id), action)
    return attention.propose(item_id, action, because=because, by=by)


def _refuse_unless_offered(item: AttentionItem, action: str) -> None:
    if action not in offered(item):
        raise NotOffered(f"That cannot be done here. {why_not(item)}")


def confirm(settlement_id: str, *, by: str) -> Settlement:
    """Another person agrees, and it is done: state, ledger, order and events in one commit, the item closed with both.

    What the PSP has to be asked for is a job; the item closes when it has answered.
    """
    attempt_id = Settlement.objects.values_list("item__object_id", flat=True).get(pk=settlement_id)
    with unit.work():
        held = selectors.hold_with_attempt(attempt_id)
        row = attention.waiting(settlement_id)
        _refuse_unless_offered(row.item, row.action)
        attention.confirm(row, by=by)
        DOES[Action(row.action)](held, row, by)
        if row.action != Action.VOID:
            attention.settled(row, by=by)
    return row


def _accept(held: Held, row: Settlement, by: str) -> None:
    attempt, said = held.tried, row.item.amount_minor or 0
    if not _is_taken(row.item, attempt):
        moves.authorize(held, Outcome(verdict=Verdict.APPROVED), by, min(said, attempt.amount_minor))
        return
    _give_up_ours(row, by)
    excess = max(0, said - attempt.amount_minor)
    if excess:
        attempt.change(accepted_minor=said)
    moves.take(held, said, None, by, excess)


def _give_up_ours(row: Settlement, by: str) -> None:
    """Our own capture of another amount has come to nothing: what the PSP has captured instead is another one."""
    capture = Capture.objects.filter(pk=row.item.facts.get("capture") or None).first()
    if capture is not None and capture.may("fail"):
        capture.advance("fail", because=f"the PSP took another amount: {row.because}"[:500], by=by)


def _refund(held: Held, row: Settlement, by: str) -> None:
    """The intent ends first: money that nobody waits for any more is booked, and goes back by itself."""
    intent, said = held.intent, row.item.amount_minor or 0
    if intent.may("cancel"):
        intent.advance("cancel", because=row.because, by=by, next_action=None, cancel_reason=UNWANTED,
                       amount_capturable_minor=0)  # fmt: skip
        announcements.announce(intent, held.tried, "payment_intent.canceled")
    _give_up_ours(row, by)
    if said > held.tried.amount_minor:
        held.tried.change(accepted_minor=said)
    moves.take(held, said, None, by)


def _void(held: Held, _row: Settlement, _by: str) -> None:
    jobs.enqueue("void_attempt", unique=f"void_attempt:{held.tried.pk}", attempt_id=held.tried.pk)


def _undone(held: Held, row: Settlement, by: str) -> None:
    _give_up_ours(row, by)
    if held.tried.may("void"):  # else it was taken for nothing before, and is
        moves.void(held, Outcome(verdict=Verdict.CANCELED, detail=f"undone at the PSP: {row.because}"), by)


def _stand(_held: Held, _row: Settlement, _by: str) -> None:
    """What is booked stays."""


DOES: Final[Mapping[Action, Callable[[Held, Settlement, str], None]]] = {
    Action.ACCEPT: _accept,
    Action.REFUND: _refund,
    Action.VOID: _void,
    Action.UNDONE: _undone,
    Action.STAND: _stand,
}


def cancel_again(item_id: str, *, by: str) -> None:
    """Ask the PSP once more to cancel what it has refused to cancel; the item closes when the reservation has ended."""
    with unit.work():
        item = AttentionItem.objects.select_for_update().get(pk=item_id)
        if item.kind != attention.AttentionKind.CANCEL_REFUSED or item.closed_at is not None:
            raise NotOffered("Nothing waits here to be canceled again.")
        log.info("cancel_again", attempt=item.object_id, by=by)
        key = f"cancel_attempt:{item.object_id}"
        jobs.enqueue("cancel_attempt", unique=key, attempt_id=item.object_id)
        audit.did("reservation.cancel_asked", item.object_id)


def still_reserved(item: AttentionItem) -> bool:
    """Whether it is about a reservation that nobody wants and that still stands."""
    if item.kind != attention.AttentionKind.CANCEL_REFUSED:
        return False
    return PaymentAttempt.objects.filter(pk=item.object_id, status=AttemptStatus.AUTHORIZED).exists()


def void(attempt_id: str, *, by: str = "settling") -> None:
    """Cancel at the PSP what it reserved of another amount: write, call, record. Nothing happens once that is known."""
    with unit.work():
        held = selectors.hold_with_attempt(attempt_id)
        if held.tried.status != AttemptStatus.UNKNOWN or selectors.cancel_in_flight(held.tried):
            return
        account = accounts.account(held.tried.account_id)
        request = requests.cancel(held.tried, ids.new("call"))
        call = calls.open_call(account, request, owner_id=attempt_id)
    outcome = calls.send(account, request, interactive=False)
    if outcome.verdict is Verdict.UNAVAILABLE:
        with unit.work():
            calls.close(selectors.call(call.pk), Verdict.UNAVAILABLE, "not reached")
        raise jobs.Retry(timedelta(seconds=30), "the provider could not be reached")
    outcomes.record(held, call, outcome, outcomes.Sender(point="cancel", by=by))
