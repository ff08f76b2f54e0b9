"""Sending a refund to its PSP: write, call, record; and settling a call whose answer is not known."""

from datetime import timedelta
from typing import Final

from payments.connectors.base import Verdict
from payments.gateway import accounts, calls, limits
from payments.kernel import attention, clock, crashpoints, ids, unit
from refunds import selectors
from refunds.models import Refund
from refunds.services import moves, outcomes, requests

NEEDS_A_PERSON_AFTER: Final = timedelta(minutes=2)
"""An outcome that is unknown for longer also stands in the attention queue; recovery goes on all the same."""


def send(refund_id: str, *, by: str = "sending") -> None:
    """Ask the PSP to give the money back, once: nothing happens when the refund has been sent, canceled or settled.

    What a bank has taken meanwhile, or somebody at the PSP has given back, is not given back once more: it is canceled.

    The call is on record before the request leaves, and no transaction is open while we wait. A crash on any line
    leaves rows that recovery can ask about.
    """
    with unit.work():
        held = selectors.hold(refund_id)
        if not held.refund.may("send"):
            return
        if why := selectors.gone_meanwhile(held.refund, held.payment.intent):
            moves.cancel(held, why, by)
            return
        account = accounts.account(held.refund.account_id)
        request = requests.refund(held.refund, held.payment.tried, ids.new("call"))
        moves.send(held, request.key, by)
        call = calls.open_call(account, request, owner_id=held.refund.pk)
        crashpoints.reach("refund.opened")
    crashpoints.reach("refund.committed")
    outcome = calls.send(account, request, interactive=False)
    crashpoints.reach("refund.answered")
    outcomes.record(held, call, outcome, by=by)


def send_one_of_many(refund_id: str) -> None:
    """The same behind everybody whose refund is not one of a batch."""
    with limits.behind(limits.Priority.BULK):
        send(refund_id)


def recover(call_id: str, *, by: str = "recovery") -> None:
    """Ask the PSP what became of one call, and apply the answer. Nothing happens when no answer is awaited."""
    call = selectors.call(call_id)
    if call.look_at is None:
        return
    if calls.only_told(call):
        calls.wait_on(call)
        return
    refund = Refund.objects.select_related("attempt").get(pk=call.owner_id)
    outcome = calls.find(
        call,
        requests.refund(refund, refund.attempt, call.pk),
        provider_reference=call.provider_reference or refund.provider_reference,
    )
    outcomes.settle(refund.pk, call.pk, outcome, by=by)
    if outcome.verdict is Verdict.UNKNOWN and clock.now() - call.sent_at >= NEEDS_A_PERSON_AFTER:
        with unit.work():
            attention.open_item(
                attention.AttentionKind.UNKNOWN_OUTCOME,
                refund.pk,
                f"the refund is unknown since {call.sent_at:%Y-%m-%d %H:%M:%S} UTC",
            )
