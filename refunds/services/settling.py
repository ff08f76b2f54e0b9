"""Matters that people settle: money of another amount than was asked for, money that is owed, money unexplained.

Two people do it: one proposes, another confirms. Payments settle theirs themselves; refunds, and all that only closes
with evidence, are settled here.
"""

from collections.abc import Mapping

from payments.connectors.base import Outcome, Verdict
from payments.intents.services import settling as payments
from payments.kernel import attention, clock, money, unit
from payments.kernel.attention import Action, AttentionItem, AttentionKind, Decision, NotOffered, Settlement
from refunds import selectors
from refunds.models import BankTransfer, Origin, Refund
from refunds.selectors import Held
from refunds.services import announcements, moves


def offered(item: AttentionItem) -> Mapping[Action, str]:
    """What two people can do about an open item, and what that does, in plain words."""
    if item.kind == AttentionKind.AMOUNT_DIFFERS and not is_dispute(item):
        return payments.offered(item) if _is_payment(item) else _offered(item)
    if (item.kind in attention.TWO_CLOSE or is_dispute(item)) and not (_is_awaited(item) or _transfer_waits(item)):
        return {Action.CLOSE: "Nothing moves. It closes with what you write and who agreed."}
    return {}


def why_not(item: AttentionItem) -> str:
    """Why nothing else is offered, in plain words; "" where there is nothing to say."""
    if is_dispute(item):
        return "What a bank has moved stays booked as it was told first: the settlement will show what is right."
    if item.kind == AttentionKind.AMOUNT_DIFFERS:
        return payments.why_not(item) if _is_payment(item) else _why_not(item)
    if _transfer_waits(item):
        return "A bank transfer for it waits: it closes when that is confirmed, and can be closed when it is withdrawn."
    if _is_awaited(item):
        return "It closes by itself when the PSP says what became of it."
    if payments.still_reserved(item):
        return (
            "The reservation still stands: ask again, or cancel it in the PSP's dashboard. This closes by itself then."
        )
    return ""


def _is_payment(item: AttentionItem) -> bool:
    return item.object_id.startswith("att_")


def is_dispute(item: AttentionItem) -> bool:
    """Whether it is about a movement of a dispute that was told with two amounts."""
    return item.kind == AttentionKind.AMOUNT_DIFFERS and item.object_id.startswith("dp_")


def _is_awaited(item: AttentionItem) -> bool:
    """Whether it is about a refund, made outside, that nobody but this item's person follows up on."""
    outside = item.kind == AttentionKind.UNMATCHED_EVENT and item.object_id.startswith("re_")
    return outside and Refund.objects.filter(pk=item.object_id, settled_at__isnull=True).exists()


def _transfer_waits(item: AttentionItem) -> bool:
    """Whether finance has paid for it, as one person says: were that withdrawn, nobody else would owe it."""
    return BankTransfer.objects.filter(item=item, decision=Decision.WAITING).exists()


def propose(item_id: str, action: str, *, because: str, by: str) -> Settlement:
    """One person says what is to be done; refuses what is not offered (`NotOffered`)."""
    _refuse_unless_offered(AttentionItem.objects.get(pk=item_id), action)
    return attention.propose(item_id, action, because=because, by=by)


def _refuse_unless_offered(item: AttentionItem, action: str) -> None:
    if action not in offered(item):
        raise NotOffered(f"That cannot be done here. {why_not(item)}")


def confirm(settlement_id: str, *, by: str) -> Settlement:
    """Another person agrees, and it is done: state, ledger, order and events in one commit."""
    item = Settlement.objects.select_related("item").get(pk=settlement_id).item
    if item.kind != AttentionKind.AMOUNT_DIFFERS or is_dispute(item):
        _refuse_unless_offered(item, Action.CLOSE)
        return attention.close_confirmed(settlement_id, by=by)
    return payments.confirm(settlement_id, by=by) if _is_payment(item) else _confirm(settlement_id, item, by)


def close(item_id: str, *, because: str, by: str) -> None:
    """One person closes what no money hangs on, with the evidence."""
    item = AttentionItem.objects.get(pk=item_id)
    if payments.still_reserved(item):
        raise NotOffered(why_not(item))
    attention.close(item_id, because=because, by=by)


# --- a refund of another amount -------------------------------------------------------------------------------------


def _offered(item: AttentionItem) -> Mapping[Action, str]:
    """What can be done about it, and what that does, in plain words: it is accepted, or it came to nothing."""
    refund, said = Refund.objects.get(pk=item.object_id), item.amount
    if not refund.may("fail"):
        return {Action.STAND: "Nothing changes: the refund has ended, and the settlement will show what went back."}
    found = {Action.UNDONE: "The refund counts as failed, and its money can be given back again. Only when the PSP's"
                            " dashboard shows that nothing went back."}  # fmt: skip
    if said is not None and said.currency.code == refund.currency:
        found[Action.ACCEPT] = (
            f"The refund of {money.text(refund.amount)} counts as failed, and one of {money.text(said)}, which the PSP"
            " has made instead, as made."
        )
    return found


def _why_not(item: AttentionItem) -> str:
    """Why the rest is not offered, in plain words."""
    currency = Refund.objects.get(pk=item.object_id).currency
    if item.amount is not None and item.amount.currency.code != currency:
        return f"{item.amount.currency.code} cannot be booked on a payment in {currency}."
    return "A refund is not canceled or given back: what the PSP has made of it counts."


def _confirm(settlement_id: str, item: AttentionItem, by: str) -> Settlement:
    with unit.work():
        held = selectors.hold(item.object_id)
        row = attention.waiting(settlement_id)
        _refuse_unless_offered(row.item, row.action)
        attention.confirm(row, by=by)
        reference = held.refund.provider_reference
        if row.action != Action.STAND:
            _fail(held, row, by)
        if row.action == Action.ACCEPT:
            _made_instead(held, row, reference, by)
        attention.settled(row, by=by)
    return row


def _fail(held: Held, row: Settlement, by: str) -> None:
    """What we had asked for has come to nothing; the PSP's id belongs to what it has made instead."""
    held.refund.advance(
        "fail",
        because=row.because,
        by=by,
        failure_reason="amount_differs",
        settled_at=clock.now(),
        provider_reference="",
    )
    moves.release(held)
    moves.disown(held.refund, by)
    announcements.announce(held, "refund.failed")


def _made_instead(held: Held, row: Settlement, reference: str, by: str) -> None:
    """What the PSP has made of its own accord is on record as all that is made there: it may be more than is left."""
    made = moves.begin(
        held.payment,
        row.item.amount_minor or 0,
        reason=held.refund.reason,
        note=f"Made instead of {held.refund.pk}: {row.because}"[:500],
        origin=Origin.OUTSIDE,
        requested_by=by,
        provider_reference=reference,
    )
    moves.send(made, "", by)
    moves.succeed(made, Outcome(verdict=Verdict.APPROVED, detail="two people accept what the PSP says"), by)
